import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { type Json, name, object, pathText, randomNumbers, segments, written } from "../testing/json.ts";

const module = new ModuleUnderTest("redact");
afterAll(() => module[Symbol.asyncDispose]());

const VALUE = ' {"user" : {"e-mail":"a@b.c", "name":"Ann"},\t"cards":[{"no":"1","x":1e2},{"no":[2]}],"no":null} ';

async function redacted(params: Record<string, string>, value = VALUE): Promise<string | undefined> {
  const { values, error } = await module.run(params, [value]);
  expect(error).toBe(undefined);
  return values[0];
}

describe("redact", () => {
  it("masks places, and leaves every other byte", async () => {
    expect(await redacted({ paths: "user.e-mail, cards[*].no" })).toBe(
      ' {"user" : {"e-mail":"***", "name":"Ann"},\t"cards":[{"no":"***","x":1e2},{"no":"***"}],"no":null} ',
    );
    expect(await redacted({ paths: '["$.cards[1]","user.*"]', mask: 'x"' })).toBe(
      ' {"user" : {"e-mail":"x\\"", "name":"x\\""},\t"cards":[{"no":"1","x":1e2},"x\\""],"no":null} ',
    );
  });

  it("masks names wherever they are, every one of several with the same name too", async () => {
    expect(await redacted({ fields: "no,x" })).toBe(
      ' {"user" : {"e-mail":"a@b.c", "name":"Ann"},\t"cards":[{"no":"***","x":"***"},{"no":"***"}],"no":"***"} ',
    );
    expect(await redacted({ fields: "p" }, '{"p":1,"\\u0070":{"p":2},"q":3}')).toBe(
      '{"p":"***","\\u0070":"***","q":3}',
    );
  });

  it("leaves records alone that have none of it, and masks all of one", async () => {
    expect(await redacted({ fields: "password" })).toBe(VALUE);
    expect(await redacted({ paths: "$" }, " [1] ")).toBe(' "***" ');
  });

  it("never lets a record pass that it cannot read", async () => {
    expect(await module.run({ fields: "no" }, ["secret"])).toMatchObject({
      error: "malformed JSON at byte 0: unexpected s",
      values: [],
    });
    expect(await redacted({ fields: "no", "on-error": "mask" }, "secret")).toBe('"***"');
  });

  it.each([
    [{}, "Missing param paths or fields"],
    [{ paths: "a[" }, "Invalid param paths: not a path: a["],
    [{ fields: "a", "on-error": "keep" }, "Invalid param on-error: keep is none of fail, mask"],
  ])("refuses %o", async (params, problem) => {
    expect(await module.refusal(params as Record<string, string>)).toContain(problem);
  });

  it("takes 10 MB and keeps the key", async () => {
    const big = "x".repeat(10 << 20);
    const result = await module.run({ fields: "a" }, [{ key: "k", value: `{"big":"${big}","a":1}` }]);
    expect(result).toMatchObject({ values: [`{"big":"${big}","a":"***"}`], keys: ["k"] });
  });

  it("masks what the model masks", async () => {
    const property = fc.asyncProperty(object, name, segments, randomNumbers, async (value, field, parts, random) => {
      const text = written(value, random);
      const params = { fields: JSON.stringify([field]), paths: JSON.stringify([pathText(parts)]) };
      expect(JSON.parse((await redacted(params, text)) as string)).toEqual(model(value, field, [parts]));
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

function model(value: Json, field: string, paths: readonly (readonly (string | number)[])[]): Json {
  if (typeof value !== "object" || value === null || paths.some((path) => path.length === 0)) {
    return paths.some((path) => path.length === 0) ? "***" : value;
  }
  const below = (key: string) => paths.filter(([first]) => String(first) === key).map((path) => path.slice(1));
  if (Array.isArray(value)) return value.map((element: Json, index) => model(element, field, below(String(index))));
  const members = Object.entries(value).map(([key, member]) => [
    key,
    key === field ? "***" : model(member as Json, field, below(key)),
  ]);
  return Object.fromEntries(members) as Json;
}
