import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { bool, bytes, i64, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const ConnectorLogsRequest = struct({
  name: string,
  fromByte: i64,
  /** Goes on as the log grows. */
  follow: bool,
});
export type ConnectorLogsRequest = Infer<typeof ConnectorLogsRequest>;
export type ConnectorLogsRequestInput = InputOf<typeof ConnectorLogsRequest>;

export const ConnectorLogsResponse = struct({
  error: ErrorCode,
  chunk: bytes,
  /** Where a later request goes on. */
  nextByte: i64,
  /** Nothing follows. */
  end: bool,
});
export type ConnectorLogsResponse = Infer<typeof ConnectorLogsResponse>;
export type ConnectorLogsResponseInput = InputOf<typeof ConnectorLogsResponse>;

/** Extension: a stream of the log of a managed connector. The original closes the connection on it. */
export const connectorLogsApi = api({
  name: "ConnectorLogs",
  key: 30001,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: ConnectorLogsRequest,
  response: ConnectorLogsResponse,
});
