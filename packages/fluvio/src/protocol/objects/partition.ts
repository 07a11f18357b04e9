import type { Infer, InputOf } from "../schema.ts";
import { array, bool, defaulting, enumeration, i32, i64, optional, since, struct, u32 } from "../schema.ts";
import { CompressionType, Deduplication } from "./common.ts";
import { PartitionMirrorConfig } from "./mirror.ts";
import { CleanupPolicy, TopicStorage } from "./retention.ts";

export const PartitionSpec = struct({
  /** Id of the SPU that leads it. */
  leader: i32,
  replicas: array(i32),
  cleanupPolicy: since(4, optional(CleanupPolicy)),
  storage: since(4, optional(TopicStorage)),
  compressionType: since(6, defaulting("any", CompressionType)),
  deduplication: since(12, optional(Deduplication)),
  system: since(13, bool),
  mirror: since(14, optional(PartitionMirrorConfig)),
});
export type PartitionSpec = Infer<typeof PartitionSpec>;
export type PartitionSpecInput = InputOf<typeof PartitionSpec>;

/** High watermark and log end offset of one replica; -1 where unknown. */
export const ReplicaStatus = struct({ spu: i32, hw: i64, leo: i64 });
export type ReplicaStatus = Infer<typeof ReplicaStatus>;
export const REPLICA_STATUS_UNKNOWN: ReplicaStatus = { spu: -1, hw: -1, leo: -1 };

/** `size` of a partition that could not be measured. */
export const PARTITION_SIZE_ERROR = -1;
/** `size` of a partition before its first report. */
export const PARTITION_SIZE_UNKNOWN = -2;

export const PartitionStatus = struct({
  resolution: enumeration(
    "PartitionResolution",
    "offline",
    "online",
    "leaderOffline",
    "electionLeaderFound",
    "outOfStorage",
  ),
  leader: ReplicaStatus,
  lsr: u32,
  /** Followers only. */
  replicas: array(ReplicaStatus),
  /** Bytes on disk, or one of the PARTITION_SIZE_ constants. */
  size: since(5, defaulting(PARTITION_SIZE_UNKNOWN, i64)),
  isBeingDeleted: bool,
  baseOffset: since(16, i64),
});
export type PartitionStatus = Infer<typeof PartitionStatus>;
export type PartitionResolution = PartitionStatus["resolution"];

/** The name of a partition object: `<topic>-<index>`. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Topic and index of a partition object's name, split at the last hyphen; undefined when it is none. */
export function parsePartitionName(name: string): { topic: string; partition: number } | undefined {
  const parts = /^(.+)-(\d+)$/s.exec(name);
  if (parts === null) return undefined;
  return { topic: parts[1] as string, partition: Number(parts[2]) };
}
