import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { enumeration, optional, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const ConnectorControlRequest = struct({
  /**
   * `pause` is answered when the connector has stopped, `resume` and `restart` at once. `forget` has a paused connector
   * begin as if it had never run: the cluster keeps no position of it any more.
   */
  action: enumeration("action on a connector", "pause", "resume", "restart", "forget"),
  name: string,
});
export type ConnectorControlRequest = Infer<typeof ConnectorControlRequest>;
export type ConnectorControlRequestInput = InputOf<typeof ConnectorControlRequest>;

export const ConnectorControlResponse = struct({
  error: ErrorCode,
  /** The error in words. */
  message: optional(string),
});
export type ConnectorControlResponse = Infer<typeof ConnectorControlResponse>;
export type ConnectorControlResponseInput = InputOf<typeof ConnectorControlResponse>;

/** Extension: pauses, resumes, restarts a managed connector, has it begin anew. The original closes the connection on it. */
export const connectorControlApi = api({
  name: "ConnectorControl",
  key: 30008,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: ConnectorControlRequest,
  response: ConnectorControlResponse,
});
