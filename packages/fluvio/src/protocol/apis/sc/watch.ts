import { api } from "../../api.ts";
import { labelled } from "../../labelled.ts";
import { OBJECTS } from "../../objects/index.ts";
import type { Codec, Infer, InputOf } from "../../schema.ts";
import { array, bool, enumeration, i64, since, struct } from "../../schema.ts";

const WatchBody = struct({
  /** Always 0; ignored. */
  epoch: i64,
  /** SmartModules without their code. */
  summary: since(10, bool),
});

export const WatchRequest = labelled("WatchRequest", {
  Topic: WatchBody,
  Partition: WatchBody,
  SPU: WatchBody,
  SpuGroup: WatchBody,
  SmartModule: WatchBody,
  TableFormat: WatchBody,
  ManagedConnector: WatchBody,
});
export type WatchRequest = Infer<typeof WatchRequest>;
export type WatchRequestInput = InputOf<typeof WatchRequest>;

const ChangeKind = enumeration("MsgType", "update", "delete");

function watchResponseBody<M, MI>(object: Codec<M, MI>) {
  return struct({
    epoch: i64,
    /** Whole objects; of a deleted one only the name matters. */
    changes: array(struct({ message: ChangeKind, object })),
    /** When not empty: replaces everything that is known. */
    all: array(object),
  });
}

export const WatchResponse = labelled("WatchResponse", {
  Topic: watchResponseBody(OBJECTS.Topic),
  Partition: watchResponseBody(OBJECTS.Partition),
  SPU: watchResponseBody(OBJECTS.SPU),
  SpuGroup: watchResponseBody(OBJECTS.SpuGroup),
  SmartModule: watchResponseBody(OBJECTS.SmartModule),
  TableFormat: watchResponseBody(OBJECTS.TableFormat),
  ManagedConnector: watchResponseBody(OBJECTS.ManagedConnector),
});
export type WatchResponse = Infer<typeof WatchResponse>;
export type WatchResponseInput = InputOf<typeof WatchResponse>;

/** A stream: a full snapshot at once, then changes, each reply with the correlation id of the request. */
export const watchApi = api({
  name: "Watch",
  key: 1004,
  minVersion: 15,
  maxVersion: 19,
  request: WatchRequest,
  response: WatchResponse,
});
