import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, between, bytes, i32, i64, optional, since, string, struct, u32 } from "../../schema.ts";
import { FetchablePartitionResponse } from "./fetchable-partition.ts";
import { Isolation } from "./isolation.ts";
import { SmartModuleExtraParams, SmartModuleInvocation } from "./smartmodule-invocation.ts";

/** `maxBytes` of a client that names none. */
export const STREAM_FETCH_MAX_BYTES_DEFAULT = 1_048_890;

export const StreamFetchRequest = struct({
  topic: string,
  partition: u32,
  /** Absolute. */
  fetchOffset: i64,
  maxBytes: i32,
  isolation: Isolation,
  /** Obsolete, as are the two after it. */
  wasmModule: between(11, 18, bytes),
  smartmodule: between(16, 18, optional(SmartModuleInvocation)),
  derivedstream: between(16, 18, optional(struct({ stream: string, params: SmartModuleExtraParams }))),
  /** A chain, applied in order. */
  smartmodules: since(18, array(SmartModuleInvocation)),
  /** Lets UpdateConsumerOffset name this stream. */
  consumerId: since(23, optional(string)),
});
export type StreamFetchRequest = Infer<typeof StreamFetchRequest>;
export type StreamFetchRequestInput = InputOf<typeof StreamFetchRequest>;

export const StreamFetchResponse = struct({
  topic: string,
  /** Counts from 1 per connection; the `sessionId` of UpdateOffsets and UpdateConsumerOffset. */
  streamId: u32,
  partition: FetchablePartitionResponse,
});
export type StreamFetchResponse = Infer<typeof StreamFetchResponse>;
export type StreamFetchResponseInput = InputOf<typeof StreamFetchResponse>;

/** A stream: after each reply the SPU waits for the client's UpdateOffsets. */
export const streamFetchApi = api({
  name: "StreamFetch",
  key: 1003,
  minVersion: 0,
  maxVersion: 25,
  fallbackVersion: 17,
  request: StreamFetchRequest,
  response: StreamFetchResponse,
});
