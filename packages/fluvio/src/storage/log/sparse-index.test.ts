import { expect, test } from "vitest";
import { readIndexSummary, SparseIndex } from "./sparse-index.ts";

const SUMMARY = { logSizeBytes: 5_000_000_000, nextOffset: 2 ** 50, maxTimestampMs: 1_700_000_000_000 };

function filled(): SparseIndex {
  const index = new SparseIndex();
  for (let at = 0; at < 1000; at += 1) index.add(at * 10, at * 1000, at * 2 - 1);
  return index;
}

test("notes a batch about every 4 KiB and finds the last one at or before an offset", () => {
  const index = filled();
  expect(index.entryCount).toBe(200);
  expect(index.entryFor(0)).toEqual({ relativeOffset: 0, position: 0 });
  expect(index.entryFor(49)).toEqual({ relativeOffset: 0, position: 0 });
  expect(index.entryFor(50)).toEqual({ relativeOffset: 50, position: 5000 });
  expect(index.entryFor(1e9)).toEqual({ relativeOffset: 9950, position: 995_000 });
});

test("finds where to begin looking for a timestamp", () => {
  const index = filled();
  expect(index.entryForTimestamp(-5)).toEqual({ relativeOffset: 0, position: 0 });
  expect(index.entryForTimestamp(9)).toEqual({ relativeOffset: 0, position: 0 });
  expect(index.entryForTimestamp(10)).toEqual({ relativeOffset: 50, position: 5000 });
});

test("is the same after being written and read", () => {
  const bytes = filled().encode(SUMMARY);
  expect(readIndexSummary(bytes)).toEqual(SUMMARY);
  const index = SparseIndex.decode(bytes)!;
  for (const offset of [0, 49, 50, 777, 9999]) expect(index.entryFor(offset)).toEqual(filled().entryFor(offset));
});

test("is refused with any wrong byte and at any other length", () => {
  const bytes = filled().encode(SUMMARY);
  for (let at = 0; at < bytes.length; at += 1) {
    const wrong = new Uint8Array(bytes);
    wrong[at]! ^= 1;
    expect(SparseIndex.decode(wrong)).toBeUndefined();
  }
  for (const length of [0, 10, 48, 49, bytes.length - 1]) {
    expect(SparseIndex.decode(bytes.subarray(0, length))).toBeUndefined();
  }
});

test("forgets what is cut off, and takes no offset that does not fit", () => {
  const index = filled();
  index.truncate(5000);
  expect(index.entryCount).toBe(1);
  index.add(2 ** 32, 9000, 0);
  expect(index.entryFor(2 ** 33)).toEqual({ relativeOffset: 0, position: 0 });
});
