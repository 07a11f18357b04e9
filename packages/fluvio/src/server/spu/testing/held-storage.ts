import { createLogEngine, type PartitionId, type PartitionLog, type StorageEngine } from "../../../storage/index.ts";

/** Counts and holds what the logs of a real engine do, so that tests see an SPU between two states. */
export class HeldStorage implements StorageEngine {
  /** While set, high watermarks stay where they were when it was set. */
  private heldAt = new Map<string, number>();
  private held = false;
  private readonly listeners = new Set<() => void>();
  /** What opening and appending fail with, while set. */
  openError: Error | undefined;
  appendError: Error | undefined;
  readonly reads: { readonly id: PartitionId; readonly offset: number }[] = [];
  private readonly engine: StorageEngine;
  private readonly logs = new Map<string, PartitionLog>();

  private constructor(engine: StorageEngine) {
    this.engine = engine;
  }

  static async create(directory: string): Promise<HeldStorage> {
    return new HeldStorage(await createLogEngine({ directory }));
  }

  /** From now on nothing is committed any more, as if the disk did not sync. */
  holdCommits(): void {
    this.held = true;
    for (const [name, log] of this.logs) this.heldAt.set(name, log.highWatermark);
  }

  releaseCommits(): void {
    this.held = false;
    for (const listener of [...this.listeners]) listener();
  }

  async open(...args: Parameters<StorageEngine["open"]>): Promise<PartitionLog> {
    const [id] = args;
    if (this.openError !== undefined) throw this.openError;
    const name = `${id.topic}/${id.partition}`;
    const log = await this.engine.open(...args);
    this.logs.set(name, log);
    const { reads, listeners } = this;
    const highWatermark = () => (this.held ? (this.heldAt.get(name) ?? 0) : log.highWatermark);
    return new Proxy(log, {
      get: (target, property) => {
        if (property === "highWatermark") return highWatermark();
        if (property === "read") {
          return (...read: Parameters<PartitionLog["read"]>) => {
            reads.push({ id, offset: read[0] });
            return target.read(...read);
          };
        }
        if (property === "append" && this.appendError !== undefined) return () => Promise.reject(this.appendError);
        if (property === "onAdvance") {
          return (listener: () => void) => {
            const stop = target.onAdvance(listener);
            listeners.add(listener);
            return () => {
              stop();
              listeners.delete(listener);
            };
          };
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  remove(id: PartitionId): Promise<void> {
    return this.engine.remove(id);
  }
  list(): Promise<readonly PartitionId[]> {
    return this.engine.list();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}
