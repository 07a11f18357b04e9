import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchBuilder } from "./batch-builder.ts";
import { BatchHeaderLayout, RecordBodyLayout } from "./batch-layout.ts";
import {
  BATCH_COMPRESSIONS,
  batchSizeBytes,
  crc32c,
  decodeBatch,
  decodeRecords,
  encodeRecords,
  patchBatch,
  Reader,
  RecordCursor,
  readBatchHeader,
  recordsSection,
  type SectionRecord,
  splitBatches,
  validateBatch,
  Writer,
} from "./index.ts";
import { decode, encode, i32, varint } from "./schema.ts";
import { build, inputs, NOW_MS, text } from "./testing/batches.ts";
import { toHex } from "./testing/plain-json.ts";

const INT32 = { min: -0x80000000, max: 0x7fffffff };

const recordArbitrary = fc.record({
  timestampDelta: fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer(INT32)),
  offsetDelta: fc.oneof(fc.nat(200), fc.integer(INT32)),
  key: fc.option(fc.uint8Array({ maxLength: 90 }), { nil: undefined }),
  value: fc.uint8Array({ maxLength: 300 }),
});
/** The records section as the declared layout writes it. */
function sectionBySchema(records: readonly SectionRecord[]): Uint8Array {
  const writer = new Writer();
  i32.write(writer, records.length, 0);
  for (const record of records) {
    const body = encode(RecordBodyLayout, { ...record, attributes: 0, headers: 0 }, 0);
    varint.write(writer, body.length, 0);
    writer.raw(body);
  }
  return writer.finishBytes();
}

function sectionReadBySchema(section: Uint8Array): SectionRecord[] {
  const reader = new Reader(section);
  const count = reader.i32();
  return Array.from({ length: count }, () => {
    reader.varint();
    const { timestampDelta, offsetDelta, key, value } = RecordBodyLayout.read(reader, 0);
    return { timestampDelta, offsetDelta, key, value };
  });
}

describe("straight-line record code", () => {
  it("writes the bytes of the declared layout", () => {
    fc.assert(
      fc.property(fc.array(recordArbitrary, { maxLength: 20 }), (records) => {
        expect(toHex(encodeRecords(records))).toBe(toHex(sectionBySchema(records)));
      }),
    );
  });

  it("reads what the declared layout reads", () => {
    fc.assert(
      fc.property(fc.array(recordArbitrary, { maxLength: 20 }), (records) => {
        const section = sectionBySchema(records);
        expect(decodeRecords(section)).toEqual(records);
        expect(sectionReadBySchema(section)).toEqual(records);
      }),
    );
  });

  it("writes the header of the declared layout", () => {
    fc.assert(
      fc.property(inputs, fc.nat(2 ** 48), fc.integer(INT32), (records, baseOffset, epoch) => {
        const batch = build(records);
        patchBatch(batch, baseOffset, epoch);
        const times = records.map((record) => record.timestampMs);
        expect(decode(BatchHeaderLayout, batch, 0)).toEqual({
          baseOffset,
          batchLength: batch.length - 12,
          partitionLeaderEpoch: epoch,
          magic: 2,
          crc: crc32c(batch.subarray(21)),
          attributes: 0,
          lastOffsetDelta: records.length - 1,
          firstTimestampMs: times[0],
          maxTimestampMs: Math.max(...times),
          producerId: -1,
          producerEpoch: -1,
          firstSequence: -1,
        });
        expect(validateBatch(batch)).toMatchObject({ baseOffset, leaderEpoch: epoch, sizeBytes: batch.length });
      }),
    );
  });

  it("reads numbers above 32 bits, which it never writes", () => {
    const wide = 2 ** 40 + 5;
    let rest = BigInt(wide) << 1n;
    const bytes: number[] = [];
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    const section = Uint8Array.of(0, 0, 0, 1, 0, 0, ...bytes, 0, 0, 0, 0);
    expect(decodeRecords(section)[0]).toMatchObject({ timestampDelta: wide, offsetDelta: 0 });
    expect(() =>
      encodeRecords([{ timestampDelta: 2 ** 31, offsetDelta: 0, key: undefined, value: text("x") }]),
    ).toThrow(expect.objectContaining({ code: "FLV_INT_RANGE" }));
  });

  it("goes past headers of a record by its length", () => {
    const withHeaders = Uint8Array.of(0, 0, 0, 2, 18, 0, 0, 0, 0, 2, 0x41, 2, 9, 9, 12, 0, 0, 2, 0, 2, 0x42, 0);
    expect(decodeRecords(withHeaders).map((record) => toHex(record.value))).toEqual(["41", "42"]);
  });
});

