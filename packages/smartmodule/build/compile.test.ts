import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltSmartModule, SmartModuleCompiler } from "./index.ts";

const SDK = 'import { Bytes, fail, log, Output, Params, SmartRecord } from "@fluvio/smartmodule";\n';
const FILTER = "export function filter(record: SmartRecord): bool";
const compiler = new SmartModuleCompiler();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smartmodule-"));
});
afterAll(async () => {
  compiler[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Builds a project of these files, of which the first is the entry. */
async function build(files: Readonly<Record<string, string>>): Promise<BuiltSmartModule> {
  const paths = Object.keys(files).map((name) => join(folder, name));
  for (const [index, text] of Object.values(files).entries()) {
    await mkdir(dirname(paths[index] as string), { recursive: true });
    await writeFile(paths[index] as string, text);
  }
  return compiler.compile({ entry: paths[0] as string, optimize: false });
}

async function refusal(source: string): Promise<{ message: string; hint: string | undefined; code: string }> {
  const error: unknown = await build({ "module.ts": source }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  const { message, hint, code } = error as Error & { hint: string | undefined; code: string };
  return { message: message.replaceAll(`${folder}/`, ""), hint, code };
}

/** Sources that cannot be built, with the place and what is said about it. */
const BROKEN: Readonly<Record<string, readonly [source: string, place: string, message: string | RegExp]>> = {
  "no transform": ["function keep(): bool { return true; }", "1:1", /exports no function that makes it a SmartModule/],
  "two transforms": [
    `${SDK}${FILTER} { return true; }\nexport function map(record: SmartRecord): string { return ""; }`,
    "3:17",
    "the file exports both filter and map, a SmartModule has only one transform",
  ],
  "a name of Rust": [
    `${SDK}export function filter_map(record: SmartRecord): string | null { return null; }`,
    "2:17",
    "filter_map is written filterMap in AssemblyScript",
  ],
  "a variable": [
    `${SDK}export const filter = (record: SmartRecord): bool => true;`,
    "2:14",
    "filter is exported, but is no function",
  ],
  "a parameter too many": [
    `${SDK}export function filter(record: SmartRecord, x: i32): bool { return true; }`,
    "2:17",
    "filter has one parameter, not 2",
  ],
  "a wrong parameter": [
    `${SDK}export function filter(record: string): bool { return true; }`,
    "2:32",
    "filter is called with SmartRecord, not string",
  ],
  "a wrong accumulator": [
    `${SDK}export function aggregate(a: string, record: SmartRecord): string { return a; }`,
    "2:30",
    "aggregate is called with Bytes, not string",
  ],
  "a filter of texts": [
    `${SDK}export function filter(record: SmartRecord): string { return ""; }`,
    "2:46",
    "filter cannot return string: this is string, where bool is needed",
  ],
  "a map to numbers": [
    `${SDK}export function map(record: SmartRecord): i32 { return 1; }`,
    "2:43",
    /^map cannot return i32: this is neither text nor bytes/,
  ],
  "a map to a class": [
    `${SDK}class A { x: i32 = 1; }\nexport function map(record: SmartRecord): A { return new A(); }`,
    "3:43",
    /^map cannot return A: this is neither text, bytes, an Output nor a class marked @json/,
  ],
  "a map to nothing": [
    `${SDK}export function map(record: SmartRecord): string | null { return null; }`,
    "2:43",
    /^map cannot return string \| null: it may be null; filterMap drops records/,
  ],
  "an array_map without array": [
    `${SDK}export function arrayMap(record: SmartRecord): string { return ""; }`,
    "2:48",
    /^arrayMap cannot return string: it is no array/,
  ],
  "an aggregate of outputs": [
    `${SDK}export function aggregate(a: Bytes, record: SmartRecord): Output { return Output.of(a); }`,
    "2:59",
    /^aggregate cannot return Output: an accumulator is text or bytes/,
  ],
  "an init with a result": [
    `${SDK}export function init(params: Params): bool { return true; }\n${FILTER} { return true; }`,
    "2:39",
    "init returns nothing, not bool",
  ],
  "no type": [`${SDK}export function filter(record: SmartRecord) { return true; }`, "2:44", "a type is missing here"],
  "a type error": [
    `${SDK}${FILTER} { const x: i32 = "a"; return x > 1; }`,
    "2:68",
    "this is string, where i32 is needed",
  ],
  "a name that is not there": [`${SDK}${FILTER} { return record.valu.length > 1; }`, "2:67", "SmartRecord has no valu"],
  "what is not imported": [
    "export function filter(record: SmartRecord): bool { return true; }",
    "1:32",
    "SmartRecord is not imported",
  ],
  "a key that may be missing": [
    `${SDK}${FILTER} { return record.key.length > 1; }`,
    "2:60",
    "this may be null, where Bytes is needed",
  ],
  "an argument that is no bytes": [
    `${SDK}${FILTER} { return record.value.includes(5); }`,
    "2:60",
    "this is neither text nor bytes, such as string, Bytes or Uint8Array",
  ],
  "JSON of an unmarked class": [
    `${SDK}class A { x: i32 = 1; }\nexport function map(record: SmartRecord): string { return record.value.json<A>().x.toString(); }`,
    "3:59",
    "this is no class marked @json, and neither text, an array nor a Map",
  ],
  "try and catch": [
    `${SDK}${FILTER} { try { return true; } catch (e) { } return false; }`,
    "2:53",
    "there is no try and catch in AssemblyScript",
  ],
  "a closure": [
    `${SDK}${FILTER} { const n = record.value.length; const f = (x: i32): bool => x > n; return f(3); }`,
    "2:116",
    "a function within a function cannot use the variables around it (AssemblyScript has no closures)",
  ],
  destructuring: [
    `${SDK}${FILTER} { const { value } = record; return true; }`,
    "2:53",
    "there is no destructuring in AssemblyScript",
  ],
  "optional chaining": [
    `${SDK}${FILTER} { return record.key?.length > 1; }`,
    "2:71",
    "there is no ?. in AssemblyScript",
  ],
  "an async function": [
    `${SDK}export async function filter(record: SmartRecord): bool { return true; }`,
    "2:1",
    "there are no async functions in a SmartModule",
  ],
  "the console": [
    `${SDK}${FILTER} { console.log("x"); return true; }`,
    "2:53",
    "console: a SmartModule does not have that",
  ],
  "the clock": [`${SDK}${FILTER} { return Date.now() > 5; }`, "2:60", "the clock: a SmartModule does not have that"],
  "an import of one's own": [
    `${SDK}@external("env", "foo") declare function foo(): void;\n${FILTER} { foo(); return true; }`,
    "2:1",
    "the import foo is not there: no host gives it",
  ],
  "a file that is not there": [
    `import { x } from "./nope";\n${SDK}${FILTER} { return x; }`,
    "1:19",
    "there is no file nope.ts",
  ],
  "a transform by another name": [
    `${SDK}export function keep(record: SmartRecord): bool { return true; }`,
    "2:17",
    "keep is not the name of a SmartModule's function",
  ],
  "a transform without export": [
    `${SDK}function filter(record: SmartRecord): bool { return true; }`,
    "2:10",
    "filter is not exported by this name",
  ],
  "a missing return": [
    `${SDK}${FILTER} { if (record.value.length > 3) return true; }`,
    "2:46",
    "not every way through this function returns a value",
  ],
  "a regular expression": [
    `${SDK}${FILTER} { return new RegExp("a").test("a"); }`,
    "2:64",
    "there are no regular expressions in AssemblyScript",
  ],
  "bytes as text": [
    `${SDK}${FILTER} { return record.value == "apple"; }`,
    "2:60",
    "this is Bytes, where string is needed",
  ],
  "bytes with a function of texts": [
    `${SDK}export function map(record: SmartRecord): string { return record.value.toLowerCase(); }`,
    "2:72",
    "Bytes has no toLowerCase, strings have",
  ],
  undefined: [
    `${SDK}${FILTER} { return record.key === undefined; }`,
    "2:75",
    "there is no undefined in AssemblyScript",
  ],
  "an await": [`${SDK}${FILTER} { await x(); return true; }`, "2:53", "there is no await in a SmartModule"],
  "a new date": [
    `${SDK}${FILTER} { return new Date().getTime() > 5; }`,
    "2:60",
    "the clock: a SmartModule does not have that",
  ],
  "for … of": [
    `${SDK}${FILTER} { for (const x of ["a"]) { return x == "a"; } return true; }`,
    "2:53",
    "there is no for … of in AssemblyScript",
  ],
  "an object": [
    `${SDK}${FILTER} { const x = { a: 1 }; return true; }`,
    "2:63",
    "an object cannot be written as { … } here",
  ],
  "a type of an object": [
    `${SDK}export function map(record: SmartRecord): { key: string } { return { key: "" }; }`,
    "2:43",
    "there are no types of objects such as { a: string } in AssemblyScript",
  ],
  "a class field without value": [
    `${SDK}class A { last: string; }\n${FILTER} { return new A().last == ""; }`,
    "2:11",
    "the field last has no value at first",
  ],
  "an import of a type": [
    `import type { SmartRecord } from "@fluvio/smartmodule";\n${FILTER} { return true; }`,
    "1:8",
    "there is no import type in AssemblyScript",
  ],
  "a member that is not marked as JSON": [
    `${SDK}class B { x: i32 = 0; }\n@json\nclass A { b: B = new B(); }\nexport function map(record: SmartRecord): A { return record.value.json<A>(); }`,
    "2:1",
    "B is part of a class marked @json, and is not marked itself",
  ],
  "JSON of an interface": [
    `${SDK}interface A { n: i32; }\nexport function map(record: SmartRecord): string { return record.value.json<A>().n.toString(); }`,
    "3:59",
    "this is no class marked @json, and neither text, an array nor a Map",
  ],
  "a package of JavaScript": [
    `import { map } from "lodash";\n${SDK}${FILTER} { return map(); }`,
    "1:21",
    "there is no AssemblyScript package lodash",
  ],
};

describe("a build says what is wrong, and where in the user's file", () => {
  it.each(Object.entries(BROKEN))("%s", async (_name, [source, place, message]) => {
    const error = await refusal(source);
    expect(error.code).toBe("FLV_SMARTMODULE_BUILD");
    const [first = ""] = error.message.split("\n");
    const found = /^(?<file>[^:]*):(?<place>\d+:\d+): (?<message>.*)$/.exec(first)?.groups;
    expect(found).toEqual({
      file: "module.ts",
      place,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
  });

  it("with how to go on", async () => {
    const { hint } = await refusal(`${SDK}export function filter(record: string): bool { return true; }`);
    expect(hint).toBe("Declare it as: export function filter(record: SmartRecord): bool");
  });

  it("with all errors, the first one first", async () => {
    const { message } = await refusal(`${SDK}${FILTER} {\n  const x: i32 = "a";\n  return y;\n}`);
    expect(message.split("\n")).toEqual([
      "module.ts:3:18: this is string, where i32 is needed",
      "module.ts:4:10: there is nothing named y",
    ]);
  });

  it("also in a file that it imports", async () => {
    const files = {
      "main.ts": `import { limit } from "./lib/limit";\n${SDK}${FILTER} { return record.value.length > limit; }`,
      "lib/limit.ts": 'export const limit: i32 = "x";\n',
    };
    await expect(build(files)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_BUILD",
      details: { file: join(folder, "lib/limit.ts"), line: 1, column: 27 },
    });
  });

  it("of a file that is not there, or no AssemblyScript", async () => {
    await expect(compiler.compile({ entry: join(folder, "none.ts") })).rejects.toMatchObject({ code: "FLV_FILE" });
    await expect(compiler.compile({ entry: "x.js" })).rejects.toMatchObject({ code: "FLV_SMARTMODULE_BUILD" });
  });

  it("that never ends is ended, by the time allowed or by the caller; the next one is built", async () => {
    // the compiler tries to inline it for minutes
    const source = `${SDK}function f(x: i32): i32 { return f(x + 1) + f(x); }
export function map(record: SmartRecord): string { return f(record.value.length).toString(); }`;
    const entry = join(folder, "endless.ts");
    await writeFile(entry, source);
    await expect(compiler.compile({ entry, timeoutMs: 1000 })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_BUILD",
      message: `the compiler did not finish ${entry} within 1 s`,
      hint: expect.stringMatching(/calls itself/),
    });
    await expect(compiler.compile({ entry, signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const built = await build({ "module.ts": `${SDK}${FILTER} { return true; }` });
    expect(built.kind).toBe("filter");
  });
});

describe("a build", () => {
  const importsOf = (wasm: Uint8Array) => {
    return WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map(({ module, name }) => `${module}.${name}`);
  };

  it("needs nothing but copy_records, and gives what hosts call", async () => {
    const { wasm, kind, warnings } = await build({
      "all.ts": `${SDK}export function filterMap(record: SmartRecord): Bytes | null { return record.key; }
export function init(params: Params): void { params.require("x"); }
export function lookBack(record: SmartRecord): void {}`,
    });
    expect({ kind, warnings, imports: importsOf(wasm) }).toEqual({
      kind: "filter_map",
      warnings: [],
      imports: ["env.copy_records"],
    });
    const exports = WebAssembly.Module.exports(new WebAssembly.Module(wasm)).map((entry) => entry.name);
    expect(exports.sort()).toEqual(["alloc", "dealloc", "filter_map", "init", "look_back", "memory"]);
  });

  it("needs fd_write of WASI when the module logs", async () => {
    const { wasm } = await build({ "log.ts": `${SDK}${FILTER} { log("x"); return true; }` });
    expect(importsOf(wasm).sort()).toEqual(["env.copy_records", "wasi_snapshot_preview1.fd_write"]);
  });

  it("takes functions that are exported by a list, and files beside the entry", async () => {
    const { kind } = await build({
      "list/main.ts": `import { isLong } from "../shared/long";
${SDK}function keep(record: SmartRecord): bool { return isLong(record.value); }
export { keep as filter };`,
      "shared/long.ts": `${SDK}export function isLong(bytes: Bytes): bool { return bytes.length > 9; }`,
    });
    expect(kind).toBe("filter");
  });

  it("takes every example of the README", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
    const modules = examples.filter((code) => code.includes("export function"));
    expect(modules.length).toBeGreaterThanOrEqual(6);
    for (const [index, code] of modules.entries()) {
      expect((await build({ [`readme-${index}.ts`]: code })).warnings).toEqual([]);
    }
  }, 120_000);

  it("gives the same bytes for the same source", async () => {
    const files = { "same.ts": `${SDK}${FILTER} { return record.value.includes("a"); }` };
    expect((await build(files)).wasm).toEqual((await build(files)).wasm);
  });
});
