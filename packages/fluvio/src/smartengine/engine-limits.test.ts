import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { compileSdk } from "../../../../tests/fixtures/build-sdk.ts";
import { createSmartEngine, type EngineLimits, type ProcessOutput, type SmartChain } from "./index.ts";
import { makeBatch, valuesOf } from "./testing/batches.ts";
import { puppetModule } from "./testing/puppet-module.ts";

const MIB = 1 << 20;
const engine = createSmartEngine({ limits: { memoryBytesMax: 64 * MIB, outputBytesMax: 16 * MIB } });
/** For modules that never come back; others have time enough, however busy the machine is. */
const impatient = createSmartEngine({ limits: { batchTimeoutMs: 1000 } });
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await impatient[Symbol.asyncDispose]();
});

async function chainOf(name: string, owner = engine): Promise<SmartChain> {
  return owner.chain([{ name, wasm: await buildAs(name), params: new Map() }]);
}

function feed(chain: SmartChain, values: readonly string[], baseOffset = 0): Promise<ProcessOutput> {
  const batches = [makeBatch(values, { baseOffset })];
  return chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: MIB });
}

/** Ways to go wrong, by the value that makes the module do so. */
const FAULTS: readonly (readonly [value: string, code: string, words: string])[] = [
  ["trap", "FLV_SMARTMODULE_RUNTIME", "it trapped in filter: unreachable"],
  ["overflow", "FLV_SMARTMODULE_RUNTIME", "it trapped in filter: Maximum call stack size exceeded"],
  ["code", "FLV_SMARTMODULE_RUNTIME", "it could not write its output (code -33)"],
  ["code-unknown", "FLV_SMARTMODULE_RUNTIME", "it gave no reason (code -1234)"],
  ["no-output", "FLV_SMARTMODULE_RUNTIME", "it gave no output (copy_records was not called)"],
  ["out-of-bounds", "FLV_SMARTMODULE_RUNTIME", "lies outside its memory"],
  ["garbage", "FLV_SMARTMODULE_RUNTIME", "it made 3 records of 1"],
  ["bomb", "FLV_SMARTMODULE_OUTPUT_LIMIT", "is above the limit of 16777216"],
  ["loop", "FLV_SMARTMODULE_TIME_LIMIT", "worked on one batch for more than 1000 ms"],
];

describe("a module that goes wrong", () => {
  for (const [value, code, words] of FAULTS) {
    it(`by "${value}" breaks its chain, and says how`, async () => {
      await using chain = await chainOf("kitchen", value === "loop" ? impatient : engine);
      expect((await feed(chain, ["fine"])).recordCount).toBe(1);
      const failure = { code, message: expect.stringContaining(words), details: { module: "kitchen" } };
      await expect(feed(chain, [value], 1)).rejects.toMatchObject(failure);
      await expect(feed(chain, ["fine"], 2)).rejects.toMatchObject(failure);
    });
  }

  it("by taking memory without end is stopped at the limit", async () => {
    await using chain = await chainOf("kitchen");
    await expect(
      feed(
        chain,
        Array.from({ length: 40 }, () => "hog"),
      ),
    ).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      details: { module: "kitchen", max: 64 * MIB },
    });
  });

  it("by getting more than fits its memory is stopped too", async () => {
    await using chain = await chainOf("kitchen");
    await expect(feed(chain, ["x".repeat(65 * MIB)])).rejects.toMatchObject({ code: "FLV_SMARTMODULE_MEMORY_LIMIT" });
  });

  it.each(["bytes 100000000", "bytes 1200000000", "text 100000000"])(
    "by asking for too much at once (%s) is stopped by the limit on memory, and others of the size that fits are not",
    async (value) => {
      const probe = new URL("../../../../tests/fixtures/assembly-sdk/probes/large.ts", import.meta.url);
      const steps = [
        { name: "large", wasm: await compileSdk(fileURLToPath(probe)), params: new Map<string, string>() },
      ];
      await using chain = await engine.chain(steps);
      expect(valuesOf((await feed(chain, ["bytes 1000", "text 1000"])).batches)).toEqual(["1000", "1000"]);
      await expect(feed(chain, [value], 2)).rejects.toMatchObject({
        code: "FLV_SMARTMODULE_MEMORY_LIMIT",
        message: expect.stringMatching(/of at most 67108864 bytes of memory .*it said: out of memory/),
        details: { module: "large", max: 64 * MIB },
      });
      await using other = await engine.chain(steps);
      await expect(feed(other, ["text 300000000"])).rejects.toMatchObject({
        code: "FLV_SMARTMODULE_RUNTIME",
        message: expect.stringContaining("it trapped in map: unreachable; it said: invalid length"),
      });
    },
  );

  it("in the third record of a stream fails then, not before", async () => {
    await using chain = await chainOf("kitchen");
    await feed(chain, ["trap-at-third", "trap-at-third"]);
    await expect(feed(chain, ["trap-at-third"], 2)).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
  });

  it("without end in its start function is stopped when it is looked at", async () => {
    await expect(chainOf("endless-start", impatient)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_TIME_LIMIT",
      details: { module: "endless-start" },
    });
  });
});

