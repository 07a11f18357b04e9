import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, between, i64, optional, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const FetchOffsetsRequest = struct({
  topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: u32 })) })),
  /** When it has a stored offset, `startOffset` of the answer is the one after it. */
  consumerId: between(23, 23, optional(string)),
});
export type FetchOffsetsRequest = Infer<typeof FetchOffsetsRequest>;
export type FetchOffsetsRequestInput = InputOf<typeof FetchOffsetsRequest>;

export const FetchOffsetsResponse = struct({
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          errorCode: ErrorCode,
          partitionIndex: u32,
          /** Oldest offset that can be read. */
          startOffset: i64,
          /** The high watermark: the offset after the last committed record. */
          lastStableOffset: i64,
        }),
      ),
    }),
  ),
});
export type FetchOffsetsResponse = Infer<typeof FetchOffsetsResponse>;
export type FetchOffsetsResponseInput = InputOf<typeof FetchOffsetsResponse>;

/** Asks for the first and the last offset of partitions. */
export const fetchOffsetsApi = api({
  name: "FetchOffsets",
  key: 1002,
  minVersion: 23,
  maxVersion: 25,
  fallbackVersion: 25,
  request: FetchOffsetsRequest,
  response: FetchOffsetsResponse,
});
