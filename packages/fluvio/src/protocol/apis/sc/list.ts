import { api } from "../../api.ts";
import { labelled } from "../../labelled.ts";
import { OBJECTS } from "../../objects/index.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, bool, since, string, struct } from "../../schema.ts";

const ListBody = struct({
  /** Substrings of names, or of a SmartModule `group/name@version`; none: all. */
  nameFilters: array(string),
  /** SmartModules without their code. */
  summary: since(10, bool),
  /** Topics and partitions: exactly the system ones, or exactly the others. */
  system: since(13, bool),
});

export const ListRequest = labelled("ListRequest", {
  Topic: ListBody,
  Partition: ListBody,
  SPU: ListBody,
  CustomSpu: ListBody,
  SpuGroup: ListBody,
  SmartModule: ListBody,
  TableFormat: ListBody,
  Mirror: ListBody,
  ManagedConnector: ListBody,
});
export type ListRequest = Infer<typeof ListRequest>;
export type ListRequestInput = InputOf<typeof ListRequest>;

export const ListResponse = labelled("ListResponse", {
  Topic: array(OBJECTS.Topic),
  Partition: array(OBJECTS.Partition),
  SPU: array(OBJECTS.SPU),
  CustomSpu: array(OBJECTS.CustomSpu),
  SpuGroup: array(OBJECTS.SpuGroup),
  SmartModule: array(OBJECTS.SmartModule),
  TableFormat: array(OBJECTS.TableFormat),
  Mirror: array(OBJECTS.Mirror),
  ManagedConnector: array(OBJECTS.ManagedConnector),
});
export type ListResponse = Infer<typeof ListResponse>;
export type ListResponseInput = InputOf<typeof ListResponse>;

/** Lists the objects of one type. The answer carries the label of the request. */
export const listApi = api({
  name: "List",
  key: 1003,
  minVersion: 15,
  maxVersion: 19,
  request: ListRequest,
  response: ListResponse,
});
