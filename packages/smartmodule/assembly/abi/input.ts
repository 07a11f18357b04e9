/** The input of a call, taken apart where it lies. */
import { Params } from "../params";
import { decodeUtf8, utf8ValidUpTo } from "./utf8";

// --- the call --------------------------------------------------------------------------------------------------------

/** Offset of the batch; a record's own is this and its delta. */
export let baseOffset: i64 = 0;
/** Time of the batch in milliseconds since 1970, or -1 where it is not known; 0 below the version that has it. */
export let baseTimestamp: i64 = 0;
/** Records of the call, and how many were read. */
export let recordCount: i32 = 0;
export let recordsRead: i32 = 0;
/** Where the records section begins (its count) and ends. */
export let sectionStart: usize = 0;
export let sectionEnd: usize = 0;
export let accumulatorPtr: usize = 0;
export let accumulatorSize: usize = 0;

// --- the record that was read last -------------------------------------------------------------------------------------

export let recordStart: usize = 0;
/** Behind the record: where the next one begins. */
export let recordEnd: usize = 0;
/** Attributes and both deltas, up to the key. */
export let headStart: usize = 0;
export let timestampDelta: i64 = 0;
export let offsetDelta: i64 = 0;
/** The key with its flag and length, as it stands there. */
export let keyFieldStart: usize = 0;
export let keyFieldEnd: usize = 0;
export let hasKey: bool = false;
export let keyPtr: usize = 0;
export let keySize: i32 = 0;
export let valuePtr: usize = 0;
export let valueSize: i32 = 0;
export let headersStart: usize = 0;

// --- reading -----------------------------------------------------------------------------------------------------------

/** The first version whose input names the time of the batch. */
const TIMESTAMP_VERSION = 22;
/** The versions whose input has parameters and, from 16 on, the record of a join. */
const PARAMS_VERSION_LAST = 22;
const JOIN_VERSION = 16;
const LOOKBACK_VERSION = 20;
const LOOKBACK_AGE_VERSION = 21;
const LOOKBACK_LAST_SIZE = 8;
const LOOKBACK_AGE_SIZE = 12;

let pos: usize = 0;
let end: usize = 0;
/** The value of the varint that was read last. */
let varint: i64 = 0;

/** Reads what is around the records; false when the bytes run out. */
export function openInput(ptr: usize, size: i32, version: i32, hasAccumulator: bool): bool {
  pos = ptr;
  end = ptr + <usize>size;
  if (!has(12)) return false;
  baseOffset = bswap(load<i64>(pos));
  const rawSize = <usize>bswap(load<u32>(pos, 8));
  pos += 12;
  sectionStart = pos;
  if (!skip(rawSize)) return false;
  sectionEnd = pos;
  if (version <= PARAMS_VERSION_LAST) {
    if (!skipParams(version)) return false;
    if (version >= JOIN_VERSION && !skipBytes()) return false;
  }
  baseTimestamp = 0;
  if (version >= TIMESTAMP_VERSION) {
    if (!has(8)) return false;
    baseTimestamp = bswap(load<i64>(pos));
    pos += 8;
  }
  if (hasAccumulator) {
    accumulatorPtr = pos + 4;
    if (!skipBytes()) return false;
    accumulatorSize = pos - accumulatorPtr;
  }
  return true;
}

/** Goes to the first record; false when there is no count. */
export function openRecords(): bool {
  pos = sectionStart;
  end = sectionEnd;
  recordsRead = 0;
  recordCount = 0;
  recordEnd = pos;
  if (!has(4)) return false;
  recordCount = max(0, <i32>bswap(load<u32>(pos)));
  pos += 4;
  recordEnd = pos;
  return true;
}

/**
 * Reads the next record; false when its bytes are none. The fields are walked: the length in front of them is only
 * compared with the bytes that are left, as in the original.
 */
