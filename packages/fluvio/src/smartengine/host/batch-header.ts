import { flvError } from "../../protocol/index.ts";

/** Bytes of a batch before its records section. */
export const HEADER_BYTES = 57;
const SCHEMA_ID_BYTES = 4;
const PREAMBLE_BYTES = 12;
const CRC_START = 17;
/** The CRC covers everything from the attributes on. */
export const CRC_FROM = 21;
const CODEC_MASK = 0x07;
const SCHEMA_BIT = 0x10;

/** A stored batch, located in the bytes that hold it. */
export interface StoredBatch {
  readonly start: number;
  readonly end: number;
  /** Where the records section starts. */
  readonly sectionStart: number;
  readonly baseOffset: number;
  /** Offset after the last one that the batch covers. */
  readonly endOffset: number;
  readonly codec: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

/** Reads the header of the batch at `start`. @throws FLV_BATCH_CORRUPT when no whole batch starts there */
export function readBatchHeader(bytes: Uint8Array, start: number): StoredBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const left = bytes.length - start;
  if (left < HEADER_BYTES) throw corrupt(start, `its header needs ${HEADER_BYTES} bytes, ${left} are there`);
  const end = start + PREAMBLE_BYTES + view.getInt32(start + 8);
  const attributes = view.getInt16(start + CRC_FROM);
  const sectionStart = start + HEADER_BYTES + ((attributes & SCHEMA_BIT) === 0 ? 0 : SCHEMA_ID_BYTES);
  if (end < sectionStart || end > bytes.length) {
    throw corrupt(start, `its length is ${end - start - PREAMBLE_BYTES}, ${left} bytes are there`);
  }
  const baseOffset = Number(view.getBigInt64(start));
  const lastOffsetDelta = view.getInt32(start + 23);
  if (!Number.isSafeInteger(baseOffset) || lastOffsetDelta < -1) {
    throw corrupt(start, `its base offset is ${baseOffset}, its last offset delta ${lastOffsetDelta}`);
  }
  return {
    start,
    end,
    sectionStart,
    baseOffset,
    endOffset: baseOffset + lastOffsetDelta + 1,
    codec: attributes & CODEC_MASK,
    firstTimestampMs: Number(view.getBigInt64(start + 27)),
    maxTimestampMs: Number(view.getBigInt64(start + 35)),
  };
}

/** What the header of an output batch says. */
export interface OutputHeader {
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  readonly codec: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

/** Writes the header at `start` for the records section that already follows it up to `end`, with its CRC. */
export function writeBatchHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  header: OutputHeader,
  crc: (bytes: Uint8Array) => number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setBigInt64(start, BigInt(header.baseOffset));
  view.setInt32(start + 8, end - start - PREAMBLE_BYTES);
  view.setInt32(start + 12, -1);
  view.setInt8(start + 16, 2);
  view.setInt16(start + CRC_FROM, header.codec);
  view.setInt32(start + 23, header.lastOffsetDelta);
  view.setBigInt64(start + 27, BigInt(header.firstTimestampMs));
  view.setBigInt64(start + 35, BigInt(header.maxTimestampMs));
  // no producer id, epoch and sequence: all bits set
  view.setBigInt64(start + 43, -1n);
  view.setInt16(start + 51, -1);
  view.setInt32(start + 53, -1);
  view.setUint32(start + CRC_START, crc(bytes.subarray(start + CRC_FROM, end)));
}

function corrupt(start: number, why: string): Error {
  return flvError("FLV_BATCH_CORRUPT", `the batch at byte ${start} cannot be read: ${why}`, {
    details: { position: start },
  });
}
