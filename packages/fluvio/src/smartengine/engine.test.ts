import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { BATCH_COMPRESSIONS, decodeRecords } from "../protocol/index.ts";
import { type ChainStep, createSmartEngine, type ProcessOutput, type SmartChain } from "./index.ts";
import {
  bytes,
  headersOf,
  makeBatch,
  makeSection,
  recordsOf,
  TEST_TIMESTAMP_MS,
  text,
  valuesOf,
} from "./testing/batches.ts";

const printed: string[] = [];
const engine = createSmartEngine({
  onModuleOutput: (module, stream, line) => printed.push(`${module} ${stream}: ${line}`),
});
afterAll(() => engine[Symbol.asyncDispose]());

async function step(name: string, options: Partial<ChainStep> = {}): Promise<ChainStep> {
  return { name, wasm: await buildAs(name), params: new Map(), ...options };
}

async function chainOf(...steps: readonly (Promise<ChainStep> | ChainStep)[]): Promise<SmartChain> {
  return engine.chain(await Promise.all(steps));
}

function feed(chain: SmartChain, values: readonly string[], baseOffset = 0): Promise<ProcessOutput> {
  const batches = [makeBatch(values, { baseOffset, keys: values.map((value) => `key of ${value}`) })];
  return chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: 1 << 20 });
}

describe("kinds", () => {
  it("filters", async () => {
    await using chain = await chainOf(step("filter"));
    const output = await feed(chain, ["apple", "plum", "banana", "fig"], 100);
    expect(recordsOf(output.batches)).toMatchObject([
      { offset: 100, timestampMs: TEST_TIMESTAMP_MS, key: bytes("key of apple"), value: bytes("apple") },
      { offset: 102, timestampMs: TEST_TIMESTAMP_MS + 2, value: bytes("banana") },
    ]);
    expect(output).toMatchObject({ recordCount: 2, nextOffset: 104 });
    expect(output.error).toBeUndefined();
  });

  it("maps, with the offset and time of each record", async () => {
    await using chain = await chainOf(step("map"));
    const output = await feed(chain, ["a", "b"], 7);
    expect(valuesOf(output.batches)).toEqual([`A@7@${TEST_TIMESTAMP_MS}`, `B@8@${TEST_TIMESTAMP_MS + 1}`]);
    expect(recordsOf(output.batches).map((record) => record.offset)).toEqual([7, 8]);
  });

  it("filters and maps", async () => {
    await using chain = await chainOf(step("filter-map"));
    const output = await feed(chain, ["1", "2", "3", "40"]);
    expect(
      recordsOf(output.batches).map(({ offset, key, value }) => [offset, text(key as Uint8Array), text(value)]),
    ).toEqual([
      [1, "even", "1"],
      [3, "even", "20"],
    ]);
  });

  it("makes several records of one, which share its offset and time", async () => {
    await using chain = await chainOf(step("array-map"));
    const output = await feed(chain, ['[1,"two",{"three":3}]', "[]", '["x"]'], 50);
    expect(valuesOf(output.batches)).toEqual(["1", '"two"', '{"three":3}', '"x"']);
    for (const numbering of ["delta", "index"] as const) {
      const records = recordsOf(output.batches, numbering);
      expect(records.map((record) => record.offset)).toEqual([50, 50, 50, 52]);
    }
    expect(recordsOf(output.batches).map((record) => record.timestampMs - TEST_TIMESTAMP_MS)).toEqual([0, 0, 0, 2]);
    const offset = (baseOffset: number, lastOffsetDelta = 0) => ({ baseOffset, lastOffsetDelta });
    expect(headersOf(output.batches)).toMatchObject([offset(50), offset(50), offset(50, 1), offset(52)]);
  });

  it("makes records up to one that is refused", async () => {
    await using chain = await chainOf(step("array-map"));
    const output = await feed(chain, ["[1,2]", "none", "[3]"], 7);
    expect(valuesOf(output.batches)).toEqual(["1", "2"]);
    expect(output.error).toMatchObject({ module: "array-map", kind: "array_map", offset: 8 });
    expect(output.error && text(output.error.value)).toBe("none");
  });

  it("makes records that later modules map and filter, each with the offset of what it was made of", async () => {
    await using chain = await chainOf(step("array-map"), step("filter"), step("map"));
    const output = await feed(chain, ['["ab","b"]', '["c","ad"]'], 3);
    const [first, second] = [`@3@${TEST_TIMESTAMP_MS}`, `@4@${TEST_TIMESTAMP_MS + 1}`];
    expect(valuesOf(output.batches)).toEqual([`"AB"${first}`, `"AD"${second}`]);
    expect(recordsOf(output.batches, "index").map((record) => record.offset)).toEqual([3, 4]);
  });

  it("aggregates from the initial value over batches", async () => {
    await using chain = await chainOf(step("aggregate", { accumulator: bytes("100") }));
    expect(valuesOf((await feed(chain, ["1", "2"])).batches)).toEqual(["101", "103"]);
    expect(valuesOf((await feed(chain, ["3"], 2)).batches)).toEqual(["106"]);
    expect(text((await chain.state()).get(0)?.accumulator as Uint8Array)).toBe("106");
  });

  it("keeps the accumulator of an aggregate that reports an error", async () => {
    await using chain = await chainOf(step("aggregate"));
    const output = await feed(chain, ["1", "2", "x", "4"]);
    expect(valuesOf(output.batches)).toEqual(["1", "3"]);
    expect(output.error).toMatchObject({ module: "aggregate", kind: "aggregate", offset: 2, value: bytes("x") });
    expect(valuesOf((await feed(chain, ["10"], 4)).batches)).toEqual(["13"]);
  });
});