export function readRecord(): bool {
  let p = recordEnd;
  const bound = sectionEnd;
  recordStart = p;
  recordsRead += 1;
  if ((p = readVarint(p, bound)) === 0) return false;
  if (varint < 0 || <u64>varint > <u64>(bound - p)) return false;
  headStart = p;
  p += 1;
  if ((p = readVarint(p, bound)) === 0) return false;
  timestampDelta = varint;
  if ((p = readVarint(p, bound)) === 0) return false;
  offsetDelta = varint;
  keyFieldStart = p;
  if (p >= bound) return false;
  const flag = load<u8>(p++);
  hasKey = flag === 1;
  if (hasKey) {
    if ((p = readVarint(p, bound)) === 0) return false;
    if (varint < 0 || <u64>varint > <u64>(bound - p)) return false;
    keyPtr = p;
    keySize = <i32>varint;
    p += <usize>varint;
  } else if (flag !== 0) return false;
  keyFieldEnd = p;
  if ((p = readVarint(p, bound)) === 0) return false;
  if (varint < 0 || <u64>varint > <u64>(bound - p)) return false;
  valuePtr = p;
  valueSize = <i32>varint;
  p += <usize>varint;
  headersStart = p;
  if ((p = readVarint(p, bound)) === 0) return false;
  recordEnd = p;
  return true;
}

/** Reads a varint into `varint` and gives the address behind it, or 0 when the bytes run out. */
// @ts-ignore: decorator
@inline
function readVarint(p: usize, bound: usize): usize {
  if (p >= bound) return 0;
  const byte = <i32>load<u8>(p);
  if (byte > 0x7f) return readLongVarint(p, bound);
  varint = <i64>((byte >>> 1) ^ -(byte & 1));
  return p + 1;
}

function readLongVarint(p: usize, bound: usize): usize {
  let bits: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (p >= bound) return 0;
    const byte = load<u8>(p++);
    bits |= <u64>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      varint = <i64>(bits >>> 1) ^ -(<i64>(bits & 1));
      return p;
    }
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function has(count: usize): bool {
  return count <= end - pos;
}

function skip(count: usize): bool {
  if (!has(count)) return false;
  pos += count;
  return true;
}

function skipBytes(): bool {
  if (!has(4)) return false;
  const size = <usize>bswap(load<u32>(pos));
  pos += 4;
  return skip(size);
}

/** The size of a text. It is signed: what would be above 32767 is read as none. -1 when the bytes run out. */
function textSize(): i32 {
  if (!has(2)) return -1;
  const size = max<i32>(0, bswap(load<i16>(pos)));
  pos += 2;
  return has(<usize>size) ? size : -1;
}

function skipText(): bool {
  const size = textSize();
  if (size < 0 || utf8ValidUpTo(pos, pos + size) !== pos + size) return false;
  pos += size;
  return true;
}

/** Reads the parameters that init gets; false when the bytes run out or are no text. */
export function readParams(ptr: usize, size: i32, version: i32, params: Params): bool {
  pos = ptr;
  end = ptr + <usize>size;
  if (!has(2)) return false;
  let left = <i32>bswap(load<u16>(pos));
  pos += 2;
  for (; left > 0; left--) {
    const namePtr = pos + 2;
    if (!skipText()) return false;
    const nameSize = <i32>(pos - namePtr);
    const valuePtr = pos + 2;
    if (!skipText()) return false;
    params.set(decodeUtf8(namePtr, nameSize), decodeUtf8(valuePtr, <i32>(pos - valuePtr)));
  }
  return version < LOOKBACK_VERSION || skipLookback(version);
}

function skipParams(version: i32): bool {
  if (!has(2)) return false;
  let left = <i32>bswap(load<u16>(pos));
  pos += 2;
  for (; left > 0; left--) {
    if (!skipText() || !skipText()) return false;
  }
  return version < LOOKBACK_VERSION || skipLookback(version);
}

function skipLookback(version: i32): bool {
  const flag = option();
  if (flag <= 0) return flag === 0;
  if (!skip(LOOKBACK_LAST_SIZE)) return false;
  if (version < LOOKBACK_AGE_VERSION) return true;
  const age = option();
  if (age <= 0) return age === 0;
  return skip(LOOKBACK_AGE_SIZE);
}

/** The flag of an optional field, or -1 when it is none. */
function option(): i32 {
  if (!has(1)) return -1;
  const flag = load<u8>(pos++);
  return flag > 1 ? -1 : flag;
}
