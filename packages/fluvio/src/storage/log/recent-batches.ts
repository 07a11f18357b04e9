import type { LogSlice, ReadLimit } from "../engine.ts";

interface RecentBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Uint8Array;
}

/** Batches a partition keeps at most, whatever their size: bounds what tiny batches cost besides their bytes. */
const BATCHES_PER_PARTITION_MAX = 16_384;

/** Memory that the newest batches of all partitions share. */
export class RecentBudget {
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
  #usedBytes = 0;
  /** Partitions that hold batches, the one that was appended to longest ago first. */
  readonly #holders = new Set<RecentBatches>();
  /** The last of them: one partition is often appended to many times in a row. */
  #newest: RecentBatches | undefined;

  constructor(bytesMax: number, partitionBytesMax: number) {
    this.bytesMax = bytesMax;
    this.partitionBytesMax = Math.min(partitionBytesMax, bytesMax);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  charge(holder: RecentBatches, sizeBytes: number): void {
    this.#usedBytes += sizeBytes;
    if (this.#newest !== holder) {
      this.#newest = holder;
      this.#holders.delete(holder);
      this.#holders.add(holder);
    }
    if (this.#usedBytes <= this.bytesMax) return;
    for (const oldest of this.#holders) {
      while (this.#usedBytes > this.bytesMax && oldest.evictOldest());
      if (this.#usedBytes <= this.bytesMax) return;
    }
  }

  release(holder: RecentBatches, sizeBytes: number, isEmpty: boolean): void {
    this.#usedBytes -= sizeBytes;
    if (!isEmpty) return;
    this.#holders.delete(holder);
    if (this.#newest === holder) this.#newest = undefined;
  }
}

/** The newest batches of one partition, as they were received, in order and without a gap up to the written end. */
export class RecentBatches {
  readonly #budget: RecentBudget;
  #entries: RecentBatch[] = [];
  #head = 0;
  #sizeBytes = 0;

  constructor(budget: RecentBudget) {
    this.#budget = budget;
  }

  /** Oldest offset held; `undefined` when there is none. */
  get firstOffset(): number | undefined {
    return this.#entries[this.#head]?.baseOffset;
  }

  add(baseOffset: number, nextOffset: number, bytes: Uint8Array): void {
    this.#entries.push({ baseOffset, nextOffset, bytes });
    this.#sizeBytes += bytes.length;
    this.#budget.charge(this, bytes.length);
    while (
      this.#sizeBytes > this.#budget.partitionBytesMax ||
      this.#entries.length - this.#head > BATCHES_PER_PARTITION_MAX
    ) {
      if (!this.evictOldest()) break;
    }
  }

  /** Returns false when there was none. */
  evictOldest(): boolean {
    const oldest = this.#entries[this.#head];
    if (!oldest) return false;
    this.#head += 1;
    if (this.#head === this.#entries.length || this.#head > BATCHES_PER_PARTITION_MAX) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    } else {
      // The slot stays until the array is cut, the bytes must not.
      this.#entries[this.#head - 1] = EVICTED;
    }
    this.#sizeBytes -= oldest.bytes.length;
    this.#budget.release(this, oldest.bytes.length, this.#entries.length === this.#head);
    return true;
  }

  clear(): void {
    while (this.evictOldest());
  }

  /** Reads from the batch that holds `offset`; `undefined` when that is older than what is held. */
  read(offset: number, limit: ReadLimit): LogSlice | undefined {
    const first = this.firstOffset;
    if (first === undefined || offset < first) return undefined;
    const entries = this.#entries;
    let at = this.#indexOf(offset);
    if (at >= entries.length) return undefined;
    const firstOffset = entries[at]!.baseOffset;
    let nextOffset = firstOffset;
    let sizeBytes = 0;
    const pieces: Uint8Array[] = [];
    // Batches that lie back to back in one buffer go out as one piece.
    let run: Uint8Array | undefined;
    let runBytes = 0;
    for (; at < entries.length; at += 1) {
      const { bytes, nextOffset: end } = entries[at]!;
      if (end > limit.upToOffset || (sizeBytes > 0 && sizeBytes + bytes.length > limit.maxBytes)) break;
      sizeBytes += bytes.length;
      nextOffset = end;
      if (run && run.buffer === bytes.buffer && run.byteOffset + runBytes === bytes.byteOffset) {
        runBytes += bytes.length;
        continue;
      }
      if (run) pieces.push(new Uint8Array(run.buffer, run.byteOffset, runBytes));
      run = bytes;
      runBytes = bytes.length;
    }
    if (!run) return { pieces, sizeBytes, firstOffset: offset, nextOffset: offset };
    pieces.push(new Uint8Array(run.buffer, run.byteOffset, runBytes));
    return { pieces, sizeBytes, firstOffset, nextOffset };
  }

  /** Index of the first batch that ends after the offset. */
  #indexOf(offset: number): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const EVICTED: RecentBatch = { baseOffset: -1, nextOffset: -1, bytes: new Uint8Array(0) };
