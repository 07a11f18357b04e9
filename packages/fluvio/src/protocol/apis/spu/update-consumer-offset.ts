import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { i64, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const UpdateConsumerOffsetRequest = struct({
  /** Offset of the last record that was worked off (not the one after it). */
  offset: i64,
  /** `streamId` of the stream, whose connection this must be. */
  sessionId: u32,
});
export type UpdateConsumerOffsetRequest = Infer<typeof UpdateConsumerOffsetRequest>;
export type UpdateConsumerOffsetRequestInput = InputOf<typeof UpdateConsumerOffsetRequest>;

export const UpdateConsumerOffsetResponse = struct({ offset: i64, errorCode: ErrorCode });
export type UpdateConsumerOffsetResponse = Infer<typeof UpdateConsumerOffsetResponse>;
export type UpdateConsumerOffsetResponseInput = InputOf<typeof UpdateConsumerOffsetResponse>;

/** Stores how far a consumer has come; sent on the connection of its stream. */
export const updateConsumerOffsetApi = api({
  name: "UpdateConsumerOffset",
  key: 1006,
  minVersion: 23,
  maxVersion: 25,
  fallbackVersion: 25,
  request: UpdateConsumerOffsetRequest,
  response: UpdateConsumerOffsetResponse,
});
