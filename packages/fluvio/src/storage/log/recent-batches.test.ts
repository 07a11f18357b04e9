import { describe, expect, test } from "vitest";
import { RecentBatches, RecentBudget } from "./recent-batches.ts";
import { BatchKeeper, joinNeighbours } from "./small-batches.ts";

const ALL = { maxBytes: 1e9, upToOffset: 1e9 };

function add(recent: RecentBatches, from: number, count: number, sizeBytes: number): void {
  for (let at = from; at < from + count; at += 1) recent.add(at * 2, at * 2 + 2, new Uint8Array(sizeBytes).fill(at));
}

describe("the newest batches in memory", () => {
  test("stay within the bytes of their partition, the oldest go", () => {
    const recent = new RecentBatches(new RecentBudget(10_000, 1000));
    add(recent, 0, 25, 100);
    expect(recent.firstOffset).toBe(30);
    expect(recent.read(29, ALL)).toBeUndefined();
    expect(recent.read(31, ALL)).toMatchObject({ firstOffset: 30, nextOffset: 50, sizeBytes: 1000 });
  });

  test("stay within the bytes of all partitions; the partition that is idle gives way", () => {
    const budget = new RecentBudget(1000, 1000);
    const idle = new RecentBatches(budget);
    const busy = new RecentBatches(budget);
    add(idle, 0, 5, 100);
    add(busy, 0, 5, 100);
    expect(budget.usedBytes).toBe(1000);
    add(busy, 5, 3, 100);
    expect(budget.usedBytes).toBe(1000);
    expect(idle.firstOffset).toBe(6);
    expect(busy.firstOffset).toBe(0);
    add(busy, 8, 12, 100);
    expect(budget.usedBytes).toBe(1000);
    expect(idle.firstOffset).toBeUndefined();
    expect(busy.firstOffset).toBe(20);
    busy.clear();
    expect(budget.usedBytes).toBe(0);
    add(idle, 5, 1, 100);
    expect(idle.firstOffset).toBe(10);
  });

  test("stay within a number of batches, however small", () => {
    const budget = new RecentBudget(1e9, 1e9);
    const recent = new RecentBatches(budget);
    add(recent, 0, 50_000, 1);
    expect(budget.usedBytes).toBeLessThan(20_000);
    expect(recent.read(99_999, ALL)).toMatchObject({ firstOffset: 99_998, nextOffset: 100_000 });
    expect(recent.read(recent.firstOffset!, ALL)).toMatchObject({ nextOffset: 100_000, sizeBytes: budget.usedBytes });
  });

  test("a batch above the whole budget is not kept", () => {
    const budget = new RecentBudget(100, 100);
    const recent = new RecentBatches(budget);
    add(recent, 0, 1, 101);
    expect(recent.read(0, ALL)).toBeUndefined();
    expect(budget.usedBytes).toBe(0);
  });

  test("that lie back to back in one buffer are given as one piece", () => {
    const recent = new RecentBatches(new RecentBudget(10_000, 10_000));
    const buffer = new Uint8Array(300);
    recent.add(0, 1, buffer.subarray(0, 100));
    recent.add(1, 2, buffer.subarray(100, 200));
    recent.add(2, 3, new Uint8Array(50));
    recent.add(3, 4, buffer.subarray(200, 300));
    const slice = recent.read(0, ALL)!;
    expect(slice.pieces.map((piece) => piece.length)).toEqual([200, 50, 100]);
    expect(slice.sizeBytes).toBe(350);
  });
});

describe("bytes that the log keeps", () => {
  test("small batches are copied next to each other", () => {
    const keeper = new BatchKeeper();
    const frame = new Uint8Array(65_536).fill(7);
    const kept = keeper.keep([frame.subarray(10, 110), frame.subarray(500, 900)]);
    frame.fill(0);
    expect(kept.map((batch) => batch.length)).toEqual([100, 400]);
    expect(kept.every((batch) => batch.every((byte) => byte === 7))).toBe(true);
    expect(joinNeighbours(kept).map((piece) => piece.length)).toEqual([500]);
  });

  test("large batches are kept as they are, unless they would keep a larger buffer alive", () => {
    const keeper = new BatchKeeper();
    const frame = new Uint8Array(100_000);
    const [most] = keeper.keep([frame.subarray(10, 90_000)]);
    expect(most!.buffer).toBe(frame.buffer);
    const parts = keeper.keep([frame.subarray(0, 30_000), frame.subarray(30_000, 60_000)]);
    expect(parts.every((part) => part.buffer === frame.buffer)).toBe(true);
    const [minor] = keeper.keep([frame.subarray(0, 30_000)]);
    expect(minor!.buffer).not.toBe(frame.buffer);
  });
});
