import { performance } from "node:perf_hooks";
import { BatchBuilder, decodeBatch, patchBatch, splitBatches } from "../protocol/index.ts";
import type { ChainStep, SmartChain, SmartEngine } from "../smartengine/index.ts";

/** A stored record that is run through a chain again. */
export interface ReplayRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

export type ReplayStatus = "kept" | "changed" | "dropped" | "error";

/** What became of one record. */
export interface Replayed {
  readonly before: ReplayRecord;
  /** What came out at its offset: none, one, or what an array_map made of it. */
  readonly after: readonly ReplayRecord[];
  readonly status: ReplayStatus;
  /** What the module reported for it. */
  readonly error?: string;
}

/** One call of the chain. */
interface ReplayBatch {
  readonly records: number;
  readonly out: number;
  readonly timeMs: number;
}

export interface ReplayResult {
  readonly records: readonly Replayed[];
  readonly batches: readonly ReplayBatch[];
  /** Why the chain stopped before the end: a trap or a limit. `records` holds what was done before. */
  readonly failure?: unknown;
}

export interface ReplayInput {
  readonly steps: readonly ChainStep[];
  /** Of one partition, by offset. */
  readonly records: readonly ReplayRecord[];
  /** The records before these, for modules that look back. */
  readonly history: readonly ReplayRecord[];
  readonly signal?: AbortSignal;
}

/** Small enough that times can be compared, large enough that the way to the worker and back does not count. */
const BATCH_RECORDS = 50;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Runs a new chain over the records of a partition as a stream would, but goes on after a record that a module reports
 * an error for.
 * @throws what building the chain and looking back throw
 */
export async function replay(engine: SmartEngine, input: ReplayInput): Promise<ReplayResult> {
  const { steps, records, history, signal } = input;
  await using chain = await engine.chain(steps, signal === undefined ? {} : { signal });
  await lookBack(chain, history, records[0]?.timestampMs ?? 0);
  const replayed: Replayed[] = [];
  const batches: ReplayBatch[] = [];
  let rest = records;
  while (rest.length > 0) {
    signal?.throwIfAborted();
    const { batch, count } = firstBatch(rest);
    const given = rest.slice(0, count);
    try {
      const started = performance.now();
      const output = await chain.process({
        batches: [batch],
        fromOffset: given[0]?.offset ?? 0,
        maxOutputBytes: OUTPUT_BYTES_MAX,
      });
      const timeMs = performance.now() - started;
      const made = splitBatches(output.batches).batches.flatMap((each) => decodeBatch(each));
      const { error } = output;
      const failedAt = error?.offset ?? Number.POSITIVE_INFINITY;
      const done = given.filter(({ offset }) => offset <= failedAt);
      replayed.push(...compared(done, made, error));
      batches.push({ records: done.length, out: made.length, timeMs });
      rest = rest.slice(Math.max(1, done.length));
    } catch (failure) {
      if (signal?.aborted === true) throw failure;
      return { records: replayed, batches, failure };
    }
  }
  return { records: replayed, batches };
}

/** The first records as a stored batch: their offsets must be dense. */
function firstBatch(records: readonly ReplayRecord[]): { readonly batch: Uint8Array; readonly count: number } {
  const builder = new BatchBuilder();
  const baseOffset = records[0]?.offset ?? 0;
  let count = 0;
  for (const { offset, key, value, timestampMs } of records.slice(0, BATCH_RECORDS)) {
    if (offset !== baseOffset + count || !builder.append(key, value, timestampMs)) break;
    count++;
  }
  const batch = builder.build();
  patchBatch(batch, baseOffset, 0);
  return { batch, count };
}

/** Each record with what came out at its offset. */
function compared(
  given: readonly ReplayRecord[],
  made: readonly ReplayRecord[],
  error: { readonly offset: number; readonly hint: string } | undefined,
): readonly Replayed[] {
  const byOffset = new Map<number, ReplayRecord[]>();
  for (const record of made) {
    const found = byOffset.get(record.offset);
    if (found === undefined) byOffset.set(record.offset, [record]);
    else found.push(record);
  }
  return given.map((before): Replayed => {
    const after = byOffset.get(before.offset) ?? [];
    if (before.offset === error?.offset) return { before, after, status: "error", error: error.hint };
    return { before, after, status: statusOf(before, after) };
  });
}

function statusOf(before: ReplayRecord, after: readonly ReplayRecord[]): ReplayStatus {
  const [first] = after;
  if (first === undefined) return "dropped";
  const same = after.length === 1 && equal(before.key, first.key) && equal(before.value, first.value);
  return same ? "kept" : "changed";
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** Feeds each module that looks back the newest of the records before. */
async function lookBack(chain: SmartChain, history: readonly ReplayRecord[], nowMs: number): Promise<void> {
  for (const [index, lookback] of chain.lookbacks.entries()) {
    if (lookback === undefined) continue;
    const { last, ageMs } = lookback;
    const seen = last > 0 ? history.slice(-last) : history;
    const batches: Uint8Array[] = [];
    for (let rest = seen; rest.length > 0; ) {
      const { batch, count } = firstBatch(rest);
      batches.push(batch);
      rest = rest.slice(count);
    }
    await chain.lookBack(index, batches, seen[0]?.offset ?? 0, ageMs === undefined ? undefined : nowMs - ageMs);
  }
}
