import {
  type MetadataOf,
  RETENTION_SECONDS_INFINITE,
  type TopicSpec,
  type UpdateTopicAction,
} from "../../protocol/index.ts";
import { refusal } from "./refusal.ts";
import { PARTITIONS_PER_TOPIC_MAX, type Placeable } from "./topic-validation.ts";

/** The spec with the changes of a `configure`; what the action leaves out stays. */
export function configured(spec: TopicSpec, action: Extract<UpdateTopicAction, { type: "configure" }>): TopicSpec {
  const timeInSeconds = action.infiniteRetention ? RETENTION_SECONDS_INFINITE : action.timeInSeconds;
  const { segmentSize, maxPartitionSize } = action;
  const storage =
    segmentSize === undefined && maxPartitionSize === undefined
      ? spec.storage
      : {
          segmentSize: segmentSize ?? spec.storage?.segmentSize,
          maxPartitionSize: maxPartitionSize ?? spec.storage?.maxPartitionSize,
        };
  return {
    ...spec,
    storage,
    cleanupPolicy: timeInSeconds === undefined ? spec.cleanupPolicy : { type: "segment", timeInSeconds },
  };
}

/** The spec with `count` more partitions: clients count them there. */
export function withMorePartitions(topic: MetadataOf<"Topic">, count: number, spus: Placeable): TopicSpec {
  const { name, spec } = topic;
  if (spec.replicas.type !== "computed") {
    const sentence = `Topic ${name} has ${spec.replicas.type} replicas: partitions can only be added to topics whose replicas are computed`;
    throw refusal({ name: "TopicInvalidReplicaType" }, sentence);
  }
  const partitions = spec.replicas.partitions + count;
  if (count < 1 || partitions > PARTITIONS_PER_TOPIC_MAX) {
    const sentence = `Invalid number of partitions to add: ${count} to the ${spec.replicas.partitions} of topic ${name}; a topic has at most ${PARTITIONS_PER_TOPIC_MAX}`;
    throw refusal({ name: "TopicError" }, sentence);
  }
  if (spus.online.length === 0) {
    throw refusal({ name: "TopicError" }, "No SPU is online to hold the new partitions: see `fluvio cluster spu list`");
  }
  return { ...spec, replicas: { ...spec.replicas, partitions } };
}
