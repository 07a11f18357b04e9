import { flvError } from "./errors.ts";

function corrupt(what: string): Error {
  return flvError("FLV_COMPRESSION", `compressed records are no ${what}`);
}

function u32LittleEndian(bytes: Uint8Array, at: number, what: string): number {
  if (at + 4 > bytes.length) throw corrupt(what);
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

const LZ4_MAGIC = 0x184d2204;
const LZ4_EXPANSION_MAX = 255;

/**
 * The most bytes that LZ4 frames can unfold to, found from their block headers alone: the native decoder has no limit of
 * its own. Layout: LZ4 frame format 1.6.
 */
export function lz4BytesMax(bytes: Uint8Array): number {
  const what = "LZ4 frame";
  let pos = 0;
  let total = 0;
  while (pos < bytes.length) {
    if (u32LittleEndian(bytes, pos, what) !== LZ4_MAGIC) throw corrupt(what);
    const flags = bytes[pos + 4] ?? 0;
    const blockSizeCode = ((bytes[pos + 5] ?? 0) >>> 4) & 7;
    if (blockSizeCode < 4) throw corrupt(what);
    const blockBytesMax = 1 << (8 + 2 * blockSizeCode);
    const blockChecksumBytes = flags & 0x10 ? 4 : 0;
    pos += 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
    for (;;) {
      const header = u32LittleEndian(bytes, pos, what);
      pos += 4;
      if (header === 0) break;
      const stored = header & 0x7fffffff;
      if (stored > bytes.length - pos) throw corrupt(what);
      total += header >>> 31 ? stored : Math.min(blockBytesMax, stored * LZ4_EXPANSION_MAX);
      pos += stored + blockChecksumBytes;
    }
    pos += flags & 0x04 ? 4 : 0;
  }
  return total;
}

const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_BLOCK_BYTES_MAX = 128 * 1024;
/** Window above which decoders refuse a frame unless told otherwise. */
const ZSTD_WINDOW_LOG_MAX = 27;

/**
 * The most bytes that Zstandard frames can unfold to, found from their block headers alone: the native decoder has no
 * limit of its own. Layout: RFC 8878, 3.1.1.
 */
export function zstdBytesMax(bytes: Uint8Array): number {
  const what = "Zstandard frame";
  let pos = 0;
  let total = 0;
  while (pos < bytes.length) {
    if (u32LittleEndian(bytes, pos, what) !== ZSTD_MAGIC) throw corrupt(what);
    const descriptor = bytes[pos + 4] ?? 0;
    pos += 4 + zstdHeaderBytes(bytes, pos + 4);
    for (;;) {
      if (pos + 3 > bytes.length) throw corrupt(what);
      const header = (bytes[pos] as number) | ((bytes[pos + 1] as number) << 8) | ((bytes[pos + 2] as number) << 16);
      const size = header >>> 3;
      const type = (header >>> 1) & 3;
      if (type === 3 || size > ZSTD_BLOCK_BYTES_MAX) throw corrupt(what);
      total += type === 2 ? ZSTD_BLOCK_BYTES_MAX : size;
      pos += 3 + (type === 1 ? 1 : size);
      if (pos > bytes.length) throw corrupt(what);
      if (header & 1) break;
    }
    pos += descriptor & 0x04 ? 4 : 0;
  }
  return total;
}

/** Length of a frame header from its descriptor on. */
function zstdHeaderBytes(bytes: Uint8Array, at: number): number {
  const descriptor = bytes[at] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  if (!singleSegment && ((bytes[at + 1] ?? 0) >>> 3) + 10 > ZSTD_WINDOW_LOG_MAX) {
    throw flvError("FLV_COMPRESSION", "compressed records want a Zstandard window above 128 MiB");
  }
  return 1 + (singleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
}
