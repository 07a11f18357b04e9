import { crc32c } from "./crc.ts";
import { flvError } from "./errors.ts";

/** Compresses and uncompresses one raw snappy block. */
export interface RawSnappy {
  compress(block: Uint8Array): Uint8Array;
  uncompress(block: Uint8Array): Uint8Array;
}

const STREAM_IDENTIFIER = Uint8Array.of(0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59);
const CHUNK_COMPRESSED = 0x00;
const CHUNK_UNCOMPRESSED = 0x01;
const CHUNK_SKIPPABLE_MIN = 0x80;
/** Most bytes one chunk unfolds to. */
const BLOCK_BYTES_MAX = 65536;
const CHUNK_HEADER_BYTES = 8;

/** The checksum of a chunk: rotated, so that a checksum of data that holds checksums stays useful. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}

/** Snappy's framing format (framing_format.txt of google/snappy). */
export function frameSnappy(raw: RawSnappy, bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [STREAM_IDENTIFIER];
  let total = STREAM_IDENTIFIER.length;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES_MAX) {
    const block = bytes.subarray(at, at + BLOCK_BYTES_MAX);
    const compressed = raw.compress(block);
    // as the original's encoder: compression that saves less than an eighth is not worth it
    const worthIt = compressed.length < block.length - Math.floor(block.length / 8);
    const body = worthIt ? compressed : block;
    parts.push(chunkHeader(worthIt ? CHUNK_COMPRESSED : CHUNK_UNCOMPRESSED, body.length, maskedCrc(block)), body);
    total += CHUNK_HEADER_BYTES + body.length;
  }
  return join(parts, total);
}

function chunkHeader(type: number, bodyBytes: number, crc: number): Uint8Array {
  const header = new Uint8Array(CHUNK_HEADER_BYTES);
  const length = bodyBytes + 4;
  header[0] = type;
  header[1] = length & 0xff;
  header[2] = (length >>> 8) & 0xff;
  header[3] = length >>> 16;
  new DataView(header.buffer).setUint32(4, crc, true);
  return header;
}

/** @throws FLV_COMPRESSION for what is not well-formed, or unfolds to more than `maxBytes` */
export function unframeSnappy(raw: RawSnappy, bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length < STREAM_IDENTIFIER.length || STREAM_IDENTIFIER.some((byte, i) => bytes[i] !== byte)) {
    throw broken("do not begin with its stream identifier");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let total = 0;
  let pos = 0;
  while (pos < bytes.length) {
    if (pos + 4 > bytes.length) throw broken("end within a chunk");
    const type = bytes[pos] as number;
    const length = view.getUint32(pos, true) >>> 8;
    pos += 4;
    if (length > bytes.length - pos) throw broken("end within a chunk");
    if (type === CHUNK_COMPRESSED || type === CHUNK_UNCOMPRESSED) {
      if (length < 4) throw broken("hold a chunk without checksum");
      const body = bytes.subarray(pos + 4, pos + length);
      const size = type === CHUNK_COMPRESSED ? uncompressedBytes(body) : body.length;
      if (size > BLOCK_BYTES_MAX) throw broken(`hold a chunk of ${size} bytes`);
      total += size;
      if (total > maxBytes) throw tooLarge(maxBytes);
      const block = type === CHUNK_COMPRESSED ? raw.uncompress(body) : body;
      if (maskedCrc(block) !== view.getUint32(pos, true)) throw broken("hold a chunk with a wrong checksum");
      parts.push(block);
    } else if (type < CHUNK_SKIPPABLE_MIN) {
      throw broken(`hold a chunk of unknown type ${type}`);
    }
    pos += length;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : join(parts, total);
}

/** The length that a raw snappy block states before its data (LEB128). */
function uncompressedBytes(block: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw broken("hold a chunk without length");
}

function join(parts: readonly Uint8Array[], total: number): Uint8Array {
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function broken(what: string): Error {
  return flvError("FLV_COMPRESSION", `snappy records ${what}`);
}

export function tooLarge(maxBytes: number): Error {
  return flvError("FLV_COMPRESSION", `compressed records unfold to more than ${maxBytes} bytes`, {
    details: { maxBytes },
    hint: "Raise the limit on decompressed batches, or produce smaller batches.",
  });
}
