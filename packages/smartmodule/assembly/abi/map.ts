/** The kinds that write records of their own: map, filter_map, array_map, aggregate. */
import { Bytes, pointAt } from "../bytes";
import { failed } from "../failure";
import { KEY_NONE, KEY_OWN, Output } from "../output";
import { storeVarint, varintSize } from "./buffer";
import { handOutput, openCall, openSection, output, skimRecords, unreadable, writeFailedRecord, writeHint } from "./frame";
import { accumulatorPtr, accumulatorSize, headersStart, headStart, keyFieldEnd, keyFieldStart, recordEnd } from "./input";
import { operand, operandPtr, operandSize } from "./operand";

const INPUT_UNREADABLE = -11;
const RECORDS_UNREADABLE = -11;
const AGGREGATE_RECORDS_UNREADABLE = -22;
const ACCUMULATOR_VERSION = 16;
const KIND_AGGREGATE = 3;
/** The length in front of a record at its longest. */
const LENGTH_SIZE_MAX: usize = 10;
/** In place of the size of a key: the record has none, or that of the record under way. */
const NO_KEY = -1;
const SAME_KEY = -2;
/** Attributes and both deltas of a record of its own: all 0. */
const NEW_HEAD_SIZE: usize = 3;
const NEW_HEADERS_SIZE: usize = 1;

let emitted: i32 = 0;
/** Where the value that was written last is in the output. */
let lastValueAt: usize = 0;
let lastValueSize: i32 = 0;

/** Begins a call; false when its input is unreadable. */
export function openMap(ptr: usize, size: i32, version: i32): bool {
  if (!openCall(ptr, size, version) || !openSection()) return false;
  emitted = 0;
  output.u32(0);
  return true;
}

/** Ends a call: its result for the host. */
export function closeMap(kind: i32): i32 {
  if (unreadable) return RECORDS_UNREADABLE;
  if (!writeEnd(kind)) return RECORDS_UNREADABLE;
  handOutput();
  return emitted;
}

/** Writes the record under way with another value and, by an `Output`, another key; nothing when the function failed. */
// @ts-ignore: decorator
@inline
export function emitChanged<T>(value: T): void {
  if (failed) return;
  emit<T>(value, false);
}

/** As {@link emitChanged}; null drops the record. */
// @ts-ignore: decorator
@inline
export function emitSome<T>(value: T): void {
  if (value === null) return;
  emitChanged(value!);
}

/** Writes a new record for each element; nothing when the function failed. */
export function emitAll<T>(values: T): void {
  if (!isArray<T>()) ERROR("it is no array");
  if (failed) return;
  const elements = values as valueof<T>[];
  for (let i = 0, count = elements.length; i < count; i++) emit<valueof<T>>(unchecked(elements[i]), true);
}

// @ts-ignore: decorator
@inline
function emit<T>(value: T, isNew: bool): void {
  if (isNullable<T>()) ERROR("it may be null; filterMap drops records");
  if (value instanceof Output) {
    const result = changetype<Output>(value);
    const bytes = result.value;
    if (result.keyMode === KEY_OWN) {
      const key = result.key!;
      writeRecord(key.ptr, key.length, bytes.ptr, bytes.length, isNew);
    } else writeRecord(0, result.keyMode === KEY_NONE ? NO_KEY : SAME_KEY, bytes.ptr, bytes.length, isNew);
  } else {
    operand<T>(value);
    writeRecord(0, SAME_KEY, operandPtr, operandSize, isNew);
  }
}

function keyFieldSize(keySize: i32): usize {
  if (keySize === SAME_KEY) return keyFieldEnd - keyFieldStart;
  return keySize === NO_KEY ? 1 : 1 + varintSize(keySize) + <usize>keySize;
}

