import { performance } from "node:perf_hooks";
import { ActiveSegment } from "./active-segment.ts";
import { type AppendedBatch, assignOffsets, sumBytes, type Waiter } from "./append-queue.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { noteScannedDamage } from "./damage.ts";
import { closedError, syncError, writeError } from "./log-errors.ts";
import type { LogState } from "./log-state.ts";
import { scanSegment } from "./scan.ts";
import { Segment } from "./segment.ts";
import { SparseIndex } from "./sparse-index.ts";
import type { ScheduledWriter } from "./write-scheduler.ts";

/** What one write takes at most: enough for full disk speed, little enough that acknowledgements come steadily. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Written but not synced: beyond this the next write waits for the sync. Bounds what a sync has to do. */
const UNSYNCED_BYTES_MAX = 16 * 1024 * 1024;
/** File positions and offsets within a segment are stored in 32 bits. */
const SEGMENT_SIZE_BYTES_MAX = 0xffff_ffff;
const CHECKPOINT_INTERVAL_MS = 5000;

/**
 * Writes one partition: everything that waits goes into one `writev`, and one `fdatasync` serves all that was written
 * before it started. While group N is synced, group N+1 is written; the high watermark follows the syncs.
 */
export class LogWriter implements ScheduledWriter {
  readonly #state: LogState;
  #active: ActiveSegment;
  #pending: Waiter[] = [];
  /** Written and waiting for a sync, in order of offset. */
  #unsynced: Waiter[] = [];
  #unsyncedBytes = 0;
  readonly #tasks: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  /** Background syncs of segments that were closed without one (flush modes that acknowledge before syncing). */
  #sealedSyncs: Promise<void> = Promise.resolve();
  #syncedOffset: number;
  /** Bytes of the active segment that lie below the high watermark. */
  #committedPosition: number;
  #syncFailure: { readonly cause: unknown } | undefined;
  /** Set when the log cannot go on: what every later append gets. */
  #broken: { readonly cause: unknown } | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #checkpointAtMs = performance.now();

  constructor(state: LogState, active: ActiveSegment) {
    this.#state = state;
    this.#active = active;
    this.#syncedOffset = state.logEndOffset;
    this.#committedPosition = active.segment.sizeBytes;
  }

