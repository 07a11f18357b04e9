import type { createRequire } from "node:module";

type Crc32c = (bytes: Uint8Array, initial?: number) => number;

const POLYNOMIAL_REVERSED = 0x82f63b78;

function makeTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL_REVERSED : value >>> 1;
    table[byte] = value;
  }
  return table;
}

/** CRC-32C in plain JavaScript, for where the native module cannot be loaded. About 20 times slower. */
export function makeCrc32cInJavaScript(): Crc32c {
  const table = makeTable();
  return (bytes, initial = 0) => {
    let crc = ~initial;
    for (let i = 0; i < bytes.length; i++) {
      crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number);
    }
    return ~crc >>> 0;
  };
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
