import type { MetadataOf, ObjectLabel } from "../../protocol/index.ts";

/** What a watcher has not been told yet. */
export interface WatchBatch<L extends ObjectLabel> {
  readonly epoch: number;
  /** Every object; only in the first batch. */
  readonly all: readonly MetadataOf<L>[];
  readonly changes: readonly { readonly type: "update" | "delete"; readonly object: MetadataOf<L> }[];
}

/** One watcher's view: a snapshot first, then changes; what it is slow to take is merged, never queued. */
export interface ObjectWatch<L extends ObjectLabel> {
  /** Resolves when there is something to tell; rejects with `signal.reason`. */
  next(signal: AbortSignal): Promise<WatchBatch<L>>;
  close(): void;
}

/**
 * The objects of one label in memory, with a counter of changes (`epoch`) and a feed for watchers. Objects are
 * immutable: a change replaces them.
 */
export class ObjectStore<L extends ObjectLabel> {
  readonly label: L;
  readonly #objects = new Map<string, MetadataOf<L>>();
  readonly #watches = new Set<Watch<L>>();
  #epoch = 0;

  constructor(label: L, objects: Iterable<MetadataOf<L>> = []) {
    this.label = label;
    for (const object of objects) this.#objects.set(object.name, object);
  }

  get epoch(): number {
    return this.#epoch;
  }
  get size(): number {
    return this.#objects.size;
  }
  get(name: string): MetadataOf<L> | undefined {
    return this.#objects.get(name);
  }
  has(name: string): boolean {
    return this.#objects.has(name);
  }
  /** In order of creation. */
  values(): IterableIterator<MetadataOf<L>> {
    return this.#objects.values();
  }
  names(): IterableIterator<string> {
    return this.#objects.keys();
  }

  put(...objects: readonly MetadataOf<L>[]): void {
    if (objects.length === 0) return;
    this.#epoch++;
    for (const object of objects) {
      this.#objects.set(object.name, object);
      for (const watch of this.#watches) watch.changed("update", object);
    }
    this.#wake();
  }

  delete(...names: readonly string[]): void {
    this.#epoch++;
    for (const name of names) {
      const object = this.#objects.get(name);
      if (object === undefined) continue;
      this.#objects.delete(name);
      for (const watch of this.#watches) watch.changed("delete", object);
    }
    this.#wake();
  }

  watch(): ObjectWatch<L> {
    const watch = new Watch<L>(this, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    return watch;
  }

  #wake(): void {
    for (const watch of this.#watches) watch.wake();
  }
}

class Watch<L extends ObjectLabel> implements ObjectWatch<L> {
  readonly #store: ObjectStore<L>;
  readonly #onClose: () => void;
  /** Names the watcher was told of: the deletion of any other needs no word, which bounds what can pile up. */
  readonly #told = new Set<string>();
  #pending = new Map<string, { type: "update" | "delete"; object: MetadataOf<L> }>();
  #started = false;
  #waiting: (() => void) | undefined;

  constructor(store: ObjectStore<L>, onClose: () => void) {
    this.#store = store;
    this.#onClose = onClose;
  }

  changed(type: "update" | "delete", object: MetadataOf<L>): void {
    if (!this.#started) return;
    this.#pending.delete(object.name);
    if (type === "update" || this.#told.has(object.name)) this.#pending.set(object.name, { type, object });
  }

  wake(): void {
    if (this.#pending.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  async next(signal: AbortSignal): Promise<WatchBatch<L>> {
    signal.throwIfAborted();
    if (!this.#started) return this.#snapshot();
    while (this.#pending.size === 0) await this.#change(signal);
    const changes = [...this.#pending.values()];
    this.#pending = new Map();
    for (const { type, object } of changes) {
      if (type === "update") this.#told.add(object.name);
      else this.#told.delete(object.name);
    }
    return { epoch: this.#store.epoch, all: [], changes };
  }

  #snapshot(): WatchBatch<L> {
    this.#started = true;
    const all = [...this.#store.values()];
    for (const object of all) this.#told.add(object.name);
    return { epoch: this.#store.epoch, all, changes: [] };
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const aborted = () => {
        this.#waiting = undefined;
        reject(signal.reason);
      };
      signal.addEventListener("abort", aborted, { once: true });
      this.#waiting = () => {
        signal.removeEventListener("abort", aborted);
        resolve();
      };
    });
  }

  close(): void {
    this.#onClose();
  }
}
