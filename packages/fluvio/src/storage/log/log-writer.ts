import { performance } from "node:perf_hooks";
import { ActiveSegment } from "./active-segment.ts";
import {
  type AppendedBatch,
  AppendQueue,
  assignOffsets,
  type QueuedAppend,
  queuedAppend,
  sumBytes,
} from "./append-queue.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { cutBack } from "./cut-back.ts";
import { closedError, syncError, writeError } from "./log-errors.ts";
import type { LogState } from "./log-state.ts";
import { deleteSurplus } from "./retention.ts";
import { Segment } from "./segment.ts";
import type { ScheduledWriter } from "./write-scheduler.ts";

/** What one write takes at most: enough for full disk speed, little enough that acknowledgements come steadily. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Written but not synced: beyond this the next write waits for the sync. Bounds what a sync has to do. */
const UNSYNCED_BYTES_MAX = 16 * 1024 * 1024;
const CHECKPOINT_INTERVAL_MS = 5000;

/**
 * Writes one partition: everything that waits goes into one `writev`, and one `fdatasync` serves all that was written
 * before it started. While group N is synced, group N+1 is written; the high watermark follows the syncs.
 */
export class LogWriter implements ScheduledWriter {
  readonly #state: LogState;
  #active: ActiveSegment;
  readonly #queue = new AppendQueue();
  /** Written and waiting for a sync, in order of offset. */
  #unsynced: QueuedAppend[] = [];
  #unsyncedBytes = 0;
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
  /** The last write failed. */
  #isFailing = false;
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
    const { append, done } = queuedAppend(batches, sizeBytes);
    this.#queue.push(append);
    if (!this.#running) this.#state.environment.scheduler.schedule(this);
    return done;
  }

  start(alone: boolean): void {
    if (this.#running || this.#queue.isEmpty) return;
    if (this.#canBlock(alone)) this.#writeBlocking();
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
      this.#unsynced.push({ kind: "append", batches: [], sizeBytes: 0, baseOffset: nextOffset, nextOffset, settle });
      this.#kickSync();
    });
  }

