import { BATCH_HEADER_BYTES, BATCH_MAGIC, type BatchHeader } from "../../protocol/index.ts";
import { headerAt, intactBatchAt, offsetAfter } from "./batch.ts";
import type { LogFile } from "./file-system.ts";
import { SparseIndex } from "./sparse-index.ts";

const WINDOW_BYTES = 1024 * 1024;
const MAGIC_AT = 16;

/** A stretch of a segment file that does not hold the batches it should. Ends are exclusive. */
export interface DamagedRange {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly fromPosition: number;
  readonly toPosition: number;
}

/** What follows the last intact batch of a file. */
interface Tail {
  readonly position: number;
  readonly sizeBytes: number;
  /** Nothing was ever written there: the file had been extended ahead of the writer. */
  readonly isZero: boolean;
  /** Records the first batch of the tail claims to have; `undefined` when its header is not there or not sound. */
  readonly claimedRecords: number | undefined;
}

export interface SegmentScan {
  readonly index: SparseIndex;
  readonly nextOffset: number;
  readonly maxTimestampMs: number;
  readonly damage: readonly DamagedRange[];
  readonly tail: Tail;
}

/** Reads a file front to back through one large window, so that small steps cost no system call each. */
class WindowReader {
  readonly #file: LogFile;
  readonly sizeBytes: number;
  #start = 0;
  #window = new Uint8Array(0);

  constructor(file: LogFile, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** A view of `length` bytes from `position`, fewer at the end of the file; valid until the next call. */
  async bytesAt(position: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.sizeBytes - position);
    if (position < this.#start || position + wanted > this.#start + this.#window.length) {
      const buffer = new Uint8Array(Math.min(Math.max(wanted, WINDOW_BYTES), this.sizeBytes - position));
      this.#window = buffer.subarray(0, await this.#file.read(buffer, position));
      this.#start = position;
    }
    return this.#window.subarray(position - this.#start, position - this.#start + wanted);
  }
}

/** The header of the whole, intact batch at a position, or `undefined` when there is none. */
async function batchAt(reader: WindowReader, position: number): Promise<BatchHeader | undefined> {
  const header = headerAt(await reader.bytesAt(position, BATCH_HEADER_BYTES), 0);
  if (!header || header.sizeBytes > reader.sizeBytes - position) return undefined;
  return intactBatchAt(await reader.bytesAt(position, header.sizeBytes), 0);
}

/** Position of the next intact batch after a bad one, with the offset it starts at. */
async function nextIntact(reader: WindowReader, badPosition: number, expectedOffset: number) {
  const accept = async (position: number) => {
    const batch = await batchAt(reader, position);
    // Offsets go on behind the bad batch, which holds one record at least.
    return batch && batch.baseOffset > expectedOffset ? { position, offset: batch.baseOffset } : undefined;
  };
  const header = headerAt(await reader.bytesAt(badPosition, BATCH_HEADER_BYTES), 0);
  if (header) {
    // Most damage is inside a batch and leaves its length readable.
    const found = await accept(badPosition + header.sizeBytes);
    if (found) return found;
  }
  let position = badPosition + 1;
  while (position + BATCH_HEADER_BYTES <= reader.sizeBytes) {
    const bytes = await reader.bytesAt(position, WINDOW_BYTES / 2);
    const magicAt = bytes.indexOf(BATCH_MAGIC, MAGIC_AT);
    if (magicAt < 0) {
      position += Math.max(bytes.length - MAGIC_AT, 1);
      continue;
    }
    position += magicAt - MAGIC_AT;
    // A sound header first: a CRC for every byte of the value 2 would take long.
    const candidate = headerAt(await reader.bytesAt(position, BATCH_HEADER_BYTES), 0);
    const found = candidate && candidate.baseOffset > expectedOffset ? await accept(position) : undefined;
    if (found) return found;
    position += 1;
  }
  return undefined;
}

/** Checks every batch of a segment file: header, CRC, offsets without a gap. Rebuilds the index on the way. */
export async function scanSegment(file: LogFile, sizeBytes: number, baseOffset: number): Promise<SegmentScan> {
  const reader = new WindowReader(file, sizeBytes);
  const index = new SparseIndex();
  const damage: DamagedRange[] = [];
  let position = 0;
  let offset = baseOffset;
  let maxTimestampMs = -1;
  while (position < sizeBytes) {
    const batch = await batchAt(reader, position);
    if (batch && batch.baseOffset === offset) {
      index.add(offset - baseOffset, position, maxTimestampMs);
      maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestampMs);
      position += batch.sizeBytes;
      offset = offsetAfter(batch);
      continue;
    }
    const next = await nextIntact(reader, position, offset);
    if (!next) break;
    damage.push({ fromOffset: offset, toOffset: next.offset, fromPosition: position, toPosition: next.position });
    position = next.position;
    offset = next.offset;
  }
  const tail = await describeTail(reader, position);
  return { index, nextOffset: offset, maxTimestampMs, damage, tail };
}

async function describeTail(reader: WindowReader, position: number): Promise<Tail> {
  const header = headerAt(await reader.bytesAt(position, BATCH_HEADER_BYTES), 0);
  const claimedRecords = header && header.lastOffsetDelta + 1;
  let isZero = true;
  for (let at = position; isZero && at < reader.sizeBytes; ) {
    const bytes = await reader.bytesAt(at, WINDOW_BYTES);
    isZero = bytes.every((byte) => byte === 0);
    at += Math.max(bytes.length, 1);
  }
  return { position, sizeBytes: reader.sizeBytes - position, isZero, claimedRecords };
}
