import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { bool, enumeration, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const ConnectorRunsRequest = struct({
  /** `claim` takes the place of whoever has it, `hold` says that the run goes on, `release` that it has ended. */
  action: enumeration("action on connector runs", "claim", "hold", "release"),
  /** What only one run may have at a time: a consumer's id with its topic. */
  name: string,
  /** Names the run; chosen by it. */
  run: string,
});
export type ConnectorRunsRequest = Infer<typeof ConnectorRunsRequest>;
export type ConnectorRunsRequestInput = InputOf<typeof ConnectorRunsRequest>;

export const ConnectorRunsResponse = struct({
  error: ErrorCode,
  /** Of a claim: whether another run had it until now. Of a hold: whether another run has claimed it. */
  isOther: bool,
});
export type ConnectorRunsResponse = Infer<typeof ConnectorRunsResponse>;
export type ConnectorRunsResponseInput = InputOf<typeof ConnectorRunsResponse>;

/** Extension: which run of a sink connector goes on. The original closes the connection on it. */
export const connectorRunsApi = api({
  name: "ConnectorRuns",
  key: 30010,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: ConnectorRunsRequest,
  response: ConnectorRunsResponse,
});
