/**
 * The frame around the user's function. The entry that the builder writes calls, for a filter for example:
 * `openCall`, then for each `nextRecord` the user's function and `keepRecord`, then `closeFilter`.
 */
import { failed, failure, forgetFailure } from "../failure";
import { KEY_KEPT, KEY_OWN, Output } from "../output";
import { showRecord } from "../record";
import { Buffer, storeVarint, varintSize } from "./buffer";
import {
  accumulatorPtr,
  accumulatorSize,
  baseOffset,
  headersStart,
  headStart,
  keyFieldEnd,
  keyFieldStart,
  offsetDelta,
  openInput,
  openRecords,
  readRecord,
  recordCount,
  recordEnd,
  recordStart,
  recordsRead,
  sectionEnd,
  sectionStart,
  valuePtr,
  valueSize,
} from "./input";
import { operand, operandPtr, operandSize } from "./operand";
import { encodeUtf8, utf8SizeMax } from "./utf8";

// @ts-ignore: decorator
@external("env", "copy_records")
declare function copyRecords(ptr: usize, length: i32): void;

/** The call's input or records are unreadable. */
export const UNREADABLE = -11;
/** Texts of the protocol are not longer: their length is a signed number of 16 bits. */
const HINT_SIZE_MAX = 32767;
const COUNT_SIZE = 4;

const output = new Buffer();
let emitted: i32 = 0;
/** The input of the call under way; it is freed when the next call begins or this one ends. */
let input: usize = 0;
let unreadable: bool = false;

/** Begins a call; false when the input is unreadable. */
export function openCall(ptr: usize, size: i32, version: i32, hasAccumulator: bool): bool {
  input = ptr;
  emitted = 0;
  forgetFailure();
  unreadable = !openInput(ptr, size, version, hasAccumulator) || !openRecords();
  return !unreadable;
}
