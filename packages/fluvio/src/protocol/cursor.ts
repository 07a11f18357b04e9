import { flvError } from "./errors.ts";

const UTF8_ENCODER = new TextEncoder();
const UTF8_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const WRITER_INITIAL_BYTES = 512;
/** Byte strings from this size on become a chunk of their own instead of being copied. */
const CHUNK_BYTES_MIN = 2048;
/**
 * Most items of lists and maps in one message. An item can be two bytes on the wire and a hundred in memory, so the
 * length of a frame alone does not bound what decoding it takes.
 */
export const READER_ITEMS_MAX = 1 << 20;
/** Strings up to this size are looked at byte by byte: for these a call of the encoder or decoder costs more. */
const SHORT_STRING_BYTES = 64;
/** Longest string that every peer reads back (its length is written as u16 but read as i16). */
export const STRING_BYTES_MAX = 32767;

/**
 * Reads one frame front to back. Never reads past `end`; throws FLV_DECODE with the byte position instead.
 * Byte strings are views into the frame: copy them to keep them past the frame's life.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  pos: number;
  end: number;
  private items = 0;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = pos;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.pos;
  }

  /** Throws FLV_DECODE unless `count` more bytes are there; checked before every read and allocation. */
  need(count: number, what: string): void {
    if (count < 0 || count > this.end - this.pos) {
      throw flvError(
        "FLV_DECODE",
        `${what} needs ${count} bytes at byte ${this.pos}, ${this.end - this.pos} are left`,
        {
          details: { position: this.pos, needed: count, remaining: this.end - this.pos },
        },
      );
    }
  }

  u8(): number {
    this.need(1, "u8");
    return this.view.getUint8(this.pos++);
  }
  i8(): number {
    this.need(1, "i8");
    return this.view.getInt8(this.pos++);
  }
  bool(): boolean {
    const byte = this.u8();
    if (byte > 1) throw invalid(this.pos - 1, "bool", byte);
    return byte === 1;
  }
  u16(): number {
    this.need(2, "u16");
    const value = this.view.getUint16(this.pos);
    this.pos += 2;
    return value;
  }
  i16(): number {
    this.need(2, "i16");
    const value = this.view.getInt16(this.pos);
    this.pos += 2;
    return value;
  }
  u32(): number {
    this.need(4, "u32");
    const value = this.view.getUint32(this.pos);
    this.pos += 4;
    return value;
  }
  i32(): number {
    this.need(4, "i32");
    const value = this.view.getInt32(this.pos);
    this.pos += 4;
    return value;
  }
  /** An i64 as a number; FLV_INT_RANGE outside ±(2^53 − 1). */
  i64(): number {
    this.need(8, "i64");
    const high = this.view.getInt32(this.pos);
    const value = high * 4294967296 + this.view.getUint32(this.pos + 4);
    if (!Number.isSafeInteger(value)) throw intRange(this.pos, this.view.getBigInt64(this.pos));
    this.pos += 8;
    return value;
  }
  /** A u64 as a number; FLV_INT_RANGE from 2^53 on. */
  u64(): number {
    this.need(8, "u64");
    const value = this.view.getUint32(this.pos) * 4294967296 + this.view.getUint32(this.pos + 4);
    if (!Number.isSafeInteger(value)) throw intRange(this.pos, this.view.getBigUint64(this.pos));
    this.pos += 8;
    return value;
  }
  /** An i64 whose 64 bits all carry meaning (producer id). */
  bigI64(): bigint {
    this.need(8, "i64");
    const value = this.view.getBigInt64(this.pos);
    this.pos += 8;
    return value;
  }
  /** Zig-zag LEB128 of up to 64 bits; FLV_INT_RANGE outside ±(2^53 − 1). */
  varint(): number {
    let low = 0;
    // the first four groups (28 bits) stay in small-integer arithmetic
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let wide = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const value = BigInt.asIntN(64, (wide >> 1n) ^ -(wide & 1n));
        const asNumber = Number(value);
        if (!Number.isSafeInteger(asNumber)) throw intRange(this.pos, value);
        return asNumber;
      }
    }
    throw flvError("FLV_DECODE", `varint before byte ${this.pos} is longer than 10 bytes`);
  }
  /** `count` bytes as a view, not a copy. */
  raw(count: number, what = "bytes"): Uint8Array {
    this.need(count, what);
    const view = this.bytes.subarray(this.pos, this.pos + count);
    this.pos += count;
    return view;
  }
  /**
   * Lets `read` see the next `count` bytes only, and goes past them whether it takes them all or not.
   */
  within<T>(count: number, what: string, read: () => T): T {
    this.need(count, what);
    const outerEnd = this.end;
    const innerEnd = this.pos + count;
    this.end = innerEnd;
    const value = read();
    this.end = outerEnd;
    this.pos = innerEnd;
    return value;
  }
  /** Counts one more item of a list or map. @throws FLV_DECODE above {@link READER_ITEMS_MAX} */
  countItem(): void {
    if (++this.items > READER_ITEMS_MAX) {
      throw flvError("FLV_DECODE", `a message holds more than ${READER_ITEMS_MAX} items`, {
        details: { max: READER_ITEMS_MAX, position: this.pos },
      });
    }
  }
  /** 16-bit length + UTF-8; a length ≤ 0 (read as signed, as the original does) is the empty string. */
  string(): string {
    const length = this.i16();
    if (length <= 0) return "";
    const start = this.pos;
    this.need(length, "string");
    if (length <= SHORT_STRING_BYTES) {
      const ascii = asciiString(this.bytes, start, start + length);
      if (ascii !== undefined) {
        this.pos += length;
        return ascii;
      }
    }
    const bytes = this.raw(length, "string");
    try {
      return UTF8_DECODER.decode(bytes);
    } catch (cause) {
      throw flvError("FLV_DECODE", `string at byte ${start} is not UTF-8`, { cause });
    }
  }
}

