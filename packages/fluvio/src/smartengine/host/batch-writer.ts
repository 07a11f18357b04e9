import {
  type BatchCompression,
  type BatchHeaderFields,
  compress,
  BATCH_HEADER_BYTES as HEADER_BYTES,
  writeBatchHeader,
} from "../../protocol/index.ts";
import { RecordScan, varintSize, writeVarint } from "./record-scan.ts";

const DELTA_MAX = 0x7fffffff;
/** Smaller sections gain nothing from compression, and cost both sides more time than their bytes are worth. */
const COMPRESSED_SECTION_BYTES_MIN = 1024;
const COUNT_BYTES = 4;

/** The input batch that records being written come from. */
export interface SourceBatch {
  /** First offset to account for: the batch's base, or where reading starts within it. */
  readonly fromOffset: number;
  /** Offset after its last. */
  readonly endOffset: number;
  /** Offset that its records' deltas count from. */
  readonly baseOffset: number;
  readonly compression: BatchCompression;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

/**
 * Lays out surviving records as batches that every reader numbers alike, whether it uses offset deltas or counts from
 * the base offset: a gap or a repeated offset starts a new batch, and each batch covers the offsets dropped after it.
 * Offsets dropped before the first survivor are covered by a batch without records.
 */
export class BatchWriter {
  private bytes: Uint8Array;
  private used = 0;
  /** Start of the batch whose header is not written yet. */
  private openStart = 0;
  private open: OpenBatch | undefined;
  /** Offset after everything accounted for. */
  private nextOffset: number;
  recordCount = 0;

  constructor(sizeHint: number, fromOffset: number) {
    this.bytes = new Uint8Array(sizeHint);
    this.nextOffset = fromOffset;
  }

  /** Bytes written so far, the header of the last batch included. */
  get sizeBytes(): number {
    return this.used;
  }

  /** Adds a stored batch as it is: nothing in it was changed or dropped. */
  addWhole(source: SourceBatch, batch: Uint8Array, recordCount: number): void {
    this.cover(source.fromOffset, source);
    this.close();
    this.room(batch.length);
    this.bytes.set(batch, this.used);
    this.used += batch.length;
    this.recordCount += recordCount;
    this.openStart = this.used - batch.length;
    this.open = {
      baseOffset: source.fromOffset,
      lastOffsetDelta: source.endOffset - source.fromOffset - 1,
      compression: source.compression,
      firstTimestampMs: source.firstTimestampMs,
      maxTimestampMs: source.maxTimestampMs,
    };
    this.nextOffset = source.endOffset;
    this.untouched = true;
  }

  /** True while the open batch is a stored one whose header still holds. */
  private untouched = false;

  /**
   * Adds the survivors of one input batch. Their offsets come from their deltas, and never leave the input batch. Where
   * deltas repeat or go back, the next free offset is taken, or the last one again when none is left; with
   * `sharesOffsets` the offset before is shared. Whatever shares an offset is a batch of its own.
   * @param section uncompressed records section
   */
  addSection(source: SourceBatch, section: Uint8Array, recordCount: number, sharesOffsets = false): void {
    const scan = new RecordScan(section, COUNT_BYTES, section.length);
    const lastOffset = source.endOffset - 1;
    const step = sharesOffsets ? 0 : 1;
    let run: Run | undefined;
    let previous = source.fromOffset - step;
    for (let i = 0; i < recordCount; i++) {
      scan.next();
      const offset = Math.min(Math.max(source.baseOffset + scan.offsetDelta, previous + step), lastOffset);
      if (run !== undefined && offset !== previous + 1) {
        this.addRun(run, source);
        run = undefined;
      }
      run ??= this.startRun(offset, source);
      this.addRecord(section, scan, offset - run.baseOffset);
      run.count += 1;
      const timestampMs = source.firstTimestampMs + scan.timestampDelta;
      if (timestampMs > run.maxTimestampMs) run.maxTimestampMs = timestampMs;
      previous = offset;
    }
    if (run !== undefined) this.addRun(run, source);
    this.cover(source.endOffset, source);
  }

