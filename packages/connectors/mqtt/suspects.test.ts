import { expect, test } from "vitest";
import { Suspects } from "./suspects.ts";

const record = (offset: number) => ({
  topic: "t",
  partition: 0,
  offset,
  timestampMs: 0,
  key: undefined,
  value: new Uint8Array(),
});

test("who is alone at five cuts is to blame, until all others are dealt with", () => {
  const [suspects, bad, good] = [new Suspects(), record(1), record(2)];
  // several on their way: nobody is to blame
  suspects.cut(bad);
  suspects.cut(good);
  suspects.failed(true);
  for (let cut = 0; cut < 5; cut++) {
    expect(suspects.isCareful).toBe(true);
    expect(suspects.refusal(bad)).toBeUndefined();
    suspects.cut(bad);
    suspects.failed(true);
  }
  expect(suspects.refusal(bad)).toMatch(/closed at it 5 times/);
  expect(suspects.refusal(good)).toBeUndefined();
  suspects.delivered(good);
  suspects.succeeded();
  expect([suspects.refusal(bad), suspects.isCareful]).toEqual([undefined, false]);
  expect(suspects.isDelivered(good)).toBe(true);
});

test("a refusal is remembered while attempts fail, and not longer", () => {
  const [suspects, bad] = [new Suspects(), record(1)];
  suspects.refused(bad, "not authorized");
  suspects.failed(true);
  expect(suspects.refusal(bad)).toBe("not authorized");
  suspects.failed(false);
  expect(suspects.isCareful).toBe(true);
  suspects.succeeded();
  expect(suspects.refusal(bad)).toBeUndefined();
});
