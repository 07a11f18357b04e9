import { isDeepStrictEqual } from "node:util";
import { flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import type { FlushMode, PartitionId, PartitionLog, PartitionLogConfig, StorageEngine } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { ReplicaAssignment, ReplicaStatus } from "../link.ts";

/** Why a partition is no longer served here. */
export type ReplicaEnd = "deleted" | "moved";

/** A partition that this SPU leads, open. */
export interface Replica {
  readonly id: PartitionId;
  readonly assignment: ReplicaAssignment;
  readonly log: PartitionLog;
  /** Calls `listener` once when the partition is no longer served. Returns the way to stop it. */
  onEnd(listener: (why: ReplicaEnd) => void): () => void;
}

export interface ReplicaManagerOptions {
  readonly storage: StorageEngine;
  readonly flush: FlushMode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retentionCheckMs: number;
  report(statuses: readonly ReplicaStatus[]): void;
  /** Called before a partition is served; a rejection keeps it offline. */
  opened(replica: Replica): Promise<void>;
  /** Called when a partition is no longer served. */
  ended(id: PartitionId, why: ReplicaEnd): void;
  /** Called when a partition's data is gone from disk. */
  removed(id: PartitionId): void;
  /** Called before retention is enforced on a partition. */
  beforeRetention(replica: Replica): Promise<void>;
}

/** Changing offsets are reported together, this long after the first change. */
const STATUS_INTERVAL_MS = 200;

interface Entry {
  readonly id: PartitionId;
  /** Settings to serve it with; `undefined` when it is not to be served (any more). */
  wanted: ReplicaAssignment | undefined;
  /** Set while the partition is served. */
  open: OpenReplica | undefined;
  problem: string | undefined;
  /** Removals still to come: what was asked for before them is not served any more. */
  removals: number;
  /** Work on this partition, one after the other. */
  tail: Promise<void>;
}

interface OpenReplica extends Replica {
  assignment: ReplicaAssignment;
  readonly endListeners: Set<(why: ReplicaEnd) => void>;
  stopAdvance: () => void;
}

/**
 * Opens, reconfigures and removes partitions as the SC says, reports how they are, enforces retention.
 * What is asked for one partition happens in order; partitions do not wait for each other.
 */
export class ReplicaManager {
  private readonly options: ReplicaManagerOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly changed = new Set<Entry>();
  private cancelStatus: (() => void) | undefined;
  private reportSoon: NodeJS.Immediate | undefined;
  private cancelRetention: () => void;
  private retention: Promise<void> = Promise.resolve();
  private closing = false;

  constructor(options: ReplicaManagerOptions) {
    this.options = options;
    this.cancelRetention = this.scheduleRetention();
  }

  /** The open partition, if this SPU leads it. */
  leader(topic: string, partition: number): Replica | undefined {
    return this.entries.get(keyOf(topic, partition))?.open;
  }

  /** Every partition this SPU leads from now on; others are closed, their data kept. */
  assign(assignments: readonly ReplicaAssignment[]): void {
    if (this.closing) return;
    const listed = new Set<Entry>();
    for (const assignment of assignments) {
      const entry = this.entry({ topic: assignment.topic, partition: assignment.partition });
      listed.add(entry);
      // the whole list comes with every change of one partition
      if (entry.wanted !== undefined && entry.open !== undefined && isSame(entry.wanted, assignment)) continue;
      entry.wanted = assignment;
      this.enqueue(entry, () => this.serve(entry));
    }
    for (const entry of this.entries.values()) {
      if (entry.wanted === undefined || listed.has(entry)) continue;
      entry.wanted = undefined;
      if (entry.open !== undefined) this.unserve(entry, entry.open, "moved");
    }
  }

  /** Deletes the partitions' data. */
  remove(ids: readonly PartitionId[]): void {
    if (this.closing) return;
    for (const id of ids) {
      const entry = this.entry(id);
      entry.wanted = undefined;
      entry.removals++;
      // requests are refused from now on, not only when earlier work on the partition is done
      if (entry.open !== undefined) this.unserve(entry, entry.open, "deleted");
      this.enqueue(entry, async () => {
        try {
          await this.options.storage.remove(entry.id);
        } finally {
          entry.removals--;
        }
        this.options.removed(entry.id);
      });
    }
  }

  /** Enforces retention on every open partition, one after the other. */
  async enforceRetention(): Promise<void> {
    for (const entry of this.entries.values()) {
      if (this.closing) return;
      if (entry.open === undefined && entry.problem !== undefined) {
        // what kept it from opening (a full disk, a file of someone else) may be gone
        this.enqueue(entry, () => this.serve(entry));
        continue;
      }
      const open = entry.open;
      if (open === undefined) continue;
      try {
        await this.options.beforeRetention(open);
        const freedBytes = await open.log.enforceRetention(this.options.clock.nowMs());
        if (freedBytes > 0) this.markChanged(entry);
      } catch (error) {
        if (entry.open === open) this.options.logger.error({ ...entry.id, error: String(error) }, "retention failed");
      }
    }
  }

  /** Ends every stream, waits for work under way. The logs stay with the storage engine. */
  async close(): Promise<void> {
    this.closing = true;
    this.cancelRetention();
    await this.retention;
    await Promise.all([...this.entries.values()].map((entry) => entry.tail));
    for (const entry of this.entries.values()) {
      if (entry.open !== undefined) this.unserve(entry, entry.open, "moved");
    }
    this.cancelStatus?.();
    clearImmediate(this.reportSoon);
  }

  private entry(id: PartitionId): Entry {
    const key = keyOf(id.topic, id.partition);
    let entry = this.entries.get(key);
    if (entry === undefined) {
      entry = { id, wanted: undefined, open: undefined, problem: undefined, removals: 0, tail: Promise.resolve() };
      this.entries.set(key, entry);
    }
    return entry;
  }

  private enqueue(entry: Entry, work: () => Promise<void>): void {
    const tail = entry.tail.then(work).catch((error: unknown) => {
      this.options.logger.error({ ...entry.id, error: String(error) }, "a change of a partition failed");
    });
    entry.tail = tail.then(() => {
      // nothing more to do here and nothing to serve: forget it
      if (entry.wanted === undefined && entry.tail === settled)
        this.entries.delete(keyOf(entry.id.topic, entry.id.partition));
    });
    const settled = entry.tail;
  }

  private async serve(entry: Entry): Promise<void> {
    const assignment = entry.wanted;
    if (this.closing || assignment === undefined || entry.removals > 0) return;
    const config = logConfig(assignment, this.options.flush);
    if (entry.open !== undefined) {
      entry.open.assignment = assignment;
      entry.open.log.reconfigure(config);
      return;
    }
    try {
      const log = await this.options.storage.open(entry.id, config);
      // a removal that came meanwhile deletes it; when it moved away it is closed again
      if (entry.removals > 0) return;
      if (entry.wanted === undefined) return await log[Symbol.asyncDispose]();
      const open = openReplica(entry.id, assignment, log);
      await this.options.opened(open);
      open.stopAdvance = log.onAdvance(() => this.markChanged(entry));
      entry.open = open;
      entry.problem = undefined;
    } catch (error) {
      entry.problem = isFluvioError(error) ? error.message : String(error);
      this.options.logger.error({ ...entry.id, error: entry.problem }, "a partition cannot be opened");
    }
    // the same again: `opened` takes its time too
    if (entry.open === undefined || (entry.wanted !== undefined && entry.removals === 0)) this.reportNow(entry);
    else this.unserve(entry, entry.open, entry.removals > 0 ? "deleted" : "moved");
  }

  /** Takes a partition out of service at once; a log that moved away is closed behind work under way. */
  private unserve(entry: Entry, open: OpenReplica, why: ReplicaEnd): void {
    entry.open = undefined;
    this.changed.delete(entry);
    open.stopAdvance();
    for (const listener of [...open.endListeners]) listener(why);
    open.endListeners.clear();
    this.options.ended(entry.id, why);
    if (why === "deleted" || this.closing) return;
    this.enqueue(entry, async () => open.log[Symbol.asyncDispose]());
    this.options.report([statusOf(entry)]);
  }

  private markChanged(entry: Entry): void {
    this.changed.add(entry);
    this.cancelStatus ??= this.options.clock.after(STATUS_INTERVAL_MS, () => this.reportChanged());
  }

  private reportChanged(): void {
    this.cancelStatus = undefined;
    const statuses = [...this.changed].map(statusOf);
    this.changed.clear();
    if (statuses.length > 0) this.options.report(statuses);
  }

  /** Does not wait for the interval; what comes online in one go is reported together. */
  private reportNow(entry: Entry): void {
    this.changed.add(entry);
    if (this.reportSoon !== undefined) return;
    this.reportSoon = setImmediate(() => {
      this.reportSoon = undefined;
      this.cancelStatus?.();
      this.reportChanged();
    });
  }

  private scheduleRetention(): () => void {
    return this.options.clock.after(this.options.retentionCheckMs, () => {
      this.retention = this.enforceRetention().then(() => {
        if (!this.closing) this.cancelRetention = this.scheduleRetention();
      });
    });
  }
}

function openReplica(id: PartitionId, assignment: ReplicaAssignment, log: PartitionLog): OpenReplica {
  const endListeners = new Set<(why: ReplicaEnd) => void>();
  return {
    id,
    assignment,
    log,
    endListeners,
    stopAdvance: () => {},
    onEnd: (listener) => {
      endListeners.add(listener);
      return () => endListeners.delete(listener);
    },
  };
}

/** The error of a partition that was asked for but is not led here. */
export function notLeader(topic: string, partition: number): Error {
  return flvError("FLV_NOT_LEADER", `${topic}-${partition} is not led by this SPU`, {
    details: { topic, partition },
    retriable: true,
  });
}

function statusOf(entry: Entry): ReplicaStatus {
  const log = entry.open?.log;
  return {
    topic: entry.id.topic,
    partition: entry.id.partition,
    online: log !== undefined,
    logStartOffset: log?.logStartOffset ?? 0,
    highWatermark: log?.highWatermark ?? 0,
    logEndOffset: log?.logEndOffset ?? 0,
    sizeBytes: log?.sizeBytes ?? 0,
    lastTimestampMs: log?.lastTimestampMs,
    problem: entry.problem ?? log?.damage,
  };
}

function isSame(one: ReplicaAssignment, other: ReplicaAssignment): boolean {
  return (
    one.retentionSeconds === other.retentionSeconds &&
    one.segmentSizeBytes === other.segmentSizeBytes &&
    one.maxPartitionSizeBytes === other.maxPartitionSizeBytes &&
    one.compression === other.compression &&
    one.system === other.system &&
    isDeepStrictEqual(one.deduplication, other.deduplication)
  );
}

function logConfig(assignment: ReplicaAssignment, flush: FlushMode): PartitionLogConfig {
  return {
    segmentSizeBytes: assignment.segmentSizeBytes,
    maxPartitionSizeBytes: assignment.maxPartitionSizeBytes,
    retentionMs: assignment.retentionSeconds === undefined ? undefined : assignment.retentionSeconds * 1000,
    flush,
  };
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
