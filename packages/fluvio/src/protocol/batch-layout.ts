import { i8, i16, i32, i64, optional, recordData, struct, u32, varint } from "./schema.ts";

/**
 * Layouts of batches and records as declarations: the documentation is made from them, and the straight-line code that
 * does the work is tested against them.
 */
export const BatchHeaderLayout = struct({
  baseOffset: i64,
  /** Bytes after this field. */
  batchLength: i32,
  partitionLeaderEpoch: i32,
  magic: i8,
  crc: u32,
  attributes: i16,
  lastOffsetDelta: i32,
  firstTimestampMs: i64,
  maxTimestampMs: i64,
  producerId: i64,
  producerEpoch: i16,
  firstSequence: i32,
});

/** What a record's `length` counts. */
export const RecordBodyLayout = struct({
  attributes: i8,
  timestampDelta: varint,
  offsetDelta: varint,
  key: optional(recordData),
  value: recordData,
  headers: varint,
});
