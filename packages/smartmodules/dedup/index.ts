import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { ON_ERROR, Options } from "../shared/options";
import { hash, hashHigh, hashLow } from "./hash";
import { BEFORE_START, Window } from "./window";

const COUNT_MAX: i64 = 10_000_000;

let window: Window = new Window(1);
/** Longer ago than this does not count; 0 is without end. */
let ageMs: i64 = 0;
let ofKey: bool = false;
let path: JsonPath = new JsonPath("$");
let hasPath: bool = false;
let onError: string = "fail";
/** The latest time that a record had, and that of the first one after the start. */
let nowMs: i64 = 0;
let startMs: i64 = -1;
const text = new Buffer();

/** What tells one record from the other, or what is wrong with the record. */
let identityPtr: usize = 0;
let identityLength: i32 = 0;
let problem: string = "";

export function init(params: Params): void {
  const options = new Options(params);
  options.required("count");
  window = new Window(<i32>options.count("count", 1, 1, COUNT_MAX));
  ageMs = options.count("age", 0, 0, i64.MAX_VALUE);
  ofKey = options.choice("of", ["value", "key"]) === "key";
  hasPath = options.has("path");
  path = options.path("path", "$");
  if (hasPath && ofKey) fail<void>("Invalid param path: it is a place in the value, and of is key");
  onError = options.choice(ON_ERROR, ["fail", "drop", "keep"]);
  options.done();
}

/** What is stored already counts as seen. Records that cannot be read are passed over. */
export function lookBack(record: SmartRecord): void {
  if (!identify(record)) return;
  hash(identityPtr, identityLength);
  window.add(hashLow, hashHigh, BEFORE_START);
}

/** Keeps records that are not among the last `count` kept ones, or were last `age` ago. */
export function filter(record: SmartRecord): bool {
  nowMs = max(nowMs, record.timestamp);
  if (startMs < 0) startMs = nowMs;
  if (!identify(record)) {
    if (problem.length === 0) return true;
    return onError === "fail" ? fail<bool>(problem) : onError === "keep";
  }
  hash(identityPtr, identityLength);
  const low = hashLow;
  const high = hashHigh;
  const timeMs = record.timestamp < 0 ? nowMs : record.timestamp;
  if (window.has(low, high)) {
    const cameMs = window.timeOf(low, high);
    if (ageMs === 0 || timeMs - (cameMs === BEFORE_START ? startMs : cameMs) <= ageMs) return false;
  }
  window.add(low, high, timeMs);
  return true;
}

/** Sets the identity of a record; false if it has none: then `problem` says why, or is empty for a record without a key. */
function identify(record: SmartRecord): bool {
  problem = "";
  const bytes: Bytes | null = ofKey ? record.key : record.value;
  if (bytes === null) return false;
  identityPtr = bytes.ptr;
  identityLength = bytes.length;
  if (!hasPath) return true;
  problem = path.search(bytes.ptr, bytes.length);
  if (problem.length > 0) return false;
  if (path.start === 0) {
    problem = `no ${path.text} in the record`;
    return false;
  }
  plainText(path.start, path.end, text.clear());
  identityPtr = text.ptr;
  identityLength = text.length;
  return true;
}