  /** Runs `task` when everything appended before is written, and while nothing is being written. */
  exclusive(task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: "task", run: () => task().then(resolve, reject) });
      this.#wake();
    });
  }

  /** Begins a new segment. Call it within {@link exclusive}. */
  async roll(): Promise<void> {
    const { environment, directory, logEndOffset } = this.#state;
    const { fileSystem, openSegments } = environment;
    if (this.#active.segment.sizeBytes === 0) return;
    if (this.#syncsFirst) await this.#syncWritten();
    if (this.#syncFailure || this.#broken) return;
    const segment = new Segment(directory, logEndOffset, environment.nowMs());
    const active = await ActiveSegment.create(fileSystem, segment);
    const sealed = this.#active;
    if (!this.#syncsFirst) this.#syncSealed(sealed);
    this.#active = active;
    this.#committedPosition = 0;
    this.#state.segments = [...this.#state.segments, segment];
    // Neither is needed for what is about to be written: an index is rebuilt at the next start, retention comes again.
    const finish = async () => {
      await sealed.seal(fileSystem);
      await deleteSurplus(this.#state);
    };
    await finish().catch((cause: unknown) => {
      this.#state.logger.warn({ ...this.#state.id, cause }, "closing a full segment failed");
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
    try {
      await this.flush();
      await this.exclusive(() => this.#leaveTidy());
    } finally {
      await this.#active.opened.retire();
    }
  }

  /** What saves the next start a scan. All records are on disk by now, so a failure costs nothing but that. */
  async #leaveTidy(): Promise<void> {
    try {
      if (this.#syncing) await this.#syncing;
      await this.#active.seal(this.#state.environment.fileSystem);
      await this.#active.sync();
      await this.#checkpoint();
    } catch (cause) {
      this.#state.logger.warn({ ...this.#state.id, cause }, "the log is checked at the next start");
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
    return !this.#queue.isEmpty || this.#syncFailure !== undefined;
  }

  async #run(): Promise<void> {
    while (this.#hasWork()) {
      if (this.#syncFailure) await this.#repair(this.#syncFailure.cause);
      else if (this.#unsyncedBytes > UNSYNCED_BYTES_MAX && this.#syncing) await this.#syncing;
      else await (this.#queue.takeTask()?.run() ?? this.#writeGroup());
    }
  }

  #canBlock(alone: boolean): boolean {
    const { syncPolicy } = this.#state.environment;
    const sizeBytes = this.#queue.sizeBytesOfAppends();
    if (this.#syncFailure || sizeBytes === undefined || sizeBytes > this.#active.roomBytes(this.#state.config))
      return false;
    if (!this.#syncsFirst) return syncPolicy.mayWrite(sizeBytes);
    const isIdle = alone && !this.#syncing && this.#syncedOffset >= this.#state.logEndOffset;
    return isIdle && syncPolicy.mayWriteAndSync(sizeBytes);
  }

  #writeBlocking(): void {
    const group = this.#queue.takeAppends();
    const startedMs = performance.now();
    try {
      this.#active.writeSync(assignOffsets(group, this.#state.logEndOffset), sumBytes(group));
    } catch (cause) {
      this.#fail(group, cause);
      return;
    }
    this.#noteWritten(group);
    if (this.#syncsFirst) {
      try {
        this.#active.opened.file.datasyncSync();
      } catch (cause) {
        this.#unsynced.push(...group);
        this.#failSync(cause);
        return;
      }
      this.#syncedOffset = this.#state.logEndOffset;
    }
    this.#state.environment.syncPolicy.note(performance.now() - startedMs);
    this.#acknowledge(group);
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
      this.#fail(group.length > 0 ? group : this.#queue.takeAppends(), cause);
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
    this.#acknowledge(group);
  }

  /** All that is written is as durable as the flush mode asks for. */
  #acknowledge(group: readonly QueuedAppend[]): void {
    this.#commit(this.#state.logEndOffset, this.#active.segment.sizeBytes);
    this.#state.notify();
    for (const waiter of group) waiter.settle();
    this.#scheduleSync();
  }

  /** Takes what one write may hold; nothing when the first append does not fit into the segment. */
  #takeGroup(): QueuedAppend[] {
    const roomBytes = this.#active.roomBytes(this.#state.config);
    const isEmptySegment = this.#active.segment.sizeBytes === 0;
    return this.#queue.takeGroup(
      (sizeBytes, isFirst) =>
        (isFirst && isEmptySegment) || (sizeBytes <= roomBytes && (isFirst || sizeBytes <= GROUP_BYTES_MAX)),
    );
  }

  #noteWritten(group: readonly QueuedAppend[]): void {
    const { recent } = this.#state;
    const { segment } = this.#active;
    for (const waiter of group) {
      for (const batch of waiter.batches) {
        const baseOffset = segment.nextOffset;
        this.#active.note(batch);
        recent.add(baseOffset, segment.nextOffset, batch.bytes);
      }
    }
    segment.modifiedMs = this.#state.environment.nowMs();
    this.#state.logEndOffset = segment.nextOffset;
    if (this.#isFailing) this.#state.logger.info({ ...this.#state.id }, "writing succeeds again");
    this.#isFailing = false;
  }

  #commit(offset: number, position: number): void {
    this.#state.highWatermark = Math.max(this.#state.highWatermark, offset);
    this.#committedPosition = Math.max(this.#committedPosition, position);
  }

  #fail(group: readonly QueuedAppend[], cause: unknown): void {
    const error = writeError(this.#state.id, cause);
    // Once: on a full disk every append fails, and the log file is on the same disk.
    if (!this.#isFailing) this.#state.logger.error({ ...this.#state.id, cause }, error.message);
    this.#isFailing = true;
    for (const waiter of group) waiter.settle(error);
  }

  #kickSync(): void {
    if (this.#syncFailure || this.#broken) return;
    if (this.#syncedOffset < this.#state.logEndOffset) this.#syncing ??= this.#syncAll();
  }

  /** Waits until all that is written is synced, or a sync failed. */
  async #syncWritten(): Promise<void> {
    while (this.#syncedOffset < this.#state.logEndOffset && !this.#syncFailure && !this.#broken) {
      this.#kickSync();
      await this.#syncing;
    }
  }

  async #syncAll(): Promise<void> {
    try {
      while (this.#syncedOffset < this.#state.logEndOffset) await this.#syncOnce();
    } catch (cause) {
      this.#failSync(cause);
    } finally {
      // In the same turn as the last look at the end of the log: what is written from now on starts a new round.
      this.#syncing = undefined;
    }
  }

  async #syncOnce(): Promise<void> {
    const offset = this.#state.logEndOffset;
    const active = this.#active;
    const position = active.segment.sizeBytes;
    await active.sync();
    this.#syncedOffset = Math.max(this.#syncedOffset, offset);
    this.#commit(offset, active === this.#active ? position : 0);
    this.#state.notify();
    this.#settleSynced();
    this.#checkpointIfDue();
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
    const synced = sealed.sync().catch((cause: unknown) => this.#failSync(cause));
    this.#sealedSyncs = Promise.all([this.#sealedSyncs, synced]).then(() => {});
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
      await cutBack(this.#state, this.#active, this.#committedPosition);
      this.#syncFailure = undefined;
      this.#syncedOffset = this.#state.logEndOffset;
      await this.roll();
    } catch (second) {
      this.#syncFailure = undefined;
      this.#broken = { cause: second };
      this.#state.logger.error({ ...this.#state.id, cause: second }, "the log cannot be written until it is reopened");
      waiters.push(...this.#queue.takeAppends());
    }
    const error = syncError(this.#state.id, cause);
    for (const waiter of waiters) waiter.settle(error);
  }
}
