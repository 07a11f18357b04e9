import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BATCH_COMPRESSIONS,
  type BatchCompression,
  decodeRecords,
  encodeRecords,
  splitBatches,
  validateBatch,
} from "../../protocol/index.ts";
import {
  bytes,
  headersOf,
  makeBatch,
  makeSection,
  recordsOf,
  TEST_TIMESTAMP_MS,
  text,
  wrapSection,
} from "../testing/batches.ts";
import { BatchWriter } from "./batch-writer.ts";
import { historySection, type RebatchInput, rebatch as rebatchInto, type Transform } from "./rebatch.ts";

/** One writer for all tests: nothing of an output may show in the next. */
const writer = new BatchWriter();

function rebatch(input: RebatchInput, chain: Transform) {
  const result = rebatchInto(input, chain, writer);
  return { ...result, batches: result.batches.slice() };
}

/** A chain that keeps what `keeps` says, in JavaScript. */
function filtering(keeps: (value: string) => boolean): Transform {
  return {
    run: ({ records }) => {
      const kept = decodeRecords(records).filter((record) => keeps(text(record.value)));
      return { section: encodeRecords(kept), recordCount: kept.length, error: undefined };
    },
    locate: () => {},
    release: () => {},
  };
}

const keepAll: Transform = {
  run: ({ records }) => {
    return { section: records, recordCount: decodeRecords(records).length, isUnchanged: true, error: undefined };
  },
  locate: () => {},
  release: () => {},
};

/** A chain that makes `factor` records of each, without deltas, as array_map does. */
function exploding(factor: number): Transform {
  return {
    run: ({ records }) => {
      const made = decodeRecords(records).flatMap((record) =>
        Array.from({ length: factor }, () => ({ ...record, timestampDelta: 0, offsetDelta: 0 })),
      );
      return { section: encodeRecords(made), recordCount: made.length, error: undefined };
    },
    locate: () => {},
    release: () => {},
  };
}

/** A chain that makes of each record as many as its value says, with its offset. */
const copying: Transform = {
  run: ({ records }) => {
    const made = decodeRecords(records).flatMap((record) =>
      Array.from({ length: Number(text(record.value)) }, () => record),
    );
    return { section: encodeRecords(made), recordCount: made.length, sharesOffsets: true, error: undefined };
  },
  locate: () => {},
  release: () => {},
};

/** A chain that gives every record one value. */
function replacing(value: string): Transform {
  return {
    run: ({ records }) => {
      const mapped = decodeRecords(records).map((record) => ({ ...record, value: bytes(value) }));
      return { section: encodeRecords(mapped), recordCount: mapped.length, error: undefined };
    },
    locate: () => {},
    release: () => {},
  };
}

function joined(...batches: Uint8Array[]): Uint8Array {
  return Buffer.concat(batches);
}

const UNLIMITED = { fromOffset: 0, maxOutputBytes: Number.MAX_SAFE_INTEGER };
const keepK = filtering((value) => value.startsWith("k"));

