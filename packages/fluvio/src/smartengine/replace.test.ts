import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { type ChainStep, createSmartEngine, type SmartChain } from "./index.ts";
import { bytes, makeBatch, text, valuesOf } from "./testing/batches.ts";

const engine = createSmartEngine();
afterAll(() => engine[Symbol.asyncDispose]());

async function step(module: string, options: Partial<ChainStep> = {}): Promise<ChainStep> {
  return { name: module, wasm: await buildAs(module), params: new Map(), ...options };
}

async function feed(chain: SmartChain, values: readonly string[], baseOffset = 0): Promise<string[]> {
  const batches = [makeBatch(values, { baseOffset })];
  const output = await chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: 1 << 20 });
  return valuesOf(output.batches);
}

describe("replace", () => {
  it("exchanges the modules between two calls", async () => {
    await using chain = await engine.chain([await step("counter")]);
    const before = feed(chain, ["x", "x"]);
    const replaced = chain.replace([await step("filter")]);
    expect(await before).toEqual(["1", "2"]);
    await replaced;
    expect(await feed(chain, ["apple", "plum"], 2)).toEqual(["apple"]);
  });

  it("carries the accumulator of an aggregate over", async () => {
    await using chain = await engine.chain([await step("filter"), await step("aggregate")]);
    await using sum = await engine.chain([await step("aggregate", { accumulator: bytes("100") })]);
    expect(await feed(sum, ["1", "2"])).toEqual(["101", "103"]);
    await sum.replace([await step("aggregate", { name: "new sum", accumulator: bytes("7") })]);
    expect(await feed(sum, ["3"], 2)).toEqual(["106"]);
    expect(text((await sum.state()).get(0)?.accumulator as Uint8Array)).toBe("106");
    // at index 1 there is an aggregate before, at index 0 after: nothing passes
    await chain.replace([await step("aggregate", { accumulator: bytes("7") })]);
    expect(await feed(chain, ["1"])).toEqual(["8"]);
  });

  it("leaves the state behind where no aggregate comes after one", async () => {
    await using chain = await engine.chain([await step("aggregate", { accumulator: bytes("1") })]);
    await chain.replace([await step("filter")]);
    expect((await chain.state()).size).toBe(0);
    expect(await feed(chain, ["apple"])).toEqual(["apple"]);
  });

  it("that cannot be built leaves the old modules at work", async () => {
    await using chain = await engine.chain([await step("counter")]);
    await feed(chain, ["x"]);
    const broken: readonly [Promise<ChainStep>, string][] = [
      [step("no-transform"), "FLV_SMARTMODULE_INVALID"],
      [step("init"), "FLV_SMARTMODULE_INIT"],
    ];
    for (const [wrong, code] of broken) {
      await expect(chain.replace([await wrong])).rejects.toMatchObject({ code });
    }
    expect(await feed(chain, ["x"], 1)).toEqual(["2"]);
    expect(engine.totals().find(({ name }) => name === "counter")).toMatchObject({ chains: 1 });
    expect(engine.totals().find(({ name }) => name === "init")).toMatchObject({ chains: 0 });
  });

  it("feeds history to the new modules before they see a record", async () => {
    await using chain = await engine.chain([await step("filter")]);
    const next = await step("look-back", { lookback: { last: 10 } });
    await expect(chain.replace([next])).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    expect(await feed(chain, ["apple", "plum"])).toEqual(["apple"]);
    const seen: unknown[] = [];
    const replaced = chain.replace([next], {
      feedHistory: async (modules) => {
        seen.push(...modules.lookbacks);
        await modules.lookBack(0, [makeBatch(["apple", "plum"])], 0);
      },
    });
    await replaced;
    expect(seen).toEqual([{ last: 10 }]);
    expect(chain.lookbacks).toEqual([{ last: 10 }]);
    expect(await feed(chain, ["plum", "fig", "apple"], 2)).toEqual(["fig"]);
  });

  it("whose history fails leaves the old modules at work", async () => {
    await using chain = await engine.chain([await step("filter")]);
    const reason = new Error("no history");
    const feedHistory = () => Promise.reject(reason);
    await expect(chain.replace([await step("look-back", { lookback: { last: 1 } })], { feedHistory })).rejects.toBe(
      reason,
    );
    expect(await feed(chain, ["apple", "plum"])).toEqual(["apple"]);
  });

  it("of a closed or broken chain says why it cannot", async () => {
    const closed = await engine.chain([await step("filter")]);
    await closed[Symbol.asyncDispose]();
    await expect(closed.replace([await step("filter")])).rejects.toMatchObject({ code: "FLV_ABORTED" });
    await using broken = await engine.chain([await step("kitchen")]);
    await expect(feed(broken, ["trap"])).rejects.toThrow();
    await expect(broken.replace([await step("filter")])).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
  });

  it("is given up when the chain is closed meanwhile", async () => {
    const chain = await engine.chain([await step("filter")]);
    let entered = () => {};
    const reached = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const outcome = chain.replace([await step("look-back", { lookback: { last: 1 } })], {
      feedHistory: async (modules) => {
        entered();
        await chain[Symbol.asyncDispose]();
        await modules.lookBack(0, [], 0);
      },
    });
    await reached;
    await expect(outcome).rejects.toMatchObject({ code: "FLV_ABORTED" });
    expect(engine.totals().every(({ chains }) => chains === 0)).toBe(true);
  });

  it("works with as many chains running as may, and over and over", async () => {
    const small = createSmartEngine({ chainsMax: 1 });
    await using chain = await small.chain([await step("aggregate")]);
    for (let turn = 0; turn < 5; turn++) {
      expect(await feed(chain, ["1"], turn)).toEqual([String(turn + 1)]);
      await chain.replace([await step("aggregate")]);
    }
    expect(small.totals()).toMatchObject([{ name: "aggregate", chains: 1, recordsIn: 5 }]);
    await small[Symbol.asyncDispose]();
  });
});

describe("state", () => {
  it("goes from a chain that ended to one that goes on", async () => {
    const first = await engine.chain([await step("filter-map"), await step("aggregate")]);
    await feed(first, ["2", "4"]);
    const state = await first.state();
    await first[Symbol.asyncDispose]();
    await using second = await engine.chain([await step("filter-map"), await step("aggregate")], { state });
    expect(await feed(second, ["2"], 2)).toEqual(["4"]);
  });

  it("of what is no aggregate is refused", async () => {
    const state = new Map([[0, { accumulator: bytes("1"), windows: [], watermarkMs: undefined }]]);
    for (const steps of [[], [await step("filter")]]) {
      await expect(engine.chain(steps, { state })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    }
    expect(engine.totals().every(({ chains }) => chains === 0)).toBe(true);
  });
});
