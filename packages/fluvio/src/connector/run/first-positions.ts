import { open, stat } from "node:fs/promises";
import type { ConsumedPosition, FluvioClient, PartitionOffsets, StartOffset } from "../../client/index.ts";
import type { SinkOptions } from "../options/sink-options.ts";

/** Remembers that a connector has begun, where its position cannot tell: it has none before the first record. */
export interface StartMarker {
  isSet(): Promise<boolean>;
  set(): Promise<void>;
}

/** A marker that is an empty file; without a path it is never set. */
export function fileMarker(path: string | undefined): StartMarker {
  if (path === undefined) return { isSet: async () => false, set: async () => {} };
  return {
    isSet: async () => (await stat(path).catch(() => undefined)) !== undefined,
    set: async () => await (await open(path, "a", 0o600)).close(),
  };
}

export interface FirstPositions {
  readonly start: StartOffset;
  /** Positions that are stored before anything is read, so that a restart does not begin somewhere else. */
  readonly toStore: readonly ConsumedPosition[];
  /** Up to where partitions are worked off, as far as it is known without asking: the last offset, -1 for none. */
  readonly known: readonly ConsumedPosition[];
}

/**
 * Where a sink begins: where its file says when it never ran before, else behind its stored position, and at the
 * beginning of partitions of which it has none, for they are new.
 */
export async function firstPositions(run: {
  readonly client: FluvioClient;
  readonly topic: string;
  readonly options: SinkOptions;
  readonly marker: StartMarker;
}): Promise<FirstPositions> {
  const { client, topic, options, marker } = run;
  const { consumerId, start, strategy, partitions } = options;
  if (strategy === "none") return { start, toStore: [], known: [] };
  const stored = await client.consumerOffsets({ consumerId });
  const known = stored.filter((one) => one.topic === topic);
  if (known.length > 0 || (await marker.isSet())) return { start: "beginning", toStore: [], known };
  const found = await client.partitionOffsets(topic);
  const read = found.filter(({ partition }) => partitions?.includes(partition) ?? true);
  const toStore = read.flatMap((offsets): ConsumedPosition[] => {
    const first = startIn(offsets, start);
    // Without records before it, the start needs no storing: there is nothing else to begin with.
    return first > offsets.startOffset ? [{ topic, partition: offsets.partition, offset: first - 1 }] : [];
  });
  const first = read.map((offsets) => ({ topic, partition: offsets.partition, offset: startIn(offsets, start) - 1 }));
  return { start, toStore, known: first };
}

function startIn({ startOffset, endOffset }: PartitionOffsets, start: StartOffset): number {
  const within = (offset: number) => Math.max(startOffset, Math.min(offset, endOffset));
  if (start === "beginning") return startOffset;
  if (start === "end") return endOffset;
  if ("absolute" in start) return within(start.absolute);
  if ("fromBeginning" in start) return within(startOffset + start.fromBeginning);
  return within(endOffset - start.fromEnd);
}
