import type { MetadataOf } from "../protocol/index.ts";
import type { WatchEvent, WatchLabel } from "./admin-types.ts";

/** The objects of one kind as a watch reports them. */
export class ObjectStore<L extends WatchLabel> {
  readonly #objects = new Map<string, MetadataOf<L>>();
  readonly #listeners = new Set<() => void>();

  apply(event: WatchEvent<L>): void {
    if (event.kind === "all") this.#objects.clear();
    for (const object of event.objects) this.#objects.set(object.name, object);
    for (const name of event.deleted) this.#objects.delete(name);
    for (const listener of [...this.#listeners]) listener();
  }

  get(name: string): MetadataOf<L> | undefined {
    return this.#objects.get(name);
  }

  get names(): Iterable<string> {
    return this.#objects.keys();
  }

  get objects(): Iterable<MetadataOf<L>> {
    return this.#objects.values();
  }

  /** Calls `listener` after every report. Returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
