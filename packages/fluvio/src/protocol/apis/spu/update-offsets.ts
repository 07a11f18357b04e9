import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, i64, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** In place of an offset: changes nothing. */
export const ACKNOWLEDGE_NOTHING = -1;
/**
 * In place of an offset: the client wants no more of this stream. The protocol has no other way to end one stream of a
 * connection. The original takes it for the deletion of the topic and ends the stream with that error.
 */
export const ACKNOWLEDGE_END = -2;

export const UpdateOffsetsRequest = struct({
  offsets: array(
    struct({
      /** Next offset the client wants: one past the last it took; or {@link ACKNOWLEDGE_END}. */
      offset: i64,
      sessionId: u32,
    }),
  ),
});
export type UpdateOffsetsRequest = Infer<typeof UpdateOffsetsRequest>;
export type UpdateOffsetsRequestInput = InputOf<typeof UpdateOffsetsRequest>;

export const UpdateOffsetsResponse = struct({ status: array(struct({ sessionId: u32, error: ErrorCode })) });
export type UpdateOffsetsResponse = Infer<typeof UpdateOffsetsResponse>;
export type UpdateOffsetsResponseInput = InputOf<typeof UpdateOffsetsResponse>;

/** Acknowledges what a stream sent; sent on the stream's own connection. */
export const updateOffsetsApi = api({
  name: "UpdateOffsets",
  key: 1005,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: UpdateOffsetsRequest,
  response: UpdateOffsetsResponse,
});
