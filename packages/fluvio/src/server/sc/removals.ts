import type { Clock } from "../clock.ts";
import { type MetadataStore, type Removal, removalKey } from "./metadata-store.ts";

/**
 * Data of deleted topics that SPUs have still to delete. Each is on disk until the SPU has confirmed it, so that neither
 * a crash nor an SPU that is away lets old records come back under a new topic of the same name.
 */
export class Removals {
  readonly #metadata: MetadataStore;
  readonly #clock: Clock;
  readonly #open = new Map<string, Removal>();
  readonly #waiters = new Set<() => void>();

  constructor(metadata: MetadataStore, clock: Clock) {
    this.#metadata = metadata;
    this.#clock = clock;
    for (const removal of metadata.removals()) this.#open.set(removalKey(removal), removal);
  }

  /** To be called once the removals are on disk. */
  add(removals: readonly Removal[]): void {
    for (const removal of removals) this.#open.set(removalKey(removal), removal);
  }

  /** Partitions whose data the SPU has to delete. */
  replicasOf(spuId: number): readonly { readonly topic: string; readonly partition: number }[] {
    return [...this.#open.values()].flatMap((removal) =>
      removal.kind === "replica" && removal.spuId === spuId
        ? [{ topic: removal.topic, partition: removal.partition }]
        : [],
    );
  }

  /** Deleted topics whose consumer offsets or states of aggregates are still stored. */
  forgottenTopics(kind: "offsets" | "states"): readonly string[] {
    return [...this.#open.values()].flatMap((removal) => (removal.kind === kind ? [removal.topic] : []));
  }

  async confirmed(removals: readonly Removal[]): Promise<void> {
    const open = removals.filter((removal) => this.#open.has(removalKey(removal)));
    if (open.length === 0) return;
    await this.#metadata.commit(open.map((removal) => ({ type: "deleteRemoval", removal })));
    for (const removal of open) this.#open.delete(removalKey(removal));
    for (const check of [...this.#waiters]) check();
  }

  isOpen(topic: string): boolean {
    for (const removal of this.#open.values()) if (removal.topic === topic) return true;
    return false;
  }

  /** True when nothing of the topic is left, false when something still is after `timeoutMs`. */
  settled(topic: string, timeoutMs: number): Promise<boolean> {
    if (!this.isOpen(topic)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (gone: boolean) => {
        cancel();
        this.#waiters.delete(check);
        resolve(gone);
      };
      const check = () => {
        if (!this.isOpen(topic)) settle(true);
      };
      const cancel = this.#clock.after(timeoutMs, () => settle(false));
      this.#waiters.add(check);
    });
  }
}
