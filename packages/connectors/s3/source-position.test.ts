import { describe, expect, test } from "vitest";
import {
  fromPosition,
  KeyLedger,
  type Ledger,
  type ListedObject,
  TakingLedger,
  TimeLedger,
  toPosition,
} from "./source-position.ts";

const object = (key: string, modifiedMs = 0, etag = `tag of ${key}`): ListedObject => ({
  key,
  etag,
  modifiedMs,
  sizeBytes: 1,
});
/** As it comes back from the cluster. */
const kept = (ledger: Ledger) => JSON.parse(JSON.stringify(ledger.position));

test("by key: what is behind the last key is new, in the order of bytes", () => {
  const ledger = new KeyLedger(undefined);
  expect(ledger.isNew(object("a"))).toBe(true);
  ledger.add(object("b"));
  ledger.add(object("a"));
  const next = new KeyLedger(kept(ledger));
  expect(next.listAfter).toBe("b");
  expect(["a", "b", "b/1", "c"].map((key) => next.isNew(object(key)))).toEqual([false, false, true, true]);
  next.add(object("\uffee"));
  // UTF-16 would have it the other way around.
  expect(next.isNew(object("\u{1f600}"))).toBe(true);
});

describe("by time", () => {
  test("what was written or overwritten is new, also when it shows late", () => {
    const ledger = new TimeLedger(undefined, 100);
    ledger.add(object("a", 1000));
    ledger.add(object("b", 1050));
    const next = new TimeLedger(kept(ledger), 100);
    expect(next.isNew(object("a", 1000))).toBe(false);
    expect(next.isNew(object("a", 1060))).toBe(true);
    expect(next.isNew(object("a", 1000, "other"))).toBe(true);
    expect(next.isNew(object("late", 960))).toBe(true);
    expect(next.isNew(object("too late", 940))).toBe(false);
  });

  test("only what may still show late is kept one by one", () => {
    const ledger = new TimeLedger(undefined, 100);
    for (let at = 0; at < 1000; at++) ledger.add(object(`k${at}`, at));
    expect(kept(ledger).known).toHaveLength(101);
    expect(ledger.isNew(object("k5", 5))).toBe(false);
  });
});

test("of objects that are taken away: what is there is new, unless its records are stored", () => {
  const ledger = new TakingLedger(undefined, true);
  ledger.add(object("b"));
  const next = new TakingLedger(kept(ledger), true);
  expect(next.isNew(object("a"))).toBe(true);
  expect(next.isNew(object("b"))).toBe(false);
  expect(next.isNew(object("b", 0, "other"))).toBe(true);
  next.remove("b");
  expect(kept(next)).toEqual([]);
});

test("the place within an object is kept with it", () => {
  const current = { key: "a", etag: "t", offset: 5, state: "array", isPacked: true };
  const ledger = new KeyLedger(undefined);
  expect(fromPosition(JSON.parse(JSON.stringify(toPosition(ledger, current))))).toEqual({ ledger: null, current });
  expect(fromPosition(undefined)).toEqual({ ledger: undefined, current: undefined });
});