describe("other chains", () => {
  it("go on undisturbed, with their state, beside an endless loop and a trap", async () => {
    await using healthy = await chainOf("counter", impatient);
    await using looping = await chainOf("kitchen", impatient);
    await using trapping = await chainOf("kitchen", impatient);
    const faults = Promise.allSettled([feed(looping, ["loop"]), feed(trapping, ["trap"])]);
    let ended = false;
    const end = faults.then(() => {
      ended = true;
    });
    let count = 0;
    while (!ended) {
      const output = await feed(healthy, ["x"], count);
      count += 1;
      expect(valuesOf(output.batches)).toEqual([String(count)]);
    }
    await end;
    expect((await faults).map((fault) => fault.status)).toEqual(["rejected", "rejected"]);
    expect(count).toBeGreaterThan(0);
    expect(valuesOf((await feed(healthy, ["x"], count)).batches)).toEqual([String(count + 1)]);
  });

  it("are as many as the limit says; one more is refused until one ends", async () => {
    const small = createSmartEngine({ chainsMax: 2 });
    const steps = [{ name: "filter", wasm: await buildAs("filter"), params: new Map<string, string>() }];
    const first = await small.chain(steps);
    await small.chain(steps);
    await expect(small.chain(steps)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      retriable: true,
      message: "2 SmartModule chains are running, which is the limit",
    });
    await first[Symbol.asyncDispose]();
    const third = await small.chain(steps);
    expect((await feed(third, ["apple"])).recordCount).toBe(1);
    await small[Symbol.asyncDispose]();
  });

  it("can be made on and on after chains that were stopped", async () => {
    for (let turn = 0; turn < 3; turn++) {
      await using chain = await chainOf("kitchen");
      await expect(feed(chain, ["trap"])).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
      await using next = await chainOf("counter");
      expect(valuesOf((await feed(next, ["x"])).batches)).toEqual(["1"]);
    }
  });
});

