import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BATCH_COMPRESSIONS,
  BATCH_HEADER_BYTES,
  crc32c,
  decodeBatch,
  decodeRecords,
  isFluvioError,
  recordsSection,
  splitBatches,
  validateBatch,
} from "./index.ts";
import { build, inputs, NOW_MS, text } from "./testing/batches.ts";

describe("a corrupt batch", () => {
  const good = build([
    { key: text("key"), value: text("one"), timestampMs: NOW_MS },
    { key: undefined, value: text("two"), timestampMs: NOW_MS + 5 },
  ]);

  it("is found wherever a bit behind the CRC has changed", () => {
    for (let bit = 21 * 8; bit < good.length * 8; bit++) {
      const broken = good.slice();
      broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => validateBatch(broken), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^FLV_(BATCH_CORRUPT|INT_RANGE)$/) }),
      );
    }
  });

  it("is found by its magic, its length and its CRC field", () => {
    for (const at of [8, 9, 10, 11, 16, 17, 18, 19, 20]) {
      const broken = good.slice();
      broken[at] = (broken[at] as number) ^ 1;
      expect(() => validateBatch(broken), `byte ${at}`).toThrow(expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }));
    }
  });

  it("is found when it is cut short anywhere", () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => validateBatch(good.subarray(0, length)), `${length}`).toThrow(
        expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }),
      );
    }
  });

  it("with more records than offsets, or none, is refused", () => {
    const fewer = good.slice();
    new DataView(fewer.buffer).setInt32(23, 0);
    expect(() => validateBatch(fewer)).toThrow(/states 2 records/);
    new DataView(fewer.buffer).setInt32(23, -1);
    expect(() => validateBatch(fewer)).toThrow(/takes up 0 offsets/);
  });

  it("that states 2^31 - 1 records takes no memory for them", () => {
    const broken = good.slice();
    new DataView(broken.buffer).setInt32(57, 0x7fffffff);
    expect(() => decodeBatch(broken)).toThrow(/states 2147483647 records/);
  });

  it("of any kind is refused, or read, but never crashes the reader", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(inputs, fc.constantFrom(...BATCH_COMPRESSIONS), changes, (records, codec, edits) => {
        const batch = build(records, codec).slice();
        for (const [at, byte] of edits) batch[at % batch.length] = byte;
        readOrRefuse(() => decodeBatch(batch, { decompressedBytesMax: 1 << 20 }));
        readOrRefuse(() => validateBatch(batch));
        readOrRefuse(() => splitBatches(batch));
      }),
      { numRuns: 400 },
    );
  });

  it("section cut short at any byte is refused, or has fewer bytes than records need", () => {
    const section = recordsSection(good);
    for (let length = 0; length < section.length; length++) {
      expect(() => decodeRecords(section.subarray(0, length)), `${length}`).toThrow(
        expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }),
      );
    }
  });

  it("of the original's, empty after a failed SmartModule, is read when asked for", () => {
    const empty = new Uint8Array(BATCH_HEADER_BYTES + 4);
    empty.set(good.subarray(0, BATCH_HEADER_BYTES));
    const view = new DataView(empty.buffer);
    view.setInt32(8, empty.length - 12);
    view.setInt32(23, -1);
    view.setUint32(17, crc32c(empty.subarray(21)));
    expect(validateBatch(empty, { allowEmpty: true }).lastOffsetDelta).toBe(-1);
    expect(decodeBatch(empty)).toEqual([]);
    expect(() => validateBatch(empty)).toThrow(expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }));
  });
});

function readOrRefuse(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    expect(["FLV_BATCH_CORRUPT", "FLV_COMPRESSION", "FLV_INT_RANGE"]).toContain(error.code);
  }
}
