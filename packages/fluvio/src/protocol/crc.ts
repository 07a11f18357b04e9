import type { createRequire } from "node:module";

type Crc32c = (bytes: Uint8Array, initial?: number) => number;

const POLYNOMIAL_REVERSED = 0x82f63b78;

/** Tables for eight bytes at a time, one behind the other. */
const SLICES = 8;
/** Below this a call out of JavaScript takes longer than the sum. */
const NATIVE_BYTES_MIN = 512;

function makeTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL_REVERSED : value >>> 1;
    tables[byte] = value;
  }
  for (let at = 256; at < tables.length; at++) {
    const shorter = tables[at - 256] as number;
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 0xff] as number);
  }
  return tables;
}

type RangeCrc32c = (view: DataView, start: number, end: number, initial: number) => number;

function makeRangeCrc32c(): RangeCrc32c {
  const made = makeTables();
  return (view, start, end, initial) => {
    // a local: the loop would look it up for each byte
    const table = made;
    let crc = ~initial;
    let i = start;
    for (const last = end - 7; i < last; i += 8) {
      crc ^= view.getInt32(i, true);
      const next = view.getInt32(i + 4, true);
      crc =
        (table[1792 + (crc & 0xff)] as number) ^
        (table[1536 + ((crc >>> 8) & 0xff)] as number) ^
        (table[1280 + ((crc >>> 16) & 0xff)] as number) ^
        (table[1024 + (crc >>> 24)] as number) ^
        (table[768 + (next & 0xff)] as number) ^
        (table[512 + ((next >>> 8) & 0xff)] as number) ^
        (table[256 + ((next >>> 16) & 0xff)] as number) ^
        (table[next >>> 24] as number);
    }
    for (; i < end; i++) crc = (crc >>> 8) ^ (table[(crc ^ view.getUint8(i)) & 0xff] as number);
    return ~crc >>> 0;
  };
}

/** CRC-32C in plain JavaScript, for where the native module cannot be loaded. About 4 times slower. */
export function makeCrc32cInJavaScript(): Crc32c {
  const ranged = makeRangeCrc32c();
  return (bytes, initial = 0) =>
    ranged(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length, initial);
}

/** The module loader of Node, without importing it: this file is loaded by browsers too. */
function nodeRequire(): ReturnType<typeof createRequire> | undefined {
  return globalThis.process?.getBuiltinModule?.("node:module")?.createRequire(import.meta.url);
}

function chooseCrc32c(): Crc32c {
  try {
    const native = nodeRequire()?.("@node-rs/crc32") as { crc32c: Crc32c } | undefined;
    if (native !== undefined) return native.crc32c;
  } catch {
    // no binary for this platform: the JavaScript version gives the same sums
  }
  return makeCrc32cInJavaScript();
}

/** CRC-32C (Castagnoli) of `bytes`, going on from `initial`. Native where possible. */
export const crc32c: Crc32c = chooseCrc32c();

const shortCrc32c = makeRangeCrc32c();

/**
 * CRC-32C of a part of some bytes; quicker than {@link crc32c} where that is short.
 * @param target the bytes, and a view of exactly these
 */
export function crc32cOfRange(
  target: { readonly bytes: Uint8Array; readonly view: DataView },
  start: number,
  end: number,
): number {
  if (end - start < NATIVE_BYTES_MIN) return shortCrc32c(target.view, start, end, 0);
  return crc32c(target.bytes.subarray(start, end));
}
