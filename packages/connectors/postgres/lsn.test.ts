import { describe, expect, test } from "vitest";
import { lsnText, parseLsn } from "./lsn.ts";
import { keptState, type State, statePosition } from "./state.ts";

test.each([
  ["0/0", 0n],
  ["16/B374D848", 0x16_b374_d848n],
  ["FFFFFFFF/FFFFFFFF", 0xffff_ffff_ffff_ffffn],
])("a place in the log: %s", (text, lsn) => {
  expect(parseLsn(text)).toBe(lsn);
  expect(lsnText(lsn)).toBe(text);
});

test.each(["", "0", "x/1", "0/123456789", "0/1/2"])("%j is no place in the log", (text) => {
  expect(parseLsn(text)).toBeUndefined();
});

describe("what is kept between runs", () => {
  test.each<State>([
    { phase: "snapshot", system: "7" },
    { phase: "changes", system: "7", lsn: 0x16_b374_d848n },
    { phase: "changes", system: "7", lsn: 1n, partial: { finalLsn: 9n, messages: 1000 } },
  ])("is read again: %o", (state) => {
    expect(keptState(JSON.parse(JSON.stringify(statePosition(state))))).toEqual(state);
  });

  test.each([
    undefined,
    null,
    7,
    "x",
    {},
    { phase: "changes", system: "7" },
    { phase: "changes", system: "7", lsn: "x" },
  ])("means nothing as %j", (kept) => {
    expect(keptState(kept)).toBeUndefined();
  });
});
