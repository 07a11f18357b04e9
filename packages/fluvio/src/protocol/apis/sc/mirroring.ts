import { api } from "../../api.ts";
import { labelled } from "../../labelled.ts";
import { TopicSpec } from "../../objects/topic.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, i32, optional, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const MirroringRequest = labelled("MirroringRequest", { MirroringConnect: struct({ remoteId: string }) });
export type MirroringRequest = Infer<typeof MirroringRequest>;
export type MirroringRequestInput = InputOf<typeof MirroringRequest>;

export const MirroringStatusResponse = struct({
  name: string,
  errorCode: ErrorCode,
  errorMessage: optional(string),
  topics: array(struct({ key: string, spec: TopicSpec, spuId: i32, spuKey: string, spuEndpoint: string })),
});
export type MirroringStatusResponse = Infer<typeof MirroringStatusResponse>;
export type MirroringStatusResponseInput = InputOf<typeof MirroringStatusResponse>;

/** A stream: the topics of this home cluster that the remote `remoteId` mirrors. */
export const mirroringApi = api({
  name: "Mirroring",
  key: 1005,
  minVersion: 14,
  maxVersion: 19,
  request: MirroringRequest,
  response: MirroringStatusResponse,
});
