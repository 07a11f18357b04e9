import { RETENTION_SECONDS_DEFAULT, SEGMENT_SIZE_BYTES_DEFAULT, type TopicSpec } from "../../protocol/index.ts";

const RETENTION_SECONDS_MIN = 10;
const SEGMENT_SIZE_BYTES_MIN = 1024;
const MAX_PARTITION_SIZE_BYTES_MIN = 2048;
/** Partitions of a topic that names no size grow to this. */
const MAX_PARTITION_SIZE_BYTES_DEFAULT = 100 * 1024 * 1024 * 1024;
/** Each partition costs open files on its SPU. */
export const PARTITIONS_PER_TOPIC_MAX = 1024;

/** Retention, sizes and their defaults, as the SPU gets them. */
export interface TopicLimits {
  readonly retentionSeconds: number;
  readonly segmentSizeBytes: number;
  readonly maxPartitionSizeBytes: number;
}

export function topicLimits(spec: Pick<TopicSpec, "cleanupPolicy" | "storage">): TopicLimits {
  return {
    retentionSeconds: spec.cleanupPolicy?.timeInSeconds ?? RETENTION_SECONDS_DEFAULT,
    segmentSizeBytes: spec.storage?.segmentSize ?? SEGMENT_SIZE_BYTES_DEFAULT,
    maxPartitionSizeBytes: spec.storage?.maxPartitionSize ?? MAX_PARTITION_SIZE_BYTES_DEFAULT,
  };
}

/** What is wrong with retention or sizes; `undefined` when nothing is. */
export function limitsProblem(spec: Pick<TopicSpec, "cleanupPolicy" | "storage">): string | undefined {
  const { retentionSeconds, segmentSizeBytes, maxPartitionSizeBytes } = topicLimits(spec);
  if (retentionSeconds < RETENTION_SECONDS_MIN) {
    return `retention_secs ${retentionSeconds} is less than minimum ${RETENTION_SECONDS_MIN}`;
  }
  if (segmentSizeBytes < SEGMENT_SIZE_BYTES_MIN) {
    return `segment_size ${segmentSizeBytes} is less than minimum ${SEGMENT_SIZE_BYTES_MIN}`;
  }
  if (maxPartitionSizeBytes < MAX_PARTITION_SIZE_BYTES_MIN) {
    return `max_partition_size ${maxPartitionSizeBytes} is less than minimum ${MAX_PARTITION_SIZE_BYTES_MIN}`;
  }
  if (maxPartitionSizeBytes < segmentSizeBytes) {
    return `max_partition_size ${maxPartitionSizeBytes} is less than segment size ${segmentSizeBytes}`;
  }
  return undefined;
}

/** SPUs as placement sees them. */
export interface Placeable {
  /** Ids that the cluster knows. */
  readonly known: readonly number[];
  /** Those of them that can lead a partition now. */
  readonly online: readonly number[];
}

/** What is wrong with a topic's replicas, given the SPUs there are; `undefined` when nothing is. */
export function replicasProblem(spec: TopicSpec, spus: Placeable): string | undefined {
  const { replicas } = spec;
  switch (replicas.type) {
    case "computed":
      return partitionsProblem(replicas.partitions) ?? replicationProblem(replicas.replicationFactor, spus);
    case "assigned":
      return partitionsProblem(replicas.partitions.length) ?? assignmentProblem(replicas.partitions, spus);
    case "mirror":
      return "Mirror topics are not supported yet: create the topic with a number of partitions";
  }
}

function partitionsProblem(partitions: number): string | undefined {
  if (partitions >= 1 && partitions <= PARTITIONS_PER_TOPIC_MAX) return undefined;
  return `Invalid number of partitions: a topic has 1 to ${PARTITIONS_PER_TOPIC_MAX}, not ${partitions}`;
}

function replicationProblem(factor: number, spus: Placeable): string | undefined {
  if (factor < 1) return "Invalid replication factor 0: use 1";
  if (spus.online.length === 0) return "No SPU is online to hold the topic: see `fluvio cluster spu list`";
  if (factor === 1) return undefined;
  const needed =
    factor > spus.online.length
      ? `replication factor ${factor} needs ${factor} SPUs and ${online(spus)}`
      : `replication factor ${factor}`;
  return `Invalid replication: ${needed}; ${ONE_REPLICA}`;
}

const ONE_REPLICA =
  "the embedded storage engine keeps one replica of each partition, use replication factor 1 or run the cluster on the Kafka engine, which replicates";

function online(spus: Placeable): string {
  return spus.online.length === 1 ? "1 is online" : `${spus.online.length} are online`;
}

type AssignedPartitions = Extract<TopicSpec["replicas"], { type: "assigned" }>["partitions"];

function assignmentProblem(partitions: AssignedPartitions, spus: Placeable): string | undefined {
  const replicaCount = partitions[0]?.replicas.length ?? 0;
  const seen = new Set<number>();
  for (const { id, replicas, mirror } of partitions) {
    const where = `Invalid replica assignment: partition ${id}`;
    if (mirror !== undefined) return `${where} is mirrored, which is not supported yet`;
    if (seen.has(id)) return `${where} is listed twice`;
    seen.add(id);
    if (replicas.length === 0) return `${where} has no replicas: name the id of an SPU`;
    if (replicas.length !== replicaCount) {
      return `${where} has ${replicas.length} replicas, others have ${replicaCount}: all partitions need equal replica counts`;
    }
    const problem = assignedSpusProblem(replicas, spus);
    if (problem !== undefined) return `${where} ${problem}`;
  }
  if (!seen.has(0))
    return `Invalid replica assignment: partition ids must start at 0, the lowest is ${Math.min(...seen)}`;
  for (let id = 0; id < partitions.length; id++) {
    if (!seen.has(id)) return `Invalid replica assignment: partition ids must have no gaps, ${id} is missing`;
  }
  if (replicaCount > 1) return `Invalid replica assignment: ${replicaCount} replicas of each partition; ${ONE_REPLICA}`;
  return undefined;
}

function assignedSpusProblem(replicas: readonly number[], spus: Placeable): string | undefined {
  for (const id of replicas) {
    if (id < 0) return `names the negative SPU id ${id}`;
    if (!spus.known.includes(id))
      return `names SPU ${id}, which is not known: the cluster has ${spus.known.join(", ")}`;
    if (!spus.online.includes(id)) return `names SPU ${id}, which is not online`;
  }
  if (new Set(replicas).size !== replicas.length) return "names an SPU twice: its replicas must be on different SPUs";
  return undefined;
}
