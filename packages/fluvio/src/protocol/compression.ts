import { createRequire } from "node:module";
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { flvError, isFluvioError } from "./errors.ts";
import { lz4BytesMax, zstdBytesMax } from "./expansion-bound.ts";
import { frameSnappy, tooLarge, unframeSnappy } from "./snappy-framing.ts";

/** Codecs of a batch by their number in its attributes; a topic's setting counts differently. */
export const BATCH_COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type BatchCompression = (typeof BATCH_COMPRESSIONS)[number];

/** Most bytes that one batch may unfold to, unless configured otherwise. */
export const DECOMPRESSED_BYTES_MAX_DEFAULT = 256 * 1024 * 1024;

/** By how much block headers overstate a size: the last block of a frame may be shorter than the largest it may be. */
const BOUND_SLACK_BYTES = 4 * 1024 * 1024;

/** Level that the original compresses with. */
const ZSTD_LEVEL = 1;

interface SnappyModule {
  compressSync(input: Uint8Array): Buffer;
  uncompressSync(input: Uint8Array): Buffer;
}
interface Lz4Module {
  compressFrameSync(input: Buffer): Buffer;
  decompressFrameSync(input: Buffer): Buffer;
}
interface ZstdModule {
  Encoder: new (level: number) => { encodeSync(input: Buffer): Buffer };
  Decoder: new () => { decodeSync(input: Buffer): Buffer };
}

const require = createRequire(import.meta.url);

/**
 * Loads a native codec on its first use; the loader keeps it.
 * @throws FLV_COMPRESSION when the package, or its binary for this platform, is not there
 */
export function loadNative<T>(codec: BatchCompression, name: string): T {
  try {
    return require(name) as T;
  } catch (cause) {
    throw flvError("FLV_COMPRESSION", `${codec} compression is not available on this machine`, {
      details: { codec, module: name },
      hint: `Install the package ${name} for ${process.platform}-${process.arch}, or use gzip, which needs none.`,
      cause,
    });
  }
}

function snappy() {
  const module = loadNative<SnappyModule>("snappy", "snappy");
  return { compress: module.compressSync, uncompress: module.uncompressSync };
}

/** The same bytes as a Buffer, not copied: native codecs take nothing else. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Compresses a batch's records section (its count included) in the container that the wire wants.
 * @returns new bytes; `bytes` itself for "none"
 * @throws FLV_COMPRESSION when the codec's native part is missing
 */
export function compress(codec: BatchCompression, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes, { level: constants.Z_DEFAULT_COMPRESSION });
    case "snappy":
      return frameSnappy(snappy(), bytes);
    case "lz4":
      return loadNative<Lz4Module>("lz4", "lz4-napi").compressFrameSync(asBuffer(bytes));
    case "zstd": {
      const { Encoder } = loadNative<ZstdModule>("zstd", "@toondepauw/node-zstd");
      return new Encoder(ZSTD_LEVEL).encodeSync(asBuffer(bytes));
    }
  }
}

/**
 * Decompresses a batch's records section.
 * @param maxBytes most bytes of the result; checked before they are allocated
 * @returns new bytes; `bytes` itself for "none"
 * @throws FLV_COMPRESSION for broken data, a result above `maxBytes`, or a missing native part
 */
export function decompress(
  codec: BatchCompression,
  bytes: Uint8Array,
  maxBytes = DECOMPRESSED_BYTES_MAX_DEFAULT,
): Uint8Array {
  try {
    return decompressUnchecked(codec, bytes, maxBytes);
  } catch (cause) {
    if (isFluvioError(cause)) throw cause;
    if (cause instanceof RangeError && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge(maxBytes);
    }
    throw flvError("FLV_COMPRESSION", `${codec} records cannot be decompressed`, {
      details: { codec, bytes: bytes.length },
      cause,
    });
  }
}

function decompressUnchecked(codec: BatchCompression, bytes: Uint8Array, maxBytes: number): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gunzipSync(bytes, { maxOutputLength: maxBytes });
    case "snappy":
      return unframeSnappy(snappy(), bytes, maxBytes);
    case "lz4":
      return bounded(maxBytes, lz4BytesMax(bytes), () =>
        loadNative<Lz4Module>("lz4", "lz4-napi").decompressFrameSync(asBuffer(bytes)),
      );
    case "zstd":
      return bounded(maxBytes, zstdBytesMax(bytes), () => {
        const { Decoder } = loadNative<ZstdModule>("zstd", "@toondepauw/node-zstd");
        return new Decoder().decodeSync(asBuffer(bytes));
      });
  }
}

/** Runs a decoder that has no limit of its own when its output cannot be much above ours. */
function bounded(maxBytes: number, bytesBound: number, decode: () => Uint8Array): Uint8Array {
  if (bytesBound > maxBytes + BOUND_SLACK_BYTES) throw tooLarge(maxBytes);
  const decoded = decode();
  if (decoded.length > maxBytes) throw tooLarge(maxBytes);
  return decoded;
}
