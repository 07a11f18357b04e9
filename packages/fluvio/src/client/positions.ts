import { flvError } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import { askAggregateStates } from "./aggregate-states.ts";
import type { Cluster } from "./cluster.ts";
import { fetchConsumerOffsets, fetchPartitionOffsets, startingAt } from "./start-offset.ts";
import type { ConsumedPosition, ConsumerOptions, TopicSelection } from "./types.ts";

/** What a reader reads of a partition. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly startOffset: number;
  /** Where it ends; absent: it goes on. */
  readonly endOffset: number | undefined;
}

/** Steps with different names are refused by the cluster. */
export function stateName({ smartmodules = [] }: ConsumerOptions): string | undefined {
  return smartmodules.find(({ state }) => state !== undefined)?.state;
}

/** Where to begin on every partition: what is kept under a name wins. @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND */
export async function startPositions(cluster: Cluster, options: ConsumerOptions): Promise<readonly Position[]> {
  const abort = cluster.following(options);
  const selected = await selectPartitions(cluster, options, abort);
  const stored = options.consumerId === undefined ? [] : await fetchConsumerOffsets(cluster, options.consumerId, abort);
  const name = stateName(options);
  const askStates = () => askAggregateStates(cluster, { action: "list", name, contents: false }, abort);
  const states = name === undefined ? [] : await cluster.tryAgain(askStates, abort);
  return Promise.all(
    selected.map(async ({ topic, partition }) => {
      const offsets = await fetchPartitionOffsets(cluster, topic, partition, abort);
      const endOffset = options.disableContinuous ? offsets.endOffset : undefined;
      const state = states.find((entry) => entry.topic === topic && entry.partition === partition);
      if (state !== undefined) return { topic, partition, startOffset: state.offset, endOffset };
      const behind = options.startBehind?.find((entry) => entry.topic === topic && entry.partition === partition);
      if (behind !== undefined) return { topic, partition, startOffset: after(behind, offsets.endOffset), endOffset };
      const known = stored.find((entry) => entry.topic === topic && entry.partition === partition);
      const startOffset = startingAt(
        options.offset ?? "end",
        offsets,
        known === undefined ? undefined : known.offset + 1,
      );
      return { topic, partition, startOffset, endOffset };
    }),
  );
}

/** @throws FLV_CONSUMER_OFFSET when there is no such record: the topic is not the one of which it was said */
function after({ topic, partition, offset }: ConsumedPosition, logEndOffset: number): number {
  if (offset < logEndOffset) return offset + 1;
  const sentence = `${topic}-${partition} ends at offset ${logEndOffset}, but is said to be worked off up to offset ${offset}`;
  throw flvError("FLV_CONSUMER_OFFSET", sentence, {
    details: { topic, partition, offset, logEndOffset },
    hint: "the topic was made anew, or lost records: drop the position that is kept elsewhere, and check what is there",
  });
}

async function selectPartitions(
  cluster: Cluster,
  options: ConsumerOptions,
  abort: AbortOptions,
): Promise<readonly { topic: string; partition: number }[]> {
  const selected: { topic: string; partition: number }[] = [];
  for (const { topic, partitions } of selections(options)) {
    const lookUp = async () => (await cluster.session(abort)).topic(topic, abort);
    const { partitionCount } = await cluster.tryAgain(lookUp, abort);
    const all = Array.from({ length: partitionCount }, (_, index) => index);
    for (const partition of new Set(partitions ?? all)) selected.push({ topic, partition });
  }
  return selected;
}

/** The topics to read, each with its partitions when some were chosen. @throws FLV_ARGUMENT */
export function selections({ topic, partitions }: ConsumerOptions): readonly TopicSelection[] {
  if (typeof topic === "string") {
    if (partitions === undefined) return [{ topic }];
    return [{ topic, partitions: typeof partitions === "number" ? [partitions] : partitions }];
  }
  if (partitions !== undefined) {
    throw flvError("FLV_ARGUMENT", "partitions belong to one topic, and several are given", {
      hint: "give them as { topic, partitions } in the list of topics",
    });
  }
  return topic.map((entry) => (typeof entry === "string" ? { topic: entry } : entry));
}
