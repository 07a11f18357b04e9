import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { positionsOf } from "../../../fluvio/src/connector/run/record-groups.ts";
import { KeptPositions, type KeptRow } from "./kept-positions.ts";

type Records = Parameters<KeptPositions["open"]>[0];
const recordsOf = (offsets: readonly number[]) =>
  offsets.map((offset, index) => ({ topic: "t", partition: 0, offset, index })) as unknown as Records;
const idOf = (record: Records[number]) => (record as unknown as { index: number }).index;

describe("positions that a target keeps", () => {
  test("write every record once, whatever is cut, killed or not known", () => {
    // How many records each offset has, the sizes of groups, and what happens at each commit.
    const counts = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 });
    const events = fc.array(fc.constantFrom("ok", "ok", "fails", "unknown", "killed before", "killed after"), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 5 }), events, (perOffset, size, happenings) => {
        const all = recordsOf(perOffset.flatMap((count, offset) => new Array<number>(count).fill(offset)));
        const written: number[] = [];
        let table: readonly KeptRow[] = [];
        const left = [...happenings];
        const start = () => {
          const kept = new KeptPositions();
          kept.load(table, false);
          const position = kept.positions[0]?.offset ?? -1;
          return { kept, at: all.filter(({ offset }) => offset <= position).length };
        };
        let { kept, at } = start();
        while (at < all.length) {
          const records = all.slice(at, at + size);
          const group = { records, positions: positionsOf(records, all[at + size]) };
          const moves = kept.moves(group);
          const rows = kept.open(records);
          const commit = () => {
            written.push(...rows.map(idOf));
            for (const { partition, before, after } of moves) {
              expect(table[0]).toEqual(before === undefined ? undefined : { partition, ...before });
              table = [{ partition, ...after }];
            }
          };
          const event = left.shift() ?? "ok";
          if (event === "ok" || event === "unknown" || event === "killed after") commit();
          if (event.startsWith("killed")) ({ kept, at } = start());
          else if (event === "ok") {
            kept.done(group, moves);
            at += size;
          } else kept.load(table, true);
        }
        expect(written).toEqual(all.map(idOf));
      }),
      { numRuns: 300 },
    );
  });

  test("of a topic that was made anew begin anew", () => {
    const kept = new KeptPositions();
    kept.load([{ partition: 0, offset: 500, part: 0 }], false);
    const records = recordsOf([0, 1]);
    const group = { records, positions: positionsOf(records, undefined) };
    expect(kept.open(records)).toHaveLength(2);
    expect(kept.moves(group)).toEqual([
      { partition: 0, before: { offset: 500, part: 0 }, after: { offset: 1, part: 0 } },
    ]);
  });

  test("move on without a record, and records behind them are written", () => {
    const kept = new KeptPositions();
    kept.load([{ partition: 0, offset: 3, part: 1 }], false);
    const passed = { records: [], positions: [{ partition: 0, offset: 4 }] };
    const moves = kept.moves(passed);
    expect(moves).toEqual([{ partition: 0, before: { offset: 3, part: 1 }, after: { offset: 4, part: 0 } }]);
    kept.done(passed, moves);
    expect(kept.positions).toEqual([{ partition: 0, offset: 4 }]);
    expect(kept.open(recordsOf([5]))).toHaveLength(1);
  });
});
