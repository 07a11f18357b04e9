import { compressionsAlgorithms } from "@platformatic/kafka";
import { compress, decompress } from "fluvio/protocol";

type Packed = Parameters<typeof compressionsAlgorithms.zstd.compressSync>[0];

/**
 * Lets the driver read and write zstd where Node has none, before 22.15: it looks its codecs up in a table that it exports,
 * each time it needs one. What is read is bounded as batches of this cluster are.
 */
export function provideZstd(): void {
  const { zstd } = compressionsAlgorithms;
  if (zstd.available) return;
  Object.assign(zstd, {
    compressSync: (data: Packed) => asBuffer(compress("zstd", bytesOf(data))),
    decompressSync: (data: Packed) => asBuffer(decompress("zstd", bytesOf(data))),
    available: true,
  });
}

/** The driver hands over what it gathered in several pieces, too. */
function bytesOf(data: Packed): Uint8Array {
  return data instanceof Uint8Array ? data : data.buffer;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
