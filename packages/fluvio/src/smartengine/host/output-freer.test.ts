import { describe, expect, it } from "vitest";
import { OutputFreer } from "./output-freer.ts";

const IN_USE = 2;
const PREVIOUS_IN_USE = 1;
const BLOCK = 64;
const CHUNK = 48;

/** Memory with a live block of {@link CHUNK} bytes, its header included, at {@link BLOCK}. */
function memoryWith(change: (view: DataView) => void = () => {}): ArrayBuffer {
  const memory = new ArrayBuffer(256);
  const view = new DataView(memory);
  view.setUint32(BLOCK - 4, CHUNK | IN_USE | PREVIOUS_IN_USE, true);
  view.setUint32(BLOCK - 4 + CHUNK, 32 | PREVIOUS_IN_USE, true);
  change(view);
  return memory;
}

describe("the capacity of an output block", () => {
  it("is what its chunk says", () => {
    expect(OutputFreer.blockSize(memoryWith(), BLOCK, 40)).toBe(CHUNK - 4);
    expect(OutputFreer.blockSize(memoryWith(), BLOCK, CHUNK - 4)).toBe(CHUNK - 4);
  });

  it("is not believed when anything is at odds with it", () => {
    const none = (memory: ArrayBuffer, ptr = BLOCK, length = 40) =>
      expect(OutputFreer.blockSize(memory, ptr, length)).toBeUndefined();
    none(memoryWith(), BLOCK, CHUNK - 3);
    none(memoryWith(), BLOCK + 4);
    none(memoryWith(), 0);
    none(memoryWith(), 1024);
    none(memoryWith((view) => view.setUint32(BLOCK - 4, CHUNK | PREVIOUS_IN_USE, true)));
    none(memoryWith((view) => view.setUint32(BLOCK - 4 + CHUNK, 32, true)));
    none(memoryWith((view) => view.setUint32(BLOCK - 4, 0xfffffff8 | IN_USE, true)));
    none(new ArrayBuffer(256));
  });
});

describe("the probe of an allocator", () => {
  it("frees what it took from one that it knows", () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const live = new Map<number, number>();
    let next = 64;
    const alloc = (size: number) => {
      const ptr = next;
      const chunk = (size + 4 + 15) & ~15;
      const view = new DataView(memory.buffer);
      view.setUint32(ptr - 4, chunk | IN_USE | PREVIOUS_IN_USE, true);
      view.setUint32(ptr - 4 + chunk, PREVIOUS_IN_USE, true);
      live.set(ptr, chunk - 4);
      next += chunk;
      return ptr;
    };
    const dealloc = (ptr: number, size: number) => {
      expect(live.get(ptr)).toBe(size);
      live.delete(ptr);
    };
    expect(OutputFreer.probe(memory, alloc, dealloc)).toBe(true);
    expect(live.size).toBe(0);
  });

  it("leaves another one alone", () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    let next = 64;
    const bump = (size: number) => {
      next += (size + 15) & ~15;
      return next;
    };
    const dealloc = () => expect.unreachable("nothing may be freed");
    expect(OutputFreer.probe(memory, bump, dealloc)).toBe(false);
  });
});
