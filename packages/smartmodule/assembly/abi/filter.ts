/**
 * Filters keep records byte for byte, and without a second buffer: records that are kept move down within the input, a run
 * of neighbours at once. The first run stays where it is, so that a filter that drops nothing in between copies nothing.
 */
import { failed } from "../failure";
import { handBytes, handOutput, openCall, openSection, output, skimRecords, unreadable, writeFailedRecord, writeHint } from "./frame";
import { recordEnd, recordStart, sectionStart } from "./input";

const KIND_FILTER = 0;
const UNREADABLE = -11;
const COUNT_SIZE: usize = 4;

let kept: i32 = 0;
/** The run of kept records that is not in its place yet. */
let runStart: usize = 0;
let runEnd: usize = 0;
/** Where the output begins, and where the next run goes. */
let start: usize = 0;
let place: usize = 0;

/** Begins a call of a filter; false when its input is unreadable. */
export function openFilter(ptr: usize, size: i32, version: i32): bool {
  if (!openCall(ptr, size, version) || !openSection()) return false;
  kept = 0;
  start = sectionStart;
  runStart = runEnd = place = sectionStart + COUNT_SIZE;
  return true;
}

/** Keeps the record under way when the user's function says so and did not fail. */
// @ts-ignore: decorator
@inline
export function keepRecord(keep: bool): void {
  if (!keep || failed) return;
  if (recordStart !== runEnd) startRun();
  runEnd = recordEnd;
  kept += 1;
}

function startRun(): void {
  if (kept === 0) {
    place = recordStart;
    start = recordStart - COUNT_SIZE;
  } else placeRun();
  runStart = recordStart;
}

function placeRun(): void {
  const size = runEnd - runStart;
  if (runStart !== place) memory.copy(place, runStart, size);
  place += size;
}

/** Ends a call of a filter: its result for the host. */
export function closeFilter(): i32 {
  if (unreadable) return UNREADABLE;
  placeRun();
  store<u32>(start, bswap(<u32>kept));
  if (failed) return closeFailed();
  // there is a byte left behind the records: an input does not end with them
  store<u8>(place, 0);
  handBytes(start, place + 1 - start);
  return kept;
}

function closeFailed(): i32 {
  output.bytes(start, place - start);
  output.u8(1);
  writeHint();
  writeFailedRecord(KIND_FILTER);
  skimRecords();
  if (unreadable) return UNREADABLE;
  handOutput();
  return kept;
}
