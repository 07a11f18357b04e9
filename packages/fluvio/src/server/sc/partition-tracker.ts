import {
  type MetadataOf,
  PARTITION_SIZE_UNKNOWN,
  type PartitionResolution,
  type PartitionStatus,
  partitionName,
  REPLICA_STATUS_UNKNOWN,
} from "../../protocol/index.ts";
import type { ReplicaStatus } from "../link.ts";
import type { ScContext } from "./stores.ts";

/** Moved offsets and sizes are told to watchers at most this often; a changed resolution at once. */
const PUBLISH_INTERVAL_MS = 100;

/** Status of a partition that its SPU has not reported yet. */
export const PARTITION_STATUS_INITIAL: PartitionStatus = {
  resolution: "offline",
  leader: REPLICA_STATUS_UNKNOWN,
  lsr: 0,
  replicas: [],
  size: PARTITION_SIZE_UNKNOWN,
  isBeingDeleted: false,
  baseOffset: 0,
};

/** How the wait for partitions ended. */
export type OnlineOutcome = "online" | "timeout" | "deleted" | { readonly problem: string };

interface Waiter {
  readonly missing: Set<string>;
  settle(outcome: OnlineOutcome): void;
}

/** Turns what SPUs report into partition status, and knows who waits for a partition to come online. */
export class PartitionTracker {
  readonly #context: ScContext;
  readonly #waiters = new Map<string, Set<Waiter>>();
  /** Statuses that are not told yet, by partition. The rest of a partition may change meanwhile. */
  readonly #moved = new Map<string, PartitionStatus>();
  #cancelPublish: (() => void) | undefined;

  constructor(context: ScContext) {
    this.#context = context;
    const { partitions } = context.stores;
    partitions.put(...[...partitions.values()].map((object) => ({ ...object, status: PARTITION_STATUS_INITIAL })));
  }

  /** Takes the report of the SPU `spuId`; partitions it does not lead are left alone. */
  report(spuId: number, statuses: readonly ReplicaStatus[]): void {
    const changed: MetadataOf<"Partition">[] = [];
    for (const status of statuses) {
      const name = partitionName(status.topic, status.partition);
      const object = this.#context.stores.partitions.get(name);
      if (object === undefined || object.spec.leader !== spuId || object.status.isBeingDeleted) continue;
      const next = toPartitionStatus(spuId, status);
      if (object.status.resolution === next.resolution) {
        this.#moved.set(name, next);
      } else {
        this.#moved.delete(name);
        changed.push({ ...object, status: next });
      }
      if (status.problem !== undefined) this.#problem(name, status.online, status.problem);
    }
    this.#context.stores.partitions.put(...changed);
    for (const { name, status } of changed) if (status.resolution === "online") this.#cameOnline(name);
    if (this.#moved.size > 0)
      this.#cancelPublish ??= this.#context.clock.after(PUBLISH_INTERVAL_MS, () => this.#publish());
  }

  /** Marks the partitions that the SPU leads as without a leader. */
  spuOffline(spuId: number): void {
    this.#publish();
    const led = [...this.#context.stores.partitions.values()].filter(({ spec }) => spec.leader === spuId);
    this.#context.stores.partitions.put(...led.map((object) => withResolution(object, "leaderOffline")));
  }

  /** Resolves when every one of these partitions is online, or will not be. */
  waitOnline(names: readonly string[], timeoutMs: number): Promise<OnlineOutcome> {
    const missing = names.filter((name) => this.#context.stores.partitions.get(name)?.status.resolution !== "online");
    if (missing.length === 0) return Promise.resolve("online");
    return new Promise((resolve) => {
      const waiter: Waiter = {
        missing: new Set(missing),
        settle: (outcome) => {
          cancel();
          for (const name of missing) this.#unregister(name, waiter);
          resolve(outcome);
        },
      };
      const cancel = this.#context.clock.after(timeoutMs, () => waiter.settle("timeout"));
      for (const name of missing) this.#register(name, waiter);
    });
  }

  /** These partitions are being deleted: nobody needs to wait for them, reports about them no longer count. */
  deleting(names: readonly string[]): void {
    for (const name of names) {
      this.#moved.delete(name);
      for (const waiter of [...(this.#waiters.get(name) ?? [])]) waiter.settle("deleted");
    }
  }

  close(): void {
    this.#cancelPublish?.();
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.settle("timeout");
  }

  #publish(): void {
    this.#cancelPublish?.();
    this.#cancelPublish = undefined;
    const { partitions } = this.#context.stores;
    const moved = [...this.#moved].flatMap(([name, status]) => {
      const object = partitions.get(name);
      return object === undefined ? [] : [{ ...object, status }];
    });
    this.#moved.clear();
    partitions.put(...moved);
  }

  #cameOnline(name: string): void {
    for (const waiter of [...(this.#waiters.get(name) ?? [])]) {
      waiter.missing.delete(name);
      if (waiter.missing.size === 0) waiter.settle("online");
    }
  }

  #problem(name: string, online: boolean, problem: string): void {
    this.#context.logger.warn({ partition: name, online, problem }, "an SPU reports a problem of a partition");
    if (online) return;
    for (const waiter of [...(this.#waiters.get(name) ?? [])])
      waiter.settle({ problem: `partition ${name}: ${problem}` });
  }

  #register(name: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(name) ?? new Set();
    waiters.add(waiter);
    this.#waiters.set(name, waiters);
  }

  #unregister(name: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(name);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(name);
  }
}

function toPartitionStatus(spuId: number, status: ReplicaStatus): PartitionStatus {
  return {
    resolution: status.online ? "online" : "offline",
    leader: { spu: spuId, hw: status.highWatermark, leo: status.logEndOffset },
    lsr: 0,
    replicas: [],
    size: status.sizeBytes,
    isBeingDeleted: false,
    baseOffset: status.logStartOffset,
  };
}

function withResolution(object: MetadataOf<"Partition">, resolution: PartitionResolution): MetadataOf<"Partition"> {
  return { ...object, status: { ...object.status, resolution } };
}
