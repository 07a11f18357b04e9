/** Bytes outside the garbage collector that grow and are kept over the calls: what a module allocates stays bounded. */
@unmanaged
@final
export class Buffer {
  ptr: usize = 0;
  size: usize = 0;
  private capacity: usize = 0;

  /** Makes room for `count` more bytes; their address is `ptr + size`. */
  reserve(count: usize): void {
    const needed = this.size + count;
    if (needed < count) throw new RangeError("out of memory");
    if (needed <= this.capacity) return;
    this.capacity = max(max(needed, this.capacity + (this.capacity >> 1)), 1024);
    this.ptr = this.ptr === 0 ? heap.alloc(this.capacity) : heap.realloc(this.ptr, this.capacity);
  }

  /** Whether an address lies in these bytes. */
  holds(address: usize): bool {
    return address - this.ptr < this.capacity;
  }

  u8(value: u8): void {
    this.reserve(1);
    store<u8>(this.ptr + this.size, value);
    this.size += 1;
  }

  u16(value: u16): void {
    this.reserve(2);
    store<u16>(this.ptr + this.size, bswap(value));
    this.size += 2;
  }

  u32(value: u32): void {
    this.reserve(4);
    store<u32>(this.ptr + this.size, bswap(value));
    this.size += 4;
  }

  i64(value: i64): void {
    this.reserve(8);
    store<i64>(this.ptr + this.size, bswap(value));
    this.size += 8;
  }

  varint(value: i64): void {
    this.reserve(10);
    this.size = storeVarint(this.ptr + this.size, value) - this.ptr;
  }

  /** Copies bytes, which may be some of these. */
  bytes(from: usize, count: usize): void {
    const inside = this.holds(from);
    const at = from - this.ptr;
    this.reserve(count);
    memory.copy(this.ptr + this.size, inside ? this.ptr + at : from, count);
    this.size += count;
  }
}

/** Writes a zig-zag varint and gives the address behind it. */
export function storeVarint(ptr: usize, value: i64): usize {
  let rest = (<u64>value << 1) ^ <u64>(value >> 63);
  while (rest >= 0x80) {
    store<u8>(ptr++, <u8>(rest | 0x80));
    rest >>>= 7;
  }
  store<u8>(ptr, <u8>rest);
  return ptr + 1;
}

/** Bytes that a zig-zag varint takes. */
export function varintSize(value: i64): usize {
  const bits = (<u64>value << 1) ^ <u64>(value >> 63);
  return (70 - <usize>clz(bits | 1)) / 7;
}
