import { flvError } from "../../protocol/index.ts";

/**
 * Walks records of an uncompressed records section without making an object for each. After {@link RecordScan.next}
 * the fields describe the record that was passed.
 */
export class RecordScan {
  private bytes: Uint8Array;
  private readonly end: number;
  /** Position after the last record. */
  pos: number;
  /** Where the record starts: its length prefix. */
  start = 0;
  /** First byte after the length prefix: the attributes. */
  bodyStart = 0;
  timestampDelta = 0;
  /** Position and width of the offset delta on the wire. */
  offsetDeltaStart = 0;
  offsetDelta = 0;
  /** First byte after the offset delta: the key. */
  restStart = 0;

  constructor(bytes: Uint8Array, pos: number, end: number) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** Reads the header of the next record and passes it. @throws FLV_DECODE when the bytes are no record */
  next(): void {
    this.start = this.pos;
    const length = this.varint();
    const bodyEnd = this.pos + length;
    // attributes, two deltas, key flag, value length and headers take a byte each at least
    if (length < 6 || bodyEnd > this.end) throw this.broken(`its length is ${length}`);
    this.bodyStart = this.pos;
    this.pos += 1;
    this.timestampDelta = this.varint();
    this.offsetDeltaStart = this.pos;
    this.offsetDelta = this.varint();
    this.restStart = this.pos;
    const hasKey = this.bytes[this.pos++];
    if (hasKey === 1) this.skip(this.varint());
    else if (hasKey !== 0) throw this.broken(`its key flag is ${hasKey}`);
    this.skip(this.varint());
    this.varint();
    if (this.pos !== bodyEnd)
      throw this.broken(`its length is ${length} but its fields end ${this.pos - bodyEnd} later`);
  }

  private skip(count: number): void {
    if (count < 0 || count > this.end - this.pos) throw this.broken(`a field has a length of ${count}`);
    this.pos += count;
  }

  private varint(): number {
    // nearly all take one or two bytes
    const { bytes, pos } = this;
    if (pos + 2 <= this.end) {
      const first = bytes[pos] as number;
      if (first < 0x80) {
        this.pos = pos + 1;
        return (first >>> 1) ^ -(first & 1);
      }
      const second = bytes[pos + 1] as number;
      if (second < 0x80) {
        this.pos = pos + 2;
        const value = (first & 0x7f) | (second << 7);
        return (value >>> 1) ^ -(value & 1);
      }
    }
    return this.longVarint();
  }

  private longVarint(): number {
    let low = 0;
    // 28 bits stay in small-integer arithmetic; longer ones are rare
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.pos >= this.end) throw this.broken("the bytes end within it");
      const byte = this.bytes[this.pos++] as number;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    return this.wideVarint(low);
  }

  private wideVarint(low: number): number {
    let wide = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      if (this.pos >= this.end) throw this.broken("the bytes end within it");
      const byte = this.bytes[this.pos++] as number;
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const value = BigInt.asIntN(64, (wide >> 1n) ^ -(wide & 1n));
        return Number(value);
      }
    }
    throw this.broken("a varint is longer than 10 bytes");
  }

  private broken(why: string): Error {
    return flvError("FLV_DECODE", `record at byte ${this.start} cannot be read: ${why}`, {
      details: { position: this.start },
    });
  }
}

/** Bytes that a zig-zag varint of a 32-bit value takes. */
export function varintSize(value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let size = 1;
  while (rest >= 0x80) {
    size += 1;
    rest >>>= 7;
  }
  return size;
}

/** Writes a zig-zag varint of a 32-bit value; gives the position after it. */
export function writeVarint(bytes: Uint8Array, pos: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = pos;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that a zig-zag varint takes. */
export function wideVarintSize(value: number): number {
  if (value === value << 0) return varintSize(value);
  let size = 0;
  for (let rest = zigZag(value); rest > 0n; rest >>= 7n) size += 1;
  return size;
}

/** Writes a zig-zag varint of any whole number; gives the position after it. */
export function writeWideVarint(bytes: Uint8Array, pos: number, value: number): number {
  if (value === value << 0) return writeVarint(bytes, pos, value);
  let rest = zigZag(value);
  let at = pos;
  while (rest >= 0x80n) {
    bytes[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[at++] = Number(rest);
  return at;
}

function zigZag(value: number): bigint {
  const wide = BigInt(value);
  return wide < 0n ? -wide * 2n - 1n : wide * 2n;
}
