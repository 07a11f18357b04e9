import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testSmartModule } from "../../fluvio/src/smdk/testing.ts";
import { type BuiltSmartModule, SmartModuleCompiler } from "./index.ts";

const SDK = 'import { Bytes, fail, Output, Params, SmartRecord } from "@fluvio/smartmodule";\n';
const WARNING =
  'what is thrown here ends the whole batch and loses its message: report an error by return fail<…>("…")';
const compiler = new SmartModuleCompiler();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smartmodule-throws-"));
});
afterAll(async () => {
  compiler[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

let count = 0;
async function build(source: string): Promise<BuiltSmartModule> {
  const entry = join(folder, `m${++count}.ts`);
  await writeFile(entry, `${SDK}${source}`);
  return compiler.compile({ entry, optimize: false });
}

/** A function of each form; THROW is what it does with a record that has an `x`. */
const FORMS: Readonly<Record<string, readonly [source: string, type: string]>> = {
  filter: [
    `export function filter(record: SmartRecord): bool {
       if (record.value.includes("x")) THROW
       return true;
     }`,
    "bool",
  ],
  map: [
    `export function map(record: SmartRecord): string {
       switch (record.value.length) {
         case 1: THROW
         default: return record.value.toString();
       }
     }`,
    "string",
  ],
  "filterMap, that may give none": [
    `export function filterMap(record: SmartRecord): Output | null {
       for (let i = 0; i < record.value.length; i++) { if (record.value[i] == 0x78) { THROW } }
       return null;
     }`,
    "Output | null",
  ],
  arrayMap: [
    `export function arrayMap(record: SmartRecord): string[] {
       while (record.value.length > 0) { if (record.value.includes("x")) { THROW } else return ["a"]; }
       return [];
     }`,
    "string[]",
  ],
  "aggregate, exported by a list": [
    `function sum(accumulator: Bytes, record: SmartRecord): string {
       do { if (record.value.includes("x")) THROW } while (false);
       return record.value.toString();
     }
     export { sum as aggregate };`,
    "string",
  ],
  lookBack: [
    `export function filter(record: SmartRecord): bool { return true; }
     export function lookBack(record: SmartRecord): void { if (record.value.includes("x")) THROW }`,
    "void",
  ],
  init: [
    `export function filter(record: SmartRecord): bool { return true; }
     export function init(params: Params): void { if (params.get("x") != null) THROW }`,
    "void",
  ],
};

describe("what a function of a SmartModule throws", () => {
  it.each(Object.entries(FORMS))("%s: is the same as its report by fail", async (_, [source, type]) => {
    const reported =
      type === "void" ? '{ fail<void>("no " + "x"); return; }' : `{ return fail<${type}>("no " + "x"); }`;
    const thrown = await build(source.replace("THROW", '{ throw new Error("no " + "x"); }'));
    expect(thrown.warnings).toEqual([]);
    const other = await build(source.replace("THROW", reported));
    expect(Buffer.compare(thrown.wasm, other.wasm)).toBe(0);
  });

  it("is in the engine the error of its record, with what came before it kept", async () => {
    const { wasm } = await build(
      `export function map(record: SmartRecord): string {
         const text = record.value.toString();
         if (text == "bad") throw new RangeError("no price in " + text);
         if (text == "empty") throw new Error();
         return text.toUpperCase();
       }
       export function init(params: Params): void {
         if (params.get("refuse") != null) throw new TypeError("does not want it");
       }`,
    );
    const { values, error } = await testSmartModule({ wasm, records: ["a", "b", "bad", "c"] });
    expect(values).toEqual(["A", "B"]);
    expect(error).toMatchObject({ message: expect.stringContaining("no price in bad"), offset: 2, kind: "map" });
    expect((await testSmartModule({ wasm, records: ["empty"] })).error?.message).toContain("Error");
    await expect(testSmartModule({ wasm, records: ["a"], params: { refuse: "yes" } })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INIT",
      message: expect.stringContaining("does not want it"),
    });
  });

  it("needs nothing imported, and leaves a fail of the user's own alone", async () => {
    const entry = join(folder, "own.ts");
    const source = `import { SmartRecord } from "@fluvio/smartmodule/record";
      function fail(): bool { return true; }
      export function filter(record: SmartRecord): bool { if (fail()) throw new Error("mine"); return false; }`;
    await writeFile(entry, source);
    const { wasm, warnings } = await compiler.compile({ entry, optimize: true });
    expect(warnings).toEqual([]);
    expect((await testSmartModule({ wasm, records: ["a"] })).error?.message).toContain("mine");
  });

  it.each([
    ["in a function that is called", "function f(): bool { throw new Error('a'); }", "return f();", "2:22"],
    ["in a closure", "", "const f = (): bool => { throw new Error('a'); }; return f();", "4:25"],
    ["of a class of the user's own", "class Odd extends Error {}", "throw new Odd('a');", "4:1"],
    ["of a class that is only named so", "class TypeError extends Error {}", "throw new TypeError('a');", "4:1"],
    ["that was made before", "", "const e = new Error('a'); throw e;", "4:27"],
  ])("cannot be reported %s: the build warns", async (_, before, body, place) => {
    const { warnings } = await build(`${before}\nexport function filter(record: SmartRecord): bool {\n${body}\n}`);
    expect(warnings.map(({ message, line, column }) => [message, `${line}:${column}`])).toEqual([[WARNING, place]]);
  });

  it("is a mistake in its own place when its message is no text", async () => {
    const failed: unknown = await build(
      "export function filter(record: SmartRecord): bool {\n  throw new Error(record);\n}",
    ).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "FLV_SMARTMODULE_BUILD", message: expect.stringMatching(/\.ts:3:19: /) });
  });
});
