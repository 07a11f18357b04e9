import { expect } from "vitest";
import { FluvioError, RecordCursor } from "../../../packages/fluvio/src/protocol/index.ts";
import type { ChainStep, RecordError, SmartEngine } from "../../../packages/fluvio/src/smartengine/index.ts";
import { recordsOf, wrapSection } from "../../../packages/fluvio/src/smartengine/testing/batches.ts";
import type { RealBatch, RealEngine, RealError, RealFailure } from "./program.ts";

/** What a chain is given: batches after one another, and records stored before for modules that look back. */
export interface ChainInput {
  readonly steps: readonly ChainStep[];
  readonly batches: readonly RealBatch[];
  readonly history?: Uint8Array;
}

interface Outcome {
  readonly outputs: readonly { readonly records: readonly object[]; readonly error: object | undefined }[];
  /** Where the chain failed as a whole, with what the module's init or look_back said. */
  readonly failure: { readonly stage: string; readonly said: object | undefined } | undefined;
}

const MAX_OUTPUT_BYTES = 256 << 20;

/** Runs a chain in both engines and expects the same records and errors; gives what ours made of it. */
export async function expectSame(
  ours: SmartEngine,
  real: RealEngine,
  input: ChainInput,
  version = 22,
): Promise<Outcome> {
  // an array_map loses offsets and times in the original
  const numbered = !(await makesNewRecords(ours, input.steps));
  const found = await runOurs(ours, input, numbered);
  const expected = await runReal(real, input, numbered, version);
  expect(found).toEqual(expected);
  return found;
}

async function makesNewRecords(engine: SmartEngine, steps: readonly ChainStep[]): Promise<boolean> {
  for (const { name, wasm } of steps) {
    const inspection = await engine.inspect(name, wasm).catch(() => undefined);
    if (inspection?.kind === "array_map") return true;
  }
  return false;
}

async function runOurs(engine: SmartEngine, input: ChainInput, numbered: boolean): Promise<Outcome> {
  const outputs: Outcome["outputs"][number][] = [];
  let stage = "build";
  try {
    await using chain = await engine.chain(input.steps);
    stage = "lookBack";
    for (const [index, lookback] of chain.lookbacks.entries()) {
      if (lookback === undefined || input.history === undefined) continue;
      await chain.lookBack(index, [batchOf(input.history, 0, 0)], 0);
    }
    stage = "process";
    for (const { records, baseOffset, baseTimestampMs } of input.batches) {
      const batch = batchOf(records, baseOffset, baseTimestampMs);
      const output = await chain.process({
        batches: [batch],
        fromOffset: baseOffset,
        maxOutputBytes: MAX_OUTPUT_BYTES,
      });
      outputs.push({ records: described(output.batches, numbered), error: ourError(output.error) });
    }
    return { outputs, failure: undefined };
  } catch (error) {
    if (!(error instanceof FluvioError)) throw error;
    return { outputs, failure: { stage, said: saidBy(error) } };
  }
}

async function runReal(real: RealEngine, input: ChainInput, numbered: boolean, version: number): Promise<Outcome> {
  const { steps, batches, history } = input;
  const run = await real.run(steps, batches, { version, ...(history === undefined ? {} : { history }) });
  return {
    outputs: run.outputs.map(({ records, error }, index) => {
      const { baseOffset, baseTimestampMs } = batches[index] as RealBatch;
      const batch = batchOf(records, baseOffset, baseTimestampMs);
      return { records: described(batch, numbered), error: realError(error) };
    }),
    failure: run.failure === undefined ? undefined : { stage: run.failure.stage, said: realSaid(run.failure) },
  };
}

function batchOf(section: Uint8Array, baseOffset: number, firstTimestampMs: number): Uint8Array {
  const cursor = new RecordCursor(section);
  let offsets = 0;
  while (cursor.next()) offsets = Math.max(offsets, cursor.offsetDelta + 1);
  return wrapSection(section, cursor.count, { baseOffset, firstTimestampMs, offsets });
}

function described(batches: Uint8Array, numbered: boolean): readonly object[] {
  return recordsOf(batches).map(({ offset, timestampMs, key, value }) => ({
    ...(numbered ? { offset, timestampMs } : {}),
    key: key === undefined ? undefined : hex(key),
    value: hex(value),
  }));
}

function ourError(error: RecordError | undefined): object | undefined {
  if (error === undefined) return undefined;
  const { kind, hint, offset, key, value } = error;
  return { kind, hint, offset, key: key && hex(key), value: hex(value) };
}

function realError(error: RealError | undefined): object | undefined {
  if (error === undefined) return undefined;
  const { kind, hint, offset, key, value } = error;
  const snakeCase = kind?.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
  return { kind: snakeCase, hint, offset, key: key && hex(key), value: value && hex(value) };
}

/** What init or look_back reported, out of our error. */
function saidBy({ code, details }: FluvioError): object | undefined {
  const {
    text,
    offset,
    key,
    value,
    code: returned,
  } = details as {
    text?: string;
    offset?: number;
    key?: Uint8Array;
    value?: Uint8Array;
    code?: number;
  };
  if (code === "FLV_SMARTMODULE_INIT" && returned === -2) return { hint: text };
  if (code !== "FLV_SMARTMODULE_LOOKBACK" || returned !== -99) return undefined;
  return { hint: text, offset, key: key && hex(key), value: value && hex(value) };
}

function realSaid({ error }: RealFailure): object | undefined {
  if (error === undefined) return undefined;
  const { hint, offset, key, value } = error;
  return offset === null ? { hint } : { hint, offset, key: key && hex(key), value: value && hex(value) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
