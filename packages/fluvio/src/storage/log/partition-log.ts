import { BATCH_BYTES_MAX, flvError, readBatchHeader } from "../../protocol/index.ts";
import type { AppendResult, LogSlice, PartitionId, PartitionLog, PartitionLogConfig, ReadLimit } from "../engine.ts";
import type { AppendedBatch } from "./append-queue.ts";
import { noteScannedDamage } from "./damage.ts";
import { closedError, corruptError, partitionName, readError, writeError } from "./log-errors.ts";
import type { LogState } from "./log-state.ts";
import type { LogWriter } from "./log-writer.ts";
import { enforceRetention } from "./retention.ts";
import { scanSegment } from "./scan.ts";
import type { OpenSegment, Segment } from "./segment.ts";
import { findTimestamp, type Place, readSegment } from "./segment-read.ts";
import { BatchKeeper } from "./small-batches.ts";

/** One partition of the embedded engine: reads here, writes in {@link LogWriter}, both on {@link LogState}. */
export class SegmentedLog implements PartitionLog {
  readonly #state: LogState;
  readonly #writer: LogWriter;
  readonly #keeper = new BatchKeeper();
  readonly #onClose: () => void;
  /** Segments that are being checked because a reader met damage. */
  readonly #checks = new Map<Segment, Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(state: LogState, writer: LogWriter, onClose: () => void) {
    this.#state = state;
    this.#writer = writer;
    this.#onClose = onClose;
  }

  get id(): PartitionId {
    return this.#state.id;
  }
  get logStartOffset(): number {
    return this.#state.segments[0]!.baseOffset;
  }
  get logEndOffset(): number {
    return this.#state.logEndOffset;
  }
  get highWatermark(): number {
    return this.#state.highWatermark;
  }
  get sizeBytes(): number {
    return this.#state.sizeBytes;
  }
  get lastTimestampMs(): number | undefined {
    const newestMs = this.#state.segments.reduce((max, segment) => Math.max(max, segment.maxTimestampMs), -1);
    return newestMs > 0 ? newestMs : undefined;
  }
  get damage(): string | undefined {
    return this.#state.damage;
  }

  async append(batches: readonly Uint8Array[]): Promise<AppendResult> {
    const appended: AppendedBatch[] = [];
    let sizeBytes = 0;
    // Nothing is kept before all are known to be good. No `await` before the queue: calls stay in order.
    const headers = batches.map((batch) => this.#checkedHeader(batch));
    const kept = this.#keeper.keep(batches);
    for (let at = 0; at < kept.length; at += 1) {
      const bytes = kept[at]!;
      const { lastOffsetDelta, maxTimestampMs } = headers[at]!;
      appended.push({ bytes, recordCount: lastOffsetDelta + 1, maxTimestampMs });
      sizeBytes += bytes.length;
    }
    if (appended.length === 0) return { baseOffset: this.logEndOffset, logEndOffset: this.logEndOffset };
    const { baseOffset, nextOffset } = await this.#writer.append(appended, sizeBytes);
    return { baseOffset, logEndOffset: nextOffset };
  }

  async read(offset: number, limit: ReadLimit): Promise<LogSlice> {
    let isChecked = false;
    for (;;) {
      if (this.#closing) throw closedError(this.id);
      const { logEndOffset } = this.#state;
      if (offset < this.logStartOffset) throw this.#evicted(offset);
      if (offset > logEndOffset) throw this.#outOfRange(offset);
      if (offset >= Math.min(limit.upToOffset, logEndOffset)) return emptySlice(offset);
      const bounded = limit.upToOffset > logEndOffset ? { ...limit, upToOffset: logEndOffset } : limit;
      const recent = this.#state.recent.read(offset, bounded);
      if (recent) return recent;
      const segment = this.#state.segmentAt(offset)!;
      this.#throwIfDamaged(segment, offset);
      const result = await this.#withOpen(segment, offset, (opened) => readSegment(segment, opened, offset, bounded));
      if (result === undefined) continue;
      if ("slice" in result) return result.slice;
      // Unknown damage. When it is known, the next round goes past it or into the error.
      if (isChecked) throw this.#unreadable(segment, result.bad);
      isChecked = true;
      await this.#check(segment);
    }
  }

  async offsetForTimestamp(timestampMs: number): Promise<number> {
    for (const segment of this.#state.segments) {
      let isChecked = false;
      while (segment.maxTimestampMs >= timestampMs) {
        if (this.#closing) throw closedError(this.id);
        const at = segment.baseOffset;
        const found = await this.#withOpen(segment, at, (opened) => findTimestamp(segment, opened, timestampMs));
        if (found && "bad" in found) {
          if (isChecked) throw this.#unreadable(segment, found.bad);
          isChecked = true;
          await this.#check(segment);
          continue;
        }
        if (found?.offset !== undefined) return found.offset;
        break;
      }
    }
    return this.logEndOffset;
  }

  onAdvance(listener: () => void): () => void {
    return this.#state.listen(listener);
  }

  reconfigure(config: PartitionLogConfig): void {
    this.#state.config = config;
    this.#writer.reconfigured();
  }

  async enforceRetention(nowMs: number): Promise<number> {
    if (this.#closing) throw closedError(this.id);
    try {
      return await enforceRetention(this.#state, nowMs, () => this.#writer.exclusive(() => this.#writer.roll()));
    } catch (cause) {
      throw writeError(this.id, cause);
    }
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      const { segments, recent, environment } = this.#state;
      recent.clear();
      for (const segment of segments) await environment.openSegments.drop(segment);
      this.#onClose();
    }
  }

  #checkedHeader(batch: Uint8Array) {
    const { segmentSizeBytes } = this.#state.config;
    const maxBytes = Math.min(segmentSizeBytes, BATCH_BYTES_MAX);
    if (batch.length > maxBytes) {
      throw flvError("FLV_BATCH_TOO_LARGE", `Batch of ${batch.length} bytes is larger than ${maxBytes}`, {
        details: { ...this.id, sizeBytes: batch.length, maxBytes },
        hint:
          segmentSizeBytes < BATCH_BYTES_MAX
            ? "send smaller batches, or raise the topic's segment size"
            : "send smaller batches",
      });
    }
    const header = readBatchHeader(batch);
    if (header.sizeBytes !== batch.length || header.lastOffsetDelta < 0) {
      throw flvError("FLV_BATCH_CORRUPT", `Batch of ${batch.length} bytes says it has ${header.sizeBytes}`, {
        details: { ...this.id, sizeBytes: batch.length, lastOffsetDelta: header.lastOffsetDelta },
        hint: "append whole batches, one by one",
      });
    }
    return header;
  }

  /** Runs `use` on the open segment; `undefined` when the segment is gone by now. */
  async #withOpen<T>(
    segment: Segment,
    offset: number,
    use: (opened: OpenSegment) => Promise<T>,
  ): Promise<T | undefined> {
    const { openSegments } = this.#state.environment;
    let opened: OpenSegment | undefined;
    try {
      opened = await openSegments.acquire(segment);
    } catch (cause) {
      if (segment.isGone || !this.#state.segments.includes(segment)) return undefined;
      throw readError(this.id, offset, cause);
    }
    if (!opened) return undefined;
    try {
      return await use(opened);
    } catch (cause) {
      throw readError(this.id, offset, cause);
    } finally {
      await opened.release();
    }
  }

  #throwIfDamaged(segment: Segment, offset: number): void {
    const damaged = segment.damage.find((range) => offset >= range.fromOffset && offset < range.toOffset);
    const next = this.#state.segments[this.#state.segments.indexOf(segment) + 1];
    const isMissing = offset >= segment.nextOffset && next !== undefined;
    if (!damaged && !isMissing) return;
    const { fromOffset, toOffset } = damaged ?? { fromOffset: segment.nextOffset, toOffset: next!.baseOffset };
    throw corruptError(this.id, { offset, fromOffset, toOffset, file: segment.logPath });
  }

  /** Checks every batch of a segment and notes where it is damaged. */
  #check(segment: Segment): Promise<void> {
    let running = this.#checks.get(segment);
    if (!running) {
      running = this.#scan(segment).finally(() => this.#checks.delete(segment));
      this.#checks.set(segment, running);
    }
    return running;
  }

  async #scan(segment: Segment): Promise<void> {
    const { end, baseOffset } = segment;
    const scan = await this.#withOpen(segment, baseOffset, ({ file }) => scanSegment(file, end.position, baseOffset));
    if (!scan) return;
    noteScannedDamage(this.#state, segment, scan, end);
    // Without its index the segment is checked again at the next start.
    if (segment.damage.length > 0) await this.#state.environment.fileSystem.remove(segment.indexPath);
  }

  #unreadable(segment: Segment, bad: Place): Error {
    const { offset } = bad;
    return corruptError(this.id, { offset, fromOffset: offset, toOffset: offset + 1, file: segment.logPath });
  }

  #evicted(offset: number): Error {
    const nextAvailable = this.logStartOffset;
    return flvError("FLV_OFFSET_EVICTED", `Offset ${offset} of ${partitionName(this.id)} is no longer stored`, {
      details: { ...this.id, offset, nextAvailable },
      hint: `retention removed it; the oldest offset is ${nextAvailable}`,
    });
  }

  #outOfRange(offset: number): Error {
    const { logEndOffset } = this.#state;
    return flvError(
      "FLV_OFFSET_OUT_OF_RANGE",
      `Offset ${offset} of ${partitionName(this.id)} is behind the end of the log, ${logEndOffset}`,
      {
        details: { ...this.id, offset, logEndOffset },
        hint: `read from ${this.logStartOffset} to ${logEndOffset}`,
      },
    );
  }
}

function emptySlice(offset: number): LogSlice {
  return { pieces: [], sizeBytes: 0, firstOffset: offset, nextOffset: offset };
}
