import type { Logger } from "../../protocol/index.ts";
import type { PartitionId, PartitionLogConfig } from "../engine.ts";
import type { FileSystem } from "./file-system.ts";
import type { OpenSegments } from "./open-segments.ts";
import { RecentBatches, type RecentBudget } from "./recent-batches.ts";
import type { Segment } from "./segment.ts";
import type { SyncPolicy } from "./sync-policy.ts";
import type { WriteScheduler } from "./write-scheduler.ts";

/** What all partitions of an engine share. */
export interface LogEnvironment {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  readonly openSegments: OpenSegments;
  readonly recentBudget: RecentBudget;
  readonly syncPolicy: SyncPolicy;
  readonly scheduler: WriteScheduler;
  readonly nowMs: () => number;
}

/** The state of one open partition that its reading, writing and retention share. */
export class LogState {
  readonly id: PartitionId;
  readonly directory: string;
  readonly environment: LogEnvironment;
  readonly logger: Logger;
  readonly recent: RecentBatches;
  config: PartitionLogConfig;
  /** By base offset, the active segment last; never empty. */
  segments: Segment[];
  logEndOffset: number;
  highWatermark: number;
  damage: string | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    environment: LogEnvironment,
    place: { readonly id: PartitionId; readonly directory: string },
    config: PartitionLogConfig,
    segments: Segment[],
  ) {
    this.id = place.id;
    this.directory = place.directory;
    this.environment = environment;
    this.logger = environment.logger;
    this.recent = new RecentBatches(environment.recentBudget);
    this.config = config;
    this.segments = segments;
    this.logEndOffset = segments.at(-1)!.nextOffset;
    this.highWatermark = this.logEndOffset;
  }

  get sizeBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  /** The segment in whose range of offsets this one falls: the last that starts at or before it. */
  segmentAt(offset: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.segments[low - 1];
  }

  listen(listener: () => void): () => void {
    // Wrapped, so that one function may listen twice and stop once.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  notify(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (cause) {
        // What a reader does wrong must not stop the writer.
        this.logger.error({ ...this.id, cause }, "a listener of the log failed");
      }
    }
  }

  /** Reports damage the first time it is seen, and keeps it. */
  report(damage: string, details: object): void {
    if (this.damage === undefined) this.damage = damage;
    else if (!this.damage.includes(damage)) this.damage = `${this.damage}; ${damage}`;
    this.logger.error({ ...this.id, ...details }, damage);
  }
}
