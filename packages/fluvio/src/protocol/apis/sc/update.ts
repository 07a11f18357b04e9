import { api } from "../../api.ts";
import { labelled } from "../../labelled.ts";
import { ManagedConnectorSpec } from "../../objects/managed-connector.ts";
import { UpdateTopicAction } from "../../objects/topic.ts";
import type { Codec, Infer, InputOf } from "../../schema.ts";
import { string, struct } from "../../schema.ts";
import { Status } from "./status.ts";

function updateBody<A, AI>(action: Codec<A, AI>) {
  return struct({ key: string, action });
}

export const UpdateRequest = labelled("UpdateRequest", {
  Topic: updateBody(UpdateTopicAction),
  /** Extension: the action is the new spec. */
  ManagedConnector: updateBody(ManagedConnectorSpec),
});
export type UpdateRequest = Infer<typeof UpdateRequest>;
export type UpdateRequestInput = InputOf<typeof UpdateRequest>;

/** Changes an object. */
export const updateApi = api({
  name: "Update",
  key: 1006,
  minVersion: 1,
  maxVersion: 19,
  request: UpdateRequest,
  response: Status,
});
