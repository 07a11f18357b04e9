import type { Consumer } from "@platformatic/kafka";
import type { Places, TopicPartition } from "./places.ts";

const EARLIEST = -2n;
const LATEST = -1n;

export interface StartOffset {
  readonly at: TopicPartition;
  readonly next: bigint;
}

interface Given {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/**
 * Where partitions begin that are taken over: behind what the group committed or what the connector kept, whichever is
 * further; without both, where `start` says.
 */
export async function startOffsets(
  consumer: Consumer,
  given: readonly Given[],
  places: Places,
  start: "earliest" | "latest",
): Promise<StartOffset[]> {
  const topics = given.filter(({ partitions }) => partitions.length > 0);
  if (topics.length === 0) return [];
  const list = topics.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] }));
  const committed = await consumer.listCommittedOffsets({ topics: list });
  const wanted = topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => {
      const ofGroup = committed.get(topic)?.[partition] ?? -1n;
      const own = places.get({ topic, partition }) ?? -1n;
      return { at: { topic, partition }, next: ofGroup > own ? ofGroup : own };
    }),
  );
  const isNew = wanted.some(({ next }) => next < 0n);
  if (!isNew) return wanted;
  const edges = await consumer.listOffsets({
    topics: topics.map(({ topic }) => topic),
    timestamp: start === "earliest" ? EARLIEST : LATEST,
  });
  return wanted.map(({ at, next }) => ({
    at,
    next: next >= 0n ? next : (edges.get(at.topic)?.[at.partition] ?? 0n),
  }));
}
