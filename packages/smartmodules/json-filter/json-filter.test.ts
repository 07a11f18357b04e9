import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { at, broken, type Json, json, object, pathText, randomNumbers, segments, written } from "../testing/json.ts";

const module = new ModuleUnderTest("json-filter");
afterAll(() => module[Symbol.asyncDispose]());

const RECORDS = [
  '{"id":1,"user":{"name":"Ann","tags":["a","b"]},"price":10.50}',
  ' { "id": 2, "user": {"name": "Bob \\u00e9", "tags": []}, "price": 9 } ',
  '{"id":3,"user":null,"price":"10.50","ok":true}',
];

/** Ids of the records that are kept. */
async function ids(params: Record<string, string>): Promise<number[]> {
  const { values, error } = await module.run(params, RECORDS);
  expect(error).toBe(undefined);
  expect(values.every((value) => RECORDS.includes(value))).toBe(true);
  return values.map((value) => (JSON.parse(value) as { id: number }).id);
}

describe("json-filter", () => {
  it.each<[string, string, string | undefined, number[]]>([
    ["id", "eq", "2", [2]],
    ["id", "eq", "2.0e0", [2]],
    ["id", "eq", '"2"', []],
    ["id", "ne", "2", [1, 3]],
    ["price", "eq", "10.5", [1]],
    ["price", "eq", "10.50", [1, 3]],
    ["price", "lt", "10.5", [2]],
    ["price", "le", "10.5", [1, 2]],
    ["price", "gt", "9", [1]],
    ["price", "ge", '"10"', [3]],
    ["price", "ge", "9", [1, 2]],
    ["user.name", "eq", "Ann", [1]],
    ["$.user.name", "eq", "Bob é", [2]],
    [".user.name", "gt", "Ann", [2]],
    ["user.name", "contains", "é", [2]],
    ["user.tags", "contains", "b", [1]],
    ["user", "contains", "tags", [1, 2]],
    ["user.tags[1]", "eq", "b", [1]],
    ["user.tags.0", "exists", undefined, [1]],
    ["user", "exists", undefined, [1, 2, 3]],
    ["user", "eq", "null", [3]],
    ["ok", "eq", "true", [3]],
    ["ok", "ne", "true", [1, 2]],
    ["user.name", "matches", "^[AB]\\w+$", [1]],
    ["price", "matches", "^\\d+\\.", [1, 3]],
    ["id", "in", "1, 3", [1, 3]],
    ["user.name", "in", '["Ann","Bob é"]', [1, 2]],
  ])("%s %s %s", async (path, operator, value, kept) => {
    const params = { path, operator, ...(value !== undefined && { value }) };
    expect(await ids(params)).toEqual(kept);
    expect(await ids({ ...params, invert: "true" })).toEqual([1, 2, 3].filter((id) => !kept.includes(id)));
  });

  it("compares numbers exactly, where doubles do not", async () => {
    const params = { path: "$", operator: "gt", value: "9007199254740992" };
    const values = ["9007199254740992", "9007199254740993", "9007199254740992.0000000000000001", "-1e400", "1e400"];
    expect((await module.run(params, values)).values).toEqual(values.slice(1).filter((value) => value !== "-1e400"));
  });

  it("says where a record is no JSON, or drops or keeps it", async () => {
    const params = { path: "a", operator: "exists" };
    const records = ['{"a":1}', '{"a":1,}', '{"a":2}'];
    expect(await module.run(params, records)).toMatchObject({
      values: ['{"a":1}'],
      error: "malformed JSON at byte 7: unexpected }",
      errorValue: '{"a":1,}',
    });
    expect((await module.run({ ...params, "on-error": "drop" }, records)).values).toEqual(['{"a":1}', '{"a":2}']);
    expect((await module.run({ ...params, "on-error": "keep" }, records)).values).toEqual(records);
  });

  it.each([
    ["", "an empty value is no JSON"],
    ['{"a":', "JSON ends too early at byte 5"],
    ['"a\nb"', "malformed JSON at byte 2: unexpected 0x0a"],
    ["[".repeat(600), "JSON with more than 512 levels at byte 512"],
    ["01", "malformed JSON at byte 1: unexpected 1"],
  ])("says what is wrong with %s", async (value, problem) => {
    expect((await module.run({ path: "$", operator: "exists" }, [value])).error).toBe(problem);
  });

  it("takes bytes that are no UTF-8 for no JSON", async () => {
    const value = new Uint8Array([0x22, 0x61, 0xc3, 0x28, 0x22]);
    const { error } = await module.run({ path: "$", operator: "exists" }, [{ value }]);
    expect(error).toBe("malformed JSON at byte 2: unexpected 0xc3");
  });

  it.each([
    [{}, "Missing param path"],
    [{ path: "a..b", operator: "exists" }, "Invalid param path: not a path: a..b (at character 3)"],
    [{ path: "a", operator: "like", value: "x" }, "Invalid param operator: like is none of eq, ne,"],
    [{ path: "a" }, "Missing param value"],
    [{ path: "a", operator: "matches", value: "(" }, "Invalid param value: unclosed ( at position 0"],
    [{ path: "a", value: "1", "on-eror": "drop" }, "Unknown param on-eror"],
  ])("refuses %o", async (params, problem) => {
    expect(await module.refusal(params as Record<string, string>)).toContain(problem);
  });

  it("looks into 10 MB", async () => {
    const value = `{"big":"${"x".repeat(10 << 20)}","a":{"b":5}}`;
    expect((await module.run({ path: "a.b", value: "5" }, [value])).values).toEqual([value]);
  });

  it("finds what JSON.parse finds, and nothing in what it refuses", async () => {
    const property = fc.asyncProperty(object, segments, randomNumbers, async (value, parts, random) => {
      const text = written(value, random);
      const found = at(value, parts) !== undefined;
      const path = pathText(parts);
      expect((await module.run({ path, operator: "exists" }, [text])).values).toEqual(found ? [text] : []);
      const texts = [0, 3, 6, 9].map((from) => broken(text, random.slice(from)));
      const { values } = await module.run({ path: "$", operator: "exists", "on-error": "drop" }, texts);
      expect(values).toEqual(texts.filter(isJson));
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it("compares as the model does", async () => {
    const operator = fc.constantFrom("eq", "ne", "lt", "le", "gt", "ge", "contains");
    const property = fc.asyncProperty(json, json, operator, randomNumbers, async (field, wanted, op, random) => {
      fc.pre(typeof wanted !== "object" || wanted === null);
      const text = written([field], random);
      const kept = (await module.run({ path: "[0]", operator: op, value: JSON.stringify(wanted) }, [text])).values;
      expect(kept).toEqual(model(field, op, wanted) ? [text] : []);
    });
    await fc.assert(property, { numRuns: 400 });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What the operators mean, for a value that is written with its JSON type. */
function model(field: Json, operator: string, wanted: Json): boolean {
  if (operator === "contains") {
    if (typeof field === "string") return field.includes(typeof wanted === "string" ? wanted : JSON.stringify(wanted));
    if (Array.isArray(field)) return field.some((element: Json) => order(element, wanted) === 0);
    const name = typeof wanted === "string" ? wanted : JSON.stringify(wanted);
    return typeof field === "object" && field !== null && Object.hasOwn(field, name);
  }
  const found = order(field, wanted);
  if (operator === "eq") return found === 0;
  if (operator === "ne") return found !== 0;
  // texts have no order with a number, and words none at all
  const ordered = typeof field === "string" ? typeof wanted !== "number" : typeof field === "number";
  if (found === undefined || !ordered) return false;
  return { lt: found < 0, le: found <= 0, gt: found > 0, ge: found >= 0 }[operator] === true;
}

function order(field: Json, wanted: Json): number | undefined {
  if (typeof field === "string") {
    const text = typeof wanted === "string" ? wanted : JSON.stringify(wanted);
    return Buffer.compare(Buffer.from(field), Buffer.from(text));
  }
  if (typeof field === "number" && typeof wanted === "number") return field - wanted;
  const isWord = field === null || typeof field === "boolean";
  return isWord && field === wanted ? 0 : undefined;
}
