import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeParams, inputSize, writeInput } from "../../packages/fluvio/src/smartengine/host/abi.ts";
import { BareInstance, type Outcome } from "../../packages/fluvio/src/smartengine/testing/abi-vectors.ts";
import { buildSdk } from "../fixtures/build-sdk.ts";
import { randomSections } from "./rust-engine/random-batches.ts";

/** A function that is there in both languages, as a fixture of the same name. */
interface Twins {
  readonly name: string;
  readonly transform: string;
  readonly value: fc.Arbitrary<string | Uint8Array>;
  readonly params?: fc.Arbitrary<Readonly<Record<string, string>>>;
  readonly accumulator?: fc.Arbitrary<string>;
  readonly looksBack?: boolean;
}

const ENCODER = new TextEncoder();
const VERSION_MIN = 16;
const VERSION_MAX = 25;
const RUNS = 100;
const bytes = fc.uint8Array({ maxLength: 30 });
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constantFrom("apple", "plum", "banana", ""));
const integer = fc.oneof(
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.integer({ min: -1000, max: 1000 }).map(String),
  fc.constantFrom("x", "", "+5", "-", "+", "-0", "007", " 1", "12a", String(2n ** 63n - 1n), String(-(2n ** 63n))),
);
/** Numbers with few digits: of long ones serde_json reads the last bit wrong. */
const scalar = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.integer().map((number) => number / 100),
  fc.boolean(),
  fc.constant(null),
);
const element = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.string(), scalar, { maxKeys: 3 }),
);
const list = fc.array(element, { maxLength: 5 });
const document = fc.oneof(
  fc.record({ fact: scalar, length: fc.nat() }),
  fc.record({ user: fc.record({ name: fc.constantFrom("ann", "bob"), age: fc.integer() }), amount: fc.double() }),
  list,
  element,
);
const whole = (value: fc.Arbitrary<unknown>) =>
  fc.tuple(value, fc.constantFrom(0, 0, 2)).map(([json, indent]) => JSON.stringify(json, undefined, indent));
/** Cut off somewhere, and gone on with otherwise. */
const broken = (value: fc.Arbitrary<unknown>) =>
  fc.tuple(whole(value), fc.nat({ max: 40 }), fc.string({ maxLength: 2 })).map(([json, place, rest]) => {
    return json.slice(0, place) + rest;
  });

const noList = fc.constantFrom("{}", "12", "null", '"text"', "true", "nope", "");

const TWINS: readonly Twins[] = [
  { name: "m_filter", transform: "filter", value: fc.oneof(text, bytes) },
  { name: "m_filter_map", transform: "filter_map", value: fc.oneof({ weight: 9, arbitrary: integer }, bytes) },
  {
    name: "m_aggregate",
    transform: "aggregate",
    value: fc.oneof({ weight: 9, arbitrary: integer }, bytes),
    accumulator: fc.constantFrom("", "10", "-7", "ten"),
  },
  {
    name: "m_init",
    transform: "filter",
    value: fc.oneof(text, bytes),
    params: fc.constantFrom<Record<string, string>>({}, { needle: "an" }, { needle: "" }, { fail: "", needle: "p" }),
  },
  {
    name: "m_look_back",
    transform: "filter",
    value: fc.constantFrom("apple", "plum", "fig", "", "bad"),
    looksBack: true,
  },
  { name: "m_kitchen", transform: "filter", value: fc.oneof(text, fc.constantFrom("error", "chain", "panic")) },
  { name: "m_map", transform: "map", value: fc.oneof(whole(document), broken(document)) },
  { name: "m_text_map", transform: "map", value: fc.oneof(text, bytes, fc.constant("refuse")) },
  { name: "m_array_map", transform: "array_map", value: fc.oneof(whole(list), broken(list), noList) },
  { name: "m_split", transform: "array_map", value: fc.oneof(text, bytes, fc.constantFrom("a,b,,c", ",", "!no")) },
  {
    name: "m_json_filter",
    transform: "filter",
    value: fc.oneof(whole(document), broken(document)),
    params: fc.constantFrom<Record<string, string>>(
      { path: "user.name", operator: "eq", value: "ann" },
      { path: "user.age", operator: "gt", value: "-1e3" },
      { path: "amount", operator: "gt", value: "0.5" },
      { path: "amount", operator: "gt", value: "half" },
      { path: "amount", operator: "lt", value: "1" },
      { operator: "gt" },
      { path: "amount", value: "1" },
    ),
  },
];

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
    cut: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat({ max: 40 })),
  });
  const batches = fc.array(batch, { minLength: 1, maxLength: 5 }).map((inputs) =>
    inputs.map(({ accumulator, cut, ...rest }, index): Call => {
      const isHistory = twins.looksBack === true && index === 0;
      const input = isHistory ? { ...rest, baseOffset: 0, baseTimestampMs: 0 } : rest;
      const tail = {
        params: encodeParams(new Map(), undefined, version),
        accumulator: accumulator === undefined ? undefined : ENCODER.encode(accumulator),
      };
      const bytes = new ArrayBuffer(inputSize(input, tail, version));
      writeInput(bytes, 0, input, tail, version);
      const kept = Math.max(0, bytes.byteLength - cut);
      const call = isHistory ? "look_back" : twins.transform;
      return { call, input: Buffer.from(bytes, 0, kept).toString("hex") };
    }),
  );
  if (twins.params === undefined) return batches;
  return fc.tuple(twins.params, batches).map(([params, calls]) => {
    const input = encodeParams(new Map(Object.entries(params)), undefined, version);
    return [{ call: "init", input: Buffer.from(input).toString("hex") }, ...calls];
  });
}

/** What an instance answers to one call after the other; whatever ends a chain ends the questions. */
function answers(module: WebAssembly.Module, calls: readonly Call[], version: number): readonly Outcome[] {
  const instance = new BareInstance(module);
  const outcomes: Outcome[] = [];
  for (const call of calls) {
    const outcome = instance.call({ ...call, version });
    outcomes.push(outcome);
    if (outcome.trapped || (outcome.rc ?? 0) < 0) break;
  }
  return outcomes;
}

describe("the same function in Rust and in AssemblyScript gives the same bytes for random batches", () => {
  it.each(TWINS)("$name", async (twins) => {
    const rustModule = new WebAssembly.Module(rust(twins.name));
    const assemblyModule = new WebAssembly.Module(await buildSdk(twins.name));
    let outputs = 0;
    for (let version = VERSION_MIN; version <= VERSION_MAX; version++) {
      const property = fc.property(randomCalls(twins, version), (calls) => {
        const expected = answers(rustModule, calls, version);
        expect(answers(assemblyModule, calls, version)).toEqual(expected);
        outputs += expected.filter(({ output }) => output !== undefined).length;
      });
      fc.assert(property, { numRuns: RUNS });
    }
    expect(outputs).toBeGreaterThan(((VERSION_MAX - VERSION_MIN + 1) * RUNS) / 2);
  });
});
