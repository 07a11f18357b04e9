import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { Members } from "../shared/json/walk";
import { ON_ERROR, Options } from "../shared/options";

let path: JsonPath = new JsonPath("$");
let asText: bool = false;
let onError: string = "fail";

export function init(params: Params): void {
  const options = new Options(params);
  path = options.path("path", "$");
  asText = options.choice("strings", ["json", "text"]) === "text";
  onError = options.choice(ON_ERROR, ["fail", "drop", "keep"]);
  options.done();
}

/** A record for each element of the array, with the key of the record. */
export function arrayMap(record: SmartRecord): Bytes[] {
  const value = record.value;
  const problem = path.search(value.ptr, value.length);
  if (problem.length > 0) return failed(problem, value);
  if (path.start === 0) return failed(`no ${path.text} in the record`, value);
  if (load<u8>(path.start) !== 0x5b)
    return failed(path.segments.length > 0 ? `${path.text} is no array` : "not an array", value);
  const elements: Bytes[] = [];
  const members = new Members(path.start, path.end);
  while (members.next()) elements.push(element(members.start, members.end));
  return elements;
}

function element(start: usize, end: usize): Bytes {
  if (!asText || load<u8>(start) !== 0x22) return new Bytes(start, <i32>(end - start));
  scratch.clear();
  plainText(start, end, scratch);
  return new Bytes(scratch.ptr, scratch.length).copy();
}

const scratch = new Buffer();

function failed(problem: string, value: Bytes): Bytes[] {
  if (onError === "fail") return fail<Bytes[]>(problem);
  return onError === "keep" ? [value] : [];
}