describe("chains", () => {
  it("pass the records of one module to the next", async () => {
    await using chain = await chainOf(step("filter"), step("map"), step("filter"));
    const output = await feed(chain, ["apple", "plum", "fig"], 10);
    expect(valuesOf(output.batches)).toEqual([]);
    expect(headersOf(output.batches)).toMatchObject([{ baseOffset: 10, lastOffsetDelta: 2 }]);
    await using two = await chainOf(step("filter"), step("map"));
    expect(valuesOf((await feed(two, ["apple", "plum", "banana"], 10)).batches)).toEqual([
      `APPLE@10@${TEST_TIMESTAMP_MS}`,
      `BANANA@12@${TEST_TIMESTAMP_MS + 2}`,
    ]);
  });

  it("call later modules with no records too", async () => {
    await using chain = await chainOf(step("filter"), { ...(await step("counter")), name: "counted later" });
    await feed(chain, ["plum"]);
    await feed(chain, ["apple"], 1);
    expect(valuesOf((await feed(chain, ["banana"], 2)).batches)).toEqual(["2"]);
    expect(engine.totals().find(({ name }) => name === "counted later")?.invocations).toBe(3);
  });

  it("end at the module that reports an error: its successes are the output", async () => {
    await using chain = await chainOf(step("kitchen"), step("map"));
    const output = await feed(chain, ["fine", "error", "never"], 5);
    expect(valuesOf(output.batches)).toEqual(["fine"]);
    expect(output.error).toEqual({
      module: "kitchen",
      kind: "filter",
      hint: "asked to fail",
      offset: 6,
      key: bytes("key of error"),
      value: bytes("error"),
    });
    expect(output.nextOffset).toBe(8);
    expect(headersOf(output.batches)).toMatchObject([{ baseOffset: 5, lastOffsetDelta: 2 }]);
  });

  it("pass on what came before an error through the whole chain, when that is asked for", async () => {
    await using chain = await chainOf(step("kitchen"), step("map"), step("filter-map"));
    const input = { batches: [makeBatch(["fine", "error", "never"])], fromOffset: 0, maxOutputBytes: 10_000 };
    const output = await chain.process({ ...input, passesOn: true });
    expect(valuesOf(output.batches)).toEqual([]);
    expect(output.error).toMatchObject({ module: "filter-map", offset: 0 });
    await using two = await chainOf(step("kitchen"), step("map"));
    const passed = await two.process({ ...input, passesOn: true });
    expect(valuesOf(passed.batches).map((value) => value.replace(/@.*/, ""))).toEqual(["FINE"]);
    expect(passed.error).toMatchObject({ module: "kitchen", offset: 1 });
  });

  it("without modules pass everything through", async () => {
    await using chain = await engine.chain([]);
    const batch = makeBatch(["a", "b"], { baseOffset: 3 });
    const output = await chain.process({ batches: [batch], fromOffset: 3, maxOutputBytes: 1000 });
    expect(output.batches).toEqual(batch);
  });

  it("keep each other's state apart", async () => {
    await using one = await chainOf(step("counter"));
    await using two = await chainOf(step("counter"));
    await feed(one, ["a", "b"]);
    expect(valuesOf((await feed(two, ["a"])).batches)).toEqual(["1"]);
    expect(valuesOf((await feed(one, ["c"], 2)).batches)).toEqual(["3"]);
  });

  it("give a new chain new instances on a thread that was used before", async () => {
    for (let turn = 0; turn < 3; turn++) {
      await using chain = await chainOf(step("counter"));
      expect(valuesOf((await feed(chain, ["a"])).batches)).toEqual(["1"]);
    }
  });

  it("answer calls made at once in order", async () => {
    await using chain = await chainOf(step("counter"));
    const outputs = await Promise.all([0, 1, 2, 3].map((offset) => feed(chain, ["x"], offset)));
    expect(outputs.map((output) => valuesOf(output.batches)[0])).toEqual(["1", "2", "3", "4"]);
  });
});

