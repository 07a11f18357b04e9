import { type BatchHeader, RECORD_BYTES_MIN, readBatchHeader } from "./batch.ts";
import { DECOMPRESSED_BYTES_MAX_DEFAULT, decompress } from "./compression.ts";
import { flvError } from "./errors.ts";

/** A record of a batch. Key and value are views of the batch, or of its decompressed section. */
export interface BatchRecord {
  readonly offset: number;
  /** Milliseconds since the epoch; -1 when unknown. */
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

/**
 * Where a record's offset comes from.
 * - `delta`: base offset + the record's delta: right for plain batches, and for what our cluster filtered.
 * - `index`: base offset + the record's place in the batch: for batches that an SPU of the original filtered, whose
 *   deltas are wrong, often negative.
 */
export type RecordNumbering = "delta" | "index";

export interface DecodeBatchOptions {
  /** Default `delta`. */
  readonly numbering?: RecordNumbering;
  /** Records below this offset are left out; a batch may begin before the offset asked for. */
  readonly fromOffset?: number;
  /** Most bytes a compressed batch may unfold to. Default 256 MiB. */
  readonly decompressedBytesMax?: number;
}

const COUNT_BYTES = 4;
/** Largest length that a four-byte varint can carry twice over: longer ones cannot be in a 2 GiB section anyway. */
const VARINT_BYTES_MAX = 10;

/**
 * Goes through a records section without making an object per record: call {@link next}, then read the fields. For hot
 * readers; {@link decodeBatch} for the rest.
 */
export class RecordCursor {
  private readonly section: Uint8Array;
  private readonly end: number;
  private pos = COUNT_BYTES;
  /** Records that the section states. */
  readonly count: number;
  /** Place of the current record in the batch; -1 before the first {@link next}. */
  index = -1;
  timestampDelta = 0;
  offsetDelta = 0;
  /** Where the key's bytes begin in the section; -1 when there is no key. */
  keyStart = -1;
  keyEnd = -1;
  valueStart = 0;
  valueEnd = 0;

  /**
   * @param section uncompressed, beginning with its record count
   * @throws FLV_BATCH_CORRUPT when it cannot hold as many records as it states
   */
  constructor(section: Uint8Array) {
    this.section = section;
    this.end = section.length;
    const count =
      section.length < COUNT_BYTES
        ? -1
        : ((section[0] as number) << 24) |
          ((section[1] as number) << 16) |
          ((section[2] as number) << 8) |
          (section[3] as number);
    if (count < 0 || count * RECORD_BYTES_MIN > section.length - COUNT_BYTES) {
      throw flvError("FLV_BATCH_CORRUPT", `a records section of ${section.length} bytes states ${count} records`, {
        details: { count, sectionBytes: section.length },
      });
    }
    this.count = count;
  }

  /**
   * Goes to the next record; false after the last.
   * @throws FLV_BATCH_CORRUPT for a record that does not fit in the section
   */
  next(): boolean {
    if (this.index + 1 >= this.count) return false;
    this.index++;
    const length = this.varint();
    const start = this.pos;
    this.pos++; // attributes: always 0
    this.timestampDelta = this.varint();
    this.offsetDelta = this.varint();
    const hasKey = this.byte();
    if (hasKey === 1) {
      const keyBytes = this.varint();
      this.keyStart = this.pos;
      this.advance(keyBytes);
      this.keyEnd = this.pos;
    } else if (hasKey === 0) {
      this.keyStart = -1;
    } else {
      throw this.corrupt(`has key flag ${hasKey}`);
    }
    const valueBytes = this.varint();
    this.valueStart = this.pos;
    this.advance(valueBytes);
    this.valueEnd = this.pos;
    const headers = this.varint();
    // the length only matters for headers, which no peer writes: it leads past them
    if (headers !== 0) {
      if (start + length < this.pos) throw this.corrupt(`has ${headers} headers`);
      this.pos = start;
      this.advance(length);
    }
    return true;
  }

  /** The current record's key: a view, made on each call. */
  key(): Uint8Array | undefined {
    return this.keyStart < 0 ? undefined : this.slice(this.keyStart, this.keyEnd);
  }
  /** The current record's value: a view, made on each call. */
  value(): Uint8Array {
    return this.slice(this.valueStart, this.valueEnd);
  }

