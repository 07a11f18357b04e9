import { api } from "../../api.ts";
import { labelled } from "../../labelled.ts";
import { CustomSpuKey } from "../../objects/spu.ts";
import type { Codec, Infer, InputOf } from "../../schema.ts";
import { bool, since, string, struct } from "../../schema.ts";
import { Status } from "./status.ts";

function deleteBody<K>(key: Codec<K>) {
  return struct({ key, force: since(13, bool) });
}

export const DeleteRequest = labelled("DeleteRequest", {
  Topic: deleteBody(string),
  CustomSpu: deleteBody(CustomSpuKey),
  SpuGroup: deleteBody(string),
  SmartModule: deleteBody(string),
  TableFormat: deleteBody(string),
  Mirror: deleteBody(string),
  ManagedConnector: deleteBody(string),
});
export type DeleteRequest = Infer<typeof DeleteRequest>;
export type DeleteRequestInput = InputOf<typeof DeleteRequest>;

/** Deletes an object; the answer comes when it has left the controller's store. */
export const deleteApi = api({
  name: "Delete",
  key: 1002,
  minVersion: 1,
  maxVersion: 19,
  request: DeleteRequest,
  response: Status,
});
