import { Bytes, fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { malformed } from "../shared/json/syntax";
import { Tree } from "../shared/json/tree";
import { ON_ERROR, Options } from "../shared/options";
import { Spec } from "./spec";

let spec: Spec = new Spec("[]");
let keepsErrors: bool = false;
const out = new Buffer();

export function init(params: Params): void {
  const options = new Options(params);
  spec = new Spec(options.required("spec"));
  if (spec.error.length > 0) fail<void>(`Invalid param spec: ${spec.error}`);
  keepsErrors = options.choice(ON_ERROR, ["fail", "keep"]) === "keep";
  options.done();
}

/** The record after all steps. What no step touches is written as it came. */
export function map(record: SmartRecord): Bytes {
  const value = record.value;
  let problem = malformed(value.ptr, value.length);
  if (problem.length === 0) {
    let tree = Tree.of(value.ptr, value.length);
    for (let i = 0; i < spec.operations.length && problem.length === 0; i++) {
      tree = spec.operations[i].apply(tree);
      problem = spec.operations[i].problem;
    }
    tree.write(out.clear());
  }
  if (problem.length > 0) return keepsErrors ? value : fail<Bytes>(problem);
  return new Bytes(out.ptr, out.length);
}
