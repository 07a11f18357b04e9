import { Duration } from "../../objects/common.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { bytes, map, nothing, optional, since, string, struct, u64, union } from "../../schema.ts";

const Context = union("SmartModuleContextData", {
  none: [0, nothing],
  aggregate: [1, struct({ accumulator: bytes })],
  join: [2, struct({ topic: string })],
  joinStream: [3, struct({ topic: string, derivedstream: string })],
});

/** What a client says a module is. Only an aggregate's accumulator matters: kinds are found in the module's exports. */
export const SmartModuleInvocationKind = union("SmartModuleKind", {
  filter: [0, nothing],
  map: [1, nothing],
  arrayMap: [2, nothing],
  aggregate: [3, struct({ accumulator: bytes })],
  filterMap: [4, nothing],
  join: [5, struct({ topic: string })],
  joinStream: [6, struct({ topic: string, derivedstream: string })],
  generic: [7, struct({ context: Context })],
});
export type SmartModuleInvocationKind = Infer<typeof SmartModuleInvocationKind>;

/** How many stored records a module's look_back sees: the last `last`, of those not older than `age`. */
export const SmartModuleLookback = struct({ last: u64, age: since(21, optional(Duration)) });
export type SmartModuleLookback = Infer<typeof SmartModuleLookback>;

export const SmartModuleExtraParams = struct({
  params: map(string, string),
  lookback: since(20, optional(SmartModuleLookback)),
});
export type SmartModuleExtraParams = Infer<typeof SmartModuleExtraParams>;

/** One step of a chain that the SPU applies. */
export const SmartModuleInvocation = struct({
  wasm: union("SmartModuleInvocationWasm", {
    /** Name, or `group/name@version`, of a registered module. */
    predefined: [0, struct({ name: string })],
    /** The module itself, as a gzip stream. */
    adHoc: [1, struct({ payload: bytes })],
  }),
  kind: SmartModuleInvocationKind,
  params: map(string, string),
  lookback: since(20, optional(SmartModuleLookback)),
  /** Label in metrics. */
  name: since(25, optional(string)),
});
export type SmartModuleInvocation = Infer<typeof SmartModuleInvocation>;
export type SmartModuleInvocationInput = InputOf<typeof SmartModuleInvocation>;

/** Kind of an invocation that leaves it to the SPU, as clients send it. */
export const GENERIC_KIND: SmartModuleInvocationKind = { type: "generic", context: { type: "none" } };
