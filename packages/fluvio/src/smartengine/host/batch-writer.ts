import {
  type BatchCompression,
  type BatchHeaderFields,
  compress,
  BATCH_HEADER_BYTES as HEADER_BYTES,
  writeBatchHeaderAt,
} from "../../protocol/index.ts";
import { BUFFER_KEPT_BYTES_MAX, roomFor } from "../messages.ts";
import type { SectionShape } from "./instance.ts";
import { RecordScan, varintSize, writeVarint } from "./record-scan.ts";
import { COUNT_BYTES } from "./section.ts";

const DELTA_MAX = 0x7fffffff;
/** Smaller sections gain nothing from compression, and cost both sides more time than their bytes are worth. */
const COMPRESSED_SECTION_BYTES_MIN = 1024;
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
 * Offsets dropped before the first survivor are covered by a batch without records. For readers that use offset deltas
 * gaps may be kept: then the survivors of an input batch are one batch. One writer serves many outputs, in the same
 * buffer.
 */
export class BatchWriter {
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  /** Both, for writing headers. */
  private target = { bytes: this.bytes, view: this.view };
  private used = 0;
  /** Start of the batch whose header is not written yet, if one is open. */
  private openStart = 0;
  private isOpen = false;
  private readonly open = newHeader();
  /** True while the open batch is a stored one whose header still holds. */
  private untouched = false;
  /** Offset after everything accounted for. */
  private nextOffset = 0;
  /** While the output is the beginning of the input: that input. Nothing was copied then. */
  private verbatim: Uint8Array | undefined;
  private readonly segment: RecordSegment = { start: 0, end: 0, patchCount: 0, positions: [], deltas: [] };
  /** Gaps start no batch. */
  private keepsGaps = false;
  recordCount = 0;

  /** Begins an output of batches from `input`, which must not change until it is finished. */
  start(input: Uint8Array, fromOffset: number, keepsGaps: boolean): void {
    this.keepsGaps = keepsGaps;
    this.used = 0;
    this.isOpen = false;
    this.untouched = false;
    this.verbatim = input;
    this.nextOffset = fromOffset;
    this.recordCount = 0;
  }

  /** Bytes written so far, the header of the last batch included. */
  get sizeBytes(): number {
    return this.used;
  }

  /** Adds a stored batch as it is: nothing in it was changed or dropped. */
  addWhole(source: SourceBatch, batch: Uint8Array, recordCount: number): void {
    this.cover(source.fromOffset, source);
    this.close();
    this.openStart = this.used;
    if (!this.continuesInput(batch)) {
      this.room(batch.length);
      this.bytes.set(batch, this.used);
    }
    this.used += batch.length;
    this.recordCount += recordCount;
    this.openBatch(source, source.fromOffset, source.endOffset - source.fromOffset - 1, source.compression);
    this.open.maxTimestampMs = source.maxTimestampMs;
    this.nextOffset = source.endOffset;
    this.untouched = true;
  }

  private continuesInput(batch: Uint8Array): boolean {
    const { verbatim, used } = this;
    return verbatim?.buffer === batch.buffer && verbatim.byteOffset + used === batch.byteOffset;
  }

  /** Copies what was taken from the input as it is, before anything else is written. */
  private leaveInput(): void {
    const { verbatim, used } = this;
    if (verbatim === undefined) return;
    this.verbatim = undefined;
    // survivors are seldom larger than what they came from
    if (this.bytes.length < verbatim.length) this.use(new Uint8Array(roomFor(verbatim.length)));
    this.bytes.set(verbatim.subarray(0, used));
  }

