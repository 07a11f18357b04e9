import { fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Options } from "../shared/options";
import { Regex } from "../shared/regex/regex";

let regex: Regex = new Regex("");
let invert: bool = false;
let ofKey: bool = false;

export function init(params: Params): void {
  const options = new Options(params);
  regex = new Regex(options.required("regex"), options.flag("ignore-case"));
  if (regex.error.length > 0) fail<void>(`Invalid param regex: ${regex.error}`);
  invert = options.flag("invert");
  ofKey = options.choice("of", ["value", "key"]) === "key";
  options.done();
}

/** Keeps records whose value, or key, holds a match; a record without a key holds none. */
export function filter(record: SmartRecord): bool {
  const bytes = ofKey ? record.key : record.value;
  return (bytes !== null && regex.test(bytes.ptr, bytes.length)) !== invert;
}
