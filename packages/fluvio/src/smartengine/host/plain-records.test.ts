import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRecords } from "../../protocol/index.ts";
import { passPlainRecords } from "./plain-records.ts";
import { RecordScan } from "./record-scan.ts";
import { COUNT_BYTES } from "./section.ts";

/** Passes records one by one, up to the first that RecordScan refuses or whose offset delta is not in the batch. */
function passOneByOne(section: Uint8Array, count: number, offsetDeltaMax: number) {
  const scan = new RecordScan(section, COUNT_BYTES, section.length);
  const passed = { recordCount: 0, pos: COUNT_BYTES, isAscending: true, lastOffsetDelta: -1, maxTimestampDelta: 0 };
  const steps = [{ ...passed }];
  try {
    for (; passed.recordCount < count; ) {
      scan.next();
      if (scan.offsetDelta < 0 || scan.offsetDelta > offsetDeltaMax) break;
      if (scan.offsetDelta <= passed.lastOffsetDelta) passed.isAscending = false;
      passed.lastOffsetDelta = scan.offsetDelta;
      passed.maxTimestampDelta = Math.max(passed.maxTimestampDelta, scan.timestampDelta);
      passed.pos = scan.pos;
      passed.recordCount += 1;
      steps.push({ ...passed });
    }
  } catch {
    // what it refuses is the end
  }
  return steps;
}

const deltas = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: -70, max: 1 << 22 }),
  fc.constantFrom(63, 64, 8191, 8192),
);
const record = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 150 }), { nil: undefined, freq: 3 }),
  value: fc.oneof(
    { weight: 20, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 8000, max: 8400 }).map((size) => new Uint8Array(size)) },
  ),
  offsetDelta: deltas,
  timestampDelta: deltas,
});
const sections = fc.array(record, { maxLength: 12 }).map((records) => {
  const section = encodeRecords(records.map((one) => ({ attributes: 0, ...one })));
  // as in an output, something stands behind the records
  const bytes = new Uint8Array(section.length + 16);
  bytes.set(section);
  return { bytes, count: records.length };
});

describe("passing plain records", () => {
  it("takes what RecordScan takes, and sees the same, for whole, cut and damaged records", () => {
    fc.assert(
      fc.property(
        sections,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
        fc.option(fc.nat({ max: 100 }), { nil: 0 }),
        fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat({ max: 300 })),
        ({ bytes, count }, damages, cutBytes, offsetDeltaMax) => {
          for (const [at, byte] of damages) bytes[at % bytes.length] = byte;
          const cut = bytes.subarray(0, Math.max(COUNT_BYTES, bytes.length - cutBytes));
          const passed = passPlainRecords(cut, COUNT_BYTES, count, offsetDeltaMax);
          expect(passOneByOne(cut, count, offsetDeltaMax)[passed.recordCount]).toEqual(passed);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("takes all of the usual records", () => {
    const records = Array.from({ length: 300 }, (_, index) => ({
      attributes: 0,
      key: index % 2 === 0 ? undefined : new Uint8Array(index % 200),
      value: new Uint8Array(index * 20),
      offsetDelta: index,
      timestampDelta: index * 1000,
    }));
    const section = encodeRecords(records);
    const bytes = new Uint8Array(section.length + 16);
    bytes.set(section);
    expect(passPlainRecords(bytes, COUNT_BYTES, 300, 299)).toEqual({
      recordCount: 300,
      pos: section.length,
      isAscending: true,
      lastOffsetDelta: 299,
      maxTimestampDelta: 299_000,
    });
  });

  it.each([
    { what: "an offset delta beyond the batch", offsetDeltaMax: 1, recordCount: 2 },
    { what: "nothing else", offsetDeltaMax: 2, recordCount: 3 },
  ])("stops at $what", ({ offsetDeltaMax, recordCount }) => {
    const value = new Uint8Array(20);
    const records = [0, 1, 2].map((offsetDelta) => {
      return { attributes: 0, key: undefined, value, offsetDelta, timestampDelta: 0 };
    });
    expect(passPlainRecords(encodeRecords(records), COUNT_BYTES, 3, offsetDeltaMax).recordCount).toBe(recordCount);
  });
});
