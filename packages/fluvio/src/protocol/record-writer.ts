import { flvError } from "./errors.ts";
import type { SectionRecord } from "./records.ts";

const COUNT_BYTES = 4;
/** Copying fewer bytes than this one by one is cheaper than a call of `set`. */
const SET_BYTES_MIN = 24;
/** Attributes, key flag and header count. */
const FIXED_BYTES = 3;

/** Bytes of a zig-zag varint within 32 bits. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Bytes of a record behind its length field. */
export function recordBodyBytes(
  keyBytes: number,
  valueBytes: number,
  timestampDelta: number,
  offsetDelta: number,
): number {
  const key = keyBytes < 0 ? 0 : varintBytes(keyBytes) + keyBytes;
  return (
    FIXED_BYTES + varintBytes(timestampDelta) + varintBytes(offsetDelta) + key + varintBytes(valueBytes) + valueBytes
  );
}

/** Writes a zig-zag varint within 32 bits and returns the position after it. Room must be there. */
function writeVarint(target: Uint8Array, pos: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = pos;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

function copy(target: Uint8Array, pos: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length >= SET_BYTES_MIN) target.set(bytes, pos);
  else for (let i = 0; i < length; i++) target[pos + i] = bytes[i] as number;
  return pos + length;
}

/**
 * Writes one record and returns the position after it.
 * @param bodyBytes from {@link recordBodyBytes}; room for it and its own varint must be there
 */
function writeRecord(target: Uint8Array, pos: number, bodyBytes: number, record: SectionRecord): number {
  return writeRecordFields(target, pos, bodyBytes, record.timestampDelta, record.offsetDelta, record.key, record.value);
}

/** As {@link writeRecord}, without an object per record. */
export function writeRecordFields(
  target: Uint8Array,
  pos: number,
  bodyBytes: number,
  timestampDelta: number,
  offsetDelta: number,
  key: Uint8Array | undefined,
  value: Uint8Array,
): number {
  let at = writeVarint(target, pos, bodyBytes);
  target[at++] = 0;
  at = writeVarint(target, at, timestampDelta);
  at = writeVarint(target, at, offsetDelta);
  if (key === undefined) {
    target[at++] = 0;
  } else {
    target[at++] = 1;
    at = writeVarint(target, at, key.length);
    at = copy(target, at, key);
  }
  at = writeVarint(target, at, value.length);
  at = copy(target, at, value);
  target[at++] = 0;
  return at;
}

/**
 * Encodes an uncompressed records section, its count first. Deltas are written as given.
 * @throws FLV_INT_RANGE for a delta outside 32 bits, which peers misread
 */
export function encodeRecords(records: readonly SectionRecord[]): Uint8Array {
  const bodies = records.map((record) => {
    const { timestampDelta, offsetDelta, key, value } = record;
    if (timestampDelta !== (timestampDelta | 0) || offsetDelta !== (offsetDelta | 0)) {
      throw flvError("FLV_INT_RANGE", `record deltas ${timestampDelta} and ${offsetDelta} do not fit in 32 bits`);
    }
    return recordBodyBytes(key === undefined ? -1 : key.length, value.length, timestampDelta, offsetDelta);
  });
  const total = bodies.reduce((sum, body) => sum + varintBytes(body) + body, COUNT_BYTES);
  const section = new Uint8Array(total);
  new DataView(section.buffer).setInt32(0, records.length);
  let pos = COUNT_BYTES;
  for (let i = 0; i < records.length; i++) {
    pos = writeRecord(section, pos, bodies[i] as number, records[i] as SectionRecord);
  }
  return section;
}
