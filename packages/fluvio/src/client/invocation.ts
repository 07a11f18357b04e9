import {
  compress,
  durationFromMs,
  flvError,
  GENERIC_KIND,
  type SmartModuleInvocationInput,
} from "../protocol/index.ts";
import type { Data, SmartModuleStep } from "./types.ts";

const ENCODER = new TextEncoder();

export function toBytes(data: Data): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}

/** A step as requests carry it; a module that is sent along is compressed here. @throws FLV_ARGUMENT */
export function toInvocation(step: SmartModuleStep): SmartModuleInvocationInput {
  const { name, wasm, params = {}, lookback, aggregateInitial } = step;
  if (wasm === undefined && (name === undefined || name === "")) {
    throw flvError("FLV_ARGUMENT", "a SmartModule step has neither a name nor a wasm module", {
      hint: "give the name of a stored module, or the module itself as `wasm`",
    });
  }
  const accumulator = aggregateInitial === undefined ? undefined : toBytes(aggregateInitial);
  return {
    wasm:
      wasm === undefined
        ? { type: "predefined", name: name as string }
        : { type: "adHoc", payload: compress("gzip", wasm) },
    kind: accumulator === undefined ? GENERIC_KIND : { type: "generic", context: { type: "aggregate", accumulator } },
    params: new Map(Object.entries(params)),
    lookback:
      lookback === undefined
        ? undefined
        : { last: lookback.last, age: lookback.ageMs === undefined ? undefined : durationFromMs(lookback.ageMs) },
    name,
  };
}