/** The characters of bytes that are all ASCII; `undefined` when one is not. */
function asciiString(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

function invalid(position: number, type: string, value: number): Error {
  return flvError("FLV_DECODE", `${value} at byte ${position} is no ${type}`, { details: { position, value } });
}

function intRange(position: number, value: bigint): Error {
  return flvError("FLV_INT_RANGE", `integer ${value} at byte ${position} is outside ±(2^53 − 1)`, {
    details: { position, value: value.toString() },
  });
}

/** A length field written before its content is known; see {@link Writer.lengthPrefix}. */
export interface LengthPrefix {
  readonly chunk: number;
  readonly offset: number;
  readonly startBytes: number;
}

/**
 * Writes one frame as a list of chunks. Small values are gathered; a byte string of 2 KiB or more is referenced, not
 * copied, so its bytes must stay unchanged until the chunks are written out.
 */
export class Writer {
  private buffer = new Uint8Array(WRITER_INITIAL_BYTES);
  private view = new DataView(this.buffer.buffer);
  private used = 0;
  private readonly chunks: Uint8Array[] = [];
  private sealedBytes = 0;

  /** Bytes written so far, over all chunks. */
  get length(): number {
    return this.sealedBytes + this.used;
  }

  private room(count: number): void {
    const needed = this.used + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.used));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.room(1);
    this.view.setUint8(this.used++, value);
  }
  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }
  i16(value: number): void {
    this.room(2);
    this.view.setInt16(this.used, value);
    this.used += 2;
  }
  i32(value: number): void {
    this.room(4);
    this.view.setInt32(this.used, value);
    this.used += 4;
  }
  /** A 64-bit integer, signed or unsigned, from a number; FLV_INT_RANGE when it is no safe integer. */
  i64(value: number): void {
    if (!Number.isSafeInteger(value)) throw flvError("FLV_INT_RANGE", `${value} is no integer within ±(2^53 − 1)`);
    this.room(8);
    this.view.setInt32(this.used, Math.floor(value / 4294967296));
    this.view.setUint32(this.used + 4, value >>> 0);
    this.used += 8;
  }
  bigI64(value: bigint): void {
    this.room(8);
    this.view.setBigInt64(this.used, value);
    this.used += 8;
  }
  /** Zig-zag LEB128. Refuses values outside i32, which peers misread. */
  varint(value: number): void {
    if (value !== (value | 0)) throw flvError("FLV_INT_RANGE", `varint ${value} is outside 32 bits`);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    this.room(5);
    while (rest >= 0x80) {
      this.buffer[this.used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.used++] = rest;
  }
  raw(bytes: Uint8Array): void {
    if (bytes.length >= CHUNK_BYTES_MIN) {
      this.seal();
      this.chunks.push(bytes);
      this.sealedBytes += bytes.length;
      return;
    }
    this.room(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }
  /** 16-bit length + UTF-8; FLV_ENCODE above {@link STRING_BYTES_MAX}. */
  string(value: string): void {
    if (value.length <= SHORT_STRING_BYTES && this.ascii(value)) return;
    const bytes = UTF8_ENCODER.encode(value);
    if (bytes.length > STRING_BYTES_MAX) {
      throw flvError("FLV_ENCODE", `a string of ${bytes.length} bytes is longer than ${STRING_BYTES_MAX}`, {
        details: { start: value.slice(0, 40), bytes: bytes.length, max: STRING_BYTES_MAX },
      });
    }
    this.i16(bytes.length);
    this.raw(bytes);
  }

  /** Writes a string that is all ASCII; false, with nothing written, when it is not. */
  private ascii(value: string): boolean {
    const { length } = value;
    this.room(2 + length);
    const { buffer } = this;
    let at = this.used + 2;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      buffer[at++] = code;
    }
    this.view.setInt16(this.used, length);
    this.used = at;
    return true;
  }

  /** Reserves a 32-bit length; {@link endLength} fills in the number of bytes written after it. */
  lengthPrefix(): LengthPrefix {
    this.i32(0);
    return { chunk: this.chunks.length, offset: this.used - 4, startBytes: this.length };
  }
  endLength(prefix: LengthPrefix): void {
    const length = this.length - prefix.startBytes;
    const chunk = prefix.chunk === this.chunks.length ? this.buffer : (this.chunks[prefix.chunk] as Uint8Array);
    new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength).setInt32(prefix.offset, length);
  }

  private seal(): void {
    // an empty chunk is kept too: length prefixes count chunks
    this.chunks.push(this.buffer.subarray(0, this.used));
    this.sealedBytes += this.used;
    this.buffer = new Uint8Array(WRITER_INITIAL_BYTES);
    this.view = new DataView(this.buffer.buffer);
    this.used = 0;
  }

  /** The frame as written, in order, without empty chunks. The writer must not be used after. */
  finish(): Uint8Array[] {
    const last = this.buffer.subarray(0, this.used);
    if (this.chunks.length === 0) return last.length > 0 ? [last] : [];
    this.chunks.push(last);
    return this.chunks.filter((chunk) => chunk.length > 0);
  }

  /** The frame as one byte string (copies when there are several chunks). */
  finishBytes(): Uint8Array {
    const chunks = this.finish();
    if (chunks.length === 1) return chunks[0] as Uint8Array;
    const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
