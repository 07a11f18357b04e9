import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, i32, i64, optional, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const SmartModuleStatsRequest = struct({
  /** As in InspectSmartModules; also names of modules that came with a request. None asks for all. */
  names: array(string),
});
export type SmartModuleStatsRequest = Infer<typeof SmartModuleStatsRequest>;
export type SmartModuleStatsRequestInput = InputOf<typeof SmartModuleStatsRequest>;

/** Counters of one module since its SPUs started, summed over them and over managed connectors. */
export const SmartModuleStats = struct({
  name: string,
  /** Chains that run it now. */
  chains: u32,
  /** Calls of the transform and of look_back. */
  invocations: i64,
  recordsIn: i64,
  recordsOut: i64,
  bytesIn: i64,
  bytesOut: i64,
  /** Records that the module refused with an error of its own. */
  recordErrors: i64,
  /** Traps and crossed limits. */
  failures: i64,
  /** Those of the failures that crossed the limit on the time for a batch. */
  timeLimitFailures: i64,
  /** Those that crossed the limit on memory. */
  memoryLimitFailures: i64,
  /** Those that crossed the limit on the output of a batch. */
  outputLimitFailures: i64,
  /** Records that came after their windows had closed. */
  lateRecords: i64,
  timeMicros: i64,
  /** Linear memory of its running instances, bytes. */
  memoryBytes: i64,
});
export type SmartModuleStats = Infer<typeof SmartModuleStats>;
export type SmartModuleStatsInput = InputOf<typeof SmartModuleStats>;

export const SpuStatsSource = struct({
  spu: i32,
  /** Start of the counters; absent when the SPU gave none. */
  sinceMs: optional(i64),
  /** Why it gave none. */
  problem: optional(string),
});

export const SmartModuleStatsResponse = struct({
  error: ErrorCode,
  modules: array(SmartModuleStats),
  spus: array(SpuStatsSource),
});
export type SmartModuleStatsResponse = Infer<typeof SmartModuleStatsResponse>;
export type SmartModuleStatsResponseInput = InputOf<typeof SmartModuleStatsResponse>;

/** Extension: what SmartModules did on the SPUs and in managed connectors. The original closes the connection on it. */
export const smartModuleStatsApi = api({
  name: "SmartModuleStats",
  key: 30003,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: SmartModuleStatsRequest,
  response: SmartModuleStatsResponse,
});
