import type { Infer, InputOf } from "../schema.ts";
import {
  array,
  bool,
  defaulting,
  enumeration,
  i32,
  map,
  optional,
  since,
  string,
  struct,
  u32,
  u64,
  union,
} from "../schema.ts";
import { CompressionType, Deduplication } from "./common.ts";
import { MirrorConfig, PartitionMirrorConfig } from "./mirror.ts";
import { CleanupPolicy, TopicStorage } from "./retention.ts";

/** Where a topic's partitions live: named one by one, computed by the SC, or mirrored. */
export const ReplicaSpec = union("ReplicaSpec", {
  assigned: [
    0,
    struct({
      partitions: array(struct({ id: u32, replicas: array(i32), mirror: since(14, optional(PartitionMirrorConfig)) })),
    }),
  ],
  computed: [1, struct({ partitions: u32, replicationFactor: u32, ignoreRackAssignment: bool })],
  mirror: [2, struct({ config: MirrorConfig })],
});
export type ReplicaSpec = Infer<typeof ReplicaSpec>;

export const TopicSpec = struct({
  replicas: ReplicaSpec,
  cleanupPolicy: since(3, optional(CleanupPolicy)),
  storage: since(4, optional(TopicStorage)),
  compressionType: since(6, defaulting("any", CompressionType)),
  deduplication: since(12, optional(Deduplication)),
  system: since(13, bool),
});
export type TopicSpec = Infer<typeof TopicSpec>;
export type TopicSpecInput = InputOf<typeof TopicSpec>;

export const TopicStatus = struct({
  resolution: enumeration(
    "TopicResolution",
    "init",
    "pending",
    "insufficientResources",
    "invalidConfig",
    "provisioned",
    "deleting",
  ),
  /** Partition index to SPU ids, the leader first. */
  replicaMap: map(u32, array(i32)),
  mirrorMap: since(14, map(u32, PartitionMirrorConfig)),
  reason: string,
});
export type TopicStatus = Infer<typeof TopicStatus>;
export type TopicResolution = TopicStatus["resolution"];

/** What an Update request can do to a topic. `configure` is an extension of ours. */
export const UpdateTopicAction = union("UpdateTopicAction", {
  /** `count` is the number of partitions to add. */
  addPartition: [0, struct({ count: u32 })],
  addMirror: [1, struct({ remoteCluster: string, homeToMirror: bool })],
  /** Extension: changes retention and sizes of a topic; what is absent stays as it is. */
  configure: [
    100,
    struct({
      timeInSeconds: optional(u32),
      infiniteRetention: bool,
      segmentSize: optional(u32),
      maxPartitionSize: optional(u64),
    }),
  ],
});
export type UpdateTopicAction = Infer<typeof UpdateTopicAction>;

/** Number of partitions, counted as clients do. */
export function partitionCount(spec: { readonly replicas: ReplicaSpec }): number {
  const { replicas } = spec;
  switch (replicas.type) {
    case "computed":
      return replicas.partitions;
    case "assigned":
      return replicas.partitions.length;
    case "mirror":
      return replicas.config.type === "remote" ? replicas.config.homeSpus.length : replicas.config.partitions.length;
  }
}
