import type { Position } from "fluvio/connector";

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

interface TopicPlaces {
  /** Of the topic: one that is deleted and made again has another. */
  readonly id: string;
  /** Next offset by partition. */
  readonly offsets: Map<number, bigint>;
}

/** How far each partition was read; becomes the connector's kept position. */
export class Places {
  readonly #topics = new Map<string, TopicPlaces>();

  /** From what an earlier run kept; what is not of the right shape is left out. */
  constructor(kept: Position | undefined) {
    if (!isMap(kept)) return;
    for (const [topic, one] of Object.entries(kept)) {
      if (!isMap(one) || typeof one.id !== "string" || !isMap(one.offsets)) continue;
      const offsets = new Map<number, bigint>();
      for (const [partition, offset] of Object.entries(one.offsets)) {
        if (typeof offset === "number") offsets.set(Number(partition), BigInt(offset));
      }
      this.#topics.set(topic, { id: one.id, offsets });
    }
  }

  /** The identity of the topic that the places are of. */
  idOf(topic: string): string | undefined {
    return this.#topics.get(topic)?.id;
  }

  /** Forgets what is known of a topic under another identity. */
  setId(topic: string, id: string): void {
    if (this.idOf(topic) !== id) this.#topics.set(topic, { id, offsets: new Map() });
  }

  get({ topic, partition }: TopicPartition): bigint | undefined {
    return this.#topics.get(topic)?.offsets.get(partition);
  }

  set({ topic, partition }: TopicPartition, next: bigint): void {
    this.#topics.get(topic)?.offsets.set(partition, next);
  }

  position(): Position {
    return Object.fromEntries(
      [...this.#topics].map(([topic, { id, offsets }]) => [
        topic,
        { id, offsets: Object.fromEntries([...offsets].map(([partition, next]) => [partition, Number(next)])) },
      ]),
    );
  }
}

function isMap(value: Position | undefined): value is { readonly [key: string]: Position } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
