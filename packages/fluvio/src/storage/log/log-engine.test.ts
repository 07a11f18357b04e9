import { storageConformance } from "../testing/conformance.ts";
import { makeLogPlace } from "../testing/log-place.ts";

const BASE = { maxPartitionSizeBytes: 1e9, retentionMs: undefined, flush: "always" } as const;

storageConformance("log, segments of 4 KiB", {
  makePlace: () => makeLogPlace(),
  config: { ...BASE, segmentSizeBytes: 4096 },
});
storageConformance("log, segments of 9,000 B, synced by the system, nothing kept in memory, one open file", {
  makePlace: () => makeLogPlace({ recentBytesMax: 0, openSegmentsMax: 1 }),
  config: { ...BASE, segmentSizeBytes: 9000, flush: "os" },
});
storageConformance("log, segments of 1 MiB, synced every 5 ms", {
  makePlace: () => makeLogPlace({ recentBytesMax: 10_000 }),
  config: { ...BASE, segmentSizeBytes: 1024 * 1024, flush: { everyMs: 5 } },
});
