/** A partition with appends to write. */
export interface ScheduledWriter {
  /** Starts writing what waits; `alone` when no other partition has anything to write. */
  start(alone: boolean): void;
}

/**
 * Starts the writers of all partitions once per turn of the event loop, after every socket that was ready has been
 * read: what arrived in one turn shares one write and one sync.
 */
export class WriteScheduler {
  #waiting = new Set<ScheduledWriter>();
  #immediate: NodeJS.Immediate | undefined;

  schedule(writer: ScheduledWriter): void {
    this.#waiting.add(writer);
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      const ready = this.#waiting;
      this.#waiting = new Set();
      for (const next of ready) next.start(ready.size === 1);
    });
  }
}
