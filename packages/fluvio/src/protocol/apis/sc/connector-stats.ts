import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, enumeration, i64, optional, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const ConnectorStatsRequest = struct({
  /** None asks for all. */
  names: array(string),
});
export type ConnectorStatsRequest = Infer<typeof ConnectorStatsRequest>;
export type ConnectorStatsRequestInput = InputOf<typeof ConnectorStatsRequest>;

/** What a connector's lag is counted in. */
export const LAG_UNITS = ["records", "bytes", "objects"] as const;
export type LagUnit = (typeof LAG_UNITS)[number];

/** What a managed connector did since the cluster started or the connector was created, over restarts of its process. */
export const ConnectorStats = struct({
  name: string,
  /** As its file says. */
  type: string,
  /** `source` or `sink`. */
  direction: string,
  /** When counting began, milliseconds since 1970. */
  sinceMs: i64,
  /** Of a source: taken from its system. Of a sink: read from the topic. */
  recordsIn: i64,
  bytesIn: i64,
  /** Of a source: acknowledged by the cluster. Of a sink: durable in the target. */
  recordsOut: i64,
  bytesOut: i64,
  /** Times that a record was refused, by a SmartModule or by the target. */
  refused: i64,
  /** Records that were left out and are in the log. */
  skipped: i64,
  /** Records that went into the dead-letter topic. */
  deadLettered: i64,
  /** What waits: of a sink the records of its partitions behind its position, of a source what its system says. */
  lag: optional(i64),
  lagUnit: enumeration("unit of a lag", ...LAG_UNITS),
  /** Starts of the process after the first one. */
  restarts: u32,
  /** What last went wrong, also when it has passed. */
  lastError: optional(string),
  lastErrorMs: optional(i64),
  /** When a record last went out. */
  lastRecordMs: optional(i64),
  /** When a failed connector is started again, milliseconds since 1970. */
  nextStartMs: optional(i64),
});
export type ConnectorStats = Infer<typeof ConnectorStats>;

export const ConnectorStatsResponse = struct({
  error: ErrorCode,
  /** The error in words. */
  message: optional(string),
  /** In order of the names. */
  connectors: array(ConnectorStats),
});
export type ConnectorStatsResponse = Infer<typeof ConnectorStatsResponse>;
export type ConnectorStatsResponseInput = InputOf<typeof ConnectorStatsResponse>;

/** Extension: counters of managed connectors. The original closes the connection on it. */
export const connectorStatsApi = api({
  name: "ConnectorStats",
  key: 30009,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: ConnectorStatsRequest,
  response: ConnectorStatsResponse,
});