describe("rebatch", () => {
  it("passes a batch of which nothing changed through byte by byte", () => {
    for (const compression of BATCH_COMPRESSIONS) {
      const batch = makeBatch(["k1", "k2", "k3"], { baseOffset: 40, compression });
      const output = rebatch({ batches: batch, ...UNLIMITED }, keepAll);
      expect(output).toEqual({ batches: batch, recordCount: 3, nextOffset: 43, error: undefined });
    }
  });

  it("starts a batch at each gap and covers the dropped offsets after it", () => {
    const batch = makeBatch(["k0", "k1", "x", "x", "k4", "x"], { baseOffset: 10 });
    const output = rebatch({ batches: batch, ...UNLIMITED }, keepK);
    expect(headersOf(output.batches)).toMatchObject([
      { baseOffset: 10, lastOffsetDelta: 3 },
      { baseOffset: 14, lastOffsetDelta: 1 },
    ]);
    expect(recordsOf(output.batches).map((record) => record.offset)).toEqual([10, 11, 14]);
    expect(output.nextOffset).toBe(16);
  });

  it("keeps gaps inside a batch for readers of offset deltas, with every record's bytes as they are", () => {
    const batches = joined(
      makeBatch(["x", "k1", "x", "k3", "x"], { baseOffset: 10 }),
      makeBatch(["x", "x"], { baseOffset: 15 }),
      makeBatch(["k0", "k1", "x"], { baseOffset: 17 }),
    );
    const output = rebatch({ batches, ...UNLIMITED, fromOffset: 10, keepsGaps: true }, keepK);
    expect(headersOf(output.batches)).toMatchObject([
      { baseOffset: 10, lastOffsetDelta: 6 },
      { baseOffset: 17, lastOffsetDelta: 2 },
    ]);
    expect(recordsOf(output.batches, "delta").map((record) => record.offset)).toEqual([11, 13, 17, 18]);
    expect(output).toMatchObject({ recordCount: 4, nextOffset: 20 });
  });

  it("gives records that share an offset batches of their own for readers of offset deltas too", () => {
    const batch = makeBatch(["0", "1", "0", "2"], { baseOffset: 10 });
    const output = rebatch({ batches: batch, ...UNLIMITED, fromOffset: 10, keepsGaps: true }, copying);
    expect(headersOf(output.batches)).toMatchObject([
      { baseOffset: 10, lastOffsetDelta: 3 },
      { baseOffset: 13, lastOffsetDelta: 0 },
    ]);
    expect(recordsOf(output.batches, "delta").map((record) => record.offset)).toEqual([11, 13, 13]);
  });

  it("covers offsets dropped at the start with a batch without records", () => {
    const batch = makeBatch(["x", "x", "k".repeat(2000)], { baseOffset: 10, compression: "gzip" });
    const output = rebatch({ batches: batch, fromOffset: 10, maxOutputBytes: 1 }, keepK);
    expect(headersOf(output.batches)).toMatchObject([
      { baseOffset: 10, lastOffsetDelta: 1, compression: "none" },
      { baseOffset: 12, lastOffsetDelta: 0, compression: "gzip" },
    ]);
    for (const part of splitBatches(output.batches).batches) validateBatch(part);
  });

  it("makes one batch without records of all that was dropped", () => {
    const batches = joined(makeBatch(["x", "x"], { baseOffset: 5 }), makeBatch(["x"], { baseOffset: 7 }));
    const output = rebatch({ batches, ...UNLIMITED, fromOffset: 5 }, keepK);
    expect(headersOf(output.batches)).toMatchObject([{ baseOffset: 5, lastOffsetDelta: 2 }]);
    expect(output).toMatchObject({ recordCount: 0, nextOffset: 8 });
  });

  it("extends a batch over what was dropped of the next input batch", () => {
    const batches = joined(makeBatch(["k", "k"], { baseOffset: 0 }), makeBatch(["x", "k"], { baseOffset: 2 }));
    const output = rebatch({ batches, ...UNLIMITED }, keepK);
    expect(headersOf(output.batches)).toMatchObject([
      { baseOffset: 0, lastOffsetDelta: 2 },
      { baseOffset: 3, lastOffsetDelta: 0 },
    ]);
    for (const part of splitBatches(output.batches).batches) validateBatch(part);
  });

  it("keeps timestamps and finds each batch's largest", () => {
    const batch = makeBatch(["k", "k", "x", "k"], { firstTimestampMs: 5000 });
    const output = rebatch({ batches: batch, ...UNLIMITED }, keepK);
    expect(recordsOf(output.batches).map((record) => record.timestampMs)).toEqual([5000, 5001, 5003]);
    expect(headersOf(output.batches).map((header) => header.maxTimestampMs)).toEqual([5001, 5003]);
  });

  it("feeds only records from the offset on", () => {
    const seen: string[] = [];
    const spy = filtering((value) => seen.push(value) > 0);
    const batches = joined(makeBatch(["a", "b"], { baseOffset: 0 }), makeBatch(["c", "d", "e"], { baseOffset: 2 }));
    const output = rebatch({ batches, fromOffset: 3, maxOutputBytes: 1000 }, spy);
    expect(seen).toEqual(["d", "e"]);
    expect(headersOf(output.batches)).toMatchObject([{ baseOffset: 3, lastOffsetDelta: 1 }]);
    expect(output.nextOffset).toBe(5);
  });

  it("stops before the output grows past its limit, but never before the first batch", () => {
    const one = makeBatch(["k".repeat(100)]);
    const batches = joined(one, makeBatch(["k".repeat(100)], { baseOffset: 1 }));
    expect(rebatch({ batches, fromOffset: 0, maxOutputBytes: 10 }, keepAll)).toMatchObject({ nextOffset: 1 });
    expect(rebatch({ batches, fromOffset: 0, maxOutputBytes: 2 * one.length }, keepAll)).toMatchObject({
      nextOffset: 2,
    });
  });

  it("gives records without offsets of their own those of their input batch, the last one to what is over", () => {
    const batch = makeBatch(["a", "b", "c"], { baseOffset: 20 });
    const fewer = rebatch(
      { batches: batch, ...UNLIMITED },
      filtering((value) => value === "a"),
    );
    expect(headersOf(fewer.batches)).toMatchObject([{ baseOffset: 20, lastOffsetDelta: 2 }]);
    const more = rebatch({ batches: batch, ...UNLIMITED }, exploding(2));
    for (const numbering of ["delta", "index"] as const) {
      const records = recordsOf(more.batches, numbering);
      expect(records.map((record) => record.offset)).toEqual([20, 21, 22, 22, 22, 22]);
    }
    expect(recordsOf(more.batches).every((record) => record.timestampMs === TEST_TIMESTAMP_MS)).toBe(true);
  });

  it("numbers records that share offsets alike for every reader, within their input batch, and accounts for all", () => {
    const property = fc.property(
      fc.array(fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 3_000_000_000 }),
      fc.nat({ max: 10 }),
      (inputs, base, skipped) => {
        const fromOffset = base + skipped;
        const expected: number[] = [];
        let next = base;
        const batches = inputs.map((copies) => {
          const baseOffset = next;
          for (const count of copies) {
            if (next >= fromOffset) for (let i = 0; i < count; i++) expected.push(next);
            next += 1;
          }
          return makeBatch(copies.map(String), { baseOffset });
        });
        const output = rebatch({ batches: joined(...batches), ...UNLIMITED, fromOffset }, copying);
        expect(recordsOf(output.batches).map((record) => record.offset)).toEqual(expected);
        expect(recordsOf(output.batches, "index").map((record) => record.offset)).toEqual(expected);
        let covered = fromOffset;
        for (const { baseOffset, lastOffsetDelta } of headersOf(output.batches)) {
          expect(baseOffset).toBeLessThanOrEqual(covered);
          covered = Math.max(covered, baseOffset + lastOffsetDelta + 1);
        }
        expect(output).toMatchObject({ recordCount: expected.length, nextOffset: Math.max(next, fromOffset) });
        expect(covered).toBe(output.nextOffset);
        for (const batch of splitBatches(output.batches).batches) validateBatch(batch);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it("refuses a batch that is cut short", () => {
    const batch = makeBatch(["a"]);
    expect(() => rebatch({ batches: batch.subarray(0, batch.length - 1), ...UNLIMITED }, keepAll)).toThrow(
      expect.objectContaining({ code: "FLV_BATCH_CORRUPT" }),
    );
  });

  it("moves timestamps that are more than 24 days away to what modules can write", () => {
    const far = encodeFar(2 ** 33);
    const batch = wrapSection(far, 1, { maxTimestampMs: TEST_TIMESTAMP_MS + 2 ** 33 });
    const output = rebatch({ batches: batch, ...UNLIMITED }, replacing("m"));
    expect(recordsOf(output.batches)[0]?.timestampMs).toBe(TEST_TIMESTAMP_MS + 0x7fffffff);
    const unchanged = rebatch({ batches: batch, ...UNLIMITED }, keepAll);
    expect(recordsOf(unchanged.batches)[0]?.timestampMs).toBe(TEST_TIMESTAMP_MS + 2 ** 33);
  });

  it("numbers survivors alike for every reader and accounts for every offset", () => {
    const batchArbitrary = fc.record({
      kept: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      compression: fc.constantFrom<BatchCompression>(...BATCH_COMPRESSIONS),
    });
    const property = fc.property(
      fc.array(batchArbitrary, { minLength: 1, maxLength: 5 }),
      fc.nat({ max: 3_000_000_000 }),
      fc.nat({ max: 15 }),
      fc.boolean(),
      (inputs, base, skipped, keepsGaps) => {
        const expected: number[] = [];
        const fromOffset = base + skipped;
        let next = base;
        const batches = inputs.map(({ kept, compression }) => {
          const baseOffset = next;
          for (const keeps of kept) {
            if (keeps && next >= fromOffset) expected.push(next);
            next += 1;
          }
          const values = kept.map((keeps, index) => (keeps ? `k${baseOffset + index}` : "x"));
          return makeBatch(values, { baseOffset, compression });
        });
        const output = rebatch({ batches: joined(...batches), ...UNLIMITED, fromOffset, keepsGaps }, keepK);
        const byDelta = recordsOf(output.batches, "delta");
        expect(byDelta.map((record) => record.offset)).toEqual(expected);
        if (!keepsGaps) {
          expect(recordsOf(output.batches, "index").map((record) => record.offset)).toEqual(expected);
        }
        expect(byDelta.map((record) => text(record.value))).toEqual(expected.map((offset) => `k${offset}`));
        const end = Math.max(next, fromOffset);
        expect(output).toMatchObject({ recordCount: expected.length, nextOffset: end });
        const headers = headersOf(output.batches);
        const covered = headers.reduce((sum, header) => sum + header.lastOffsetDelta + 1, 0);
        expect(covered).toBe(end - fromOffset);
        for (const batch of splitBatches(output.batches).batches) validateBatch(batch);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

describe("historySection", () => {
  it("gathers the records from an offset and a time on", () => {
    const batches = joined(
      makeBatch(["a", "b"], { baseOffset: 0, compression: "zstd" }),
      makeBatch(["c", "d"], { baseOffset: 2, firstTimestampMs: TEST_TIMESTAMP_MS + 100 }),
    );
    const values = (section: Uint8Array) => decodeRecords(section).map((record) => text(record.value));
    expect(values(historySection(batches, 1, undefined))).toEqual(["b", "c", "d"]);
    expect(values(historySection(batches, 0, TEST_TIMESTAMP_MS + 101))).toEqual(["d"]);
    expect(historySection(batches, 9, undefined)).toEqual(makeSection([]));
  });
});

/** A section with one record whose timestamp delta takes more than 32 bits. */
function encodeFar(delta: number): Uint8Array {
  const varint: number[] = [];
  for (let rest = BigInt(delta) * 2n; ; rest >>= 7n) {
    if (rest < 0x80n) {
      varint.push(Number(rest));
      break;
    }
    varint.push(Number(rest & 0x7fn) | 0x80);
  }
  const body = [0, ...varint, 0, 0, 2, 0x6b, 0];
  return Uint8Array.from([0, 0, 0, 1, body.length * 2, ...body]);
}
