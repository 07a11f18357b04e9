import { BATCH_COMPRESSIONS, type BatchCompression } from "./compression.ts";
import { crc32c, crc32cOfRange } from "./crc.ts";
import { flvError } from "./errors.ts";

/** Base offset and length: what precedes the part that the length counts. */
export const BATCH_PREAMBLE_BYTES = 12;
/** Preamble and header of a batch without schema id; its records section follows. */
export const BATCH_HEADER_BYTES = 57;
/** Largest batch that a cluster takes. */
export const BATCH_BYTES_MAX = 33_554_432;
export const BATCH_MAGIC = 2;
/** Fewest bytes of one record: six one-byte fields and an empty value. */
export const RECORD_BYTES_MIN = 7;

// where the fields of a batch are
const BATCH_LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const FIRST_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const FIRST_SEQUENCE_AT = 53;

const CODEC_MASK = 0x07;
const SCHEMA_BIT = 0x10;
const SCHEMA_ID_BYTES = 4;
const COUNT_BYTES = 4;
const MIN_BATCH_LENGTH = BATCH_HEADER_BYTES - BATCH_PREAMBLE_BYTES;

/** The fields of a batch before its records. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Whole batch, preamble included. */
  readonly sizeBytes: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  readonly compression: BatchCompression;
  /** Offsets that the batch takes up, less 1. Counts records that a SmartModule removed too. */
  readonly lastOffsetDelta: number;
  /** Milliseconds since the epoch; -1 when unknown. */
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  /** Where the records section begins, counted from the batch's first byte. */
  readonly recordsAt: number;
}

function corrupt(message: string, details: Record<string, unknown>): Error {
  return flvError("FLV_BATCH_CORRUPT", message, { details });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readI64(view: DataView, at: number, field: string): number {
  const value = view.getInt32(at) * 4294967296 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) {
    throw flvError("FLV_INT_RANGE", `${field} ${view.getBigInt64(at)} of a batch is outside ±(2^53 − 1)`);
  }
  return value;
}

/**
 * Size of the batch at `pos`, preamble included, as its length field states; `undefined` when the preamble is not
 * complete. The batch itself may be cut short.
 * @throws FLV_BATCH_CORRUPT for a length that no batch can have
 */
export function batchSizeBytes(bytes: Uint8Array, pos = 0): number | undefined {
  if (bytes.length - pos < BATCH_PREAMBLE_BYTES) return undefined;
  const at = pos + BATCH_LENGTH_AT;
  const length =
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number);
  if (length < MIN_BATCH_LENGTH) throw corrupt(`batch length ${length} at byte ${pos} is impossible`, { pos, length });
  return length + BATCH_PREAMBLE_BYTES;
}

/**
 * Reads the header of the batch at `pos`. Checks nothing but that it is there and has a known codec; the records may
 * be cut short.
 * @throws FLV_BATCH_CORRUPT | FLV_INT_RANGE
 */
export function readBatchHeader(bytes: Uint8Array, pos = 0): BatchHeader {
  const sizeBytes = batchSizeBytes(bytes, pos);
  if (sizeBytes === undefined || bytes.length - pos < BATCH_HEADER_BYTES) {
    throw corrupt(`batch header at byte ${pos} is cut short: ${bytes.length - pos} bytes`, { pos });
  }
  const view = viewOf(bytes);
  const attributes = view.getInt16(pos + ATTRIBUTES_AT);
  const compression = BATCH_COMPRESSIONS[attributes & CODEC_MASK];
  if (compression === undefined) {
    throw corrupt(`unknown compression ${attributes & CODEC_MASK} of the batch at byte ${pos}`, { pos, attributes });
  }
  return {
    baseOffset: readI64(view, pos, "base offset"),
    sizeBytes,
    leaderEpoch: view.getInt32(pos + LEADER_EPOCH_AT),
    magic: view.getInt8(pos + MAGIC_AT),
    crc: view.getUint32(pos + CRC_AT),
    attributes,
    compression,
    lastOffsetDelta: view.getInt32(pos + LAST_OFFSET_DELTA_AT),
    firstTimestampMs: readI64(view, pos + FIRST_TIMESTAMP_AT, "first timestamp"),
    maxTimestampMs: readI64(view, pos + MAX_TIMESTAMP_AT, "largest timestamp"),
    producerId: view.getBigInt64(pos + PRODUCER_ID_AT),
    producerEpoch: view.getInt16(pos + PRODUCER_EPOCH_AT),
    firstSequence: view.getInt32(pos + FIRST_SEQUENCE_AT),
    recordsAt: BATCH_HEADER_BYTES + (attributes & SCHEMA_BIT ? SCHEMA_ID_BYTES : 0),
  };
}

/** Whole batches of a byte string, and what is left. */
export interface SplitBatches {
  /** Views, in order. */
  readonly batches: readonly Uint8Array[];
  /** Bytes of an incomplete last batch; 0 when there is none. */
  readonly tailBytes: number;
}

/**
 * Cuts batches that lie back to back. Looks at nothing but their lengths.
 * @throws FLV_BATCH_CORRUPT for a length that no batch can have
 */
export function splitBatches(bytes: Uint8Array): SplitBatches {
  const batches: Uint8Array[] = [];
  let pos = 0;
  for (;;) {
    const size = batchSizeBytes(bytes, pos);
    if (size === undefined || size > bytes.length - pos) break;
    batches.push(bytes.subarray(pos, pos + size));
    pos += size;
  }
  return { batches, tailBytes: bytes.length - pos };
}

