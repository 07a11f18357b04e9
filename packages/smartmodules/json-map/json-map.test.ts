import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { at, type Json, object, pathText, randomNumbers, segments, written } from "../testing/json.ts";

const module = new ModuleUnderTest("json-map");
afterAll(() => module[Symbol.asyncDispose]());

async function mapped(spec: unknown, value: string): Promise<string | undefined> {
  const { values, keys, error } = await module.run({ spec: JSON.stringify(spec) }, [{ key: "k", value }]);
  expect(error).toBe(undefined);
  expect(keys).toEqual(["k"]);
  return values[0];
}

const VALUE = '{"id": 1.50, "user": {"name" : "Ann", "mail":"a@b"}, "items":[{"n":1,"x":2},{"n":3}]}';

describe("json-map", () => {
  it.each<[unknown, string]>([
    [[], VALUE],
    [{ pick: ["items[*].n", "id"] }, '{"id":1.50,"items":[{"n":1},{"n":3}]}'],
    [{ pick: ["user"] }, '{"user":{"name" : "Ann", "mail":"a@b"}}'],
    [{ pick: ["none"] }, "{}"],
    [{ drop: ["user.mail", "items[0]"] }, '{"id":1.50,"user":{"name":"Ann"},"items":[{"n":3}]}'],
    [
      { drop: ["items[*].x", "nothing.there"] },
      '{"id":1.50,"user":{"name" : "Ann", "mail":"a@b"},"items":[{"n":1},{"n":3}]}',
    ],
    [{ drop: ["user", "items"], rename: { id: "number" } }, '{"number":1.50}'],
    [{ pick: ["id", "user.name"], rename: { "user.name": "name" } }, '{"id":1.50,"user":{},"name":"Ann"}'],
    [{ pick: ["user"], rename: { "user.name": "user.mail" } }, '{"user":{"mail":"Ann"}}'],
    [{ pick: ["id"], set: { id: null, "a.b": { c: [1, 2] } } }, '{"id":null,"a":{"b":{"c":[1,2]}}}'],
    [{ pick: ["id"], default: { id: 0, x: "é" } }, '{"id":1.50,"x":"é"}'],
    [{ pick: ["items"], set: { "items[*].n": 0, "items[2].n": 9 } }, '{"items":[{"n":0,"x":2},{"n":0},{"n":9}]}'],
    [[{ set: { v: 1 } }, { pick: ["v"] }, { rename: { v: "w" } }], '{"w":1}'],
    [{ set: { $: [] } }, "[]"],
  ])("%j", async (spec, result) => {
    expect(await mapped(spec, VALUE)).toBe(result);
  });

  it.each<[unknown, string, string]>([
    [
      { name: "data.name", account: "data.account" },
      '{"id":1,"name":"J","account":{"n":2}}',
      '{"data":{"name":"J","account":{"n":2}}}',
    ],
    [
      { rating: { "*": "ratings.&.value" } },
      '{"rating":{"a":1,"b":2}}',
      '{"ratings":{"a":{"value":1},"b":{"value":2}}}',
    ],
    [{ "*": { id: "ids.&1" } }, '{"x":{"id":1},"y":{"id":2}}', '{"ids":{"x":1,"y":2}}'],
    [{ items: { "*": { n: "list[]" } } }, '{"items":[{"n":1},{"n":2}]}', '{"list":[1,2]}'],
    [{ a: "x", b: "x", c: "x" }, '{"a":1,"b":2,"c":3}', '{"x":[1,2,3]}'],
    [{ "a|b": "x", "*": "rest.&" }, '{"b":1,"z":2}', '{"x":1,"rest":{"z":2}}'],
    [{ id: ["x", "y.z"] }, '{"id":[1]}', '{"x":[1],"y":{"z":[1]}}'],
    [{ "tag-*": "tags.&" }, '{"tag-a":1,"other":2}', '{"tags":{"tag-a":1}}'],
    [{ "*": "x.&" }, '{"a.b":1,"c[0]":2,"d":3}', '{"x":{"a.b":1,"c[0]":2,"d":3}}'],
    [{ "*": "&" }, '{"a.b":1,"c":{"d.e":2}}', '{"a.b":1,"c":{"d.e":2}}'],
    [{ "*": { "*": "p-&1.&.v[]" } }, '{"a.b":{"c.d":1,"e":2}}', '{"p-a.b":{"c.d":{"v":[1]},"e":{"v":[2]}}}'],
    [{ "*": 'x["&"]' }, '{"a.b":1}', '{"x":{"a.b":1}}'],
  ])("shifts by %j", async (spec, value, result) => {
    expect(await mapped([{ operation: "shift", spec }], value)).toBe(result);
  });

  it("fills in members whose names have quotes, brackets and dots", async () => {
    const spec = { 'a"]b': 1, "c.d": { "[0]": 2 } };
    expect(await mapped([{ operation: "default", spec }], "{}")).toBe(JSON.stringify(spec));
  });

  it("fills in defaults and removes, as Jolt does", async () => {
    const steps = [
      { operation: "default", spec: { a: 1, b: { c: 2 }, "*": { d: 3 } } },
      { operation: "remove", spec: { x: "", b: { c: "" }, "y*": "" } },
    ];
    expect(await mapped(steps, '{"x":{},"b":{},"y1":0,"z":{"q":0}}')).toBe('{"b":{"d":3},"z":{"q":0,"d":3},"a":1}');
  });

  it("says what is wrong with a record, or keeps it", async () => {
    const spec = JSON.stringify({ set: { "a.b": 1 } });
    expect((await module.run({ spec }, ['{"a":1}'])).error).toBe("cannot set a.b: there is no object");
    expect((await module.run({ spec }, ["{a}"])).error).toBe("malformed JSON at byte 1: unexpected a");
    expect((await module.run({ spec, "on-error": "keep" }, ['{"a":1}', "{a}"])).values).toEqual(['{"a":1}', "{a}"]);
  });

  it.each<[string, string]>([
    ["{", "Invalid param spec: JSON ends too early at byte 1"],
    ["1", "a step is a JSON object"],
    ['{"pik":[]}', "unknown operation pik: there are pick, drop, rename, default, set"],
    ['{"pick":"a"}', "pick is an array of paths"],
    ['{"set":["a"]}', "set is an object with paths as names"],
    ['{"drop":["a..b"]}', "drop: not a path: a..b"],
    ['{"drop":["$"]}', "drop: $ is the whole record"],
    ['{"operation":"sort","spec":{}}', "unknown operation sort: there are shift, default and remove"],
    ['{"operation":"shift","spec":{"@a":"b"}}', "shift: @a: names with @, $ and # are not supported"],
    ['{"operation":"shift"}', "shift: spec is missing"],
  ])("refuses %s", async (spec, problem) => {
    expect(await module.refusal({ spec })).toContain(problem);
  });

  it("takes 10 MB", async () => {
    const big = "x".repeat(10 << 20);
    expect(await mapped({ drop: ["a"] }, `{"big":"${big}","a":1}`)).toBe(`{"big":"${big}"}`);
  });

  it("takes very many members", async () => {
    const members = Array.from({ length: 50_000 }, (_, i) => `"name ${i}":${i}`);
    expect(await mapped({ drop: ["name 7"] }, `{${members.join(",")}}`)).toBe(
      `{${members.filter((_, i) => i !== 7).join(",")}}`,
    );
  });

  it("needs no more memory for more records", async () => {
    const spec = [
      { rename: { id: "number" }, set: { "a.b": 1 } },
      { operation: "shift", spec: { "*": "&.x[]" } },
    ];
    await using chain = await module.chain({ params: { spec: JSON.stringify(spec) } });
    const { encodeRecords } = await import("../../fluvio/src/protocol/index.ts");
    const value = new TextEncoder().encode(VALUE);
    const section = encodeRecords(
      Array.from({ length: 1000 }, (_, i) => ({ timestampDelta: 0, offsetDelta: i, key: undefined, value })),
    );
    const sizes: number[] = [];
    for (let round = 0; round < 30; round++) {
      await chain.processRecords(section, 0);
      sizes.push(await module.memoryBytes());
    }
    expect(sizes[0]).toBeGreaterThan(0);
    expect(sizes.at(-1)).toBe(sizes[9]);
  });

  it("changes what the model changes", async () => {
    const steps = fc.constantFrom("pick", "drop", "set", "default");
    const property = fc.asyncProperty(object, segments, steps, randomNumbers, async (value, parts, step, random) => {
      const path = pathText(parts);
      const spec = step === "pick" || step === "drop" ? { [step]: [path] } : { [step]: { [path]: "new" } };
      const { values, error } = await module.run({ spec: JSON.stringify(spec) }, [written(value, random)]);
      const wanted = model(value, parts, step);
      if (wanted === undefined) expect(error).toBe(`cannot set ${path}: there is no object`);
      else expect(JSON.parse(values[0] as string)).toEqual(wanted);
    });
    await fc.assert(property, { numRuns: 300 });
  });
});

