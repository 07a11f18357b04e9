import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, bool, bytes, enumeration, i64, optional, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** Largest position of a source connector, bytes of JSON. */
export const CONNECTOR_POSITION_BYTES_MAX: number = 64 * 1024;

export const ConnectorPositionsRequest = struct({
  action: enumeration("action on connector positions", "list", "keep", "reset"),
  /** Of the connector; a list without it holds all. */
  name: optional(string),
  /** What is to be kept: JSON in UTF-8. */
  position: bytes,
  /** Names the run of the connector that wants it kept; chosen by that run. */
  writer: string,
  /** Writer of the position that it takes the place of; absent when it found none. */
  follows: optional(string),
});
export type ConnectorPositionsRequest = Infer<typeof ConnectorPositionsRequest>;
export type ConnectorPositionsRequestInput = InputOf<typeof ConnectorPositionsRequest>;

/** Where a source connector goes on, as it is kept. */
export const KeptConnectorPosition = struct({
  name: string,
  /** JSON in UTF-8. */
  position: bytes,
  writer: string,
  /** Milliseconds since 1970. */
  modifiedTimeMs: i64,
});
export type KeptConnectorPosition = Infer<typeof KeptConnectorPosition>;

export const ConnectorPositionsResponse = struct({
  error: ErrorCode,
  /** Not kept: what is kept was written by another run than the one it follows, or was reset. */
  superseded: bool,
  /** In order of names; of a reset what was removed. */
  positions: array(KeptConnectorPosition),
});
export type ConnectorPositionsResponse = Infer<typeof ConnectorPositionsResponse>;
export type ConnectorPositionsResponseInput = InputOf<typeof ConnectorPositionsResponse>;

/** Extension: the positions of source connectors. The original closes the connection on it. */
export const connectorPositionsApi = api({
  name: "ConnectorPositions",
  key: 30006,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: ConnectorPositionsRequest,
  response: ConnectorPositionsResponse,
});
