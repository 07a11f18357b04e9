/** What all calls have in common: how they begin, go from record to record, report an error, and hand over their output. */
import { failed, failure, forgetFailure } from "../failure";
import { showRecord } from "../record";
import { Buffer } from "./buffer";
import { copyRecords } from "./host";
import {
  baseOffset,
  keyFieldEnd,
  keyFieldStart,
  offsetDelta,
  openInput,
  openRecords,
  readRecord,
  recordCount,
  recordsRead,
  valuePtr,
  valueSize,
} from "./input";
import { spend } from "./memory";
import { encodeUtf8, textSize, utf8SizeMax, utf8ValidUpTo } from "./utf8";

/** Texts of the protocol are not longer: their length is a signed number of 16 bits. */
const HINT_SIZE_MAX: usize = 32767;

/** The output of a call. */
export const output = new Buffer();
/** Whether the input, or a record in it, could not be read. */
export let unreadable: bool = false;

/** Begins a call; false when what is around its records is unreadable. */
export function openCall(ptr: usize, size: i32, version: i32, hasAccumulator: bool = false): bool {
  spend(ptr);
  output.size = 0;
  unreadable = false;
  forgetFailure();
  return openInput(ptr, size, version, hasAccumulator);
}

/** Goes to the first record; false when the records are unreadable. */
export function openSection(): bool {
  unreadable = !openRecords();
  return !unreadable;
}

/** Goes to the next record; false after the last one, one that failed, and before one that is unreadable. */
export function nextRecord(): bool {
  if (failed || recordsRead >= recordCount) return false;
  if (!readRecord()) {
    unreadable = true;
    return false;
  }
  showRecord();
  return true;
}

/** Reads the records behind one that failed: when one of them is unreadable, that is what the host has to know. */
export function skimRecords(): void {
  while (!unreadable && recordsRead < recordCount) unreadable = !readRecord();
}

/** Writes what the user's code reported. */
export function writeHint(): void {
  const hint = changetype<usize>(failure);
  output.reserve(utf8SizeMax(textSize(hint)) + 2);
  const text = output.ptr + output.size + 2;
  let size = encodeUtf8(hint, textSize(hint), text);
  if (size > HINT_SIZE_MAX) size = utf8ValidUpTo(text, text + HINT_SIZE_MAX) - text;
  output.u16(<u16>size);
  output.size += size;
}

/** Writes which record the error is about: offset, key and value, with the kind in between where there is one. */
export function writeFailedRecord(kind: i32): void {
  output.i64(baseOffset + offsetDelta);
  if (kind >= 0) output.u8(<u8>kind);
  output.bytes(keyFieldStart, keyFieldEnd - keyFieldStart);
  output.varint(valueSize);
  output.bytes(valuePtr, valueSize);
}

/** Names `output` as what the call gives. */
export function handOutput(): void {
  copyRecords(output.ptr, <i32>output.size);
}

/** Names other bytes as what the call gives; they have to hold until the host has read them. */
export function handBytes(ptr: usize, size: usize): void {
  copyRecords(ptr, <i32>size);
}
