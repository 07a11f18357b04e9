import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { malformed } from "../shared/json/syntax";
import { quoted, unescaped } from "../shared/json/text";
import { minified } from "../shared/json/walk";
import { ON_ERROR, Options } from "../shared/options";
import { Column, Mapping } from "./mapping";

let mapping: Mapping | null = null;
let keepsErrors: bool = false;
const out = new Buffer();
const scratch = new Buffer();

export function init(params: Params): void {
  const options = new Options(params);
  const read = new Mapping(options.required("mapping"));
  if (read.error.length > 0) fail<void>(`Invalid param mapping: ${read.error}`);
  mapping = read;
  keepsErrors = options.choice(ON_ERROR, ["fail", "keep"]) === "keep";
  options.done();
}

/** The record as a row of the SQL model. */
export function map(record: SmartRecord): Bytes {
  const value = record.value;
  const problem = malformed(value.ptr, value.length);
  if (problem.length > 0) return keepsErrors ? value : fail<Bytes>(problem);
  const rules = mapping!;
  const columns = rules.columns;
  out.clear().bytes(rules.head.ptr, rules.head.length);
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    if (i > 0) out.byte(0x2c);
    out.bytes(column.head.ptr, column.head.length);
    if (column.path.find(value.ptr, value.length)) writeRaw(column.path.start, column.path.end);
    else if (column.hasDefault) quoted(column.default.ptr, column.default.length, out);
    else if (!column.required) out.text('""');
    else return missing(column, value);
    out.bytes(column.tail.ptr, column.tail.length);
  }
  out.bytes(rules.tail.ptr, rules.tail.length);
  return new Bytes(out.ptr, out.length);
}

function missing(column: Column, value: Bytes): Bytes {
  return keepsErrors ? value : fail<Bytes>(`Missing required field: ${column.key}`);
}

/** A text as it is, everything else as compact JSON; both as a JSON string. */
function writeRaw(start: usize, end: usize): void {
  scratch.clear();
  if (load<u8>(start) === 0x22) unescaped(start + 1, <i32>(end - start) - 2, scratch);
  else minified(start, end, scratch);
  quoted(scratch.ptr, scratch.length, out);
}
