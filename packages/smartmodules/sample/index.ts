import { fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Options } from "../shared/options";

const COUNT_MAX: i64 = 1_000_000_000_000;
const SECOND_MS: i64 = 1000;

/** One of so many is kept, or 0. */
let oneOf: i64 = 0;
/** So many are kept of each second. */
let perSecond: i64 = 0;
let seen: i64 = 0;
let second: i64 = -1;

export function init(params: Params): void {
  const options = new Options(params);
  if (options.has("one-of") === options.has("per-second")) fail<void>("Give one of the params one-of and per-second");
  if (options.has("one-of")) oneOf = options.count("one-of", 1, 1, COUNT_MAX);
  else perSecond = options.count("per-second", 1, 1, COUNT_MAX);
  options.text("one-of", "");
  options.text("per-second", "");
  options.done();
}

/** Keeps the first record of every `one-of`, or the first `per-second` of every second of record time. */
export function filter(record: SmartRecord): bool {
  if (oneOf > 0) {
    const first = seen === 0;
    seen = (seen + 1) % oneOf;
    return first;
  }
  const timestamp = record.timestamp;
  if (timestamp < 0) return fail<bool>("the record has no time: use one-of in place of per-second");
  // A late record belongs to the second under way, so that it is never a way around the limit.
  if (timestamp / SECOND_MS > second) {
    second = timestamp / SECOND_MS;
    seen = 0;
  }
  return seen++ < perSecond;
}
