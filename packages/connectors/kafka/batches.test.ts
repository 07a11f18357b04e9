import { describe, expect, test } from "vitest";
import { nextOffset, type PartitionAnswer, recordBatches } from "./batches.ts";
import { envelope } from "./envelope.ts";
import { Places } from "./places.ts";
import { hasCode, problemText } from "./problems.ts";

const TRANSACTIONAL = 16;
const CONTROL = 32;
const ABORT = Buffer.from([0, 0, 0, 0]);
const COMMIT = Buffer.from([0, 0, 0, 1]);

const batch = (firstOffset: number, producerId: number, attributes = TRANSACTIONAL, key: Buffer | null = null) => ({
  firstOffset: BigInt(firstOffset),
  lastOffsetDelta: 0,
  producerId: BigInt(producerId),
  attributes,
  records: [{ key, value: null, headers: [], offsetDelta: 0, timestampDelta: 0n, attributes: 0, length: 0 }],
});
const marker = (firstOffset: number, producerId: number, key: Buffer) =>
  batch(firstOffset, producerId, TRANSACTIONAL | CONTROL, key);
const answer = (records: ReturnType<typeof batch>[], aborted: readonly [producerId: number, firstOffset: number][]) =>
  ({
    records,
    abortedTransactions: aborted.map(([id, first]) => ({ producerId: BigInt(id), firstOffset: BigInt(first) })),
  }) as unknown as PartitionAnswer;
const offsets = (one: PartitionAnswer) => [...recordBatches(one)].map(({ firstOffset }) => Number(firstOffset));

describe("batches of an answer", () => {
  test("of an aborted transaction are left out, also when its end is not in the answer", () => {
    expect(offsets(answer([batch(0, 7), batch(1, 8), batch(2, 7)], [[7, 0]]))).toEqual([1]);
  });

  test("of one producer are told apart by transaction", () => {
    const records = [
      batch(0, 7),
      marker(1, 7, ABORT),
      batch(2, 7),
      marker(3, 7, COMMIT),
      batch(4, 7),
      marker(5, 7, ABORT),
    ];
    const aborted: [number, number][] = [
      [7, 4],
      [7, 0],
    ];
    expect(offsets(answer(records, aborted))).toEqual([2]);
  });

  test("without a transaction come even while their producer's was aborted", () => {
    expect(offsets(answer([batch(0, 7), batch(1, 7, 0)], [[7, 0]]))).toEqual([1]);
  });

  test("the next offset counts what is no record", () => {
    expect(nextOffset(answer([batch(0, 7), marker(1, 7, ABORT)], []))).toBe(2n);
    expect(nextOffset(answer([], []))).toBeUndefined();
  });
});

describe("an envelope", () => {
  const place = { topic: "t", partition: 1, offset: 2, timestamp: 3 };

  test("has headers that come twice as a list, and bytes that are no text in base64", () => {
    const bytes = Buffer.from([0xff, 0xfe]);
    const headers: [Buffer, Buffer | null][] = [
      [Buffer.from("a"), Buffer.from("1")],
      [Buffer.from("a"), Buffer.from("2")],
      [Buffer.from("b"), bytes],
      [Buffer.from("c"), null],
    ];
    expect(JSON.parse(envelope({ key: bytes, value: Buffer.from("ü"), headers, ...place }))).toEqual({
      keyBase64: "//4=",
      value: "ü",
      headers: { a: ["1", "2"], b: { base64: "//4=" }, c: null },
      ...place,
    });
  });

  test("of a tombstone has no key and no value", () => {
    expect(JSON.parse(envelope({ key: null, value: null, headers: [], ...place }))).toEqual({
      key: null,
      value: null,
      headers: {},
      ...place,
    });
  });
});

describe("places", () => {
  test("survive being kept, and those of a topic that was made anew do not", () => {
    const places = new Places(undefined);
    places.setId("t", "id-1");
    places.set({ topic: "t", partition: 3 }, 41n);
    const again = new Places(places.position());
    again.setId("t", "id-1");
    expect(again.get({ topic: "t", partition: 3 })).toBe(41n);
    again.setId("t", "id-2");
    expect(again.get({ topic: "t", partition: 3 })).toBeUndefined();
  });

  test.each([[null], [7], [["t"]], [{ t: 1 }], [{ t: { id: 1, offsets: {} } }]])("kept as %j mean nothing", (kept) => {
    expect(new Places(kept as never).position()).toEqual({});
  });
});

test("an error of the driver comes down to its reasons, each once", () => {
  const refused = Object.assign(new Error("connect failed"), { code: "ECONNREFUSED" });
  const deep = new AggregateError([new Error("outer", { cause: refused }), new Error("x", { cause: refused })], "two");
  expect(problemText(deep)).toBe("ECONNREFUSED: connect failed");
  const coded = new AggregateError([Object.assign(new Error("gone"), { apiId: "OFFSET_OUT_OF_RANGE" })], "y");
  expect(hasCode(new Error("z", { cause: coded }), "OFFSET_OUT_OF_RANGE")).toBe(true);
  expect(hasCode(coded, "OTHER")).toBe(false);
});
