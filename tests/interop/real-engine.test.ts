import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChainStep, createSmartEngine } from "../../packages/fluvio/src/smartengine/index.ts";
import { bytes, makeSection } from "../../packages/fluvio/src/smartengine/testing/batches.ts";
import { compileLibrary, libraryNames } from "../../scripts/lib/smartmodules.mjs";
import { buildAs } from "../fixtures/build-as.ts";
import { buildSdk } from "../fixtures/build-sdk.ts";
import { expectSame } from "./rust-engine/compare.ts";
import { type RealBatch, RealEngine } from "./rust-engine/program.ts";
import { randomBatch, randomSections } from "./rust-engine/random-batches.ts";

const ours = createSmartEngine();
let real: RealEngine;
beforeAll(() => {
  real = new RealEngine();
});
afterAll(async () => {
  await real[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
});

/** Never come back, which the original does not stop; or from the value `loop`, which no test here has. */
const ENDLESS = ["endless-start"];
const HELPERS = ["abi", "env"];
/** Cannot be built into a chain, in neither engine. */
const REFUSED = ["no-transform", "unknown-import", "wrong-arity", "no-copy-records"];

const RUNS_MAX = 25;
const RUNS_MIN = 3;
/** The original compiles a module anew for each chain, which takes a second for those with a regex engine in them. */
const COMPILED_BYTES = 500_000;

/** Parameters with which a module works on what the random batches hold. */
const PARAMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dedup: { count: "5" },
  init: { needle: "a" },
  m_init: { needle: "a" },
  m_regex: { regex: "[a-m]{2}|^\\d+$" },
  m_json_filter: { path: "user.name", operator: "eq", value: "ann" },
};

/** Parameters of the official modules; each set is a comparison. */
const LIBRARY: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  "array-explode": [{}, { path: "items", "on-error": "drop" }, { strings: "text", "on-error": "keep" }],
  counter: [{}],
  dedup: [{ count: "3" }, { count: "5", of: "key", age: "20000" }],
  "json-filter": [
    { path: "user.name", value: "ann" },
    { path: "user.age", operator: "gt", value: "0", "on-error": "drop" },
    { path: "fact", operator: "matches", value: "[a-m]+", invert: "true", "on-error": "keep" },
  ],
  "json-map": [
    { spec: '{"drop":["length"],"rename":{"fact":"truth"}}', "on-error": "keep" },
    { spec: '[{"operation":"shift","spec":{"user":{"name":"who"}}}]' },
  ],
  "json-sql": [
    {
      mapping:
        '{"table":"people","map-columns":{"name":{"json-key":"user.name","value":{"type":"text","default":"nobody"}}}}',
      "on-error": "keep",
    },
  ],
  "key-from-field": [{ path: "user.name" }, { path: "fact", "on-error": "no-key" }],
  "line-splitter": [{}, { "empty-lines": "keep" }],
  redact: [{ paths: "user.name" }, { fields: "fact,age", mask: "-", "on-error": "mask" }],
  "regex-filter": [{ regex: "[a-m]{2}|^\\d+$" }, { regex: "a", of: "key", invert: "true", "ignore-case": "true" }],
  sample: [{ "one-of": "2" }, { "per-second": "3" }],
  "stats-by-key": [
    { function: "count", "on-error": "skip" },
    { function: "average", key: "user.name", value: "amount", "on-error": "skip" },
    { function: "max" },
  ],
};

function namesIn(folder: string, ending: string): readonly string[] {
  return readdirSync(new URL(folder, import.meta.url))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, name.length - ending.length))
    .filter((name) => ![...ENDLESS, ...HELPERS].includes(name));
}

