import { partitionForKey } from "../protocol/index.ts";
import { partitionNotFound } from "./session.ts";
import type { Partitioner } from "./types.ts";

/** How old the view of a topic's partitions may be. */
const REFRESH_MS = 1000;

/** What is known of a topic's partitions. */
export interface PartitionView {
  knownPartitionCount(topic: string): number | undefined;
  onlinePartitions(topic: string, count: number): readonly number[];
}

/** Picks partitions: by the key's hash over all of them, without key round robin over those that are online. */
export class PartitionPicker {
  readonly #topic: string;
  readonly #choice: number | Partitioner | undefined;
  readonly #view: () => PartitionView;
  #count = 0;
  #online: readonly number[] = [];
  #refreshedMs = Number.NEGATIVE_INFINITY;
  /** Before the first: round robin begins with partition 0, as other clients do. */
  #turn = -1;

  constructor(topic: string, choice: number | Partitioner | undefined, view: () => PartitionView) {
    this.#topic = topic;
    this.#choice = choice;
    this.#view = view;
  }

  /** @throws FLV_PARTITION_NOT_FOUND */
  pick(key: Uint8Array | undefined, value: Uint8Array, partition: number | undefined, nowMs: number): number {
    if (nowMs - this.#refreshedMs > REFRESH_MS) this.refresh(nowMs);
    const choice = partition ?? this.#choice;
    if (choice === undefined) {
      if (key !== undefined) return partitionForKey(key, this.#count);
      this.#turn = (this.#turn + 1) % this.#online.length;
      return this.#online[this.#turn] as number;
    }
    if (typeof choice === "number") return this.#checked(choice, nowMs);
    const input = { topic: this.#topic, key, value, partitionCount: this.#count, online: this.#online };
    return this.#checked(choice(input), nowMs);
  }

  #checked(partition: number, nowMs: number): number {
    const exists = () => Number.isInteger(partition) && partition >= 0 && partition < this.#count;
    if (!exists()) this.refresh(nowMs);
    if (!exists()) throw partitionNotFound(this.#topic, partition, this.#count);
    return partition;
  }

  /** Takes what the watches have reported; keeps the last view while the topic is not reported. */
  refresh(nowMs: number): void {
    this.#refreshedMs = nowMs;
    const view = this.#view();
    const count = view.knownPartitionCount(this.#topic);
    if (count === undefined) return;
    this.#count = count;
    this.#online = view.onlinePartitions(this.#topic, count);
  }
}
