import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const ReplicaKey = struct({ topic: string, partition: u32 });
export type ReplicaKey = Infer<typeof ReplicaKey>;

export const DeleteConsumerOffsetRequest = struct({ replica: ReplicaKey, consumerId: string });
export type DeleteConsumerOffsetRequest = Infer<typeof DeleteConsumerOffsetRequest>;
export type DeleteConsumerOffsetRequestInput = InputOf<typeof DeleteConsumerOffsetRequest>;

export const DeleteConsumerOffsetResponse = struct({ errorCode: ErrorCode });
export type DeleteConsumerOffsetResponse = Infer<typeof DeleteConsumerOffsetResponse>;
export type DeleteConsumerOffsetResponseInput = InputOf<typeof DeleteConsumerOffsetResponse>;

/** Goes to the leader of partition 0 of the offsets topic. */
export const deleteConsumerOffsetApi = api({
  name: "DeleteConsumerOffset",
  key: 1007,
  minVersion: 23,
  maxVersion: 25,
  fallbackVersion: 25,
  request: DeleteConsumerOffsetRequest,
  response: DeleteConsumerOffsetResponse,
});
