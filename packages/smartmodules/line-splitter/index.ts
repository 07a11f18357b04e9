import { Bytes, Params, SmartRecord } from "@fluvio/smartmodule";
import { Options } from "../shared/options";

let keepsEmpty: bool = false;

export function init(params: Params): void {
  const options = new Options(params);
  keepsEmpty = options.choice("empty-lines", ["drop", "keep"]) === "keep";
  options.done();
}

/** A record for each line, without its end (LF or CR LF), with the key of the record. */
export function arrayMap(record: SmartRecord): Bytes[] {
  const lines: Bytes[] = [];
  const end = record.value.ptr + <usize>record.value.length;
  let start = record.value.ptr;
  while (start < end) {
    const lineFeed = findLineFeed(start, end);
    const length = <i32>(lineFeed - start);
    const hasReturn = lineFeed < end && length > 0 && load<u8>(lineFeed - 1) === 0x0d;
    const line = new Bytes(start, hasReturn ? length - 1 : length);
    if (keepsEmpty || line.length > 0) lines.push(line);
    start = lineFeed + 1;
  }
  return lines;
}

const LINE_FEEDS: u64 = 0x0a0a0a0a0a0a0a0a;
const ONES: u64 = 0x0101010101010101;
const TOPS: u64 = 0x8080808080808080;

/** The next line feed, or the end; eight bytes at a time. */
function findLineFeed(start: usize, end: usize): usize {
  let at = start;
  while (at + 8 <= end) {
    const word = load<u64>(at) ^ LINE_FEEDS;
    const hits = (word - ONES) & ~word & TOPS;
    if (hits !== 0) return at + <usize>(ctz(hits) >> 3);
    at += 8;
  }
  while (at < end && load<u8>(at) !== 0x0a) at++;
  return at;
}
