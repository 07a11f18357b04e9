import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, i32, i64, since, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";
import { FetchablePartitionResponse } from "./fetchable-partition.ts";
import { Isolation } from "./isolation.ts";

export const FetchRequest = struct({
  maxWaitMs: i32,
  minBytes: i32,
  /** Limits each partition. */
  maxBytes: since(3, i32),
  isolation: since(4, Isolation),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: u32,
          currentLeaderEpoch: since(9, i32),
          fetchOffset: i64,
          logStartOffset: since(5, i64),
          maxBytes: i32,
        }),
      ),
    }),
  ),
  forgotten: since(7, array(struct({ name: string, partitions: array(i32) }))),
});
export type FetchRequest = Infer<typeof FetchRequest>;
export type FetchRequestInput = InputOf<typeof FetchRequest>;

export const FetchResponse = struct({
  throttleTimeMs: i32,
  errorCode: ErrorCode,
  sessionId: i32,
  topics: array(struct({ name: string, partitions: array(FetchablePartitionResponse) })),
});
export type FetchResponse = Infer<typeof FetchResponse>;
export type FetchResponseInput = InputOf<typeof FetchResponse>;

/** Reads once; the answer comes at once, empty or not. */
export const fetchApi = api({
  name: "Fetch",
  key: 1,
  minVersion: 0,
  maxVersion: 25,
  fallbackVersion: 25,
  request: FetchRequest,
  response: FetchResponse,
});
