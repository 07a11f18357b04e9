import { expect, test } from "vitest";
import { AcknowledgedRecords, recordValue } from "./acknowledged.ts";

/** Two producers on one partition, all of it acknowledged. */
const VALUES = ["a", "b", "a", "b", "a"].map((producer, at) => recordValue(producer, at));
const FOUND = VALUES.map((value, offset) => ({ offset, value }));

function check(found: readonly { offset: number; value: string }[]): () => void {
  const acknowledged = new AcknowledgedRecords();
  for (const record of FOUND) acknowledged.add({ partition: "0", ...record });
  return () => acknowledged.verify("0", found);
}

test("the check accepts what was acknowledged, also with more behind it", () => {
  expect(check(FOUND)).not.toThrow();
  expect(check([...FOUND, { offset: 5, value: recordValue("c", 0) }])).not.toThrow();
});

test("the check refuses lost, changed, doubled, misplaced and missing records", () => {
  expect(check(FOUND.slice(0, 4))).toThrow(/not at offset 4: the log ends at 4/);
  expect(check(FOUND.with(2, { offset: 2, value: recordValue("c", 0) }))).toThrow(/not at offset 2/);
  expect(check([...FOUND, { offset: 5, value: VALUES[4]! }])).toThrow(/twice/);
  expect(check([...FOUND, { offset: 6, value: "c:0" }])).toThrow(/offset 6 where 5 should be/);
  expect(check([...FOUND, { offset: 5, value: recordValue("b", 2) }])).toThrow(/after sequence 3/);
  expect(() => {
    const acknowledged = new AcknowledgedRecords();
    acknowledged.add({ partition: "0", offset: 0, value: "a:0:" });
    acknowledged.add({ partition: "0", offset: 0, value: "b:0:" });
  }).toThrow(/acknowledged for a:0: and again for b:0:/);
});
