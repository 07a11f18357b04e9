import { expect, test } from "vitest";
import type { SinkRecord } from "../../../fluvio/src/connector/define.ts";
import { mappingReader } from "./mapping.ts";
import { Reading } from "./reading.ts";
import { jsonOf } from "./row.ts";

const record = (offset: number, value: string): SinkRecord => ({
  ...{ topic: "t", partition: 0, offset, timestampMs: 0, key: undefined },
  value: Buffer.from(value),
});
const rowsOf = mappingReader({ table: "t", unique: [] });
const records = Array.from({ length: 2000 }, (_, id) => record(id, id === 700 ? "{" : `{"id":${id}}`));
const expected = records.map(({ offset }) => offset).filter((id) => id !== 700);
const turn = () => new Promise(setImmediate);

test("what is read a stretch at a time is there once, in order, whenever the rest is wanted", async () => {
  for (const turns of [0, 1, 2, 10]) {
    let reads = 0;
    const reading = new Reading(records, (value) => {
      reads++;
      return rowsOf(jsonOf(value));
    });
    reading.begin();
    expect(reads).toBeLessThan(records.length);
    for (let n = 0; n < turns; n++) await turn();
    const { runs, refusals } = reading.finish();
    await turn();
    expect(reads).toBe(records.length);
    expect(runs.map(({ columns }) => columns)).toEqual([[expected]]);
    expect(runs[0]?.records.map(({ offset }) => offset)).toEqual(expected);
    expect(refusals).toEqual([{ record: records[700], reason: expect.stringContaining("the record is not JSON") }]);
  }
});
