import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { JsonPath } from "../shared/json/path";
import { malformed } from "../shared/json/syntax";
import { isName, quoted, skipSpace } from "../shared/json/text";
import { Members } from "../shared/json/walk";
import { ON_ERROR, Options } from "../shared/options";

const paths: Array<JsonPath> = [];
const names: Array<Buffer> = [];
let masksErrors: bool = false;
const mask = new Buffer();
const out = new Buffer();
/** What is to be masked: start and end of values as the two halves of a number. */
const spans: Array<u64> = [];

export function init(params: Params): void {
  const options = new Options(params);
  const places = options.list("paths");
  for (let i = 0; i < places.length; i++) {
    const path = new JsonPath(places[i], true);
    if (path.error.length > 0) fail<void>(`Invalid param paths: ${path.error}`);
    paths.push(path);
  }
  const fields = options.list("fields");
  for (let i = 0; i < fields.length; i++) names.push(new Buffer().text(fields[i]));
  if (paths.length + names.length === 0) fail<void>("Missing param paths or fields");
  const shown = new Buffer().text(options.text("mask", "***"));
  quoted(shown.ptr, shown.length, mask);
  masksErrors = options.choice(ON_ERROR, ["fail", "mask"]) === "mask";
  options.done();
}

/** The record with the wanted values replaced by the mask; every other byte stays. */
export function map(record: SmartRecord): Bytes {
  const value = record.value;
  const problem = malformed(value.ptr, value.length);
  if (problem.length > 0) return masksErrors ? new Bytes(mask.ptr, mask.length) : fail<Bytes>(problem);
  const end = value.ptr + <usize>value.length;
  const start = skipSpace(value.ptr, end);
  spans.length = 0;
  for (let i = 0; i < paths.length; i++) collectPath(start, end, paths[i], 0);
  if (names.length > 0) collectNames(start, end);
  if (spans.length === 0) return value;
  return masked(value.ptr, end);
}

/** Takes what a path leads to, from the segment at `index` on. All members of the same name are taken. */
function collectPath(start: usize, end: usize, path: JsonPath, index: i32): void {
  if (index === path.segments.length) {
    take(start, valueEndWithin(start, end));
    return;
  }
  const first = load<u8>(start);
  if (first !== 0x5b && first !== 0x7b) return;
  const segment = path.segments[index];
  const members = new Members(start, end);
  while (members.next()) {
    const named =
      first === 0x5b
        ? members.count - 1 === segment.index
        : isName(members.nameStart, members.nameLength, segment.name);
    if (segment.any || named) collectPath(members.start, members.end, path, index + 1);
  }
}

/** Takes members with one of the names, wherever they are. */
function collectNames(start: usize, end: usize): void {
  const first = load<u8>(start);
  if (first !== 0x5b && first !== 0x7b) return;
  const members = new Members(start, end);
  while (members.next()) {
    if (first === 0x7b && isWanted(members.nameStart, members.nameLength)) take(members.start, members.end);
    else collectNames(members.start, members.end);
  }
}

function isWanted(nameStart: usize, nameLength: i32): bool {
  for (let i = 0; i < names.length; i++) if (isName(nameStart, nameLength, names[i])) return true;
  return false;
}

/** The end of the whole value, without the white space behind it. */
function valueEndWithin(start: usize, end: usize): usize {
  let last = end;
  while (last > start && load<u8>(last - 1) <= 0x20) last--;
  return last;
}

function take(start: usize, end: usize): void {
  spans.push(((<u64>start) << 32) | <u64>end);
}

function masked(start: usize, end: usize): Bytes {
  spans.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  out.clear();
  let at = start;
  for (let i = 0; i < spans.length; i++) {
    const from = <usize>(spans[i] >> 32);
    // what lies within something that is masked already
    if (from < at) continue;
    out.bytes(at, <i32>(from - at)).bytes(mask.ptr, mask.length);
    at = <usize>(spans[i] & 0xffffffff);
  }
  out.bytes(at, <i32>(end - at));
  return new Bytes(out.ptr, out.length);
}
