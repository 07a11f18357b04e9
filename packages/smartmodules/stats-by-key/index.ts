import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { Decimal } from "../shared/decimal";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { malformed } from "../shared/json/syntax";
import { isName, quoted, skipSpace } from "../shared/json/text";
import { Members } from "../shared/json/walk";
import { ON_ERROR, Options } from "../shared/options";
import { Entry } from "./entry";

const KEYS_DEFAULT: i64 = 1000;
const KEYS_MAX: i64 = 1_000_000;

let calculation: string = "sum";
let keyPath: JsonPath | null = null;
let valuePath: JsonPath = new JsonPath("$");
let keysMax: i64 = KEYS_DEFAULT;
let skipsErrors: bool = false;
const key = new Buffer();
const out = new Buffer();
const value = new Decimal();
const entry = new Entry();

export function init(params: Params): void {
  const options = new Options(params);
  options.required("function");
  calculation = options.choice("function", ["sum", "average", "min", "max", "count"]);
  if (options.has("key")) keyPath = options.path("key", "$");
  valuePath = options.path("value", "$");
  keysMax = options.count("max-keys", KEYS_DEFAULT, 1, KEYS_MAX);
  skipsErrors = options.choice(ON_ERROR, ["fail", "skip"]) === "skip";
  options.text("key", "");
  options.done();
}

/** The accumulator, a JSON object, with the member of the record's key brought up to date. */
export function aggregate(accumulator: Bytes, record: SmartRecord): Bytes {
  const problem = read(record);
  if (problem.length > 0) return skipsErrors ? unchanged(accumulator) : fail<Bytes>(problem);
  const broken = accumulator.length === 0 ? "" : malformed(accumulator.ptr, accumulator.length);
  const end = accumulator.ptr + <usize>accumulator.length;
  const start: usize = accumulator.length === 0 ? 0 : skipSpace(accumulator.ptr, end);
  if (broken.length > 0 || (start !== 0 && load<u8>(start) !== 0x7b)) {
    return fail<Bytes>(`the accumulator is no JSON object${broken.length > 0 ? `: ${broken}` : ""}`);
  }
  return update(start, end);
}

/** An accumulator that nothing was added to; at the very start it is empty, and no JSON. */
function unchanged(accumulator: Bytes): Bytes {
  if (accumulator.length > 0) return accumulator;
  out.clear().text("{}");
  return new Bytes(out.ptr, out.length);
}

/** Writes the object from `start` (0 is none) to `end` with another value for the key. */
function update(start: usize, end: usize): Bytes {
  out.clear();
  let last: usize = 0;
  let count: i64 = 0;
  if (start !== 0) {
    const members = new Members(start, end);
    while (members.next()) {
      if (isName(members.nameStart, members.nameLength, key)) {
        if (!entry.read(calculation, members.start, members.end)) return foreign();
        out.bytes(start, <i32>(members.start - start));
        if (!entry.write(calculation, value, out)) return tooLong();
        out.bytes(members.end, <i32>(end - members.end));
        return new Bytes(out.ptr, out.length);
      }
      last = members.end;
      count++;
    }
  }
  if (count >= keysMax)
    return fail<Bytes>(`more than ${keysMax} keys: raise the param max-keys, or group by something with fewer values`);
  if (last === 0) out.byte(0x7b);
  else out.bytes(start, <i32>(last - start)).byte(0x2c);
  quoted(key.ptr, key.length, out).byte(0x3a);
  entry.clear();
  if (!entry.write(calculation, value, out)) return tooLong();
  out.byte(0x7d);
  return new Bytes(out.ptr, out.length);
}

function foreign(): Bytes {
  return fail<Bytes>(`the accumulator holds no ${calculation} for the key ${key.toString()}`);
}

function tooLong(): Bytes {
  return fail<Bytes>(`the ${calculation} for the key ${key.toString()} has too many digits`);
}

/** Reads key and value of a record; what is wrong with it, if anything. */
function read(record: SmartRecord): string {
  const bytes = record.value;
  const byKey = keyPath;
  const needsJson = byKey !== null || calculation !== "count";
  const problem = needsJson ? malformed(bytes.ptr, bytes.length) : "";
  if (problem.length > 0) return problem;
  key.clear();
  if (byKey !== null) {
    if (!byKey.find(bytes.ptr, bytes.length)) return `no ${byKey.text} in the record`;
    plainText(byKey.start, byKey.end, key);
  } else {
    const own = record.key;
    if (own !== null) key.bytes(own.ptr, own.length);
  }
  if (calculation === "count") return "";
  if (!valuePath.find(bytes.ptr, bytes.length)) return `no ${valuePath.text} in the record`;
  if (value.read(valuePath.start, <i32>(valuePath.end - valuePath.start))) {
    entry.given(valuePath.start, valuePath.end);
    return "";
  }
  return valuePath.segments.length > 0 ? `${valuePath.text} is no number` : "the value is no number";
}
