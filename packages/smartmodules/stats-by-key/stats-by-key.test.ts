import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { feed, ModuleUnderTest } from "../testing/harness.ts";

const module = new ModuleUnderTest("stats-by-key");
afterAll(() => module[Symbol.asyncDispose]());

const SALES = [
  { key: "a", value: "10" },
  { key: "b", value: " 2.50 " },
  { key: "a", value: "-1e1" },
  { key: "a", value: "3" },
];

describe("stats-by-key", () => {
  it.each([
    ["sum", ['{"a":10}', '{"a":10,"b":2.5}', '{"a":0,"b":2.5}', '{"a":3,"b":2.5}']],
    ["min", ['{"a":10}', '{"a":10,"b":2.50}', '{"a":-1e1,"b":2.50}', '{"a":-1e1,"b":2.50}']],
    ["max", ['{"a":10}', '{"a":10,"b":2.50}', '{"a":10,"b":2.50}', '{"a":10,"b":2.50}']],
    ["count", ['{"a":1}', '{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":3,"b":1}']],
  ])("%s", async (calculation, values) => {
    expect(await module.run({ function: calculation }, SALES)).toMatchObject({ values, keys: ["a", "b", "a", "a"] });
  });

  it("keeps sum and count beside an average", async () => {
    const { values } = await module.run({ function: "average" }, SALES);
    expect(values.at(-1)).toBe('{"a":{"average":1,"sum":3,"count":3},"b":{"average":2.5,"sum":2.5,"count":1}}');
    const thirds = await module.run({ function: "average" }, ["1", "0", "0"]);
    expect(thirds.values.at(-1)).toBe('{"":{"average":0.33333333333333333,"sum":1,"count":3}}');
    const rounded = await module.run({ function: "average" }, ["2", "0", "0"]);
    expect(rounded.values.at(-1)).toContain('"average":0.66666666666666667,');
  });

  it("is exact where doubles are not", async () => {
    const numbers = ["9007199254740993", "0.1", "0.2", "-9007199254740993"];
    expect((await module.run({ function: "sum" }, numbers)).values).toEqual([
      '{"":9007199254740993}',
      '{"":9007199254740993.1}',
      '{"":9007199254740993.3}',
      '{"":0.3}',
    ]);
  });

  it("groups and calculates by fields; names need escapes", async () => {
    const params = { function: "sum", key: "who", value: "data.n" };
    const records = [
      '{"who":"q\\"\\u00e9","data":{"n":1}}',
      '{"data":{"n":2},"who":"q\\"é"}',
      '{"who":7,"data":{"n":4}}',
    ];
    expect((await module.run(params, records)).values.at(-1)).toBe('{"q\\"é":3,"7":4}');
  });

  it("goes on from an accumulator as it is written", async () => {
    expect((await module.run({ function: "max" }, [{ key: "b", value: "5" }], ' { "a" : 1 , "b":4 } ')).values).toEqual(
      ['{ "a" : 1 , "b":5 } '],
    );
    const { values } = await module.run({ function: "sum" }, [{ key: "c", value: "5" }], '{ "a" : 1 }');
    expect(values).toEqual(['{ "a" : 1,"c":5}']);
  });

  it("says what is wrong with a record, or passes it over", async () => {
    const records = ["1", "x", '"2"', "3"];
    expect(await module.run({ function: "sum" }, records)).toMatchObject({
      values: ['{"":1}'],
      error: "malformed JSON at byte 0: unexpected x",
    });
    expect((await module.run({ function: "sum" }, ['"2"'])).error).toBe("the value is no number");
    expect((await module.run({ function: "sum", value: "a.b" }, ['{"a":{}}'])).error).toBe("no a.b in the record");
    expect((await module.run({ function: "sum", "on-error": "skip" }, records)).values).toEqual([
      '{"":1}',
      '{"":1}',
      '{"":1}',
      '{"":4}',
    ]);
    expect((await module.run({ function: "sum", "on-error": "skip" }, ["x"])).values).toEqual(["{}"]);
  });

  it("has a bounded number of keys, and of digits", async () => {
    const keys = ["a", "b", "a", "c"].map((key) => ({ key, value: "1" }));
    expect(await module.run({ function: "count", "max-keys": "2" }, keys)).toMatchObject({
      values: ['{"a":1}', '{"a":1,"b":1}', '{"a":2,"b":1}'],
      error: "more than 2 keys: raise the param max-keys, or group by something with fewer values",
    });
    expect((await module.run({ function: "sum" }, ["1e2000", "1"])).error).toBe(
      "the sum for the key  has too many digits",
    );
  });

  it.each([
    ["[]", "the accumulator is no JSON object"],
    ['{"a":', "the accumulator is no JSON object: JSON ends too early at byte 5"],
    ['{"k":"x"}', "the accumulator holds no sum for the key k"],
  ])("refuses the accumulator %s", async (accumulator, problem) => {
    expect((await module.run({ function: "sum" }, [{ key: "k", value: "1" }], accumulator)).error).toBe(problem);
  });

  it("calculates as the model does, over batches", async () => {
    const decimal = fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.integer({ min: 0, max: 4 }));
    const record = fc.tuple(fc.constantFrom("a", "b", "é"), decimal);
    const calculation = fc.constantFrom("sum", "min", "max", "count", "average");
    const property = fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 20 }),
      calculation,
      async (given, wanted) => {
        const records = given.map(([key, [digits, places]]) => ({ key, value: decimalText(digits, places) }));
        await using chain = await module.chain({ params: { function: wanted } });
        const half = given.length >> 1;
        const first = await feed(chain, records.slice(0, half));
        const last = (await feed(chain, records.slice(half))).values.at(-1) ?? first.values.at(-1);
        const found = JSON.parse(last as string) as Record<string, unknown>;
        for (const [key, value] of Object.entries(found)) {
          const scaled = given
            .filter(([name]) => name === key)
            .map(([, [digits, places]]) => digits * 10 ** (4 - places));
          expect(value).toEqual(model(wanted, scaled));
        }
        expect(Object.keys(found)).toEqual([...new Set(given.map(([key]) => key))]);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});

function decimalText(digits: number, places: number): string {
  const text = String(Math.abs(digits)).padStart(places + 1, "0");
  const point = text.length - places;
  return `${digits < 0 ? "-" : ""}${text.slice(0, point)}${places > 0 ? `.${text.slice(point)}` : ""}`;
}

/** Over numbers of ten-thousandths, which doubles calculate with exactly. */
function model(calculation: string, scaled: readonly number[]): unknown {
  const sum = scaled.reduce((total, number) => total + number, 0);
  if (calculation === "count") return scaled.length;
  if (calculation === "min") return Math.min(...scaled) / 10_000 + 0;
  if (calculation === "max") return Math.max(...scaled) / 10_000 + 0;
  if (calculation === "sum") return sum / 10_000 + 0;
  return { average: expect.closeTo(sum / 10_000 / scaled.length, 9), sum: sum / 10_000 + 0, count: scaled.length };
}
