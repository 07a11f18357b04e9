import type { SmartModuleStep } from "../../../client/index.ts";
import type { ChainStep } from "../../../smartengine/index.ts";
import { renderTable } from "../../output/table.ts";
import { decode } from "../consume/format.ts";

/** Something that a stage made of a record. */
export interface Made {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly timestampMs: number;
  /** Number of the record that went into the first stage. */
  readonly origin: number;
}

/** What one stage did. */
export interface Stage {
  readonly name: string;
  readonly made: readonly Made[];
  /** Why it made nothing of a record, by the record's number. */
  readonly errors: ReadonlyMap<number, string>;
}

/**
 * Runs a chain step by step, each on what the one before made. A record on which a module reports an error is left out, and the
 * others go on, as in a source.
 */
export async function runStages(
  first: readonly Made[],
  steps: readonly { readonly step: SmartModuleStep; readonly engine: ChainStep }[],
  { signal, onOutput }: { readonly signal: AbortSignal; onOutput(module: string, line: string): void },
): Promise<readonly Stage[]> {
  const { runModules } = await import("../../../smdk/index.ts");
  const stages: Stage[] = [];
  let records = first;
  for (const { engine } of steps) {
    const errors = new Map<number, string>();
    // The first error ends a batch: what is behind it is another one.
    let rest = records;
    const made: Made[] = [];
    while (rest.length > 0) {
      const given = rest;
      const result = await runModules({ steps: [engine], records: given, signal, onOutput });
      for (const { key, value, offsetDelta, timestampDelta } of result.records) {
        const from = given[offsetDelta];
        const timestampMs = (given[0]?.timestampMs ?? 0) + timestampDelta;
        made.push({ key, value, timestampMs, origin: from?.origin ?? 0 });
      }
      if (result.error === undefined) break;
      const failed = given[result.error.offset];
      if (failed !== undefined) errors.set(failed.origin, result.error.hint);
      rest = given.slice(result.error.offset + 1);
    }
    stages.push({ name: engine.name, made, errors });
    records = made;
  }
  return stages;
}

const NOTHING = "-";
const DROPPED = "(dropped)";

/** A row for everything that each stage made of each record. */
export function stagesTable(stages: readonly Stage[], origins: readonly number[]): string {
  const rows: string[][] = [];
  for (const origin of origins) {
    let isGone = false;
    for (const [index, { name, made, errors }] of stages.entries()) {
      if (isGone) break;
      const number = index === 0 ? String(origin) : "";
      const error = errors.get(origin);
      const own = made.filter((one) => one.origin === origin);
      for (const { key, value } of own) {
        rows.push([number, name, key === undefined ? NOTHING : decode(key), decode(value)]);
      }
      if (error !== undefined) rows.push([number, name, NOTHING, `ERROR ${error}`]);
      else if (own.length === 0) rows.push([number, name, NOTHING, DROPPED]);
      isGone = own.length === 0;
    }
  }
  return renderTable(["RECORD", "STAGE", "KEY", "VALUE"], rows);
}

/** The same for programs. */
export function stagesObject(stages: readonly Stage[], origins: readonly number[]) {
  return origins.map((origin) => ({
    record: origin,
    stages: stages.map(({ name, made, errors }) => {
      const error = errors.get(origin);
      const own = made.filter((one) => one.origin === origin);
      return {
        stage: name,
        records: own.map(({ key, value }) => ({
          key: key === undefined ? null : decode(key),
          value: decode(value),
        })),
        ...(error === undefined ? {} : { error }),
      };
    }),
  }));
}
