import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { at, object, pathText, randomNumbers, segments, written } from "../testing/json.ts";

const module = new ModuleUnderTest("key-from-field");
afterAll(() => module[Symbol.asyncDispose]());

describe("key-from-field", () => {
  it.each([
    ['{"id":"a\\u00e9"}', "aé"],
    ['{ "id": 1.50 }', "1.50"],
    ['{"id":true}', "true"],
    ['{"id":{"x": 1}}', '{"x": 1}'],
    ['{"id":""}', ""],
  ])("%s has the key %s", async (value, key) => {
    expect(await module.run({ path: "id" }, [{ key: "old", value }])).toMatchObject({ values: [value], keys: [key] });
  });

  it.each([
    ['{"id":null}', "no id in the record"],
    ["{}", "no id in the record"],
    ["nope", "malformed JSON at byte 1: unexpected o"],
  ])("%s is an error, kept as it is, or without a key", async (value, error) => {
    const records = [{ key: "old", value }];
    expect(await module.run({ path: "id" }, records)).toMatchObject({ error, values: [] });
    const keep = { path: "id", "on-error": "keep" };
    expect(await module.run(keep, records)).toMatchObject({ error: undefined, values: [value], keys: ["old"] });
    const without = { path: "id", "on-error": "no-key" };
    expect(await module.run(without, records)).toMatchObject({ error: undefined, values: [value], keys: [undefined] });
  });

  it("needs a path, and takes 10 MB", async () => {
    expect(await module.refusal({})).toContain("Missing param path");
    const value = `{"big":"${"x".repeat(10 << 20)}","id":7}`;
    expect((await module.run({ path: "id" }, [value])).keys).toEqual(["7"]);
  });

  it("takes what JSON.parse finds", async () => {
    const property = fc.asyncProperty(object, segments, randomNumbers, async (value, parts, random) => {
      const found = at(value, parts);
      const params = { path: pathText(parts), "on-error": "no-key" };
      const [key] = (await module.run(params, [written(value, random)])).keys;
      if (found === undefined || found === null) expect(key).toBe(undefined);
      else if (typeof found === "string") expect(key).toBe(found);
      else expect(JSON.parse(key as string)).toEqual(found);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
