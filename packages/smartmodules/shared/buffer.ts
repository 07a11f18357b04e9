/** Bytes that grow while they are written. Those that every record needs are made once and cleared: records leave nothing behind. */
export class Buffer {
  ptr: usize = 0;
  length: i32 = 0;
  /** What `ptr` points to; it lives as long as this. */
  private memory: ArrayBuffer = new ArrayBuffer(0);

  /** Forgets the content; what was given out of it before holds no longer. */
  clear(): Buffer {
    this.length = 0;
    return this;
  }

  private reserve(more: i32): usize {
    const needed = this.length + more;
    if (needed > this.memory.byteLength) {
      const larger = new ArrayBuffer(max(needed, max(this.memory.byteLength * 2, BYTES_FIRST)));
      memory.copy(changetype<usize>(larger), this.ptr, this.length);
      this.memory = larger;
      this.ptr = changetype<usize>(larger);
    }
    return this.ptr + <usize>this.length;
  }

  byte(value: i32): Buffer {
    store<u8>(this.reserve(1), <u8>value);
    this.length++;
    return this;
  }

  bytes(ptr: usize, length: i32): Buffer {
    memory.copy(this.reserve(length), ptr, length);
    this.length += length;
    return this;
  }

  /** Writes a text in UTF-8. */
  text(text: string): Buffer {
    const length = String.UTF8.byteLength(text);
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, this.reserve(length));
    this.length += length;
    return this;
  }

  /** Writes a code point in UTF-8; a lone surrogate becomes U+FFFD. */
  point(given: u32): Buffer {
    const point: u32 = (given & 0xfffff800) === 0xd800 ? 0xfffd : given;
    if (point < 0x80) return this.byte(point);
    if (point < 0x800) return this.byte(0xc0 | (point >> 6)).byte(0x80 | (point & 0x3f));
    if (point < 0x10000) {
      return this.byte(0xe0 | (point >> 12))
        .byte(0x80 | ((point >> 6) & 0x3f))
        .byte(0x80 | (point & 0x3f));
    }
    return this.byte(0xf0 | (point >> 18))
      .byte(0x80 | ((point >> 12) & 0x3f))
      .byte(0x80 | ((point >> 6) & 0x3f))
      .byte(0x80 | (point & 0x3f));
  }

  equals(ptr: usize, length: i32): bool {
    return this.length === length && memory.compare(this.ptr, ptr, length) === 0;
  }

  toString(): string {
    return String.UTF8.decodeUnsafe(this.ptr, this.length);
  }
}

const BYTES_FIRST: i32 = 64;
