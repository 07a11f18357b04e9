import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { feed, ModuleUnderTest } from "../testing/harness.ts";

const module = new ModuleUnderTest("sample");
afterAll(() => module[Symbol.asyncDispose]());

describe("sample", () => {
  it("keeps the first of every so many, over batches", async () => {
    await using chain = await module.chain({ params: { "one-of": "3" } });
    expect((await feed(chain, ["0", "1", "2", "3"])).values).toEqual(["0", "3"]);
    expect((await feed(chain, ["4", "5", "6", "7"])).values).toEqual(["6"]);
  });

  it("keeps so many of every second of record time", async () => {
    const times = [0, 10, 999, 1000, 1001, 500, 1002, 5000];
    const records = times.map((atMs) => ({ value: String(atMs), atMs }));
    expect((await module.run({ "per-second": "2" }, records)).values).toEqual(["0", "10", "1000", "1001", "5000"]);
  });

  it.each([
    [{}, "Give one of the params one-of and per-second"],
    [{ "one-of": "2", "per-second": "2" }, "Give one of the params one-of and per-second"],
    [{ "one-of": "0" }, "Invalid param one-of: 0 is no whole number from 1 to"],
    [{ "per-second": "many" }, "Invalid param per-second: many is no whole number"],
  ])("refuses %o", async (params, problem) => {
    expect(await module.refusal(params as Record<string, string>)).toContain(problem);
  });

  it("says when records have no time", async () => {
    await using chain = await module.chain({ params: { "per-second": "1" } });
    const { encodeRecords } = await import("../../fluvio/src/protocol/index.ts");
    const section = encodeRecords([{ timestampDelta: 0, offsetDelta: 0, key: undefined, value: new Uint8Array() }]);
    const { error } = await chain.processRecords(section, -1);
    expect(error?.hint).toBe("the record has no time: use one-of in place of per-second");
  });

  it("never keeps more than so many of a second", async () => {
    const times = fc.array(fc.nat({ max: 4000 }), { minLength: 1, maxLength: 60 });
    const property = fc.asyncProperty(times, fc.integer({ min: 1, max: 5 }), async (given, limit) => {
      const ordered = [...given].sort((a, b) => a - b);
      const records = ordered.map((atMs) => ({ value: String(atMs), atMs }));
      const { values } = await module.run({ "per-second": String(limit) }, records);
      const wanted = ordered.filter((atMs, index) => {
        const second = Math.floor(atMs / 1000);
        return ordered.slice(0, index).filter((other) => Math.floor(other / 1000) === second).length < limit;
      });
      expect(values).toEqual(wanted.map(String));
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
