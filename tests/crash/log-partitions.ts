/** What the crash test writes to. Segments are small, so that many kills hit the beginning of a new one. */
export const CRASH_PARTITIONS = [
  { topic: "crash", partition: 0 },
  { topic: "crash", partition: 1 },
  { topic: "crash", partition: 2 },
];

export const CRASH_CONFIG = { segmentSizeBytes: 200_000, maxPartitionSizeBytes: 1e12, retentionMs: undefined };
