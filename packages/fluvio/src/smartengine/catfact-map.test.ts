import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileSdk } from "../../../../tests/fixtures/build-sdk.ts";
import { createSmartEngine, type SmartChain } from "./index.ts";
import { bytes, makeBatch, makeSection, recordsOf, text, valuesOf, wrapSection } from "./testing/batches.ts";

const SOURCE = fileURLToPath(new URL("../../../../examples/cat-facts/catfact-map/index.ts", import.meta.url));
const engine = createSmartEngine();
let chain: SmartChain;

beforeAll(async () => {
  chain = await engine.chain([{ name: "catfact-map", wasm: await compileSdk(SOURCE), params: new Map() }]);
});
afterAll(() => engine[Symbol.asyncDispose]());

async function map(values: readonly string[]) {
  return chain.process({ batches: [makeBatch(values)], fromOffset: 0, maxOutputBytes: 1 << 30 });
}

async function mapOne(value: string): Promise<string> {
  return valuesOf((await map([value])).batches)[0] as string;
}

describe("the cat-fact map", () => {
  it("imports nothing but copy_records", async () => {
    expect(await engine.inspect("catfact-map", await compileSdk(SOURCE))).toMatchObject({
      kind: "map",
      imports: ["env.copy_records"],
    });
  });

  it("takes the fact wherever it stands, and keeps key, offset and time", async () => {
    const values = ['{"length":4,"fact":"Meow"}', '{"fact":"Purr","length":4}'];
    const batch = makeBatch(values, { baseOffset: 5, firstTimestampMs: 9000, keys: ["k", undefined] });
    const output = await chain.process({ batches: [batch], fromOffset: 5, maxOutputBytes: 1000 });
    expect(recordsOf(output.batches)).toEqual([
      { offset: 5, timestampMs: 9000, key: bytes("k"), value: bytes('"Meow"') },
      { offset: 6, timestampMs: 9001, key: undefined, value: bytes('"Purr"') },
    ]);
  });

  it("gives null where there is no fact", async () => {
    for (const value of ["{}", '{"length":3}', '{"a":{"fact":1}}', "[1,2]", '"text"', " 17 ", "null", "[]"]) {
      expect(await mapOne(value), value).toBe("null");
    }
  });

  it("gives facts that are no text as compact JSON, the last one of several", async () => {
    expect(await mapOne('{ "fact" : { "b" : [ 1 , true , "x y" ] } , "z" : 0 }')).toBe('{"b":[1,true,"x y"]}');
    expect(await mapOne('{"fact":1,"fact":-2.5e3}')).toBe("-2.5e3");
    expect(await mapOne('\n{"\\u0066act"\t:\r"escaped key"}')).toBe('"escaped key"');
  });

  it("refuses what is no JSON, with the record", async () => {
    const broken = [
      "nope",
      "",
      "{",
      '{"fact":"open}',
      '{"fact":"a" "b"}',
      '{"fact":"a",}',
      '{"fact":01}',
      '{"fact":"a"} x',
      '{"fact":"\\x"}',
      '{"fact":"\\ud800"}',
      '{"fact":"\\ud800\\u0041"}',
      '{"fact":"a\nb"}',
      "[1,]",
      "{fact:1}",
      "tru",
      "-",
      "1.",
      "1e",
      `${"[".repeat(200)}${"]".repeat(200)}`,
    ];
    for (const value of broken) {
      const output = await map(['{"fact":"fine"}', value]);
      expect(valuesOf(output.batches), value).toEqual(['"fine"']);
      expect(output.error, value).toMatchObject({ kind: "map", hint: "the value is not JSON", offset: 1 });
      expect(text(output.error?.value as Uint8Array)).toBe(value);
    }
  });

  it("refuses text that is not UTF-8", async () => {
    const section = makeSection(['{"fact":"ab"}']);
    section[section.length - 4] = 0xff;
    const batches = [wrapSection(section, 1)];
    const output = await chain.process({ batches, fromOffset: 0, maxOutputBytes: 1000 });
    expect(output.error?.hint).toBe("the value is not JSON");
  });

  it("agrees with a JSON parser on any text, and on any JSON that is written in any way", async () => {
    const member = fc.tuple(fc.string({ unit: "grapheme" }), fc.jsonValue());
    const property = fc.asyncProperty(
      fc.string({ unit: "grapheme" }),
      fc.array(member, { maxLength: 4 }),
      fc.nat({ max: 4 }),
      fc.constantFrom(undefined, 1, "\t"),
      async (fact, members, at, indent) => {
        const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
        for (const [index, [key, value]] of members.entries()) {
          if (index === at) object.fact = fact;
          if (key !== "fact") object[key] = value;
        }
        object.fact = fact;
        const json = JSON.stringify(object, undefined, indent);
        const escaped = json.replace(
          /[^ -~\n\t]/g,
          (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
        );
        expect(await mapOne(json)).toBe(JSON.stringify(fact));
        expect(await mapOne(escaped)).toBe(JSON.stringify(fact));
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it("keeps its memory flat", async () => {
    const values = Array.from({ length: 200 }, (_, index) => JSON.stringify({ fact: "x".repeat(100 + index) }));
    const batch = makeBatch(values);
    const process = () => chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: 1 << 30 });
    await process();
    const [before] = engine.totals();
    for (let call = 0; call < 300; call++) expect((await process()).recordCount).toBe(200);
    const [after] = engine.totals();
    expect(after?.memoryBytes).toBe(before?.memoryBytes);
    expect(after?.memoryBytes).toBeGreaterThan(0);
  });
});