export interface ValidateBatchOptions {
  /**
   * Takes a batch that holds no record and no offset (last offset delta -1) too: an SPU of the original answers with one
   * when a SmartModule failed on the first record. No log may store it. Default false.
   */
  readonly allowEmpty?: boolean;
}

/**
 * Checks one whole batch: sizes, magic, codec, CRC, and the record count where it is not compressed. No work per record.
 * @returns its header
 * @throws FLV_BATCH_CORRUPT | FLV_INT_RANGE
 */
export function validateBatch(batch: Uint8Array, options: ValidateBatchOptions = {}): BatchHeader {
  const header = readBatchHeader(batch);
  if (header.sizeBytes !== batch.length) {
    throw corrupt(`batch states ${header.sizeBytes} bytes and has ${batch.length}`, { sizeBytes: header.sizeBytes });
  }
  if (header.magic !== BATCH_MAGIC) {
    throw corrupt(`batch has magic ${header.magic}, not ${BATCH_MAGIC}`, { magic: header.magic });
  }
  if (header.lastOffsetDelta < (options.allowEmpty === true ? -1 : 0)) {
    throw corrupt(`batch takes up ${header.lastOffsetDelta + 1} offsets`, { lastOffsetDelta: header.lastOffsetDelta });
  }
  if (header.recordsAt + (header.compression === "none" ? COUNT_BYTES : 1) > batch.length) {
    throw corrupt("batch has no records section", { sizeBytes: batch.length });
  }
  if (header.compression === "none") checkCount(batch, header);
  const crc = crc32c(batch.subarray(ATTRIBUTES_AT));
  if (crc !== header.crc) {
    throw corrupt(`batch has CRC ${hex(header.crc)}, its bytes give ${hex(crc)}`, {
      expected: header.crc,
      actual: crc,
    });
  }
  return header;
}

function checkCount(batch: Uint8Array, header: BatchHeader): void {
  const count = viewOf(batch).getInt32(header.recordsAt);
  const recordBytes = batch.length - header.recordsAt - COUNT_BYTES;
  // fewer records than offsets is right: SmartModules remove records, offsets stay taken
  if (count < 0 || count > header.lastOffsetDelta + 1 || count * RECORD_BYTES_MIN > recordBytes) {
    throw corrupt(`batch of ${header.lastOffsetDelta + 1} offsets states ${count} records in ${recordBytes} bytes`, {
      count,
      lastOffsetDelta: header.lastOffsetDelta,
      recordBytes,
    });
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Gives a batch its place in a log, in place. The CRC does not cover these fields. */
export function patchBatch(batch: Uint8Array, baseOffset: number, leaderEpoch: number): void {
  const view = viewOf(batch);
  view.setInt32(0, Math.floor(baseOffset / 4294967296));
  view.setUint32(4, baseOffset >>> 0);
  view.setInt32(LEADER_EPOCH_AT, leaderEpoch);
}

/** What a batch is made from, besides its records. */
export interface BatchHeaderFields {
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly compression: BatchCompression;
  readonly lastOffsetDelta: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

/**
 * Writes the header of a batch whose records section is in place behind it, CRC included.
 * @param batch the whole batch, exactly
 */
export function writeBatchHeader(batch: Uint8Array, fields: BatchHeaderFields): void {
  writeBatchHeaderAt({ bytes: batch, view: viewOf(batch) }, 0, batch.length, fields);
}

/**
 * Writes the header of the batch from `start` to `end`, likewise, for who writes many of them.
 * @param target the bytes, and a view of exactly these
 */
export function writeBatchHeaderAt(
  target: { readonly bytes: Uint8Array; readonly view: DataView },
  start: number,
  end: number,
  fields: BatchHeaderFields,
): void {
  const { view } = target;
  const { baseOffset = 0, leaderEpoch = -1 } = fields;
  writeI64(view, start, baseOffset);
  view.setInt32(start + BATCH_LENGTH_AT, end - start - BATCH_PREAMBLE_BYTES);
  view.setInt32(start + LEADER_EPOCH_AT, leaderEpoch);
  view.setInt8(start + MAGIC_AT, BATCH_MAGIC);
  view.setInt16(start + ATTRIBUTES_AT, BATCH_COMPRESSIONS.indexOf(fields.compression));
  view.setInt32(start + LAST_OFFSET_DELTA_AT, fields.lastOffsetDelta);
  writeI64(view, start + FIRST_TIMESTAMP_AT, fields.firstTimestampMs);
  writeI64(view, start + MAX_TIMESTAMP_AT, fields.maxTimestampMs);
  // no transactions and no idempotence in this protocol: producer id, epoch and sequence are -1
  view.setInt32(start + PRODUCER_ID_AT, -1);
  view.setInt32(start + PRODUCER_ID_AT + 4, -1);
  view.setInt16(start + PRODUCER_EPOCH_AT, -1);
  view.setInt32(start + FIRST_SEQUENCE_AT, -1);
  view.setUint32(start + CRC_AT, crc32cOfRange(target, start + ATTRIBUTES_AT, end));
}

function writeI64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 4294967296));
  view.setUint32(at + 4, value >>> 0);
}