  /**
   * Adds the survivors of one input batch. Their offsets come from their deltas, and never leave the input batch. Where
   * deltas repeat or go back, the next free offset is taken, or the last one again when none is left; with
   * `sharesOffsets` the offset before is shared. Whatever shares an offset is a batch of its own.
   */
  addSection(source: SourceBatch, survivors: Survivors): void {
    const { section, recordCount, sharesOffsets = false, shape } = survivors;
    const fits = source.baseOffset === source.fromOffset && shape?.isAscending === true;
    if (fits && this.keepsGaps && !sharesOffsets && recordCount > 0) {
      this.addAsItIs(source, section, recordCount, shape);
      return;
    }
    const scan = new RecordScan(section, COUNT_BYTES, section.length);
    const lastOffset = source.endOffset - 1;
    const step = sharesOffsets ? 0 : 1;
    let runBase = 0;
    let runCount = 0;
    let maxTimestampMs = 0;
    let previous = source.fromOffset - step;
    for (let i = 0; i < recordCount; i++) {
      scan.next();
      const offset = Math.min(Math.max(source.baseOffset + scan.offsetDelta, previous + step), lastOffset);
      const joins = this.keepsGaps ? offset > previous : offset === previous + 1;
      if (runCount > 0 && !joins) {
        this.endRun(source, section, { baseOffset: runBase, endOffset: previous + 1, count: runCount, maxTimestampMs });
        runCount = 0;
      }
      if (runCount === 0) {
        // with the base of the input batch every delta stays as it is
        runBase = this.keepsGaps && i === 0 ? source.fromOffset : offset;
        this.startRun(source, runBase);
        maxTimestampMs = source.firstTimestampMs;
      }
      this.addRecord(section, scan, offset - runBase);
      runCount += 1;
      const timestampMs = source.firstTimestampMs + scan.timestampDelta;
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      previous = offset;
    }
    if (runCount > 0) {
      this.endRun(source, section, { baseOffset: runBase, endOffset: previous + 1, count: runCount, maxTimestampMs });
    }
    this.cover(source.endOffset, source);
  }

  /** Adds a section whose records keep their deltas, as one batch. */
  private addAsItIs(source: SourceBatch, section: Uint8Array, count: number, shape: SectionShape): void {
    this.startRun(source, source.fromOffset);
    const { segment } = this;
    segment.start = COUNT_BYTES;
    segment.end = section.length;
    this.endRun(source, section, {
      baseOffset: source.fromOffset,
      endOffset: source.baseOffset + shape.lastOffsetDelta + 1,
      count,
      maxTimestampMs: source.firstTimestampMs + shape.maxTimestampDelta,
    });
    this.cover(source.endOffset, source);
  }

  /** Starts a batch at `offset`; its records follow directly behind the space for its header. */
  private startRun(source: SourceBatch, offset: number): void {
    this.cover(offset, source);
    this.close();
    this.openStart = this.used;
    this.room(HEADER_BYTES + COUNT_BYTES);
    this.used += HEADER_BYTES + COUNT_BYTES;
  }

  /** Adds a record: to the segment when its bytes stay in place, otherwise written anew. */
  private addRecord(section: Uint8Array, scan: RecordScan, delta: number): void {
    const { segment } = this;
    const isSame = delta === scan.offsetDelta;
    if (isSame || varintSize(delta) === scan.restStart - scan.offsetDeltaStart) {
      if (segment.end !== scan.start) {
        this.flush(section);
        segment.start = scan.start;
      }
      segment.end = scan.pos;
      if (isSame) return;
      segment.positions[segment.patchCount] = scan.offsetDeltaStart;
      segment.deltas[segment.patchCount] = delta;
      segment.patchCount += 1;
      return;
    }
    this.flush(section);
    this.room(scan.pos - scan.start + 10);
    const headBytes = scan.offsetDeltaStart - scan.bodyStart;
    const restBytes = scan.pos - scan.restStart;
    let at = writeVarint(this.bytes, this.used, headBytes + varintSize(delta) + restBytes);
    for (let i = scan.bodyStart; i < scan.offsetDeltaStart; i++) this.bytes[at++] = section[i] as number;
    at = writeVarint(this.bytes, at, delta);
    this.bytes.set(section.subarray(scan.restStart, scan.pos), at);
    this.used = at + restBytes;
  }

  /** Copies the records that stay in place in one go, then sets their deltas. */
  private flush(section: Uint8Array): void {
    const { segment } = this;
    const { start, end, patchCount, positions, deltas } = segment;
    if (end === 0) return;
    this.room(end - start);
    this.bytes.set(section.subarray(start, end), this.used);
    const shift = this.used - start;
    for (let i = 0; i < patchCount; i++) {
      writeVarint(this.bytes, (positions[i] as number) + shift, deltas[i] as number);
    }
    this.used += end - start;
    segment.end = 0;
    segment.patchCount = 0;
  }

