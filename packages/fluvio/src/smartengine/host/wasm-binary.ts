import { flvError } from "../../protocol/index.ts";
import { howToRaise } from "../limits.ts";

const PAGE_BYTES = 65536;
const MEMORY_SECTION = 5;
const FLAG_HAS_MAX = 1;
const FLAG_64_BIT = 4;

/**
 * Gives the wasm with the maximum of every memory set to the limit, so that the VM itself refuses to grow past it
 * (JavaScript cannot watch a memory that the module owns). Binaries it does not understand come back unchanged: the
 * compiler explains them better.
 * @throws FLV_SMARTMODULE_MEMORY_LIMIT when a memory starts above the limit
 */
export function capMemory(name: string, wasm: Uint8Array, memoryBytesMax: number): Uint8Array {
  const section = findSection(wasm, MEMORY_SECTION);
  if (section === undefined) return wasm;
  const pagesMax = Math.max(1, Math.min(65536, Math.floor(memoryBytesMax / PAGE_BYTES)));
  const cursor = { bytes: wasm, pos: section.bodyStart, end: section.end };
  const count = readLeb(cursor);
  const body: number[] = [...leb(count ?? 0)];
  for (let i = 0; i < (count ?? 0); i++) {
    const flags = readLeb(cursor);
    const minPages = readLeb(cursor);
    if (flags === undefined || minPages === undefined || (flags & FLAG_64_BIT) !== 0) return wasm;
    const ownMax = (flags & FLAG_HAS_MAX) !== 0 ? readLeb(cursor) : pagesMax;
    if (ownMax === undefined) return wasm;
    if (minPages > pagesMax) throw tooLarge(name, minPages * PAGE_BYTES, memoryBytesMax);
    body.push(...leb(flags | FLAG_HAS_MAX), ...leb(minPages), ...leb(Math.min(ownMax, pagesMax)));
  }
  const head = [MEMORY_SECTION, ...leb(body.length), ...body];
  const capped = new Uint8Array(section.start + head.length + (wasm.length - section.end));
  capped.set(wasm.subarray(0, section.start));
  capped.set(head, section.start);
  capped.set(wasm.subarray(section.end), section.start + head.length);
  return capped;
}

function tooLarge(name: string, requested: number, max: number): Error {
  return flvError(
    "FLV_SMARTMODULE_MEMORY_LIMIT",
    `SmartModule "${name}" asks for ${requested} bytes of memory to start with, the limit is ${max}`,
    {
      details: { module: name, requested, max },
      hint: `Build the module with less static data, or raise the memory limit: ${howToRaise("memoryBytesMax")}`,
    },
  );
}

interface Section {
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
}

function findSection(wasm: Uint8Array, id: number): Section | undefined {
  const cursor = { bytes: wasm, pos: 8, end: wasm.length };
  while (cursor.pos < wasm.length) {
    const start = cursor.pos;
    const found = wasm[cursor.pos++];
    const size = readLeb(cursor);
    if (size === undefined || cursor.pos + size > wasm.length) return undefined;
    const bodyStart = cursor.pos;
    if (found === id) return { start, bodyStart, end: bodyStart + size };
    cursor.pos = bodyStart + size;
  }
  return undefined;
}

interface Cursor {
  readonly bytes: Uint8Array;
  pos: number;
  readonly end: number;
}

function readLeb(cursor: Cursor): number | undefined {
  let value = 0;
  for (let scale = 1; scale < 2 ** 35; scale *= 128) {
    if (cursor.pos >= cursor.end) return undefined;
    const byte = cursor.bytes[cursor.pos++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  return undefined;
}

function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return out;
}
