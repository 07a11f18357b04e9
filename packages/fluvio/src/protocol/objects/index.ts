import type { Infer, InputOf } from "../schema.ts";
import { metadata } from "./common.ts";
import { ManagedConnectorSpec, ManagedConnectorStatus } from "./managed-connector.ts";
import { MirrorSpec, MirrorStatus } from "./mirror.ts";
import { PartitionSpec, PartitionStatus } from "./partition.ts";
import { SmartModuleSpec, SmartModuleStatus } from "./smartmodule.ts";
import { CustomSpuSpec, SpuSpec, SpuStatus } from "./spu.ts";
import { SpuGroupSpec, SpuGroupStatus } from "./spu-group.ts";
import { TableFormatSpec, TableFormatStatus } from "./table-format.ts";
import { TopicSpec, TopicStatus } from "./topic.ts";

/** The objects of the SC by their label on the wire. `ManagedConnector` is an extension of ours. */
export const OBJECTS = {
  Topic: metadata(TopicSpec, TopicStatus),
  Partition: metadata(PartitionSpec, PartitionStatus),
  SPU: metadata(SpuSpec, SpuStatus),
  CustomSpu: metadata(CustomSpuSpec, SpuStatus),
  SpuGroup: metadata(SpuGroupSpec, SpuGroupStatus),
  SmartModule: metadata(SmartModuleSpec, SmartModuleStatus),
  TableFormat: metadata(TableFormatSpec, TableFormatStatus),
  Mirror: metadata(MirrorSpec, MirrorStatus),
  ManagedConnector: metadata(ManagedConnectorSpec, ManagedConnectorStatus),
} as const;

export type ObjectLabel = keyof typeof OBJECTS;
/** An object as decoded: `{ name, spec, status }`. */
export type MetadataOf<L extends ObjectLabel> = Infer<(typeof OBJECTS)[L]>;
/** An object as encoded: what its version does not carry may be left out. */
export type MetadataInputOf<L extends ObjectLabel> = InputOf<(typeof OBJECTS)[L]>;
export type SpecOf<L extends ObjectLabel> = MetadataOf<L>["spec"];
export type StatusOf<L extends ObjectLabel> = MetadataOf<L>["status"];
