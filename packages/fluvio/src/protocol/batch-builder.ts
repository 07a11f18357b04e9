import { BATCH_BYTES_MAX, BATCH_HEADER_BYTES, writeBatchHeader } from "./batch.ts";
import { type BatchCompression, compress } from "./compression.ts";
import { assert, flvError } from "./errors.ts";
import { recordBodyBytes, varintBytes, writeRecordFields } from "./record-writer.ts";

const COUNT_BYTES = 4;
const INITIAL_BYTES = 16_384;
const EMPTY_BYTES = BATCH_HEADER_BYTES + COUNT_BYTES;

export interface BatchBuilderOptions {
  /** A record that would make the batch larger (before compression) is not taken, unless it is the first. */
  readonly sizeBytesMax?: number;
  /** Bytes to begin with; grows as needed. */
  readonly initialBytes?: number;
}

/**
 * Gathers records and makes a batch of them. The records are copied as they come. After {@link build} it is empty and
 * can be filled again.
 */
export class BatchBuilder {
  private readonly sizeBytesMax: number;
  private readonly initialBytes: number;
  /** Bytes that the next buffer begins with. */
  private capacity: number;
  private buffer: Uint8Array | undefined;
  private used = EMPTY_BYTES;
  private records = 0;
  private firstTimestampMs = 0;
  private maxTimestampMs = 0;

  constructor(options: BatchBuilderOptions = {}) {
    this.sizeBytesMax = options.sizeBytesMax ?? BATCH_BYTES_MAX;
    this.initialBytes = Math.max(options.initialBytes ?? INITIAL_BYTES, EMPTY_BYTES);
    this.capacity = this.initialBytes;
  }

  get count(): number {
    return this.records;
  }
  /** Size of the batch so far, before compression, header included. */
  get sizeBytes(): number {
    return this.used;
  }
  /** Size of its records so far, before compression. */
  get recordsSizeBytes(): number {
    return this.used - EMPTY_BYTES;
  }

  /**
   * Adds a record.
   * @param timestampMs milliseconds since the epoch
   * @returns false when it is not taken: the batch is full, or the time is too far (24 days) from its first record's.
   *   Build, and add it to the next batch. The first record of a batch is always taken.
   */
  append(key: Uint8Array | undefined, value: Uint8Array, timestampMs: number): boolean {
    if (!Number.isSafeInteger(timestampMs)) throw flvError("FLV_INT_RANGE", `timestamp ${timestampMs} is no integer`);
    const offsetDelta = this.records;
    const timestampDelta = offsetDelta === 0 ? 0 : timestampMs - this.firstTimestampMs;
    if (timestampDelta !== (timestampDelta | 0)) return false;
    const body = recordBodyBytes(key === undefined ? -1 : key.length, value.length, timestampDelta, offsetDelta);
    const needed = this.used + varintBytes(body) + body;
    if (needed > this.sizeBytesMax && offsetDelta > 0) return false;
    const buffer = this.room(needed);
    if (offsetDelta === 0) {
      this.firstTimestampMs = timestampMs;
      this.maxTimestampMs = timestampMs;
    } else if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
    }
    this.used = writeRecordFields(buffer, this.used, body, timestampDelta, offsetDelta, key, value);
    this.records++;
    return true;
  }

  private room(needed: number): Uint8Array {
    const buffer = this.buffer;
    if (buffer !== undefined && needed <= buffer.length) return buffer;
    const grown = new Uint8Array(Math.max(needed, buffer === undefined ? this.capacity : buffer.length * 2));
    if (buffer !== undefined) grown.set(buffer.subarray(0, this.used));
    this.buffer = grown;
    return grown;
  }

  /**
   * Makes the batch, base offset 0, and empties the builder.
   * @returns bytes that belong to the caller
   * @throws FLV_COMPRESSION when the codec is not available; the builder keeps its records then
   */
  build(compression: BatchCompression = "none"): Uint8Array {
    const buffer = this.buffer;
    assert(buffer !== undefined && this.records > 0, "a batch is built from records");
    new DataView(buffer.buffer).setInt32(BATCH_HEADER_BYTES, this.records);
    const batch = compression === "none" ? buffer.subarray(0, this.used) : this.compressed(compression, buffer);
    writeBatchHeader(batch, {
      compression,
      lastOffsetDelta: this.records - 1,
      firstTimestampMs: this.firstTimestampMs,
      maxTimestampMs: this.maxTimestampMs,
    });
    // the next batch is likely as large; one large record must not make all later buffers large
    this.capacity = Math.max(this.initialBytes, this.used);
    // uncompressed, the buffer itself goes to the caller
    if (compression === "none" || buffer.length > 2 * this.capacity) this.buffer = undefined;
    this.used = EMPTY_BYTES;
    this.records = 0;
    return batch;
  }

  private compressed(compression: BatchCompression, buffer: Uint8Array): Uint8Array {
    const section = compress(compression, buffer.subarray(BATCH_HEADER_BYTES, this.used));
    const batch = new Uint8Array(BATCH_HEADER_BYTES + section.length);
    batch.set(section, BATCH_HEADER_BYTES);
    return batch;
  }
}
