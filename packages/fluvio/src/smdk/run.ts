import { BatchBuilder, decodeRecords, encodeRecords, type SectionRecord } from "../protocol/index.ts";
import {
  type ChainStep,
  createSmartEngine,
  type HistoryTaker,
  type RecordError,
  type WindowState,
} from "../smartengine/index.ts";

/** A record that is given to a module. */
export interface RunRecord {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly timestampMs: number;
}

export interface RunInput {
  readonly steps: readonly ChainStep[];
  /** Their offsets count from 0. */
  readonly records: readonly RunRecord[];
  /** Values of the stored records that a lookback sees, the oldest first. */
  readonly history?: readonly Uint8Array[];
  readonly signal?: AbortSignal;
  /** A line that a module printed. */
  onOutput?(module: string, line: string): void;
}

export interface RunResult {
  /** What came out, up to the record at which a module reported an error. */
  readonly records: readonly SectionRecord[];
  readonly error?: RecordError;
  /** Windows of aggregates that have records and did not close. */
  readonly openWindows: readonly WindowState[];
}

/**
 * Runs a chain on records, without a cluster, as one batch.
 * @throws FLV_SMARTMODULE_INVALID | FLV_SMARTMODULE_INIT | FLV_SMARTMODULE_RUNTIME | FLV_SMARTMODULE_LOOKBACK and the limits'
 */
export async function runModules(input: RunInput): Promise<RunResult> {
  const { steps, records, history = [], signal } = input;
  const baseMs = records[0]?.timestampMs ?? 0;
  await using engine = createSmartEngine({
    onModuleOutput: (module, _stream, line) => input.onOutput?.(module, line),
  });
  await using chain = await engine.chain(steps, signal === undefined ? {} : { signal });
  await feedHistory(chain, history, baseMs);
  const section = records.map(
    ({ key, value, timestampMs }, index): SectionRecord => ({
      timestampDelta: timestampMs - baseMs,
      offsetDelta: index,
      key,
      value,
    }),
  );
  const { records: out, error } = await chain.processRecords(encodeRecords(section), baseMs);
  const openWindows = [...(await chain.state()).values()].flatMap(({ windows }) => windows);
  return { records: decodeRecords(out), openWindows, ...(error === undefined ? {} : { error }) };
}

/** Gives the stored records to every module that looks back. */
async function feedHistory(chain: HistoryTaker, history: readonly Uint8Array[], nowMs: number): Promise<void> {
  for (const [index, lookback] of chain.lookbacks.entries()) {
    if (lookback === undefined) continue;
    const seen = lookback.last > 0 ? history.slice(-lookback.last) : history;
    const builder = new BatchBuilder();
    for (const stored of seen) builder.append(undefined, stored, nowMs);
    const batches = seen.length === 0 ? [] : [builder.build("none")];
    await chain.lookBack(index, batches, 0);
  }
}