describe("batches", () => {
  it("keep the codec they came with, unless they are small", async () => {
    await using chain = await chainOf(step("filter"));
    for (const compression of BATCH_COMPRESSIONS) {
      const values = ["a".repeat(1000), "fig", "a".repeat(1100), "apple"];
      const batch = makeBatch(values, { compression });
      const output = await chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: 10_000 });
      expect(valuesOf(output.batches)).toEqual(values.filter((value) => value !== "fig"));
      expect(headersOf(output.batches).map((header) => header.compression)).toEqual(["none", compression]);
    }
  });

  it("may come in several pieces, which are left as they are", async () => {
    await using chain = await chainOf(step("filter"));
    const pieces = [makeBatch(["apple"]), makeBatch(["fig", "date"], { baseOffset: 1 })];
    const before = pieces.map((piece) => piece.slice());
    const output = await chain.process({ batches: pieces, fromOffset: 0, maxOutputBytes: 1000 });
    expect(valuesOf(output.batches)).toEqual(["apple", "date"]);
    expect(pieces).toEqual(before);
  });

  it("may be none", async () => {
    await using chain = await chainOf(step("filter"));
    const output = await chain.process({ batches: [], fromOffset: 9, maxOutputBytes: 1000 });
    expect(output).toMatchObject({ recordCount: 0, nextOffset: 9 });
    expect(output.batches).toHaveLength(0);
  });

  it("come out in memory of their own, but for what is given back", async () => {
    await using chain = await chainOf(step("filter"));
    const held: { readonly batches: Uint8Array; readonly copy: Uint8Array }[] = [];
    let spent: Uint8Array | undefined;
    let seed = 1;
    for (let call = 0; call < 60; call++) {
      // sizes that are copied, that change sides and that outgrow what is kept, of which all, some or none survive
      seed = (seed * 1103515245 + 12345) % 2147483648;
      const value = "x".repeat([10, 300, 3000, 30_000][seed % 4] as number);
      const drops = [1, 2, 3, 100][Math.floor(seed / 4) % 4] as number;
      const values = Array.from({ length: 100 }, (_, i) => `${call} ${i % drops === drops - 1 ? "" : "a"} ${value}`);
      const batches = [makeBatch(values.slice(0, 40)), makeBatch(values.slice(40), { baseOffset: 40 })];
      const output = await chain.process({ batches, fromOffset: 0, maxOutputBytes: 1 << 30, keepsGaps: true, spent });
      spent = undefined;
      expect(valuesOf(output.batches)).toEqual(values.filter((one) => one.includes("a")));
      if (call % 3 === 0) held.push({ batches: output.batches, copy: output.batches.slice() });
      else spent = output.batches;
    }
    for (const { batches, copy } of held) expect(Buffer.compare(batches, copy)).toBe(0);
  });

  it("of 100 000 records pass", async () => {
    await using chain = await chainOf(step("filter"));
    const values = Array.from({ length: 100_000 }, (_, index) => (index % 2 === 0 ? "apple" : "fig"));
    const output = await chain.process({ batches: [makeBatch(values)], fromOffset: 0, maxOutputBytes: 1 << 30 });
    expect(output.recordCount).toBe(50_000);
  });
});

describe("plain records", () => {
  it("go through the chain as a records section", async () => {
    await using chain = await chainOf(step("map"));
    const output = await chain.processRecords(makeSection(["a", "b"], ["k"]), 500);
    expect(decodeRecords(output.records).map((record) => text(record.value))).toEqual(["A@0@500", "B@1@501"]);
    expect(output.error).toBeUndefined();
  });

  it("come back with the error of the one that failed", async () => {
    await using chain = await chainOf(step("kitchen"));
    const output = await chain.processRecords(makeSection(["a", "error"]), 0);
    expect(decodeRecords(output.records)).toHaveLength(1);
    expect(output.error).toMatchObject({ hint: "asked to fail", offset: 1 });
  });
});