  private slice(start: number, end: number): Uint8Array {
    // the constructor is cheaper than subarray, and never makes a Buffer
    return new Uint8Array(this.section.buffer, this.section.byteOffset + start, end - start);
  }

  private byte(): number {
    if (this.pos >= this.end) throw this.corrupt("is cut short");
    return this.section[this.pos++] as number;
  }

  private advance(count: number): void {
    if (count < 0 || count > this.end - this.pos) throw this.corrupt(`states a part of ${count} bytes`);
    this.pos += count;
  }

  private varint(): number {
    const byte = this.byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const next = this.byte();
      low |= (next & 0x7f) << shift;
      if (next < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    return this.wideVarint(low);
  }

  /** The rest of a varint above 28 bits: halves of a double, which holds 53 bits. */
  private wideVarint(low: number): number {
    let value = low;
    let factor = 2 ** 28;
    for (let i = 4; i < VARINT_BYTES_MAX; i++) {
      const next = this.byte();
      value += (next & 0x7f) * factor;
      factor *= 128;
      if (next < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt("has a number above 53 bits");
        const half = Math.floor(value / 2);
        return value % 2 === 0 ? half : -half - 1;
      }
    }
    throw this.corrupt("has a number above 64 bits");
  }

  private corrupt(what: string): Error {
    return flvError("FLV_BATCH_CORRUPT", `record ${this.index} of ${this.count} ${what}`, {
      details: { index: this.index, count: this.count, position: this.pos, sectionBytes: this.end },
    });
  }
}

/**
 * The records section of a whole batch, decompressed where needed.
 * @returns a view of the batch, or new bytes
 * @throws FLV_BATCH_CORRUPT | FLV_COMPRESSION
 */
export function recordsSection(
  batch: Uint8Array,
  header: BatchHeader = readBatchHeader(batch),
  decompressedBytesMax = DECOMPRESSED_BYTES_MAX_DEFAULT,
): Uint8Array {
  if (header.sizeBytes > batch.length || header.recordsAt > header.sizeBytes) {
    throw flvError("FLV_BATCH_CORRUPT", `batch states ${header.sizeBytes} bytes and has ${batch.length}`);
  }
  const section = batch.subarray(header.recordsAt, header.sizeBytes);
  return decompress(header.compression, section, decompressedBytesMax);
}

/**
 * Decodes the records of one whole batch. The CRC is not looked at: see `validateBatch`.
 * @throws FLV_BATCH_CORRUPT | FLV_COMPRESSION | FLV_INT_RANGE
 */
export function decodeBatch(batch: Uint8Array, options: DecodeBatchOptions = {}): BatchRecord[] {
  const header = readBatchHeader(batch);
  const cursor = new RecordCursor(recordsSection(batch, header, options.decompressedBytesMax));
  const { baseOffset, firstTimestampMs } = header;
  const fromOffset = options.fromOffset ?? Number.NEGATIVE_INFINITY;
  const byIndex = options.numbering === "index";
  const records: BatchRecord[] = [];
  while (cursor.next()) {
    const offset = baseOffset + (byIndex ? cursor.index : cursor.offsetDelta);
    if (offset < fromOffset) continue;
    records.push({
      offset,
      timestampMs: firstTimestampMs > 0 ? firstTimestampMs + cursor.timestampDelta : -1,
      key: cursor.key(),
      value: cursor.value(),
    });
  }
  return records;
}

/** A record as a records section holds it, relative to its batch. */
export interface SectionRecord {
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

/** Decodes an uncompressed records section (its count first). Keys and values are views. @throws FLV_BATCH_CORRUPT */
export function decodeRecords(section: Uint8Array): SectionRecord[] {
  const cursor = new RecordCursor(section);
  const records: SectionRecord[] = [];
  while (cursor.next()) {
    records.push({
      timestampDelta: cursor.timestampDelta,
      offsetDelta: cursor.offsetDelta,
      key: cursor.key(),
      value: cursor.value(),
    });
  }
  return records;
}
