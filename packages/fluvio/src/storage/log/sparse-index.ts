import { crc32c } from "../../protocol/index.ts";

/** Bytes of log between two entries: a look-up reads at most this much before the batch it wants. */
const ENTRY_SPACING_BYTES = 4096;
const ENTRY_BYTES = 16;
const HEADER_BYTES = 48;
const MAGIC = 0x464c5649; // "FLVI"
const VERSION = 1;
const ENTRIES_INITIAL = 64;
/** Entries hold 32 bits. */
const RELATIVE_OFFSET_MAX = 0xffff_ffff;

export interface IndexEntry {
  readonly relativeOffset: number;
  readonly position: number;
}

/** What an index file tells of its segment without its entries. */
export interface IndexSummary {
  /** Size of the log file the index was made for; another size means the index is stale. */
  readonly logSizeBytes: number;
  /** Offset after the segment's last batch. */
  readonly nextOffset: number;
  /** Largest timestamp in the segment, -1 when there is none. */
  readonly maxTimestampMs: number;
}

/**
 * Offset and time index of one segment, an entry about every 4 KiB of log. The file format is our own, because the
 * original's has no checksum and no timestamps: a header (magic, version, summary, entry count, two CRC-32C), then
 * per entry `u32` offset relative to the segment, `u32` file position, `f64` largest timestamp before that position.
 */
export class SparseIndex {
  #count = 0;
  #relativeOffsets = new Uint32Array(ENTRIES_INITIAL);
  #positions = new Uint32Array(ENTRIES_INITIAL);
  #timestampsBefore = new Float64Array(ENTRIES_INITIAL);

  get entryCount(): number {
    return this.#count;
  }

  /** Notes a batch, if the last noted one is far enough away. */
  add(relativeOffset: number, position: number, maxTimestampBeforeMs: number): void {
    const count = this.#count;
    // Batches may claim many more offsets than they have records. Without an entry the way to them is longer, not wrong.
    if (relativeOffset > RELATIVE_OFFSET_MAX) return;
    if (count > 0 && position - this.#positions[count - 1]! < ENTRY_SPACING_BYTES) return;
    if (count === this.#positions.length) this.#grow(count * 2);
    this.#relativeOffsets[count] = relativeOffset;
    this.#positions[count] = position;
    this.#timestampsBefore[count] = maxTimestampBeforeMs;
    this.#count = count + 1;
  }

  /** Forgets the entries at or after a file position. */
  truncate(position: number): void {
    while (this.#count > 0 && this.#positions[this.#count - 1]! >= position) this.#count -= 1;
  }

  /** The last noted batch that starts at or before the offset; the segment's start when there is none. */
  entryFor(relativeOffset: number): IndexEntry {
    return this.#entry(lastNotAbove(this.#relativeOffsets, this.#count, relativeOffset));
  }

  /** Where to begin looking for the first batch with a timestamp at or after the given one. */
  entryForTimestamp(timestampMs: number): IndexEntry {
    return this.#entry(lastNotAbove(this.#timestampsBefore, this.#count, timestampMs - 1));
  }

  #entry(at: number): IndexEntry {
    if (at < 0) return { relativeOffset: 0, position: 0 };
    return { relativeOffset: this.#relativeOffsets[at]!, position: this.#positions[at]! };
  }

  encode(summary: IndexSummary): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES + this.#count * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    for (let index = 0, pos = HEADER_BYTES; index < this.#count; index += 1, pos += ENTRY_BYTES) {
      view.setUint32(pos, this.#relativeOffsets[index]!);
      view.setUint32(pos + 4, this.#positions[index]!);
      view.setFloat64(pos + 8, this.#timestampsBefore[index]!);
    }
    view.setUint32(0, MAGIC);
    view.setUint32(4, VERSION);
    view.setFloat64(8, summary.logSizeBytes);
    view.setFloat64(16, summary.nextOffset);
    view.setFloat64(24, summary.maxTimestampMs);
    view.setUint32(32, this.#count);
    view.setUint32(36, crc32c(bytes.subarray(HEADER_BYTES)));
    view.setUint32(40, 0);
    view.setUint32(44, crc32c(bytes.subarray(0, 44)));
    return bytes;
  }

  /** Reads an index file whole; `undefined` when it is not a sound one. */
  static decode(bytes: Uint8Array): SparseIndex | undefined {
    if (!readIndexSummary(bytes)) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = view.getUint32(32);
    const entries = bytes.subarray(HEADER_BYTES);
    if (entries.length !== count * ENTRY_BYTES || crc32c(entries) !== view.getUint32(36)) return undefined;
    const index = new SparseIndex();
    index.#grow(Math.max(count, 1));
    for (let at = 0, pos = HEADER_BYTES; at < count; at += 1, pos += ENTRY_BYTES) {
      index.#relativeOffsets[at] = view.getUint32(pos);
      index.#positions[at] = view.getUint32(pos + 4);
      index.#timestampsBefore[at] = view.getFloat64(pos + 8);
    }
    index.#count = count;
    return index;
  }

  #grow(capacity: number): void {
    const relativeOffsets = new Uint32Array(capacity);
    const positions = new Uint32Array(capacity);
    const timestamps = new Float64Array(capacity);
    relativeOffsets.set(this.#relativeOffsets.subarray(0, this.#count));
    positions.set(this.#positions.subarray(0, this.#count));
    timestamps.set(this.#timestampsBefore.subarray(0, this.#count));
    this.#relativeOffsets = relativeOffsets;
    this.#positions = positions;
    this.#timestampsBefore = timestamps;
  }
}

/** Number of header bytes that {@link readIndexSummary} needs. */
export const INDEX_SUMMARY_BYTES = HEADER_BYTES;

/** Reads the start of an index file; `undefined` when it is not a sound one. */
export function readIndexSummary(bytes: Uint8Array): IndexSummary | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC || view.getUint32(4) !== VERSION) return undefined;
  if (crc32c(bytes.subarray(0, 44)) !== view.getUint32(44)) return undefined;
  return { logSizeBytes: view.getFloat64(8), nextOffset: view.getFloat64(16), maxTimestampMs: view.getFloat64(24) };
}

/** Index of the last of `count` ascending values that is not above `wanted`, or -1. */
function lastNotAbove(values: Uint32Array | Float64Array, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