/** Writes a record; key and value may lie in the output, which then moves with them. */
function writeRecord(keyPtr: usize, keySize: i32, valuePtr: usize, valueSize: i32, isNew: bool): void {
  const headSize = isNew ? NEW_HEAD_SIZE : keyFieldStart - headStart;
  const headersSize = isNew ? NEW_HEADERS_SIZE : recordEnd - headersStart;
  const size = headSize + keyFieldSize(keySize) + varintSize(valueSize) + valueSize + headersSize;
  const before = output.ptr;
  const isInside = output.holds(valuePtr);
  output.reserve(LENGTH_SIZE_MAX + size);
  if (isInside) valuePtr += output.ptr - before;
  let at = storeVarint(output.ptr + output.size, size);
  if (isNew) memory.fill(at, 0, NEW_HEAD_SIZE);
  else memory.copy(at, headStart, headSize);
  at = storeKey(at + headSize, keyPtr, keySize);
  at = storeVarint(at, valueSize);
  memory.copy(at, valuePtr, valueSize);
  lastValueAt = at - output.ptr;
  lastValueSize = valueSize;
  at += valueSize;
  if (isNew) store<u8>(at, 0);
  else memory.copy(at, headersStart, headersSize);
  output.size = at + headersSize - output.ptr;
  emitted += 1;
}

/** Writes a key field and gives the address behind it. */
function storeKey(at: usize, keyPtr: usize, keySize: i32): usize {
  if (keySize === SAME_KEY) {
    const size = keyFieldEnd - keyFieldStart;
    memory.copy(at, keyFieldStart, size);
    return at + size;
  }
  store<u8>(at++, keySize === NO_KEY ? 0 : 1);
  if (keySize === NO_KEY) return at;
  at = storeVarint(at, keySize);
  memory.copy(at, keyPtr, keySize);
  return at + keySize;
}

/** Writes what stands behind the records: whether one failed, and which. False when a record behind it is unreadable. */
function writeEnd(kind: i32): bool {
  store<u32>(output.ptr, bswap(<u32>emitted));
  if (!failed) {
    output.u8(0);
    return true;
  }
  output.u8(1);
  writeHint();
  writeFailedRecord(kind);
  skimRecords();
  return !unreadable;
}

// --- aggregate -----------------------------------------------------------------------------------------------------------

/** The accumulator as the user's function sees it: first in the input, then the value that was written last. */
const accumulatorView = new Bytes(0, 0);
let hasAccumulatorField: bool = false;

/** Begins a call of an aggregate: 0, or the result for the host when something is unreadable. */
export function openAggregate(ptr: usize, size: i32, version: i32): i32 {
  if (!openCall(ptr, size, version, true)) return INPUT_UNREADABLE;
  if (!openSection()) return AGGREGATE_RECORDS_UNREADABLE;
  emitted = 0;
  hasAccumulatorField = version >= ACCUMULATOR_VERSION;
  output.u32(0);
  pointAt(accumulatorView, accumulatorPtr, <i32>accumulatorSize);
  return 0;
}

/** The accumulator before the record under way. */
export function accumulator(): Bytes {
  return accumulatorView;
}

/** Writes the record under way with the new accumulator as its value. */
// @ts-ignore: decorator
@inline
export function emitAccumulator<T>(value: T): void {
  if (value instanceof Output) ERROR("an accumulator is text or bytes");
  if (failed) return;
  operand<T>(value);
  writeRecord(0, SAME_KEY, operandPtr, operandSize, false);
  pointAt(accumulatorView, output.ptr + lastValueAt, lastValueSize);
}

/** Ends a call of an aggregate: its result for the host. */
export function closeAggregate(): i32 {
  if (unreadable) return AGGREGATE_RECORDS_UNREADABLE;
  // what is written now may move the output with the accumulator in it
  const before = output.ptr;
  const isInside = output.holds(accumulatorView.ptr);
  if (!writeEnd(KIND_AGGREGATE)) return AGGREGATE_RECORDS_UNREADABLE;
  if (hasAccumulatorField) {
    output.u32(accumulatorView.length);
    const moved = isInside ? output.ptr - before : 0;
    output.bytes(accumulatorView.ptr + moved, accumulatorView.length);
  }
  handOutput();
  return emitted;
}
