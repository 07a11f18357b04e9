import {
  BATCH_HEADER_BYTES,
  type BatchCompression,
  type BatchRecord,
  compress,
  decodeBatch,
  encodeRecords,
  readBatchHeader,
  type SectionRecord,
  splitBatches,
  writeBatchHeader,
} from "../../protocol/index.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
export const TEST_TIMESTAMP_MS = 1_700_000_000_000;

export interface TestBatch {
  readonly baseOffset?: number;
  readonly compression?: BatchCompression;
  readonly firstTimestampMs?: number;
  readonly maxTimestampMs?: number;
  /** Offsets that the batch takes up; by default one per value. */
  readonly offsets?: number;
  readonly keys?: readonly (string | undefined)[];
}

/** A records section with a record per value, each a millisecond after the one before. */
export function makeSection(values: readonly string[], keys: readonly (string | undefined)[] = []): Uint8Array {
  return encodeRecords(
    values.map((value, index): SectionRecord => {
      const key = keys[index];
      return {
        timestampDelta: index,
        offsetDelta: index,
        key: key === undefined ? undefined : ENCODER.encode(key),
        value: ENCODER.encode(value),
      };
    }),
  );
}

/** A stored batch with a record per value. */
export function makeBatch(values: readonly string[], options: TestBatch = {}): Uint8Array {
  return wrapSection(makeSection(values, options.keys), values.length, options);
}

/** A stored batch around a records section. */
export function wrapSection(plain: Uint8Array, count: number, options: TestBatch = {}): Uint8Array {
  const { baseOffset = 0, compression = "none", firstTimestampMs = TEST_TIMESTAMP_MS } = options;
  const section = compress(compression, plain);
  const batch = new Uint8Array(BATCH_HEADER_BYTES + section.length);
  batch.set(section, BATCH_HEADER_BYTES);
  writeBatchHeader(batch, {
    baseOffset,
    compression,
    lastOffsetDelta: (options.offsets ?? count) - 1,
    firstTimestampMs,
    maxTimestampMs: options.maxTimestampMs ?? firstTimestampMs + Math.max(0, count - 1),
  });
  return batch;
}

/** The records of batches that lie back to back, numbered by offset delta or by their place in the batch. */
export function recordsOf(batches: Uint8Array, numbering: "delta" | "index" = "delta"): BatchRecord[] {
  return splitBatches(batches).batches.flatMap((batch) => decodeBatch(batch, { numbering }));
}

/** Value texts, for comparison. */
export function valuesOf(batches: Uint8Array): string[] {
  return recordsOf(batches).map((record) => text(record.value));
}

export function headersOf(batches: Uint8Array) {
  return splitBatches(batches).batches.map((batch) => readBatchHeader(batch));
}

export function text(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

export function bytes(value: string): Uint8Array {
  return ENCODER.encode(value);
}