function rust(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/wasm/${name}.wasm`, import.meta.url));
}

async function official(name: string): Promise<Uint8Array> {
  const files = await compileLibrary([name]);
  return readFileSync(files.get(name) as string);
}

function stepOf(name: string, wasm: Uint8Array, more: Partial<ChainStep> = {}): ChainStep {
  return { name, wasm, params: new Map(Object.entries(PARAMS[name] ?? {})), lookback: { last: 10 }, ...more };
}

function batchOf(values: readonly string[], baseOffset = 0): RealBatch {
  return { records: makeSection(values, ["k"]), baseOffset, baseTimestampMs: 1_700_000_000_000 };
}

async function compareOnRandomBatches(step: ChainStep, versions: readonly number[], share = 1): Promise<void> {
  const input = fc.record({
    batches: fc.array(randomBatch(), { maxLength: 10 }),
    history: randomSections(),
    version: fc.constantFrom(...versions),
  });
  const property = fc.asyncProperty(input, async ({ version, ...rest }) => {
    const { failure } = await expectSame(ours, real, { steps: [step], ...rest }, version);
    expect(failure?.stage === "build", failure?.stage).toBe(REFUSED.includes(step.name));
  });
  const numRuns = Math.min(RUNS_MAX, Math.max(RUNS_MIN, Math.round(COMPILED_BYTES / share / step.wasm.length)));
  await fc.assert(property, { numRuns });
}

describe("on the engine of the original, as on ours", () => {
  describe("a module written against the bare ABI in AssemblyScript gives the same records and errors", () => {
    it.each(namesIn("../fixtures/assembly/", ".ts"))("%s", async (name) => {
      await compareOnRandomBatches(stepOf(name, await buildAs(name)), [22, 25]);
    });
  });

  describe("a module written with the SDK gives the same records and errors", () => {
    it.each(namesIn("../fixtures/assembly-sdk/", ".ts"))("%s", async (name) => {
      await compareOnRandomBatches(stepOf(name, await buildSdk(name)), [22, 25]);
    });
  });

  describe("an official module gives the same records and errors", () => {
    it.each(libraryNames())("%s", async (name) => {
      const wasm = await official(name);
      const sets = LIBRARY[name] ?? [];
      expect(sets.length, `parameters for ${name} in this file`).toBeGreaterThan(0);
      for (const params of sets) {
        const step = stepOf(name, wasm, { params: new Map(Object.entries(params)) });
        await compareOnRandomBatches(step, [22, 25], sets.length);
      }
    });
  });

  describe("a module of the Rust crate gives the same records and errors", () => {
    it.each(namesIn("../fixtures/rust/current/", "").filter((name) => name.startsWith("m_")))("%s", async (name) => {
      await compareOnRandomBatches(stepOf(name, rust(name)), [22, 25]);
    });

    it.each(namesIn("../fixtures/rust/seed-era/", "").filter((name) => name.includes("_")))(
      "%s of the first releases, at the version it knows",
      async (name) => {
        const { abiVersion } = await ours.inspect(name, rust(name));
        await compareOnRandomBatches(stepOf(name, rust(name)), [abiVersion]);
      },
    );
  });
});

describe("on both engines", () => {
  it("an aggregate begins with the accumulator given and carries it over batches", async () => {
    const sum = stepOf("aggregate", await buildAs("aggregate"), { accumulator: bytes("10") });
    const batches = [batchOf(["1", "2"]), batchOf(["3"], 2)];
    const { outputs } = await expectSame(ours, real, { steps: [sum], batches });
    expect(outputs.flatMap(({ records }) => records)).toMatchObject(
      ["11", "13", "16"].map((value) => ({ value: Buffer.from(value).toString("hex") })),
    );
  });

  it("a chain of modules in both languages gives the same", async () => {
    const steps = [stepOf("filter", await buildAs("filter")), stepOf("m_text_map", rust("m_text_map"))];
    const { outputs } = await expectSame(ours, real, { steps, batches: [batchOf(["apple", "plum", "banana"], 5)] });
    expect(outputs[0]?.records).toHaveLength(2);
  });

  it("a chain stops at the first module that reports an error, and what that one kept is the output", async () => {
    const steps = [stepOf("kitchen", await buildAs("kitchen")), stepOf("map", await buildAs("map"))];
    const batches = [batchOf(["fine", "error", "never seen"], 5)];
    const { outputs } = await expectSame(ours, real, { steps, batches });
    expect(outputs[0]).toMatchObject({ records: [{ offset: 5 }], error: { hint: "asked to fail", offset: 6 } });
  });

  it("a trap ends the chain, and the batches before it stand", async () => {
    const steps = [stepOf("kitchen", await buildAs("kitchen"))];
    const { outputs, failure } = await expectSame(ours, real, {
      steps,
      batches: [batchOf(["a"]), batchOf(["trap"], 1)],
    });
    expect(outputs).toHaveLength(1);
    expect(failure).toEqual({ stage: "process", said: undefined });
  });

  it.each(REFUSED)("%s is refused", async (name) => {
    const { failure } = await expectSame(ours, real, { steps: [stepOf(name, await buildAs(name))], batches: [] });
    expect(failure).toEqual({ stage: "build", said: undefined });
  });

  it("what is not wasm is refused", async () => {
    const { failure } = await expectSame(ours, real, { steps: [stepOf("text", bytes("(nothing"))], batches: [] });
    expect(failure).toEqual({ stage: "build", said: undefined });
  });

  it("an init without its parameter fails with the same words", async () => {
    for (const wasm of [await buildAs("init"), rust("m_init")]) {
      const { failure } = await expectSame(ours, real, { steps: [stepOf("", wasm)], batches: [] });
      expect(failure).toEqual({ stage: "build", said: { hint: "Missing param needle" } });
    }
  });

  it("a look_back that refuses a stored record names it alike", async () => {
    const history = makeSection(["ok", "bad"], [undefined, "k"]);
    for (const wasm of [await buildAs("look-back"), rust("m_look_back")]) {
      const { failure } = await expectSame(ours, real, { steps: [stepOf("", wasm)], batches: [], history });
      expect(failure).toMatchObject({ stage: "lookBack", said: { hint: "bad history at 1", offset: 1 } });
    }
  });
});
