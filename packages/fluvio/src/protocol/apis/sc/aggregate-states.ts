import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, bool, bytes, enumeration, i64, optional, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** System topic that keeps the states of aggregates. */
export const AGGREGATE_STATE_TOPIC = "aggregate-state";

export const AggregateStatesRequest = struct({
  action: enumeration("action on aggregate states", "list", "reset"),
  /** Only states of this name. A reset needs it. */
  name: optional(string),
  /** Only states over this topic. */
  topic: optional(string),
  /** Whether `modules` is filled in. */
  contents: bool,
});
export type AggregateStatesRequest = Infer<typeof AggregateStatesRequest>;
export type AggregateStatesRequestInput = InputOf<typeof AggregateStatesRequest>;

/** A window that has records and is not closed yet. */
export const AggregateWindow = struct({
  /** First timestamp in it, milliseconds since 1970. */
  startMs: i64,
  /** First timestamp after it. */
  endMs: i64,
  recordCount: i64,
  accumulator: bytes,
});

/** What one aggregate of a chain remembers. */
export const AggregateModule = struct({
  /** Index of its step in the chain. */
  step: u32,
  module: string,
  accumulator: bytes,
  /** Largest timestamp seen; only with windows. */
  watermarkMs: optional(i64),
  windows: array(AggregateWindow),
});
export type AggregateModule = Infer<typeof AggregateModule>;

/** What a chain remembers, also as it is kept. */
export const AggregateModules = array(AggregateModule);

export const AggregateState = struct({
  name: string,
  topic: string,
  partition: u32,
  /** Offset of the first record that is not in it. */
  offset: i64,
  /** End of the committed records of the partition; absent when its SPU is away. */
  highWatermark: optional(i64),
  sizeBytes: u32,
  /** Milliseconds since 1970. */
  modifiedTimeMs: i64,
  modules: AggregateModules,
});
export type AggregateState = Infer<typeof AggregateState>;

export const AggregateStatesResponse = struct({
  error: ErrorCode,
  /** In order of name, topic and partition; of a reset those that were removed. */
  states: array(AggregateState),
});
export type AggregateStatesResponse = Infer<typeof AggregateStatesResponse>;
export type AggregateStatesResponseInput = InputOf<typeof AggregateStatesResponse>;

/** Extension: the kept states of aggregates. The original closes the connection on it. */
export const aggregateStatesApi = api({
  name: "AggregateStates",
  key: 30005,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: AggregateStatesRequest,
  response: AggregateStatesResponse,
});
