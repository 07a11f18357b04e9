import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadNative } from "./compression.ts";
import { crc32cOfRange, makeCrc32cInJavaScript } from "./crc.ts";
import { lz4BytesMax, zstdBytesMax } from "./expansion-bound.ts";
import { BATCH_COMPRESSIONS, compress, crc32c, decompress, isFluvioError } from "./index.ts";
import { toHex } from "./testing/plain-json.ts";

const PACKED = BATCH_COMPRESSIONS.filter((codec) => codec !== "none");

/** Bytes that compress, over block borders of every codec. */
function repetitive(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 251 === 0 ? i >>> 8 : i % 7));
}

/** Bytes that do not. */
function random(length: number): Uint8Array {
  let state = 12345;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return state >>> 16;
  });
}

const SIZES = [0, 1, 4, 65535, 65536, 65537, 131072, 300_000, 2_000_000];

describe.each(PACKED)("%s", (codec) => {
  it.each(SIZES)("gives back %d bytes", (size) => {
    for (const bytes of [repetitive(size), random(size)]) {
      const back = decompress(codec, compress(codec, bytes));
      expect(back.length).toBe(size);
      expect(Buffer.compare(back, bytes)).toBe(0);
    }
  });

  it("gives back a view in the middle of a buffer", () => {
    const bytes = repetitive(1000).subarray(100, 900);
    const packed = compress(codec, bytes);
    const shifted = new Uint8Array(packed.length + 20);
    shifted.set(packed, 7);
    expect(toHex(decompress(codec, shifted.subarray(7, 7 + packed.length)))).toBe(toHex(bytes));
  });

  it("stops at the limit, and takes what just fits", () => {
    const bytes = repetitive(1_000_001);
    const packed = compress(codec, bytes);
    expect(decompress(codec, packed, bytes.length).length).toBe(bytes.length);
    expect(() => decompress(codec, packed, bytes.length - 1)).toThrow(/unfold to more than 1000000 bytes/);
  });

  it("refuses a bomb before it is unfolded", () => {
    const packed = compress(codec, new Uint8Array(64 << 20));
    const before = process.memoryUsage.rss();
    expect(() => decompress(codec, packed, 1 << 20)).toThrow(expect.objectContaining({ code: "FLV_COMPRESSION" }));
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 << 20);
  });

  it("refuses every cut, and any changed bytes or reads them, as bad input", () => {
    const packed = compress(codec, repetitive(3000));
    for (let length = 0; length < packed.length; length++)
      readOrRefuse(() => decompress(codec, packed.subarray(0, length)));
    const edits = fc.array(fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(edits, (changes) => {
        const broken = Uint8Array.from(packed);
        for (const [at, byte] of changes) broken[at] = byte;
        readOrRefuse(() => decompress(codec, broken, 1 << 20));
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => readOrRefuse(() => decompress(codec, bytes, 1 << 20))),
      { numRuns: 100 },
    );
  });
});

function readOrRefuse(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    expect(error.code).toBe("FLV_COMPRESSION");
  }
}

describe("the container of each codec", () => {
  const bytes = repetitive(200_000);

  it("of snappy is what the reference's stream encoder writes", async () => {
    const { createCompressStream } = createRequire(import.meta.url)("snappy") as {
      createCompressStream(): NodeJS.ReadWriteStream;
    };
    for (const input of [bytes, random(200_000), repetitive(65536)]) {
      const stream = Readable.from([Buffer.from(input)]).pipe(createCompressStream());
      expect(toHex(compress("snappy", input))).toBe(toHex(await buffer(stream as unknown as Readable)));
    }
  });

  it("begins with its magic", () => {
    expect(PACKED.map((codec) => toHex(compress(codec, bytes).subarray(0, 4)))).toEqual([
      expect.stringMatching(/^1f8b08/),
      "ff060000",
      "04224d18",
      "28b52ffd",
    ]);
  });

  it("bounds the size that its block headers allow", () => {
    for (const size of SIZES) {
      const input = repetitive(size);
      expect(lz4BytesMax(compress("lz4", input))).toBeGreaterThanOrEqual(size);
      expect(zstdBytesMax(compress("zstd", input))).toBeGreaterThanOrEqual(size);
    }
  });

  it("of gzip may hold several members", () => {
    const twice = new Uint8Array(Buffer.concat([gzipSync("ab"), gzipSync("cd")]));
    expect(toHex(decompress("gzip", twice))).toBe(toHex(Buffer.from("abcd")));
  });
});

describe("a codec whose native part is missing", () => {
  it("says so, and what to do", () => {
    expect(() => loadNative("zstd", "fluvio-codec-that-is-not-there")).toThrow(
      expect.objectContaining({ code: "FLV_COMPRESSION", hint: expect.stringContaining("use gzip") }),
    );
  });
});

describe("CRC-32C", () => {
  it("has the check value of the standard", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(makeCrc32cInJavaScript()(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  });

  it("in JavaScript is the native one's", () => {
    const inJavaScript = makeCrc32cInJavaScript();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(500), (bytes, cut) => {
        expect(inJavaScript(bytes)).toBe(crc32c(bytes));
        const split = Math.min(cut, bytes.length);
        expect(inJavaScript(bytes.subarray(split), inJavaScript(bytes.subarray(0, split)))).toBe(crc32c(bytes));
        expect(crc32c(bytes.subarray(split), crc32c(bytes.subarray(0, split)))).toBe(crc32c(bytes));
      }),
    );
  });

  it("of a part is that of the part alone, short or long", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500, size: "max" }), fc.nat(1500), fc.nat(1500), (bytes, one, other) => {
        const [start, end] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)];
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        expect(crc32cOfRange({ bytes, view }, start, end)).toBe(crc32c(bytes.subarray(start, end)));
      }),
    );
  });
});
