import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { feed, ModuleUnderTest, remember } from "../testing/harness.ts";

const module = new ModuleUnderTest("dedup");
afterAll(() => module[Symbol.asyncDispose]());

const seen = (texts: string) => texts.split("").map((value) => value);

describe("dedup", () => {
  it("drops what is among the last kept records, over batches", async () => {
    await using chain = await module.chain({ params: { count: "2" } });
    expect((await feed(chain, seen("aab"))).values.join("")).toBe("ab");
    // c pushes a out; a pushes b out
    expect((await feed(chain, seen("bcab"))).values.join("")).toBe("cab");
  });

  it("lets records come again after their age", async () => {
    const records = [0, 50, 100, 101, 150].map((atMs) => ({ key: String(atMs), value: "x", atMs }));
    expect((await module.run({ count: "10", age: "100" }, records)).keys).toEqual(["0", "101"]);
  });

  it("tells records apart by key or by a field", async () => {
    const records = [
      { key: "a", value: '{"id":1,"x":1}' },
      { key: "b", value: '{ "x":2, "id":1 }' },
      { key: "a", value: '{"id":"2"}' },
      { value: '{"id":2}' },
      { value: '{"id":3}' },
    ];
    const ids = async (params: Record<string, string>) =>
      (await module.run({ count: "9", ...params }, records)).values.map((value) =>
        records.findIndex((r) => r.value === value),
      );
    expect(await ids({ of: "key" })).toEqual([0, 1, 3, 4]);
    expect(await ids({ path: "id" })).toEqual([0, 2, 4]);
    expect(await ids({})).toEqual([0, 1, 2, 3, 4]);
  });

  it("knows what was stored before it began", async () => {
    await using chain = await module.chain({ params: { count: "2" }, lookback: { last: 2 } });
    await remember(chain, ["a", "b"]);
    expect((await feed(chain, ["a", "b", "c", "a"])).values).toEqual(["c", "a"]);
  });

  it("lets stored records come again, too, once they are old", async () => {
    await using chain = await module.chain({ params: { count: "9", age: "100" }, lookback: { last: 9, ageMs: 100 } });
    await remember(chain, ["a", "b"]);
    const records = [0, 100, 101].map((atMs) => ({ key: String(atMs), value: "a", atMs }));
    expect((await feed(chain, records)).keys).toEqual(["101"]);
  });

  it("says what is wrong with a record, or drops or keeps it", async () => {
    const params = { count: "9", path: "id" };
    const records = ["{}", "{}"];
    expect((await module.run(params, records)).error).toBe("no id in the record");
    expect((await module.run({ ...params, "on-error": "drop" }, records)).values).toEqual([]);
    expect((await module.run({ ...params, "on-error": "keep" }, records)).values).toEqual(records);
  });

  it.each([
    [{}, "Missing param count"],
    [{ count: "0" }, "Invalid param count: 0 is no whole number from 1 to 10000000"],
    [{ count: "1", age: "1s" }, "Invalid param age: 1s is no whole number"],
    [{ count: "1", of: "key", path: "a" }, "Invalid param path"],
  ])("refuses %o", async (params, problem) => {
    expect(await module.refusal(params as Record<string, string>)).toContain(problem);
  });

  it("takes bytes that are no UTF-8, empty values and 10 MB", async () => {
    const large = new Uint8Array(10 << 20).fill(1);
    const other = large.slice();
    other[5_000_000] = 2;
    const values = [
      new Uint8Array([0xff]),
      new Uint8Array(),
      large,
      new Uint8Array([0xff]),
      new Uint8Array(),
      other,
      large,
    ];
    const { bytes } = await module.run(
      { count: "9" },
      values.map((value) => ({ value })),
    );
    expect(bytes.map((value) => value.length)).toEqual([1, 0, large.length, large.length]);
  });

  it("remembers a large window within bounded memory", async () => {
    await using chain = await module.chain({ params: { count: "20000" } });
    const numbers = Array.from({ length: 30_000 }, (_, i) => String(i));
    expect((await feed(chain, numbers)).values).toHaveLength(30_000);
    expect((await feed(chain, numbers.slice(10_000))).values).toEqual([]);
    expect((await feed(chain, numbers.slice(0, 10_000))).values).toHaveLength(10_000);
  });

  it("is exact", async () => {
    const texts = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 80 });
    const property = fc.asyncProperty(
      texts,
      fc.integer({ min: 1, max: 8 }),
      fc.nat({ max: 30 }),
      async (given, count, age) => {
        const records = given.map((number, atMs) => ({ value: String(number), atMs }));
        const params = { count: String(count), ...(age > 0 && { age: String(age) }) };
        const kept: { value: string; atMs: number }[] = [];
        for (const record of records) {
          const before = kept.slice(-count).filter(({ value }) => value === record.value);
          if (!before.some(({ atMs }) => age === 0 || record.atMs - atMs <= age)) kept.push(record);
        }
        expect((await module.run(params, records)).values).toEqual(kept.map(({ value }) => value));
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});
