import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { createSmartEngine, type EngineLimits, type ModuleTotals, type SmartChain } from "./index.ts";
import { bytes, makeBatch, makeSection } from "./testing/batches.ts";
import { ModuleLedger } from "./totals.ts";

const engine = createSmartEngine({ limits: { outputBytesMax: 16 << 20 } });
afterAll(() => engine[Symbol.asyncDispose]());

/** A chain of modules, each under a name of its own. */
async function chainOf(
  modules: Readonly<Record<string, string>>,
  limits: Partial<EngineLimits> = {},
): Promise<SmartChain> {
  const steps = Object.entries(modules).map(async ([name, module]) => {
    return { name, wasm: await buildAs(module), params: new Map<string, string>(), accumulator: bytes("0"), limits };
  });
  return engine.chain(await Promise.all(steps));
}

function feed(chain: SmartChain, values: readonly string[], baseOffset = 0) {
  return chain.process({ batches: [makeBatch(values, { baseOffset })], fromOffset: baseOffset, maxOutputBytes: 1e6 });
}

function totalsOf(name: string): ModuleTotals | undefined {
  return engine.totals().find((module) => module.name === name);
}

const sizeOf = (values: readonly string[]) => makeSection(values).length - 4;

describe("totals", () => {
  it("count what goes in and out of each module", async () => {
    await using chain = await chainOf({ "first step": "filter", "second step": "kitchen" });
    await feed(chain, ["apple", "fig", "banana"]);
    await feed(chain, ["plum", "apple"], 3);
    const first = totalsOf("first step");
    expect(first).toMatchObject({
      chains: 1,
      invocations: 2,
      recordsIn: 5,
      recordsOut: 3,
      bytesIn: sizeOf(["apple", "fig", "banana"]) + sizeOf(["plum", "apple"]),
      bytesOut: sizeOf(["apple", "banana", "apple"]),
      recordErrors: 0,
      failures: 0,
      timeLimitFailures: 0,
      memoryLimitFailures: 0,
      outputLimitFailures: 0,
      lateRecords: 0,
    });
    expect(first?.timeMs).toBeGreaterThan(0);
    expect(first?.memoryBytes).toBeGreaterThanOrEqual(65536);
    expect(totalsOf("second step")).toMatchObject({ invocations: 2, recordsIn: 3, recordsOut: 3 });
  });

  it("go on growing over chains, and say how many run and what memory they hold", async () => {
    const chains = [await chainOf({ shared: "filter" }), await chainOf({ shared: "filter" })];
    for (const chain of chains) await feed(chain, ["apple"]);
    expect(totalsOf("shared")).toMatchObject({ chains: 2, recordsIn: 2 });
    await chains[0]?.[Symbol.asyncDispose]();
    expect(totalsOf("shared")).toMatchObject({ chains: 1, recordsIn: 2 });
    await chains[1]?.[Symbol.asyncDispose]();
    expect(totalsOf("shared")).toMatchObject({ chains: 0, recordsIn: 2, memoryBytes: 0 });
    await using third = await chainOf({ shared: "filter" });
    await feed(third, ["apple"]);
    expect(totalsOf("shared")).toMatchObject({ chains: 1, recordsIn: 3 });
  });

  it("count a chain once that has a module twice", async () => {
    const wasm = await buildAs("filter");
    const twice = { name: "twice", wasm, params: new Map<string, string>() };
    await using chain = await engine.chain([twice, twice]);
    await feed(chain, ["apple", "fig"]);
    expect(totalsOf("twice")).toMatchObject({ chains: 1, invocations: 2, recordsIn: 3, recordsOut: 2 });
  });

  it("count records that a module refused", async () => {
    await using chain = await chainOf({ refusing: "aggregate" });
    await feed(chain, ["1", "x", "2"]);
    expect(totalsOf("refusing")).toMatchObject({ recordErrors: 1, recordsIn: 3, recordsOut: 1, failures: 0 });
  });

  for (const fault of ["trap", "bomb", "loop", "garbage"]) {
    it(`count one failure for a module that goes wrong by "${fault}", of the module that did`, async () => {
      const [before, broken] = [`before ${fault}`, `broken ${fault}`];
      const limits = fault === "loop" ? { batchTimeoutMs: 1000 } : {};
      await using chain = await chainOf({ [before]: "keep-all", [broken]: "kitchen" }, limits);
      await expect(feed(chain, [fault])).rejects.toThrow(`"${broken}"`);
      await expect(feed(chain, ["fine"])).rejects.toThrow(`"${broken}"`);
      expect(totalsOf(broken)).toMatchObject({ failures: 1, invocations: 1 });
      expect(totalsOf(broken)?.timeMs).toBeGreaterThan(fault === "loop" ? 999 : 0);
      expect(totalsOf(before)).toMatchObject({ failures: 0 });
    });
  }

  it("have a bounded number of names", () => {
    const ledger = new ModuleLedger();
    for (let i = 0; i < 1500; i++) {
      const meter = ledger.open([`module ${i}`]);
      meter.close();
    }
    const running = ledger.open(["one more", "and another"]);
    const totals = ledger.totals();
    expect(totals.length).toBe(1001);
    expect(totals.find(({ name }) => name === "(other)")).toMatchObject({ chains: 1 });
    running.close();
  });
});
