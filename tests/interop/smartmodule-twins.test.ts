import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeParams, inputSize, writeInput } from "../../packages/fluvio/src/smartengine/host/abi.ts";
import { BareInstance, type Outcome } from "../../packages/fluvio/src/smartengine/testing/abi-vectors.ts";
import { compileSmartModule } from "../../packages/smartmodule/build/index.ts";
import { buildAs } from "../fixtures/build-as.ts";
import { randomSections } from "./rust-engine/random-batches.ts";

/** The same function in both languages. */
interface Twins {
  /** A module of tests/fixtures/rust/current. */
  readonly rust: string;
  readonly assembly: () => Promise<Uint8Array>;
  readonly transform: string;
  readonly value: fc.Arbitrary<string | Uint8Array>;
  readonly params?: fc.Arbitrary<Readonly<Record<string, string>>>;
  readonly accumulator?: fc.Arbitrary<string>;
  readonly looksBack?: boolean;
}

const ENCODER = new TextEncoder();
const VERSION_MIN = 16;
const VERSION_MAX = 25;
const text = fc.string({ unit: "binary", maxLength: 30 });
const word = fc.constantFrom("apple", "plum", "an", "", "banana", "bad");
const integer = fc.oneof(fc.integer({ min: -1e9, max: 1e9 }).map(String), fc.constantFrom("x", "0", "-1", "12a"));

const TWINS: readonly Twins[] = [
  { rust: "m_filter", assembly: () => buildAs("filter"), transform: "filter", value: fc.oneof(text, word) },
  { rust: "m_filter_map", assembly: () => buildAs("filter-map"), transform: "filter_map", value: integer },
  {
    rust: "m_aggregate",
    assembly: () => buildAs("aggregate"),
    transform: "aggregate",
    value: integer,
    accumulator: fc.constantFrom("", "10", "-7"),
  },
  {
    rust: "m_init",
    assembly: () => buildAs("init"),
    transform: "filter",
    value: word,
    params: fc.constantFrom<Record<string, string>>({}, { needle: "an" }, { needle: "" }, { fail: "", needle: "p" }),
  },
  { rust: "m_look_back", assembly: () => buildAs("look-back"), transform: "filter", value: word, looksBack: true },
  {
    rust: "m_text_map",
    assembly: () => withSdk("text-map"),
    transform: "map",
    value: fc.oneof(text, fc.uint8Array({ maxLength: 300 }), fc.constant("refuse")),
  },
  {
    rust: "m_split",
    assembly: () => withSdk("split"),
    transform: "array_map",
    value: fc.oneof(text, fc.constantFrom("a,b,,c", ",", "!no"), fc.uint8Array({ maxLength: 30 })),
  },
];

async function withSdk(name: string): Promise<Uint8Array> {
  const entry = fileURLToPath(new URL(`twins/assembly/${name}.ts`, import.meta.url));
  return (await compileSmartModule({ entry, optimize: false })).wasm;
}

function rust(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/wasm/${name}.wasm`, import.meta.url));
}

interface Call {
  readonly call: string;
  readonly input: string;
}

/** A life of a module: init and history where it takes them, then batches; some of the inputs are cut short. */
function randomCalls(twins: Twins, version: number): fc.Arbitrary<readonly Call[]> {
  const value = twins.value.map((some) => (typeof some === "string" ? ENCODER.encode(some) : some));
  const batch = fc.record({
    records: randomSections(value),
    baseOffset: fc.nat({ max: 1_000_000_000_000 }),
    baseTimestampMs: fc.constantFrom(0, 1, 1_700_000_000_000),
    accumulator: twins.accumulator ?? fc.constant(undefined),
    cut: fc.option(fc.nat({ max: 40 }), { nil: 0, freq: 6 }),
  });
  const batches = fc.array(batch, { minLength: 1, maxLength: 5 }).map((inputs) =>
    inputs.map(({ accumulator, cut, ...input }, index): Call => {
      const tail = {
        params: encodeParams(new Map(), undefined, version),
        accumulator: accumulator === undefined ? undefined : ENCODER.encode(accumulator),
      };
      const bytes = new ArrayBuffer(inputSize(input, tail, version));
      writeInput(bytes, 0, input, tail, version);
      const kept = Math.max(0, bytes.byteLength - cut);
      const call = twins.looksBack === true && index === 0 ? "look_back" : twins.transform;
      return { call, input: Buffer.from(bytes, 0, kept).toString("hex") };
    }),
  );
  if (twins.params === undefined) return batches;
  return fc.tuple(twins.params, batches).map(([params, calls]) => {
    const input = encodeParams(new Map(Object.entries(params)), undefined, version);
    return [{ call: "init", input: Buffer.from(input).toString("hex") }, ...calls];
  });
}

/** What an instance answers to one call after the other; after a trap it is not asked again. */
function answers(module: WebAssembly.Module, calls: readonly Call[], version: number): readonly Outcome[] {
  const instance = new BareInstance(module);
  const outcomes: Outcome[] = [];
  for (const call of calls) {
    const outcome = instance.call({ ...call, version });
    outcomes.push(outcome);
    if (outcome.trapped) break;
  }
  return outcomes;
}

describe("the same function in Rust and in AssemblyScript gives the same bytes for random batches", () => {
  it.each(TWINS)("$rust", async ({ ...twins }) => {
    const rustModule = new WebAssembly.Module(rust(twins.rust));
    const assemblyModule = new WebAssembly.Module(await twins.assembly());
    let outputs = 0;
    for (let version = VERSION_MIN; version <= VERSION_MAX; version++) {
      const property = fc.property(randomCalls(twins, version), (calls) => {
        const expected = answers(rustModule, calls, version);
        expect(answers(assemblyModule, calls, version)).toEqual(expected);
        outputs += expected.filter(({ output }) => output !== undefined).length;
      });
      fc.assert(property, { numRuns: 100 });
    }
    expect(outputs).toBeGreaterThan(1000);
  });
});
