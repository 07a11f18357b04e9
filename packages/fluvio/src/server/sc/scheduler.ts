import { assert, flvError, type MetadataOf, parsePartitionName } from "../../protocol/index.ts";

/** Counts how many partitions each SPU leads and picks leaders for new ones. */
export class LeaderScheduler {
  readonly #leaders = new Map<number, number>();

  constructor(partitions: Iterable<MetadataOf<"Partition">>) {
    for (const { spec } of partitions) this.taken([spec.leader]);
  }

  /**
   * Leaders for `count` new partitions, spread so that SPUs lead equally many: the one with the fewest goes first, of
   * equals the one named first. They count as taken until {@link released}.
   * @param online ids of SPUs that can lead; at least one
   */
  assign(count: number, online: readonly number[]): readonly number[] {
    const chosen: number[] = [];
    for (let i = 0; i < count; i++) {
      let best: number | undefined;
      for (const id of online) {
        if (best === undefined || this.#count(id) < this.#count(best)) best = id;
      }
      assert(best !== undefined, "leaders are assigned only while an SPU is online");
      chosen.push(best);
      this.taken([best]);
    }
    return chosen;
  }

  taken(leaders: Iterable<number>): void {
    for (const id of leaders) this.#leaders.set(id, this.#count(id) + 1);
  }

  released(leaders: Iterable<number>): void {
    for (const id of leaders) this.#leaders.set(id, this.#count(id) - 1);
  }

  #count(spuId: number): number {
    return this.#leaders.get(spuId) ?? 0;
  }
}

/**
 * Refuses to run a cluster without an SPU that leads partitions: they would be unreachable.
 * @param spuIds SPUs that the cluster is about to run
 * @throws FLV_CLUSTER_START naming the topics and how many SPUs are needed
 */
export function checkNoPartitionHomeless(
  partitions: Iterable<MetadataOf<"Partition">>,
  spuIds: readonly number[],
): void {
  const homeless = [...partitions].filter(({ spec }) => !spuIds.includes(spec.leader));
  if (homeless.length === 0) return;
  const topics = [...new Set(homeless.map(({ name }) => parsePartitionName(name)?.topic ?? name))];
  const leaders = [...new Set(homeless.map(({ spec }) => spec.leader))].sort((a, b) => a - b);
  const needed = Math.max(...leaders) - Math.min(...spuIds) + 1;
  const shown =
    topics.length > 3 ? `${topics.slice(0, 3).join(", ")} and ${topics.length - 3} more` : topics.join(", ");
  throw flvError(
    "FLV_CLUSTER_START",
    `${homeless.length} partition(s) of ${shown} live on SPU ${leaders.join(", ")}, which ${spuIds.length} SPU(s) do not include`,
    {
      details: { topics, leaders, spuIds },
      hint: `Start with --spu ${needed}, or delete these topics first.`,
    },
  );
}
