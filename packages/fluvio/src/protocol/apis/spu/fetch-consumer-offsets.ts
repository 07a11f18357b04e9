import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, i64, optional, since, string, struct, u32, u64 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";
import { ReplicaKey } from "./delete-consumer-offset.ts";

/** System topic that keeps the offsets of consumers. */
export const CONSUMER_OFFSET_TOPIC = "consumer-offset";

export const FetchConsumerOffsetsRequest = struct({
  filter: since(24, optional(struct({ replica: optional(ReplicaKey), consumerId: optional(string) }))),
});
export type FetchConsumerOffsetsRequest = Infer<typeof FetchConsumerOffsetsRequest>;
export type FetchConsumerOffsetsRequestInput = InputOf<typeof FetchConsumerOffsetsRequest>;

export const ConsumerOffset = struct({
  consumerId: string,
  topic: string,
  partition: u32,
  offset: i64,
  /** Seconds since the epoch. */
  modifiedTimeSeconds: u64,
});
export type ConsumerOffset = Infer<typeof ConsumerOffset>;

export const FetchConsumerOffsetsResponse = struct({ errorCode: ErrorCode, consumers: array(ConsumerOffset) });
export type FetchConsumerOffsetsResponse = Infer<typeof FetchConsumerOffsetsResponse>;
export type FetchConsumerOffsetsResponseInput = InputOf<typeof FetchConsumerOffsetsResponse>;

/** Goes to the leader of partition 0 of the offsets topic. */
export const fetchConsumerOffsetsApi = api({
  name: "FetchConsumerOffsets",
  key: 1008,
  minVersion: 23,
  maxVersion: 25,
  fallbackVersion: 25,
  request: FetchConsumerOffsetsRequest,
  response: FetchConsumerOffsetsResponse,
});
