import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ChainStep,
  createSmartEngine,
  type ProcessOutput,
  type SmartChain,
} from "../../packages/fluvio/src/smartengine/index.ts";
import { expectedOutcome, readAbiVectors, replay } from "../../packages/fluvio/src/smartengine/testing/abi-vectors.ts";
import {
  bytes,
  makeBatch,
  recordsOf,
  TEST_TIMESTAMP_MS,
  text,
  valuesOf,
} from "../../packages/fluvio/src/smartengine/testing/batches.ts";
import { compileSdk } from "../fixtures/build-sdk.ts";

const MIB = 1 << 20;
const CATFACT_SOURCE = fileURLToPath(new URL("../../examples/cat-facts/catfact-map/index.ts", import.meta.url));
const VECTORS = readAbiVectors();
const printed: string[] = [];
const engine = createSmartEngine({
  limits: { batchTimeoutMs: 1000, memoryBytesMax: 128 * MIB },
  onModuleOutput: (module, stream, line) => printed.push(`${module} ${stream}: ${line}`),
});
afterAll(() => engine[Symbol.asyncDispose]());

/** A module built with the real Rust crate; build-rust.sh makes them, and without them the suite fails. */
function rust(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/wasm/${name}.wasm`, import.meta.url));
}

function chainOf(name: string, options: Partial<ChainStep> = {}): Promise<SmartChain> {
  return engine.chain([{ name, wasm: rust(name), params: new Map(), ...options }]);
}

function feed(chain: SmartChain, values: readonly string[], baseOffset = 0): Promise<ProcessOutput> {
  const batches = [makeBatch(values, { baseOffset, keys: ["k"] })];
  return chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: 64 * MIB });
}

describe("recorded calls", () => {
  for (const module of new Set(VECTORS.map((vector) => vector.module))) {
    for (const build of module === "m_filter" || module === "m_kitchen" ? [module, `${module}_wasi`] : [module]) {
      it(`into ${module} have the recorded results (${build})`, () => {
        const compiled = new WebAssembly.Module(rust(build));
        const vectors = VECTORS.filter((vector) => vector.module === module);
        expect(vectors.length).toBeGreaterThan(2);
        for (const vector of vectors) {
          const outcome = replay(vector, VECTORS, compiled);
          expect(outcome, `${vector.version} ${vector.note}`).toEqual(expectedOutcome(vector));
        }
      });
    }
  }
});

describe("modules of today's crate", () => {
  it("of every kind run in the engine", async () => {
    await using filter = await chainOf("m_filter");
    const filtered = await feed(filter, ["apple", "plum", "banana"], 10);
    expect(recordsOf(filtered.batches).map((record) => [record.offset, text(record.value)])).toEqual([
      [10, "apple"],
      [12, "banana"],
    ]);
    await using map = await chainOf("m_map");
    expect(valuesOf((await feed(map, ['{"fact":"purr"}'], 4)).batches)).toEqual([`purr@4@${TEST_TIMESTAMP_MS}`]);
    await using filterMap = await chainOf("m_filter_map");
    expect(valuesOf((await feed(filterMap, ["1", "4"])).batches)).toEqual(["2"]);
    await using arrayMap = await chainOf("m_array_map");
    expect(valuesOf((await feed(arrayMap, ['[1,"two"]', "[3]"])).batches)).toEqual(["1", '"two"', "3"]);
    await using aggregate = await chainOf("m_aggregate", { accumulator: bytes("10") });
    expect(valuesOf((await feed(aggregate, ["1", "2"])).batches)).toEqual(["11", "13"]);
    expect(valuesOf((await feed(aggregate, ["3"], 2)).batches)).toEqual(["16"]);
  });

  it("are spoken to at the newest version", async () => {
    for (const name of ["m_filter", "m_map", "m_filter_map", "m_array_map", "m_aggregate", "m_filter_wasi"]) {
      expect(await engine.inspect(name, rust(name)), name).toMatchObject({ abiVersion: 22 });
    }
  });

  it("get their parameters and their history", async () => {
    await using init = await chainOf("m_init", { params: new Map([["needle", "an"]]) });
    expect(valuesOf((await feed(init, ["banana", "fig"])).batches)).toEqual(["banana"]);
    await expect(chainOf("m_init")).rejects.toMatchObject({ details: { text: "Missing param needle" } });
    await using look = await chainOf("m_look_back", { lookback: { last: 2, ageMs: 60_000 } });
    expect(look.lookbacks).toEqual([{ last: 2, ageMs: 60_000 }]);
    await look.lookBack(0, [makeBatch(["old"])], 0);
    expect(valuesOf((await feed(look, ["old", "new", "new"], 1)).batches)).toEqual(["new"]);
    await using failing = await chainOf("m_look_back", { lookback: { last: 2 } });
    await expect(failing.lookBack(0, [makeBatch(["ok", "bad"])], 0)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_LOOKBACK",
      details: { text: "bad history at 1", offset: 1, value: bytes("bad") },
    });
  });

  it("report errors with their causes, the record's offset, key and value", async () => {
    await using chain = await chainOf("m_kitchen");
    const output = await feed(chain, ["chain"], 42);
    expect(output.error).toEqual({
      module: "m_kitchen",
      kind: "filter",
      hint: "top\n\nCaused by:\n   0: middle\n   1: root cause",
      offset: 42,
      key: bytes("k"),
      value: bytes("chain"),
    });
  });

  it("form chains", async () => {
    const steps = ["m_filter", "m_kitchen", "m_look_back"].map((name) => ({
      name,
      wasm: rust(name),
      params: new Map(),
    }));
    await using chain = await engine.chain(steps);
    expect(valuesOf((await feed(chain, ["apple", "fig", "banana", "apple"])).batches)).toEqual(["apple", "banana"]);
  });
});

describe("modules that go wrong", () => {
  it("panic: an error of their chain, with the message where the build has one", async () => {
    await using plain = await chainOf("m_kitchen");
    await expect(feed(plain, ["panic"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringContaining("it trapped in filter: unreachable"),
    });
    await using wasi = await chainOf("m_kitchen_wasi");
    await expect(feed(wasi, ["panic"])).rejects.toMatchObject({ message: expect.stringContaining("asked to panic") });
  });

  it("never come back: stopped in time while another goes on", async () => {
    await using healthy = await chainOf("m_aggregate");
    await using looping = await chainOf("m_endless");
    const stopped = expect(feed(looping, ["fine", "loop"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_TIME_LIMIT",
      details: { module: "m_endless" },
    });
    for (let count = 1; count <= 50; count++) {
      expect(valuesOf((await feed(healthy, ["1"], count)).batches)).toEqual([String(count)]);
    }
    await stopped;
    expect(valuesOf((await feed(healthy, ["1"], 51)).batches)).toEqual(["51"]);
  });

  it("hoard memory: stopped at the limit", async () => {
    await using chain = await chainOf("m_memory_hog");
    await expect(
      feed(
        chain,
        Array.from({ length: 20 }, () => "hog"),
      ),
    ).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      details: { module: "m_memory_hog", max: 128 * MIB },
    });
  });
});

describe("memory", () => {
  const memoryOf = (name: string) => engine.totals().find((module) => module.name === name)?.memoryBytes ?? 0;
  const inputs: Readonly<Record<string, string>> = {
    m_filter: "banana",
    m_filter_wasi: "banana",
    m_map: '{"fact":"purr"}',
    m_filter_map: "4",
    m_array_map: "[1,2,3]",
    m_aggregate: "1",
    old_filter_025: "banana",
    old_map_040: "banana",
    old_aggregate_040: "1",
    seed_catfact_map: '{"fact":"purr"}',
  };
  for (const [name, value] of Object.entries(inputs)) {
    it(`of ${name} stays flat over 300 batches`, async () => {
      await using chain = await chainOf(name);
      const values = Array.from({ length: 1000 }, () => value);
      const first = await feed(chain, values);
      const before = memoryOf(name);
      let last: ProcessOutput = first;
      for (let call = 0; call < 300; call++) last = await feed(chain, values);
      const after = memoryOf(name);
      // the sum of an aggregate gets longer, which moves its blocks once
      expect(after - before).toBeLessThanOrEqual(2 * 65536);
      expect(last.recordCount).toBe(first.recordCount);
      if (!name.includes("aggregate")) expect(last.batches).toEqual(first.batches);
    });
  }
});

describe("windows around a Rust aggregate", () => {
  const window = { sizeMs: 10, slideMs: 5, graceMs: 3 };

  it("give its sums, and its memory stays flat", async () => {
    const name = "windowed";
    await using chain = await engine.chain([{ name, wasm: rust("m_aggregate"), params: new Map(), window }]);
    const memoryBytes = () => engine.totals().find((module) => module.name === name)?.memoryBytes ?? 0;
    const values = Array.from({ length: 1000 }, () => "1");
    let offset = 0;
    const next = async () => {
      // a millisecond each: makeBatch counts on from the first timestamp
      const batches = [makeBatch(values, { baseOffset: offset, firstTimestampMs: TEST_TIMESTAMP_MS + offset })];
      const output = await chain.process({ batches, fromOffset: offset, maxOutputBytes: MIB });
      offset += values.length;
      return recordsOf(output.batches);
    };
    const first = await next();
    expect(text(first[0]?.key as Uint8Array)).toBe(`${TEST_TIMESTAMP_MS - 5}/${TEST_TIMESTAMP_MS + 5}`);
    expect(text(first[0]?.value as Uint8Array)).toBe("5");
    const before = memoryBytes();
    for (let call = 0; call < 100; call++) {
      const records = await next();
      expect(records).toHaveLength(200);
      expect(new Set(records.map((record) => text(record.value)))).toEqual(new Set(["10"]));
    }
    expect(memoryBytes() - before).toBeLessThanOrEqual(2 * 65536);
  });

  it("report what it refuses", async () => {
    await using chain = await chainOf("m_aggregate", { window });
    const output = await feed(chain, ["1", "x"]);
    expect(output.error).toMatchObject({ module: "m_aggregate", kind: "aggregate", offset: 1, value: bytes("x") });
    const state = (await chain.state()).get(0);
    expect(state?.windows.map((one) => text(one.accumulator))).toEqual(["1", "1"]);
  });
});

describe("modules of the seeds' era", () => {
  it("are spoken to at the version they know", async () => {
    expect(await engine.inspect("old", rust("old_aggregate_040"))).toMatchObject({ abiVersion: 19 });
    expect(await engine.inspect("old", rust("old_filter_025"))).toMatchObject({ abiVersion: 22 });
  });

  it("filter, map and aggregate", async () => {
    await using filter = await chainOf("old_filter_025");
    expect(valuesOf((await feed(filter, ["apple", "plum"])).batches)).toEqual(["apple"]);
    await using map = await chainOf("old_map_040");
    expect(valuesOf((await feed(map, ["apple"])).batches)).toEqual(["APPLE"]);
    await using aggregate = await chainOf("old_aggregate_040", { accumulator: bytes("7") });
    expect(valuesOf((await feed(aggregate, ["1", "2"])).batches)).toEqual(["8", "10"]);
  });

  it("get parameters with each batch, as they had before init existed", async () => {
    await using without = await chainOf("old_filter_params_025");
    expect(valuesOf((await feed(without, ["apple", "plum"])).batches)).toEqual(["apple"]);
    await using given = await chainOf("old_filter_params_025", { params: new Map([["needle", "um"]]) });
    expect(valuesOf((await feed(given, ["apple", "plum"])).batches)).toEqual(["plum"]);
  });

  it("map cat facts as the seed's own source does", async () => {
    await using chain = await chainOf("seed_catfact_map");
    const output = await feed(chain, ['{"length":4,"fact":"Meow \\"meow\\""}', '{"length":1}', "nope"]);
    expect(valuesOf(output.batches)).toEqual(['"Meow \\"meow\\""', "null"]);
    expect(output.error).toMatchObject({ kind: "map", offset: 2, value: bytes("nope") });
  });
});

describe("the cat-fact map in AssemblyScript", () => {
  it("gives the bytes of the seed's map in Rust", async () => {
    const values = [
      '{"length":4,"fact":"Meow"}',
      '{"fact":"tab\\t quote\\" slash\\/ back\\\\ nul\\u0000 del\\u007f e\\u00e9 cat\\ud83d\\ude3a 🐈"}',
      ' { "fact" : [ 1 , -0.5 , true , null , { "a" : "b c" } ] } ',
      '{"fact":1,"fact":"last"}',
      '{"\\u0066act":"escaped"}',
      "{}",
      "[]",
      '"fact"',
      "12",
    ];
    const steps = [{ name: "catfact-map", wasm: await compileSdk(CATFACT_SOURCE), params: new Map() }];
    await using ours = await engine.chain(steps);
    await using seeds = await chainOf("seed_catfact_map");
    const output = await feed(ours, values);
    expect(valuesOf(output.batches)).toEqual(valuesOf((await feed(seeds, values)).batches));
    expect(output.recordCount).toBe(values.length);
    for (const broken of ["nope", "", "{", '{"fact":"a",}', '{"fact":01}', '{"fact":"\\ud800"}', "[1,]", "1 2"]) {
      for (const name of ["catfact-map", "seed_catfact_map"]) {
        await using chain = name === "catfact-map" ? await engine.chain(steps) : await chainOf(name);
        expect((await feed(chain, [broken])).error, `${name} ${broken}`).toMatchObject({ offset: 0, kind: "map" });
      }
    }
  });
});

describe("a WASI build", () => {
  it("has output, clock and randomness, but no environment and no files", async () => {
    await using chain = await chainOf("m_wasi");
    expect(valuesOf((await feed(chain, ["a", "b"])).batches)).toEqual(Array(2).fill("clock true files false"));
    expect(printed).toEqual(expect.arrayContaining(["m_wasi stdout: seen 2 values", "m_wasi stderr: variables: 0"]));
  });
});