  private endRun(source: SourceBatch, section: Uint8Array, run: RecordRun): void {
    const { baseOffset, endOffset, count, maxTimestampMs } = run;
    this.flush(section);
    const sectionStart = this.openStart + HEADER_BYTES;
    this.view.setInt32(sectionStart, count);
    const sectionBytes = this.used - sectionStart;
    const compression = sectionBytes < COMPRESSED_SECTION_BYTES_MIN ? "none" : source.compression;
    if (compression !== "none") {
      const packed = compress(compression, this.bytes.subarray(sectionStart, this.used));
      this.used = sectionStart;
      this.room(packed.length);
      this.bytes.set(packed, this.used);
      this.used += packed.length;
    }
    this.recordCount += count;
    this.nextOffset = Math.max(endOffset, this.nextOffset);
    this.openBatch(source, baseOffset, this.nextOffset - baseOffset - 1, compression);
    this.open.maxTimestampMs = maxTimestampMs;
  }

  /** Accounts for the offsets up to `offset` that have no records (any more). */
  private cover(offset: number, source: SourceBatch): void {
    const { open } = this;
    while (this.nextOffset < offset) {
      const base = this.isOpen ? open.baseOffset : this.nextOffset;
      const delta = Math.min(offset - 1 - base, DELTA_MAX);
      if (this.isOpen && delta > open.lastOffsetDelta) {
        open.lastOffsetDelta = delta;
        this.untouched = false;
        this.nextOffset = base + delta + 1;
        continue;
      }
      this.close();
      this.addEmpty(source, Math.min(offset - 1 - this.nextOffset, DELTA_MAX));
    }
  }

  private addEmpty(source: SourceBatch, lastOffsetDelta: number): void {
    this.openStart = this.used;
    this.room(HEADER_BYTES + COUNT_BYTES);
    this.view.setInt32(this.used + HEADER_BYTES, 0);
    this.used += HEADER_BYTES + COUNT_BYTES;
    this.openBatch(source, this.nextOffset, lastOffsetDelta, "none");
    this.nextOffset += lastOffsetDelta + 1;
  }

  /** Sets what the header of the batch from `openStart` on will say. */
  private openBatch(
    source: SourceBatch,
    baseOffset: number,
    lastOffsetDelta: number,
    compression: BatchCompression,
  ): void {
    const { open } = this;
    open.baseOffset = baseOffset;
    open.lastOffsetDelta = lastOffsetDelta;
    open.compression = compression;
    open.firstTimestampMs = source.firstTimestampMs;
    open.maxTimestampMs = source.firstTimestampMs;
    this.isOpen = true;
  }

  private close(): void {
    if (this.isOpen && !this.untouched) {
      this.leaveInput();
      writeBatchHeaderAt(this.target, this.openStart, this.used, this.open);
    }
    this.isOpen = false;
    this.untouched = false;
  }

  private room(count: number): void {
    this.leaveInput();
    if (this.used + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.used + count, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.used));
    this.use(grown);
  }

  private use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.target = { bytes, view: this.view };
  }

  /** Goes on in another buffer, whose bytes are of no use any more: the output that was finished keeps the one it is in. */
  continueIn(buffer: ArrayBuffer): void {
    this.use(buffer.byteLength <= BUFFER_KEPT_BYTES_MAX ? new Uint8Array(buffer) : new Uint8Array(0));
  }

  /** The batches: a view of the input when they are its beginning, else one that is valid until the writer starts again. */
  finish(): Uint8Array {
    this.close();
    return (this.verbatim ?? this.bytes).subarray(0, this.used);
  }
}

/** What a chain left of one input batch. */
export interface Survivors {
  /** Uncompressed. */
  readonly section: Uint8Array;
  readonly recordCount: number;
  readonly sharesOffsets?: boolean;
  /** What is known of its records already. */
  readonly shape?: SectionShape | undefined;
}

/** The records of one batch of the output. */
interface RecordRun {
  readonly baseOffset: number;
  /** Offset after the last record. */
  readonly endOffset: number;
  readonly count: number;
  readonly maxTimestampMs: number;
}

/** Records one behind the other whose bytes stay as they are, but for deltas of the same width. */
interface RecordSegment {
  start: number;
  /** 0 when there are none. */
  end: number;
  patchCount: number;
  readonly positions: number[];
  readonly deltas: number[];
}

type OpenHeader = { -readonly [Field in keyof Required<BatchHeaderFields>]: BatchHeaderFields[Field] & {} };

function newHeader(): OpenHeader {
  return {
    baseOffset: 0,
    leaderEpoch: -1,
    compression: "none",
    lastOffsetDelta: 0,
    firstTimestampMs: 0,
    maxTimestampMs: 0,
  };
}
