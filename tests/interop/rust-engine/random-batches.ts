import fc from "fast-check";
import { encodeRecords, type SectionRecord } from "../../../packages/fluvio/src/protocol/index.ts";
import type { RealBatch } from "./program.ts";

const ENCODER = new TextEncoder();

/** Values that some fixture treats in its own way, errors among them; none that it never comes back from. */
const SPECIAL_VALUES = ["", "error", "chain", "refuse", "bad", "!no", "a,b,,c", ",", '[1,[2,3],"x,y"]', "[]", "-0"];

const json = fc.oneof(
  fc.record({ fact: fc.string(), length: fc.nat() }),
  fc.record({ user: fc.record({ name: fc.constantFrom("ann", "bob"), age: fc.integer() }), amount: fc.double() }),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean()), { maxLength: 5 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Bytes of every sort that modules expect, and those that they do not. */
const anyValue: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constantFrom(...SPECIAL_VALUES).map((text) => ENCODER.encode(text)),
  fc.string({ unit: "binary", maxLength: 30 }).map((text) => ENCODER.encode(text)),
  fc.integer({ min: -1000, max: 1000 }).map((number) => ENCODER.encode(String(number))),
  json.map((value) => ENCODER.encode(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 20 }),
);

/** Records sections whose values come from `value`; keys, times and gaps between offsets as they come. */
export function randomSections(value: fc.Arbitrary<Uint8Array> = anyValue): fc.Arbitrary<Uint8Array> {
  const record = fc.record({
    key: fc.option(fc.uint8Array({ maxLength: 10 }), { nil: undefined, freq: 2 }),
    value,
    // gaps are what compaction and filters leave
    gap: fc.nat({ max: 3 }),
    timestampDelta: fc.integer({ min: 0, max: 100_000 }),
  });
  return fc.array(record, { maxLength: 12 }).map((records) => {
    let offsetDelta = -1;
    const section = records.map(({ gap, ...rest }): SectionRecord => {
      offsetDelta += 1 + gap;
      return { ...rest, offsetDelta };
    });
    return encodeRecords(section);
  });
}

export function randomBatch(value?: fc.Arbitrary<Uint8Array>): fc.Arbitrary<RealBatch> {
  return fc.record({
    records: randomSections(value),
    baseOffset: fc.nat({ max: 1_000_000_000_000 }),
    baseTimestampMs: fc.constantFrom(0, 1_700_000_000_000, 4_102_444_800_000),
  });
}