describe("limits of a step", () => {
  async function limited(name: string, limits: Partial<EngineLimits>): Promise<SmartChain> {
    return engine.chain([{ name, wasm: await buildAs(name), params: new Map(), limits }]);
  }
  type Limit = "timeLimitFailures" | "memoryLimitFailures" | "outputLimitFailures";
  /** All failures of a module, and those by a limit. */
  function failuresOf(name: string, limit: Limit): readonly [all: number, byLimit: number] {
    const totals = engine.totals().find((module) => module.name === name);
    return [totals?.failures ?? 0, totals?.[limit] ?? 0];
  }

  it("on its time are its own: the module without them goes on", async () => {
    await using patient = await chainOf("counter");
    await using hurried = await limited("kitchen", { batchTimeoutMs: 300 });
    const [all, byLimit] = failuresOf("kitchen", "timeLimitFailures");
    await expect(feed(hurried, ["loop"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_TIME_LIMIT",
      message: expect.stringContaining('"kitchen" worked on one batch for more than 300 ms'),
      hint: expect.stringMatching(/`limits.time`.*--smartmodule-time-limit/),
      details: { module: "kitchen", batchTimeoutMs: 300, firstOffset: 0, lastOffset: 0 },
    });
    expect(failuresOf("kitchen", "timeLimitFailures")).toEqual([all + 1, byLimit + 1]);
    expect(valuesOf((await feed(patient, ["x"])).batches)).toEqual(["1"]);
  });

  it("on its time hold for the step that sets them, not for the others of its chain", async () => {
    const steps = [
      { name: "patient", wasm: await buildAs("kitchen"), params: new Map<string, string>() },
      { name: "hurried", wasm: await buildAs("keep-all"), params: new Map(), limits: { batchTimeoutMs: 100 } },
    ];
    await using chain = await impatient.chain(steps);
    await expect(feed(chain, ["loop"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_TIME_LIMIT",
      details: { module: "patient", batchTimeoutMs: 1000 },
    });
  });

  it("on its memory stop it earlier than the engine's", async () => {
    await using chain = await limited("kitchen", { memoryBytesMax: 8 * MIB });
    const [all, byLimit] = failuresOf("kitchen", "memoryLimitFailures");
    await expect(feed(chain, ["hog", "hog", "hog"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      hint: expect.stringMatching(/`limits.memory`.*--smartmodule-memory-limit/),
      details: { module: "kitchen", max: 8 * MIB },
    });
    expect(failuresOf("kitchen", "memoryLimitFailures")).toEqual([all + 1, byLimit + 1]);
    await using unlimited = await chainOf("kitchen");
    expect((await feed(unlimited, ["hog", "hog", "hog"])).recordCount).toBe(3);
  });

  it("on its memory that it does not start with are refused", async () => {
    const step = { name: "four pages", wasm: puppetModule("filter"), params: new Map<string, string>() };
    await expect(engine.chain([{ ...step, limits: { memoryBytesMax: 3 * 65536 } }])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      message: 'SmartModule "four pages" asks for 262144 bytes of memory to start with, the limit is 196608',
      hint: expect.stringMatching(/`limits.memory`.*--smartmodule-memory-limit/),
    });
    expect(failuresOf("four pages", "memoryLimitFailures")).toEqual([1, 1]);
    await using chain = await engine.chain([{ ...step, limits: { memoryBytesMax: 4 * 65536 } }]);
    expect(await chain.state()).toEqual(new Map());
  });

  it("on its output stop it earlier than the engine's", async () => {
    await using chain = await limited("keep-all", { outputBytesMax: 1000 });
    expect((await feed(chain, ["x".repeat(900)])).recordCount).toBe(1);
    const [all, byLimit] = failuresOf("keep-all", "outputLimitFailures");
    await expect(feed(chain, ["x".repeat(1000)], 1)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_OUTPUT_LIMIT",
      message: expect.stringMatching(/"keep-all" failed: its output of \d+ bytes is above the limit of 1000/),
      hint: expect.stringMatching(/`limits.output`.*--smartmodule-output-limit/),
      details: { module: "keep-all", outputBytesMax: 1000, firstOffset: 1, lastOffset: 1 },
    });
    expect(failuresOf("keep-all", "outputLimitFailures")).toEqual([all + 1, byLimit + 1]);
  });

  it("on its output count what array_map makes of all records of a batch, with what each takes up", async () => {
    await using chain = await limited("array-map", { outputBytesMax: 10_000 });
    const small = `[${"1,".repeat(9)}1]`;
    expect((await feed(chain, Array(10).fill(small))).recordCount).toBe(100);
    await expect(feed(chain, Array(100).fill(small), 10)).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_OUTPUT_LIMIT",
      details: { module: "array-map", outputBytesMax: 10_000 },
    });
  });

  it("never raise those of the engine", async () => {
    await using chain = await limited("kitchen", { outputBytesMax: 1 << 30, memoryBytesMax: 2 ** 31 });
    await expect(feed(chain, ["bomb"])).rejects.toThrow("is above the limit of 16777216");
    await using other = await limited("kitchen", { memoryBytesMax: 2 ** 31 });
    await expect(feed(other, Array(40).fill("hog"))).rejects.toMatchObject({ details: { max: 64 * MIB } });
  });
});

describe("a chain that is closed while it works", () => {
  it("ends at once", async () => {
    const chain = await chainOf("kitchen");
    const underWay = feed(chain, ["loop"]);
    const outcome = expect(underWay).rejects.toMatchObject({ code: "FLV_ABORTED" });
    await chain[Symbol.asyncDispose]();
    await outcome;
  });
});
