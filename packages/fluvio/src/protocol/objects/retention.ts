import { optional, struct, u32, u64, union } from "../schema.ts";

/**
 * `timeInSeconds` of a topic whose records are kept for ever. The wire has no other word for it: an absent policy means
 * the default of seven days.
 */
export const RETENTION_SECONDS_INFINITE = 0xffffffff;
/** Retention of a topic without a cleanup policy. */
export const RETENTION_SECONDS_DEFAULT = 7 * 24 * 60 * 60;
/** Segment size of a topic that names none. */
export const SEGMENT_SIZE_BYTES_DEFAULT = 1024 * 1024 * 1024;

/** When old segments go. */
export const CleanupPolicy = union("CleanupPolicy", { segment: [0, struct({ timeInSeconds: u32 })] });

/** Sizes in bytes; absent means the cluster's default. */
export const TopicStorage = struct({ segmentSize: optional(u32), maxPartitionSize: optional(u64) });