  get #syncsFirst(): boolean {
    return this.#state.config.flush === "always";
  }

  /** Queues batches that were checked. Resolves to their first offset and the end when the flush mode allows it. */
  append(batches: readonly AppendedBatch[], sizeBytes: number): Promise<{ baseOffset: number; nextOffset: number }> {
    if (this.#closed) return Promise.reject(closedError(this.#state.id));
    if (this.#broken) return Promise.reject(syncError(this.#state.id, this.#broken.cause));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        batches,
        sizeBytes,
        baseOffset: -1,
        nextOffset: -1,
        settle: (error) => {
          if (error) reject(error);
          else resolve({ baseOffset: waiter.baseOffset, nextOffset: waiter.nextOffset });
        },
      };
      this.#pending.push(waiter);
      if (!this.#running) this.#state.environment.scheduler.schedule(this);
    });
  }

  start(alone: boolean): void {
    if (this.#running || this.#pending.length === 0) return;
    if (alone && this.#syncsFirst && this.#canBlock()) this.#writeBlocking();
    else this.#wake();
  }

  /** Resolves when everything appended so far is on disk. */
  async flush(): Promise<void> {
    await this.exclusive(async () => {});
    await this.#sealedSyncs;
    if (this.#broken) throw syncError(this.#state.id, this.#broken.cause);
    if (this.#syncFailure) throw syncError(this.#state.id, this.#syncFailure.cause);
    if (this.#syncedOffset >= this.#state.logEndOffset) return;
    await new Promise<void>((resolve, reject) => {
      const nextOffset = this.#state.logEndOffset;
      const settle = (error?: unknown) => (error ? reject(error) : resolve());
      this.#unsynced.push({ batches: [], sizeBytes: 0, baseOffset: nextOffset, nextOffset, settle });
      this.#kickSync();
    });
  }

  /** Runs `task` when everything appended before is written, and while nothing is being written. */
  exclusive(task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
      this.#wake();
    });
  }

  /** Begins a new segment. Call it within {@link exclusive}. */
  async roll(): Promise<void> {
    const { environment, directory, segments, logEndOffset } = this.#state;
    const { fileSystem, openSegments } = environment;
    if (this.#active.segment.sizeBytes === 0) return;
    if (this.#syncsFirst) await this.#syncWritten();
    if (this.#syncFailure) return;
    const segment = new Segment(directory, logEndOffset, Date.now());
    const active = await ActiveSegment.open(fileSystem, segment, new SparseIndex());
    await active.opened.file.truncate(0);
    await fileSystem.syncDirectory(directory);
    const sealed = this.#active;
    if (!this.#syncsFirst) this.#syncSealed(sealed);
    this.#active = active;
    this.#committedPosition = 0;
    this.#state.segments = [...segments, segment];
    // An index that cannot be written now is rebuilt at the next start.
    await sealed.seal(fileSystem).catch((cause: unknown) => {
      this.#state.logger.warn({ ...this.#state.id, cause }, "saving the index of a full segment failed");
    });
    await openSegments.adopt(sealed.segment);
  }

  /** After the settings changed. */
  reconfigured(): void {
    if (this.#syncsFirst) {
      if (this.#syncedOffset < this.#state.logEndOffset) this.#kickSync();
    } else this.#scheduleSync();
  }

  /** Writes and syncs what waits, and closes the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const { fileSystem } = this.#state.environment;
    try {
      await this.flush();
      await this.exclusive(async () => {
        if (this.#syncing) await this.#syncing;
        await this.#active.seal(fileSystem);
        await this.#active.sync();
        await this.#checkpoint();
      });
    } finally {
      await this.#active.opened.retire();
    }
  }

  #wake(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Whatever came between the last look and here.
      if (this.#hasWork()) this.#wake();
    });
  }

  #hasWork(): boolean {
    return this.#pending.length > 0 || this.#tasks.length > 0 || this.#syncFailure !== undefined;
  }

  async #run(): Promise<void> {
    while (this.#hasWork()) {
      if (this.#syncFailure) await this.#repair(this.#syncFailure.cause);
      else if (this.#pending.length === 0) await this.#tasks.shift()!();
      else if (this.#unsyncedBytes > UNSYNCED_BYTES_MAX && this.#syncing) await this.#syncing;
      else await this.#writeGroup();
    }
  }

  #canBlock(): boolean {
    if (this.#syncing || this.#unsynced.length > 0 || this.#syncFailure || this.#tasks.length > 0) return false;
    if (this.#syncedOffset < this.#state.logEndOffset) return false;
    const sizeBytes = this.#pending.reduce((sum, waiter) => sum + waiter.sizeBytes, 0);
    return sizeBytes <= this.#roomBytes() && this.#state.environment.syncPolicy.mayBlock(sizeBytes);
  }

  #writeBlocking(): void {
    const group = this.#pending;
    this.#pending = [];
    const startedMs = performance.now();
    const pieces = assignOffsets(group, this.#state.logEndOffset);
    try {
      this.#active.writeSync(pieces, sumBytes(group));
    } catch (cause) {
      this.#fail(group, cause);
      return;
    }
    this.#noteWritten(group);
    try {
      this.#active.opened.file.datasyncSync();
    } catch (cause) {
      this.#unsynced.push(...group);
      this.#failSync(cause);
      return;
    }
    this.#state.environment.syncPolicy.note(performance.now() - startedMs);
    this.#commit(this.#state.logEndOffset, this.#active.segment.sizeBytes);
    this.#syncedOffset = this.#state.logEndOffset;
    this.#state.notify();
    for (const waiter of group) waiter.settle();
    this.#checkpointIfDue();
  }

  async #writeGroup(): Promise<void> {
    let group = this.#takeGroup();
    try {
      if (group.length === 0) {
        await this.roll();
        if (this.#syncFailure) return;
        group = this.#takeGroup();
      }
      await this.#active.write(assignOffsets(group, this.#state.logEndOffset), sumBytes(group));
    } catch (cause) {
      this.#fail(group.length > 0 ? group : this.#pending.splice(0), cause);
      return;
    }
    this.#noteWritten(group);
    if (this.#syncsFirst) {
      this.#unsynced.push(...group);
      this.#unsyncedBytes += sumBytes(group);
      this.#state.notify();
      this.#kickSync();
      return;
    }
    this.#commit(this.#state.logEndOffset, this.#active.segment.sizeBytes);
    this.#state.notify();
    for (const waiter of group) waiter.settle();
    this.#scheduleSync();
  }

  /** Bytes that still fit into the active segment; an empty one takes any single append. */
  #roomBytes(): number {
    const { segmentSizeBytes, maxPartitionSizeBytes } = this.#state.config;
    const { sizeBytes } = this.#active.segment;
    if (this.#state.logEndOffset - this.#active.segment.baseOffset > 0x7fff_ffff) return 0;
    return Math.min(segmentSizeBytes, maxPartitionSizeBytes, SEGMENT_SIZE_BYTES_MAX) - sizeBytes;
  }

  /** Takes what one write may hold; nothing when the first append does not fit into the segment. */
  #takeGroup(): Waiter[] {
    const roomBytes = this.#roomBytes();
    let count = 0;
    let sizeBytes = 0;
    for (const waiter of this.#pending) {
      const total = sizeBytes + waiter.sizeBytes;
      const isFirstOfSegment = count === 0 && this.#active.segment.sizeBytes === 0;
      if (!isFirstOfSegment && (total > roomBytes || (count > 0 && total > GROUP_BYTES_MAX))) break;
      sizeBytes = total;
      count += 1;
    }
    if (count === this.#pending.length) {
      const all = this.#pending;
      this.#pending = [];
      return all;
    }
    return this.#pending.splice(0, count);
  }

  #noteWritten(group: readonly Waiter[]): void {
    const { recent } = this.#state;
    const { segment } = this.#active;
    for (const waiter of group) {
      for (const batch of waiter.batches) {
        const baseOffset = segment.nextOffset;
        this.#active.note(batch);
        recent.add(baseOffset, segment.nextOffset, batch.bytes);
      }
    }
    segment.modifiedMs = Date.now();
    this.#state.logEndOffset = segment.nextOffset;
  }

  #commit(offset: number, position: number): void {
    this.#state.highWatermark = Math.max(this.#state.highWatermark, offset);
    this.#committedPosition = Math.max(this.#committedPosition, position);
  }

  #fail(group: readonly Waiter[], cause: unknown): void {
    const error = writeError(this.#state.id, cause);
    this.#state.logger.error({ ...this.#state.id, cause }, error.message);
    for (const waiter of group) waiter.settle(error);
  }

  #kickSync(): void {
    if (this.#syncFailure || this.#broken) return;
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined;
    });
  }

  /** Waits until all that is written is synced, or a sync failed. */
  async #syncWritten(): Promise<void> {
    while (this.#syncedOffset < this.#state.logEndOffset && !this.#syncFailure && !this.#broken) {
      this.#kickSync();
      await this.#syncing;
    }
  }

  async #syncAll(): Promise<void> {
    while (this.#syncedOffset < this.#state.logEndOffset) {
      const offset = this.#state.logEndOffset;
      const active = this.#active;
      const position = active.segment.sizeBytes;
      try {
        await active.sync();
      } catch (cause) {
        this.#failSync(cause);
        return;
      }
      this.#syncedOffset = Math.max(this.#syncedOffset, offset);
      this.#commit(offset, active === this.#active ? position : 0);
      this.#state.notify();
      this.#settleSynced();
      this.#checkpointIfDue();
    }
  }

  #settleSynced(): void {
    let count = 0;
    for (const waiter of this.#unsynced) {
      if (waiter.nextOffset > this.#syncedOffset) break;
      this.#unsyncedBytes -= waiter.sizeBytes;
      waiter.settle();
      count += 1;
    }
    this.#unsynced.splice(0, count);
  }

  /** In the flush modes that acknowledge first: syncs after the configured time. */
  #scheduleSync(): void {
    const { flush } = this.#state.config;
    if (typeof flush !== "object" || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#kickSync();
    }, flush.everyMs).unref();
  }

  /** Syncs a full segment in the background, where acknowledgements do not wait for it. */
  #syncSealed(sealed: ActiveSegment): void {
    this.#sealedSyncs = this.#sealedSyncs.then(() => sealed.sync()).catch((cause: unknown) => this.#failSync(cause));
  }

  #checkpointIfDue(): void {
    const nowMs = performance.now();
    if (!this.#syncsFirst || this.#closed || nowMs - this.#checkpointAtMs < CHECKPOINT_INTERVAL_MS) return;
    this.#checkpointAtMs = nowMs;
    this.exclusive(() => this.#checkpoint()).catch((cause: unknown) => {
      this.#state.logger.warn({ ...this.#state.id, cause }, "saving the checkpoint failed");
    });
  }

  #checkpoint(): Promise<void> {
    const { environment, directory, highWatermark: nextOffset } = this.#state;
    const { baseOffset } = this.#active.segment;
    const position = this.#committedPosition;
    return saveCheckpoint(environment.fileSystem, directory, { baseOffset, position, nextOffset });
  }

  #failSync(cause: unknown): void {
    this.#state.logger.error({ ...this.#state.id, cause }, "syncing to disk failed");
    this.#syncFailure = { cause };
    this.#wake();
  }

  /**
   * After a failed sync nobody knows which of the unsynced bytes are on disk, and a second sync would claim success
   * without writing them again. So they are cut off, those who wait are told, what remains is read and checked, and
   * writing goes on in a new file.
   */
  async #repair(cause: unknown): Promise<void> {
    if (this.#syncing) await this.#syncing;
    const waiters = this.#unsynced.splice(0);
    this.#unsyncedBytes = 0;
    try {
      await this.#cutBackToCommitted();
      this.#syncFailure = undefined;
      this.#syncedOffset = this.#state.logEndOffset;
      await this.roll();
    } catch (second) {
      this.#syncFailure = undefined;
      this.#broken = { cause: second };
      this.#state.logger.error({ ...this.#state.id, cause: second }, "the log cannot be written until it is reopened");
      waiters.push(...this.#pending.splice(0));
    }
    const error = syncError(this.#state.id, cause);
    for (const waiter of waiters) waiter.settle(error);
  }

  async #cutBackToCommitted(): Promise<void> {
    const { segment, opened } = this.#active;
    const { highWatermark } = this.#state;
    this.#state.recent.clear();
    this.#state.logEndOffset = highWatermark;
    segment.sizeBytes = this.#committedPosition;
    segment.nextOffset = highWatermark;
    opened.index.truncate(segment.sizeBytes);
    await this.#active.trim();
    await this.#active.sync();
    const scan = await scanSegment(opened.file, segment.sizeBytes, segment.baseOffset);
    segment.maxTimestampMs = scan.maxTimestampMs;
    noteScannedDamage(this.#state, segment, scan);
  }
}