  /** Starts a batch at `offset`; its records follow directly behind the space for its header. */
  private startRun(offset: number, source: SourceBatch): Run {
    this.cover(offset, source);
    this.close();
    this.openStart = this.used;
    this.room(HEADER_BYTES + COUNT_BYTES);
    this.used += HEADER_BYTES + COUNT_BYTES;
    return { baseOffset: offset, count: 0, maxTimestampMs: source.firstTimestampMs };
  }

  private addRecord(section: Uint8Array, scan: RecordScan, delta: number): void {
    const recordBytes = scan.pos - scan.start;
    this.room(recordBytes + 10);
    if (delta === scan.offsetDelta) {
      this.bytes.set(section.subarray(scan.start, scan.pos), this.used);
      this.used += recordBytes;
      return;
    }
    const headBytes = scan.offsetDeltaStart - scan.bodyStart;
    const restBytes = scan.pos - scan.restStart;
    let at = writeVarint(this.bytes, this.used, headBytes + varintSize(delta) + restBytes);
    for (let i = scan.bodyStart; i < scan.offsetDeltaStart; i++) this.bytes[at++] = section[i] as number;
    at = writeVarint(this.bytes, at, delta);
    this.bytes.set(section.subarray(scan.restStart, scan.pos), at);
    this.used = at + restBytes;
  }

  private addRun(run: Run, source: SourceBatch): void {
    const sectionStart = this.openStart + HEADER_BYTES;
    new DataView(this.bytes.buffer).setInt32(sectionStart, run.count);
    const sectionBytes = this.used - sectionStart;
    const compression = sectionBytes < COMPRESSED_SECTION_BYTES_MIN ? "none" : source.compression;
    if (compression !== "none") {
      const packed = compress(compression, this.bytes.subarray(sectionStart, this.used));
      this.used = sectionStart;
      this.room(packed.length);
      this.bytes.set(packed, this.used);
      this.used += packed.length;
    }
    this.recordCount += run.count;
    this.nextOffset = Math.max(run.baseOffset + run.count, this.nextOffset);
    if (this.nextOffset > source.endOffset) this.nextOffset = source.endOffset;
    this.open = {
      baseOffset: run.baseOffset,
      lastOffsetDelta: this.nextOffset - run.baseOffset - 1,
      compression,
      firstTimestampMs: source.firstTimestampMs,
      maxTimestampMs: run.maxTimestampMs,
    };
  }

  /** Accounts for the offsets up to `offset` that have no records (any more). */
  private cover(offset: number, source: SourceBatch): void {
    while (this.nextOffset < offset) {
      const { open } = this;
      const base = open?.baseOffset ?? this.nextOffset;
      const delta = Math.min(offset - 1 - base, DELTA_MAX);
      if (open !== undefined && delta > open.lastOffsetDelta) {
        this.open = { ...open, lastOffsetDelta: delta };
        this.untouched = false;
        this.nextOffset = base + delta + 1;
        continue;
      }
      this.close();
      this.openEmpty(Math.min(offset - 1 - this.nextOffset, DELTA_MAX), source);
    }
  }

  private openEmpty(lastOffsetDelta: number, source: SourceBatch): void {
    this.openStart = this.used;
    this.room(HEADER_BYTES + COUNT_BYTES);
    this.bytes.fill(0, this.used + HEADER_BYTES, this.used + HEADER_BYTES + COUNT_BYTES);
    this.used += HEADER_BYTES + COUNT_BYTES;
    this.open = {
      baseOffset: this.nextOffset,
      lastOffsetDelta,
      compression: "none",
      firstTimestampMs: source.firstTimestampMs,
      maxTimestampMs: source.firstTimestampMs,
    };
    this.nextOffset += lastOffsetDelta + 1;
  }

  private close(): void {
    if (this.open !== undefined && !this.untouched) {
      writeBatchHeader(this.bytes.subarray(this.openStart, this.used), this.open);
    }
    this.open = undefined;
    this.untouched = false;
  }

  private room(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.used + count, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }

  /** The batches, in a buffer of their own; the writer must not be used after. */
  finish(): Uint8Array {
    this.close();
    // who holds a few survivors must not hold the room that was made for all
    return this.used < this.bytes.length / 2 ? this.bytes.slice(0, this.used) : this.bytes.subarray(0, this.used);
  }
}

type OpenBatch = BatchHeaderFields & { readonly baseOffset: number };

interface Run {
  readonly baseOffset: number;
  count: number;
  maxTimestampMs: number;
}
