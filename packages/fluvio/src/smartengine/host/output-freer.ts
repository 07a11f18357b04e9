/** Sizes that tell one allocator's rounding from another's. */
const PROBE_SIZES: readonly number[] = [24, 100, 1000, 70_000];
/** The lowest three bits of a chunk word are flags. */
const FLAG_BITS = 7;
const PREVIOUS_IN_USE = 1;
const IN_USE = 2;
const HEADER_BYTES = 4;

/**
 * Rust modules never free the block their output lies in, and the ABI gives no way to learn its capacity, which
 * `dealloc` must be told. Their allocator is dlmalloc, though: the word before a block holds the size of its chunk.
 * Everything read from there is checked, as the memory belongs to the guest; on any doubt the block is left alone.
 */
export const OutputFreer = {
  /** Allocates and frees blocks of several sizes and checks the words before them. */
  probe(
    memory: WebAssembly.Memory,
    alloc: (length: number) => number,
    dealloc: (ptr: number, size: number) => void,
  ): boolean {
    const blocks = PROBE_SIZES.map((size) => ({ size, ptr: alloc(size) >>> 0 }));
    for (const { size, ptr } of blocks) {
      const usable = OutputFreer.blockSize(memory.buffer, ptr, size);
      if (usable === undefined || usable > size + 16) return false;
    }
    for (const { size, ptr } of blocks) {
      const usable = OutputFreer.blockSize(memory.buffer, ptr, size);
      if (usable !== undefined) dealloc(ptr, usable);
    }
    return true;
  },

  /** Capacity of the block at `ptr` that holds `length` bytes; `undefined` when it is no live dlmalloc block. */
  blockSize(memory: ArrayBufferLike, ptr: number, length: number): number | undefined {
    if (ptr < 8 || ptr % 8 !== 0 || ptr > memory.byteLength) return undefined;
    const view = new DataView(memory);
    const word = view.getUint32(ptr - HEADER_BYTES, true);
    const chunk = word - (word & FLAG_BITS);
    const end = ptr - HEADER_BYTES + chunk;
    if ((word & IN_USE) === 0 || chunk < length + HEADER_BYTES || end + HEADER_BYTES > memory.byteLength) {
      return undefined;
    }
    // the chunk after it must know that this one is in use
    if ((view.getUint32(end, true) & PREVIOUS_IN_USE) === 0) return undefined;
    return chunk - HEADER_BYTES;
  },
};