describe("what is no records section", () => {
  it("is refused", async () => {
    await using chain = await chainOf(step("map"));
    await expect(chain.processRecords(new Uint8Array(3), 0)).rejects.toMatchObject({ code: "FLV_DECODE" });
    await using next = await chainOf(step("map"));
    await expect(next.processRecords(Uint8Array.of(0, 0, 0, 5, 1, 2), 0)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringContaining("it could not read its input (code -11)"),
    });
  });
});

describe("init", () => {
  it("gets the parameters", async () => {
    await using chain = await chainOf(step("init", { params: new Map([["needle", "an"]]) }));
    expect(valuesOf((await feed(chain, ["banana", "fig", "can"])).batches)).toEqual(["banana", "can"]);
  });

  it("fails the chain with the module's name and words", async () => {
    await expect(chainOf(step("init"))).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INIT",
      message: 'SmartModule "init" could not be initialised: Missing param needle',
      details: { module: "init", text: "Missing param needle" },
    });
    await expect(chainOf(step("init", { params: new Map([["fail", ""]]) }))).rejects.toMatchObject({
      details: { text: "outer context\n\nCaused by:\n    asked to fail" },
    });
  });
});

describe("parameters", () => {
  it("that cannot be written fail the chain with the module's name", async () => {
    const params = new Map([["needle", "x".repeat(40_000)]]);
    await expect(chainOf(step("init", { params }))).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INIT",
      details: { module: "init" },
    });
  });
});

describe("look_back", () => {
  it("is asked for where a module exports it and has a setting", async () => {
    await using chain = await chainOf(
      step("look-back", { lookback: { last: 3 } }),
      step("filter", { lookback: { last: 1 } }),
    );
    expect(chain.lookbacks).toEqual([{ last: 3 }, undefined]);
    await using without = await chainOf(step("look-back"));
    expect(without.lookbacks).toEqual([undefined]);
  });

  it("feeds stored records, whatever their codec", async () => {
    await using chain = await chainOf(step("look-back", { lookback: { last: 2 } }));
    const stored = [makeBatch(["old", "seen"], { compression: "lz4" }), makeBatch(["also"], { baseOffset: 2 })];
    await chain.lookBack(0, stored, 1);
    expect(valuesOf((await feed(chain, ["old", "seen", "also", "new", "new"], 3)).batches)).toEqual(["old", "new"]);
  });

  it("fails with the record at which it failed", async () => {
    await using chain = await chainOf(step("look-back", { lookback: { last: 2 } }));
    await expect(chain.lookBack(0, [makeBatch(["ok", "bad"])], 0)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_LOOKBACK",
      message: 'SmartModule "look-back" failed on stored records: bad history at 1',
      details: { text: "bad history at 1", offset: 1, value: bytes("bad") },
    });
  });
});

describe("output of modules", () => {
  it("is passed on line by line", async () => {
    await using chain = await chainOf(step("wasi-output"));
    await feed(chain, ["a", "b"]);
    expect(printed).toEqual(["wasi-output stdout: saw a", "wasi-output stdout: saw b"]);
  });

  it("is quoted when the module traps", async () => {
    await using chain = await chainOf(step("wasi-output"));
    await expect(feed(chain, ["panic"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringContaining("it said: panicked at 'asked to'"),
    });
  });
});

describe("copy_records", () => {
  it("is given under the import module that the module names", async () => {
    await using chain = await chainOf(step("other-import-module"));
    for (let call = 0; call < 50; call++) expect((await feed(chain, ["a", "b"])).recordCount).toBe(0);
    expect(await engine.inspect("m", await buildAs("other-import-module"))).toMatchObject({
      imports: ["fluvio_host.copy_records"],
    });
  });
});

describe("inspect", () => {
  it("tells what a module is", async () => {
    expect(await engine.inspect("m", await buildAs("look-back"))).toEqual({
      kind: "filter",
      exports: expect.arrayContaining(["filter", "look_back", "alloc", "memory"]),
      imports: ["env.copy_records"],
      hasInit: false,
      hasLookBack: true,
      abiVersion: 22,
    });
    expect(await engine.inspect("m", await buildAs("init"))).toMatchObject({ hasInit: true, hasLookBack: false });
  });
});
