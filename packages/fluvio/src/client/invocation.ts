import {
  compress,
  durationFromMs,
  flvError,
  GENERIC_KIND,
  type SmartModuleInvocationInput,
  STRING_BYTES_MAX,
  stepOptionsToParams,
} from "../protocol/index.ts";
import type { Data, SmartModuleStep } from "./types.ts";

const ENCODER = new TextEncoder();

/** @throws FLV_ARGUMENT for what is no data, which JavaScript lets through */
export function toBytes(data: Data): Uint8Array {
  if (typeof data === "string") return ENCODER.encode(data);
  return data instanceof Uint8Array ? data : bytesOf(data);
}

/** Also of buffers and views that another realm made. */
function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const kind = Object.prototype.toString.call(data).slice("[object ".length, -1);
  if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") return new Uint8Array(data as ArrayBuffer);
  throw flvError("FLV_ARGUMENT", `keys and values are text or bytes, not ${kind}`, {
    details: { kind },
    hint: "give a string, a Uint8Array or an ArrayBuffer; JSON.stringify makes text of anything else",
  });
}

/** @throws FLV_ARGUMENT for a name or value that no request can carry */
function checkedParams(
  params: Readonly<Record<string, string>>,
  module = "",
): readonly (readonly [name: string, value: string])[] {
  const entries = Object.entries(params);
  for (const [param, value] of entries) {
    const bytes = Math.max(ENCODER.encode(param).length, ENCODER.encode(value).length);
    if (bytes <= STRING_BYTES_MAX) continue;
    const shown = param.length > 40 ? `${param.slice(0, 40)}…` : param;
    throw flvError("FLV_ARGUMENT", `the parameter ${shown} of SmartModule ${module} is ${bytes} bytes long`, {
      details: { module, parameter: shown, bytes, max: STRING_BYTES_MAX },
      hint: `names and values of parameters have at most ${STRING_BYTES_MAX} bytes each`,
    });
  }
  return entries;
}

/** A step as requests carry it; a module that is sent along is compressed here. @throws FLV_ARGUMENT */
export function toInvocation(step: SmartModuleStep): SmartModuleInvocationInput {
  const { name, wasm, params = {}, lookback, aggregateInitial, window, limits, state } = step;
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
    params: new Map([
      ...checkedParams(params, name),
      ...stepOptionsToParams({
        ...(window === undefined ? {} : { window }),
        ...(limits === undefined ? {} : { limits }),
        ...(state === undefined ? {} : { stateName: state }),
      }),
    ]),
    lookback:
      lookback === undefined
        ? undefined
        : { last: lookback.last, age: lookback.ageMs === undefined ? undefined : durationFromMs(lookback.ageMs) },
    name,
  };
}
