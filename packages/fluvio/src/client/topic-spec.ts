import { durationFromMs, RETENTION_SECONDS_INFINITE, type TopicSpecInput } from "../protocol/index.ts";
import type { CreateTopicOptions } from "./admin-types.ts";

/** The spec that the options of a new topic stand for. */
export function toTopicSpec(name: string, options: CreateTopicOptions): TopicSpecInput {
  const { retentionSeconds, segmentSizeBytes, maxPartitionSizeBytes, deduplication } = options;
  return {
    replicas: replicasOf(name, options),
    cleanupPolicy:
      retentionSeconds === undefined ? undefined : { type: "segment", timeInSeconds: toWireSeconds(retentionSeconds) },
    storage:
      segmentSizeBytes === undefined && maxPartitionSizeBytes === undefined
        ? undefined
        : { segmentSize: segmentSizeBytes, maxPartitionSize: maxPartitionSizeBytes },
    compressionType: options.compression ?? "any",
    deduplication:
      deduplication === undefined
        ? undefined
        : {
            count: deduplication.count,
            age: deduplication.ageMs === undefined ? undefined : durationFromMs(deduplication.ageMs),
            uses: deduplication.uses,
            with: new Map(Object.entries(deduplication.with ?? {})),
          },
    system: options.system ?? false,
  };
}

function toWireSeconds(retention: number | "infinite"): number {
  return retention === "infinite" ? RETENTION_SECONDS_INFINITE : retention;
}

function replicasOf(name: string, options: CreateTopicOptions): TopicSpecInput["replicas"] {
  const { assignment, mirror } = options;
  if (assignment !== undefined) return { type: "assigned", partitions: assignment };
  if (mirror !== undefined) {
    const source = mirror.homeToRemote ?? false;
    const partitions = mirror.remoteClusters.map((remoteCluster) => ({
      remoteCluster,
      remoteReplica: `${name}-0`,
      source,
    }));
    return { type: "mirror", config: { type: "home", partitions, source } };
  }
  return {
    type: "computed",
    partitions: options.partitions ?? 1,
    replicationFactor: options.replicationFactor ?? 1,
    ignoreRackAssignment: options.ignoreRackAssignment ?? false,
  };
}
