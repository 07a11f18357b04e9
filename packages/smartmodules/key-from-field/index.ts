import { Bytes, fail, Output, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { ON_ERROR, Options } from "../shared/options";

let path: JsonPath = new JsonPath("$");
let onError: string = "fail";
const key = new Buffer();

export function init(params: Params): void {
  const options = new Options(params);
  options.required("path");
  path = options.path("path", "$");
  onError = options.choice(ON_ERROR, ["fail", "keep", "no-key"]);
  options.done();
}

/** The record with the field as its key: a text without its quotes, everything else as it is written. */
export function map(record: SmartRecord): Output {
  const value = record.value;
  const problem = path.search(value.ptr, value.length);
  if (problem.length > 0) return failed(problem, value);
  if (path.start === 0 || load<u8>(path.start) === 0x6e) return failed(`no ${path.text} in the record`, value);
  plainText(path.start, path.end, key.clear());
  return new Output(value).withKey(new Bytes(key.ptr, key.length));
}

function failed(problem: string, value: Bytes): Output {
  if (onError === "fail") return fail<Output>(problem);
  return onError === "keep" ? new Output(value) : new Output(value).withoutKey();
}