describe("a batch", () => {
  it.each(BATCH_COMPRESSIONS)("with %s gives back its records", (codec) => {
    fc.assert(
      fc.property(inputs, fc.nat(2 ** 48), (records, baseOffset) => {
        const batch = build(records, codec);
        patchBatch(batch, baseOffset, 3);
        expect(validateBatch(batch)).toMatchObject({ compression: codec, lastOffsetDelta: records.length - 1 });
        const expected = records.map((record, i) => ({ ...record, offset: baseOffset + i }));
        expect(decodeBatch(batch)).toEqual(expected);
        expect(decodeBatch(batch, { numbering: "index" })).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it("leaves out records below the offset asked for", () => {
    const batch = build(["a", "b", "c"].map((value) => ({ key: undefined, value: text(value), timestampMs: NOW_MS })));
    patchBatch(batch, 10, 0);
    expect(decodeBatch(batch, { fromOffset: 11 }).map((record) => record.offset)).toEqual([11, 12]);
  });

  it("filtered by the original is numbered by place, since its deltas are wrong", () => {
    const section = encodeRecords([
      { timestampDelta: 0, offsetDelta: 1, key: undefined, value: text("kept") },
      { timestampDelta: 0, offsetDelta: -2, key: undefined, value: text("renumbered") },
    ]);
    const batch = new Uint8Array([
      ...build([{ key: undefined, value: text(""), timestampMs: NOW_MS }]).subarray(0, 57),
      ...section,
    ]);
    new DataView(batch.buffer).setInt32(8, batch.length - 12);
    patchBatch(batch, 100, 0);
    expect(decodeBatch(batch).map((record) => record.offset)).toEqual([101, 98]);
    expect(decodeBatch(batch, { numbering: "index" }).map((record) => record.offset)).toEqual([100, 101]);
  });

  it("whose first timestamp is not known has records without time", () => {
    const batch = build([{ key: undefined, value: text("x"), timestampMs: -1 }]);
    expect(decodeBatch(batch)[0]?.timestampMs).toBe(-1);
  });

  it("holds a record in views of its own bytes", () => {
    const batch = build([{ key: text("k"), value: text("value"), timestampMs: NOW_MS }]);
    const [record] = decodeBatch(batch);
    expect(record?.value.buffer).toBe(batch.buffer);
    expect(record?.key).toEqual(text("k"));
  });
});

describe("a batch builder", () => {
  it("does not take a record that would make the batch too large, but always the first", () => {
    const builder = new BatchBuilder({ sizeBytesMax: 100 });
    expect(builder.append(undefined, new Uint8Array(500), NOW_MS)).toBe(true);
    expect(builder.append(undefined, new Uint8Array(1), NOW_MS)).toBe(false);
    expect(builder.build().length).toBe(builder.sizeBytes + 500 + 9);
    expect(builder.append(undefined, new Uint8Array(20), NOW_MS)).toBe(true);
    expect(builder.append(undefined, new Uint8Array(20), NOW_MS)).toBe(false);
    expect(builder.count).toBe(1);
  });

  it("starts a new batch where a time is too far from the first", () => {
    const builder = new BatchBuilder();
    expect(builder.append(undefined, text("a"), NOW_MS)).toBe(true);
    expect(builder.append(undefined, text("b"), NOW_MS + 2 ** 31)).toBe(false);
    expect(builder.append(undefined, text("b"), NOW_MS + 2 ** 31 - 1)).toBe(true);
    expect(builder.append(undefined, text("c"), NOW_MS - 2 ** 31)).toBe(true);
    expect(decodeBatch(builder.build()).map((record) => record.timestampMs - NOW_MS)).toEqual([
      0,
      2 ** 31 - 1,
      -(2 ** 31),
    ]);
  });

  it("states the exact size before it builds", () => {
    fc.assert(
      fc.property(inputs, (records) => {
        const builder = new BatchBuilder();
        for (const { key, value, timestampMs } of records) builder.append(key, value, timestampMs);
        const { sizeBytes } = builder;
        expect(builder.build().length).toBe(sizeBytes);
      }),
      { numRuns: 30 },
    );
  });

  it("gives bytes that later records leave alone", () => {
    const builder = new BatchBuilder();
    builder.append(undefined, text("first"), NOW_MS);
    const batch = builder.build();
    const before = toHex(batch);
    builder.append(undefined, text("later"), NOW_MS);
    expect(toHex(batch)).toBe(before);
    expect(decodeBatch(builder.build())).toHaveLength(1);
  });

  it("does not keep the room that one large record took", () => {
    const builder = new BatchBuilder({ initialBytes: 1000 });
    for (const codec of ["none", "lz4"] as const) {
      builder.append(undefined, new Uint8Array(1 << 20), NOW_MS);
      builder.build(codec);
      builder.append(undefined, text("small"), NOW_MS);
      builder.build();
      builder.append(undefined, text("small"), NOW_MS);
      expect(builder.build().buffer.byteLength).toBe(1000);
    }
  });

  it("refuses a time that is no integer", () => {
    expect(() => new BatchBuilder().append(undefined, text("x"), 0.5)).toThrow(
      expect.objectContaining({ code: "FLV_INT_RANGE" }),
    );
  });
});

describe("batches back to back", () => {
  it("are split whole, at every point where the bytes may end", () => {
    const batches = [1, 20, 300].map((size) =>
      build([{ key: undefined, value: new Uint8Array(size), timestampMs: NOW_MS }]),
    );
    const all = new Uint8Array(batches.flatMap((batch) => [...batch]));
    const ends = batches.map((_, i) => batches.slice(0, i + 1).reduce((sum, batch) => sum + batch.length, 0));
    for (let length = 0; length <= all.length; length++) {
      const whole = ends.filter((end) => end <= length).length;
      const split = splitBatches(all.subarray(0, length));
      expect(split.batches.map(toHex)).toEqual(batches.slice(0, whole).map(toHex));
      expect(split.tailBytes).toBe(length - (ends[whole - 1] ?? 0));
    }
  });

  it("are not split at a length that no batch can have", () => {
    const batch = build([{ key: undefined, value: text("x"), timestampMs: NOW_MS }]);
    new DataView(batch.buffer, batch.byteOffset).setInt32(8, 44);
    expect(() => splitBatches(batch)).toThrow(expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }));
    new DataView(batch.buffer, batch.byteOffset).setInt32(8, -1);
    expect(() => batchSizeBytes(batch)).toThrow(expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }));
  });
});

describe("a record cursor", () => {
  it("goes through records without making objects, and ends", () => {
    const cursor = new RecordCursor(
      recordsSection(
        build([
          { key: text("k"), value: text("v1"), timestampMs: NOW_MS },
          { key: undefined, value: text("v2"), timestampMs: NOW_MS },
        ]),
      ),
    );
    expect(cursor.count).toBe(2);
    expect(cursor.next()).toBe(true);
    expect([cursor.keyEnd - cursor.keyStart, cursor.valueEnd - cursor.valueStart]).toEqual([1, 2]);
    expect(cursor.next()).toBe(true);
    expect([cursor.keyStart, cursor.key(), toHex(cursor.value())]).toEqual([-1, undefined, "7632"]);
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
  });
});

describe("a header", () => {
  it("of an unknown codec is refused", () => {
    const batch = build([{ key: undefined, value: text("x"), timestampMs: NOW_MS }]).slice();
    batch[22] = 5;
    expect(() => readBatchHeader(batch)).toThrow(/unknown compression 5/);
  });

  it("with a schema id has its records four bytes later", () => {
    const batch = build([{ key: undefined, value: text("x"), timestampMs: NOW_MS }]);
    const withSchema = new Uint8Array([...batch.subarray(0, 57), 0, 0, 0, 9, ...batch.subarray(57)]);
    const view = new DataView(withSchema.buffer);
    view.setInt32(8, withSchema.length - 12);
    view.setInt16(21, 0x10);
    view.setUint32(17, crc32c(withSchema.subarray(21)));
    expect(validateBatch(withSchema).recordsAt).toBe(61);
    expect(decodeBatch(withSchema).map((record) => toHex(record.value))).toEqual(["78"]);
  });
});