type Container = Record<string, Json> & Json[];

/** The record after one step; undefined when it cannot be done. */
function model(value: Json, parts: readonly (string | number)[], step: string): Json | undefined {
  const found = at(value, parts);
  if (step === "pick") return found === undefined ? {} : picked(value, parts);
  const copy = structuredClone(value) as Json;
  if (step === "drop") {
    const parent = at(copy, parts.slice(0, -1)) as Container;
    const last = parts.at(-1) as string;
    if (found !== undefined && Array.isArray(parent)) parent.splice(Number(last), 1);
    else if (found !== undefined) delete parent[last];
    return copy;
  }
  if (step === "default" && found !== undefined) return copy;
  let place = copy as Container;
  for (const [index, part] of parts.entries()) {
    const isIndex = Array.isArray(place) && /^\d+$/.test(String(part));
    if (typeof place !== "object" || place === null || (Array.isArray(place) && !isIndex)) return undefined;
    if (isIndex) while (place.length < Number(part)) place.push(null);
    const isLast = index === parts.length - 1;
    if (isLast) (place as Record<string, Json>)[part] = "new";
    else if (!Object.hasOwn(place, part)) (place as Record<string, Json>)[part] = {};
    place = place[part as number] as Container;
  }
  return copy;
}

function picked(value: Json, parts: readonly (string | number)[]): Json {
  const [part, ...rest] = parts;
  if (part === undefined) return value;
  const inner = picked((value as Container)[part as number] as Json, rest);
  return Array.isArray(value) ? [inner] : { [part]: inner };
}
