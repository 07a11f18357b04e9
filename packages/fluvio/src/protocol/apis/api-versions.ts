import { api } from "../api.ts";
import type { Infer, InputOf } from "../schema.ts";
import { array, i16, since, string, struct } from "../schema.ts";
import { ErrorCode } from "../wire-errors.ts";

export const ApiVersionEntry = struct({ apiKey: i16, minVersion: i16, maxVersion: i16 });
export type ApiVersionEntry = Infer<typeof ApiVersionEntry>;

export const ApiVersionsRequest = struct({
  /** Semver: a controller drops the connection when it is none. */
  clientVersion: since(1, string),
  clientOs: since(1, string),
  clientArch: since(1, string),
});
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>;
export type ApiVersionsRequestInput = InputOf<typeof ApiVersionsRequest>;

export const ApiVersionsResponse = struct({
  errorCode: ErrorCode,
  apiKeys: array(ApiVersionEntry),
  /** Semver, at least {@link PLATFORM_VERSION_MIN} from a controller. */
  platformVersion: string,
});
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>;
export type ApiVersionsResponseInput = InputOf<typeof ApiVersionsResponse>;

/** First request of every connection, on both ports. Neither server lists it. */
export const apiVersionsApi = api({
  name: "ApiVersions",
  key: 18,
  minVersion: 0,
  maxVersion: 2,
  fallbackVersion: 2,
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
});

/** What our servers say they are: the release of the original whose protocol they speak. */
export const PLATFORM_VERSION = "0.18.2";
/** Clients refuse a controller that is older. */
export const PLATFORM_VERSION_MIN = "0.9.0";
/** Build metadata of the version of a client that takes each record's offset from its offset_delta. */
const OFFSET_DELTAS = "offset-deltas";
/**
 * What our clients say they are: the original's client library with this protocol, which counts records from the base
 * offset of their batch where ours does not. Build metadata never matters to a server that compares versions.
 */
export const CLIENT_VERSION = `0.50.2+${OFFSET_DELTAS}`;

/** Whether a client that named this version in its handshake can be sent batches with gaps in their offsets. */
export function readsOffsetDeltas(clientVersion: string): boolean {
  return clientVersion.endsWith(`+${OFFSET_DELTAS}`);
}

function entry(apiKey: number, minVersion: number, maxVersion: number): ApiVersionEntry {
  return { apiKey, minVersion, maxVersion };
}

/** What a controller lists: the table of the original. Extensions are not listed. */
export const SC_API_VERSIONS: readonly ApiVersionEntry[] = [
  entry(1001, 9, 19),
  entry(1002, 1, 19),
  entry(1003, 15, 19),
  entry(1004, 15, 19),
  entry(1005, 14, 19),
  entry(1006, 1, 19),
];

/** What an SPU lists: the table of the original, which leaves out 1006, 1007, 1008 and 2000. */
export const SPU_API_VERSIONS: readonly ApiVersionEntry[] = [
  entry(0, 0, 25),
  entry(1, 0, 25),
  entry(1002, 25, 25),
  entry(1003, 0, 25),
  entry(1005, 0, 0),
];

/** Versions that admin requests, and requests to an SPU, are sent with when the peer is current. */
export const SC_VERSION = 19;
export const SPU_VERSION = 25;
