import {
  CONSUMER_OFFSET_TOPIC,
  durationToMs,
  type MetadataOf,
  type PartitionSpec,
  partitionName,
  RETENTION_SECONDS_INFINITE,
  type TopicSpec,
} from "../../protocol/index.ts";
import type { ReplicaAssignment } from "../link.ts";
import { PARTITION_STATUS_INITIAL } from "./partition-tracker.ts";
import { topicLimits } from "./topic-validation.ts";

/** The system topic that holds consumer offsets. */
export const OFFSETS_TOPIC: string = CONSUMER_OFFSET_TOPIC;
export const OFFSETS_PARTITION = 0;

/** Its settings: as the original creates it. */
export const OFFSETS_TOPIC_SPEC: TopicSpec = {
  replicas: { type: "computed", partitions: 1, replicationFactor: 1, ignoreRackAssignment: false },
  cleanupPolicy: { type: "segment", timeInSeconds: 7 * 24 * 60 * 60 },
  storage: { segmentSize: 512_000_000, maxPartitionSize: 2_048_000_000 },
  compressionType: "any",
  deduplication: undefined,
  system: true,
};

/** Settings of the system topic that keeps states of aggregates: small segments, as what is old is soon written anew. */
export const STATES_TOPIC_SPEC: TopicSpec = {
  ...OFFSETS_TOPIC_SPEC,
  storage: { segmentSize: 64 * 1024 * 1024, maxPartitionSize: 2_048_000_000 },
};

/** The topic as it is once every partition has a place. `leaders` by partition index. */
export function topicObject(name: string, spec: TopicSpec, leaders: readonly number[]): MetadataOf<"Topic"> {
  const replicaMap = new Map(leaders.map((leader, partition) => [partition, [leader]]));
  return { name, spec, status: { resolution: "provisioned", replicaMap, mirrorMap: new Map(), reason: "" } };
}

export function partitionObject(
  topic: string,
  partition: number,
  spec: TopicSpec,
  leader: number,
): MetadataOf<"Partition"> {
  const { cleanupPolicy, storage, compressionType, deduplication, system } = spec;
  return {
    name: partitionName(topic, partition),
    spec: {
      leader,
      replicas: [leader],
      cleanupPolicy,
      storage,
      compressionType,
      deduplication,
      system,
      mirror: undefined,
    },
    status: PARTITION_STATUS_INITIAL,
  };
}

/** What the leading SPU is told of a partition. */
export function assignmentOf(topic: string, partition: number, spec: PartitionSpec): ReplicaAssignment {
  const { retentionSeconds, segmentSizeBytes, maxPartitionSizeBytes } = topicLimits(spec);
  const { deduplication } = spec;
  return {
    topic,
    partition,
    retentionSeconds: retentionSeconds === RETENTION_SECONDS_INFINITE ? undefined : retentionSeconds,
    segmentSizeBytes,
    maxPartitionSizeBytes,
    compression: spec.compressionType,
    system: spec.system,
    ...(deduplication === undefined ? {} : { deduplication: deduplicationOf(deduplication) }),
  };
}

function deduplicationOf({ uses, count, age, with: params }: NonNullable<PartitionSpec["deduplication"]>) {
  return { uses, count, ageMs: age === undefined ? undefined : durationToMs(age), with: Object.fromEntries(params) };
}

/** Names of a topic's partitions, in order. */
export function partitionNames(topic: MetadataOf<"Topic">): readonly string[] {
  return [...topic.status.replicaMap.keys()].map((partition) => partitionName(topic.name, partition));
}
