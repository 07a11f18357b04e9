import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, bool, optional, string, struct, u16, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const InspectSmartModulesRequest = struct({
  /** `name`, `group/name` or `group/name@version`; none asks for every stored module. */
  names: array(string),
});
export type InspectSmartModulesRequest = Infer<typeof InspectSmartModulesRequest>;
export type InspectSmartModulesRequestInput = InputOf<typeof InspectSmartModulesRequest>;

/** What a module that can run is. */
export const SmartModuleTraits = struct({
  /** The transform that is used: `filter`, `map`, `filter_map`, `array_map` or `aggregate`. */
  kind: string,
  exports: array(string),
  /** `module.name` of each. */
  imports: array(string),
  hasInit: bool,
  hasLookBack: bool,
  /** Version of the ABI that the engine speaks to it. */
  abiVersion: u16,
});

/** Why a module cannot run. */
export const SmartModuleProblem = struct({
  reason: string,
  /** How to fix it. */
  hint: optional(string),
  /** What it has, as in {@link SmartModuleTraits}; nothing when it is no WebAssembly that compiles. */
  exports: array(string),
  imports: array(string),
});

export const SmartModuleInspection = struct({
  /** Key of the stored object. */
  name: string,
  /** Bytes of the payload as stored, compressed. */
  storedSizeBytes: u32,
  /** Bytes of the code; absent when it cannot be unpacked. */
  wasmSizeBytes: optional(u32),
  /** SHA-256 of the code in lower-case hexadecimal; absent likewise. */
  sha256: optional(string),
  /** Present when it can run. Neither this nor `problem`: it is not known yet. */
  traits: optional(SmartModuleTraits),
  problem: optional(SmartModuleProblem),
});
export type SmartModuleInspection = Infer<typeof SmartModuleInspection>;
export type SmartModuleInspectionInput = InputOf<typeof SmartModuleInspection>;

export const InspectSmartModulesResponse = struct({
  error: ErrorCode,
  modules: array(SmartModuleInspection),
});
export type InspectSmartModulesResponse = Infer<typeof InspectSmartModulesResponse>;
export type InspectSmartModulesResponseInput = InputOf<typeof InspectSmartModulesResponse>;

/** Extension: what the cluster found in stored SmartModules. The original closes the connection on it. */
export const inspectSmartModulesApi = api({
  name: "InspectSmartModules",
  key: 30002,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: InspectSmartModulesRequest,
  response: InspectSmartModulesResponse,
});
