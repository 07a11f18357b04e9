import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { json, randomNumbers, written } from "../testing/json.ts";

const module = new ModuleUnderTest("array-explode");
afterAll(() => module[Symbol.asyncDispose]());

describe("array-explode", () => {
  it("makes a record of each element, byte for byte, with the key of the record", async () => {
    const records = [{ key: "k", value: ' [ 1.50, "a\\u0062" ,{ "x" : [] },null]\n' }, "[]", '["z"]'];
    expect(await module.run({}, records)).toMatchObject({
      values: ["1.50", '"a\\u0062"', '{ "x" : [] }', "null", '"z"'],
      keys: ["k", "k", "k", "k", undefined],
    });
  });

  it("finds the array at a path, and writes strings as text", async () => {
    const params = { path: "data.items", strings: "text" };
    expect((await module.run(params, ['{"data":{"items":["a\\n\\ud83d\\ude00","","b",[1]]}}'])).values).toEqual([
      "a\n😀",
      "",
      "b",
      "[1]",
    ]);
  });

  it.each([
    [{}, "{}", "not an array"],
    [{ path: "a" }, '{"b":[]}', "no a in the record"],
    [{ path: "a" }, '{"a":1}', "a is no array"],
    [{}, "[1,]", "malformed JSON at byte 3: unexpected ]"],
    [{}, "", "an empty value is no JSON"],
  ])("%o: %s is an error, or dropped, or kept", async (params, value, error) => {
    expect(await module.run(params, ["[1]".replace("[1]", value)])).toMatchObject({ error, values: [] });
    expect(await module.run({ ...params, "on-error": "drop" }, [value])).toMatchObject({
      error: undefined,
      values: [],
    });
    expect((await module.run({ ...params, "on-error": "keep" }, [value])).values).toEqual([value]);
  });

  it("takes 10 MB", async () => {
    const elements = Array.from({ length: 100_000 }, (_, i) => `"${String(i).padStart(98, "x")}"`);
    expect((await module.run({}, [`[${elements.join(",")}]`])).values).toEqual(elements);
  });

  it("gives what JSON.parse gives", async () => {
    const property = fc.asyncProperty(fc.array(json, { maxLength: 5 }), randomNumbers, async (value, random) => {
      const { values } = await module.run({}, [written(value, random)]);
      expect(values.map((element) => JSON.parse(element))).toEqual(value);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
