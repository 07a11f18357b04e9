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

type RangeCrc32c = (bytes: Uint8Array, start: number, end: number, initial: number) => number;

function makeRangeCrc32c(): RangeCrc32c {
  const tables = makeTables();
  const at = (index: number) => tables[index] as number;
  return (bytes, start, end, initial) => {
    let crc = ~initial;
    let i = start;
    for (const last = end - 7; i < last; i += 8) {
      crc ^=
        (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24);
      crc =
        at(1792 + (crc & 0xff)) ^
        at(1536 + ((crc >>> 8) & 0xff)) ^
        at(1280 + ((crc >>> 16) & 0xff)) ^
        at(1024 + (crc >>> 24)) ^
        at(768 + (bytes[i + 4] as number)) ^
        at(512 + (bytes[i + 5] as number)) ^
        at(256 + (bytes[i + 6] as number)) ^
        at(bytes[i + 7] as number);
    }
    for (; i < end; i++) crc = (crc >>> 8) ^ at((crc ^ (bytes[i] as number)) & 0xff);
    return ~crc >>> 0;
  };
}

/** CRC-32C in plain JavaScript, for where the native module cannot be loaded. About 4 times slower. */
export function makeCrc32cInJavaScript(): Crc32c {
  const ranged = makeRangeCrc32c();
  return (bytes, initial = 0) => ranged(bytes, 0, bytes.length, initial);
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

/** CRC-32C of a part of `bytes`; quicker than {@link crc32c} where that is short. */
export function crc32cOfRange(bytes: Uint8Array, start: number, end: number): number {
  return end - start < NATIVE_BYTES_MIN ? shortCrc32c(bytes, start, end, 0) : crc32c(bytes.subarray(start, end));
}
