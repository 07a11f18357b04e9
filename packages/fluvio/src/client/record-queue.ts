import type { ConsumerRecord } from "./types.ts";

/** Records of one partition on their way to the consumer. */
export interface Chunk<Source> {
  readonly source: Source;
  readonly records: readonly ConsumerRecord[];
  /** Up to where the partition is worked off with them. */
  readonly upToOffset: number | undefined;
  /** To be told once whether the consumer has given out all of them; some or none when it has ended. */
  readonly settled?: (wholly: boolean) => void;
}

interface Waiter<Source> {
  readonly resolve: (chunk: Chunk<Source> | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Where the readers of several partitions meet their consumer. Each source has room for one chunk, so that the next
 * reply is under way while one is worked on, and memory stays bounded.
 */
export class RecordQueue<Source> {
  readonly #chunks: Chunk<Source>[] = [];
  readonly #occupied = new Map<Source, () => void>();
  #waiter: Waiter<Source> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #ended = false;
  /** Whether chunks without records are wanted, for the offset that they lead to. */
  takesEmpty = false;

  /** Resolves when there is room for a chunk of this source, or nobody takes any more. */
  async room(source: Source): Promise<void> {
    if (this.#ended || !this.#chunks.some((chunk) => chunk.source === source)) return;
    await new Promise<void>((resolve) => this.#occupied.set(source, resolve));
  }

  put(chunk: Chunk<Source>): void {
    if (this.#ended) {
      chunk.settled?.(false);
      return;
    }
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#chunks.push(chunk);
    } else {
      this.#waiter = undefined;
      waiter.resolve(chunk);
    }
  }

  /** The next chunk; `undefined` at the end. One call at a time. */
  take(): Promise<Chunk<Source> | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      const free = this.#occupied.get(chunk.source);
      this.#occupied.delete(chunk.source);
      free?.();
      return Promise.resolve(chunk);
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      return Promise.reject(failure.error);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** No more chunks come; those that are there are still given, then the error or the end. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const free of this.#occupied.values()) free();
    this.#occupied.clear();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#failure = failure;
    else if (failure === undefined) waiter.resolve(undefined);
    else waiter.reject(failure.error);
  }

  /** Ends at once and forgets what was not taken. */
  abandon(failure?: { readonly error: unknown }): void {
    for (const chunk of this.#chunks.splice(0)) chunk.settled?.(false);
    this.end(failure);
  }
}
