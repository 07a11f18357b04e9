import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createApi, decode, encode, produceApi, Reader, schema, Writer } from "./index.ts";
import { toHex } from "./testing/plain-json.ts";

/** Bytes above the size from which a writer refers to them instead of copying. */
const LARGE = new Uint8Array(5000).fill(7);
const SMALL = Uint8Array.of(1, 2, 3);

describe("a writer", () => {
  it("refers to large bytes instead of copying them", () => {
    const writer = new Writer();
    const request = {
      isolation: "readUncommitted",
      timeoutMs: 1500,
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, records: [LARGE, SMALL, LARGE] }] }],
      smartmodules: [],
    } as const;
    produceApi.request.write(writer, request, 25);
    const { length } = writer;
    const chunks = writer.finish();
    expect(chunks.filter((chunk) => chunk === LARGE)).toHaveLength(2);
    expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(length);
    const decoded = decode(produceApi.request, new Uint8Array(Buffer.concat(chunks)), 25);
    const { records } = decoded.topics[0]!.partitions[0]!;
    expect(toHex(records)).toBe(toHex(new Uint8Array(Buffer.concat([LARGE, SMALL, LARGE]))));
  });

  it("fills in lengths before what it refers to", () => {
    const body = {
      name: "m",
      dryRun: false,
      spec: { wasm: { format: "binary", payload: LARGE } },
    } as const;
    const frame = encode(createApi.request, { label: "SmartModule", body }, 19);
    const decoded = decode(createApi.request, frame, 19);
    expect(decoded.label === "SmartModule" && decoded.body.spec.wasm.payload).toEqual(LARGE);
    expect(new DataView(frame.buffer).getUint32(13)).toBe(frame.length - 17);
  });

  it("writes strings of every length and alphabet as their UTF-8 bytes, and a reader gives them back", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.string({ unit: "grapheme-ascii", minLength: 60, maxLength: 70 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 60 }).map((ascii) => `${ascii}é`),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), (all) => {
        const writer = new Writer();
        for (const value of all) writer.string(value);
        const expected = all.flatMap((value) => {
          const utf8 = Buffer.from(value);
          return [Uint8Array.of(utf8.length >> 8, utf8.length & 0xff), utf8];
        });
        const bytes = writer.finishBytes();
        expect(toHex(bytes)).toBe(toHex(new Uint8Array(Buffer.concat(expected))));
        const reader = new Reader(bytes);
        for (const value of all) expect(reader.string()).toBe(value);
      }),
    );
  });

  it("gives the same bytes in one piece as in many", () => {
    const parts = fc.array(fc.oneof(fc.constant(LARGE), fc.uint8Array({ maxLength: 600 })), { maxLength: 12 });
    fc.assert(
      fc.property(parts, (all) => {
        const writer = new Writer();
        const outer = writer.lengthPrefix();
        for (const part of all) {
          const inner = writer.lengthPrefix();
          writer.raw(part);
          writer.endLength(inner);
        }
        writer.endLength(outer);
        const reader = new Reader(writer.finishBytes());
        expect(reader.u32()).toBe(reader.remaining);
        for (const part of all) expect(Buffer.compare(reader.raw(reader.u32()), part)).toBe(0);
        expect(reader.remaining).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a reader", () => {
  it("gives views, not copies", () => {
    const frame = encode(schema.bytes, LARGE, 0);
    expect(decode(schema.bytes, frame, 0).buffer).toBe(frame.buffer);
  });

  it("keeps a byte order mark, which is part of the text", () => {
    expect(decode(schema.string, encode(schema.string, "\u{feff}x", 0), 0)).toBe("\u{feff}x");
  });

  it("does not see past the part it is given", () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4));
    const within = () =>
      reader.within(2, "part", () => {
        reader.u8();
        return reader.u16();
      });
    expect(within).toThrow(expect.objectContaining({ code: "FLV_DECODE" }));
    const other = new Reader(Uint8Array.of(1, 2, 3, 4));
    expect(other.within(2, "part", () => other.u8())).toBe(1);
    expect(other.u8()).toBe(3);
  });

  it("reads varints of up to 64 bits, as far as a number holds them", () => {
    const cases = fc.maxSafeInteger();
    fc.assert(
      fc.property(cases, (value) => {
        let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
        const bytes: number[] = [];
        for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
        bytes.push(Number(rest));
        expect(new Reader(Uint8Array.from(bytes)).varint()).toBe(value);
      }),
    );
    const tooLong = new Uint8Array(11).fill(0x80);
    expect(() => new Reader(tooLong).varint()).toThrow(expect.objectContaining({ code: "FLV_DECODE" }));
    const tooLarge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    expect(() => new Reader(tooLarge).varint()).toThrow(expect.objectContaining({ code: "FLV_INT_RANGE" }));
  });
});
