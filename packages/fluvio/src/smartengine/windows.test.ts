import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { encodeRecords, readBatchHeader, recordsSection } from "../protocol/index.ts";
import { closedWindows } from "./host/window-section.ts";
import { type ChainStep, createSmartEngine, type SmartChain, type WindowOptions } from "./index.ts";
import { bytes, recordsOf, text, wrapSection } from "./testing/batches.ts";
import { WindowModel } from "./testing/window-model.ts";

const engine = createSmartEngine({ limits: { windowsMax: 50 } });
afterAll(() => engine[Symbol.asyncDispose]());

const START_MS = 1_700_000_000_000;
const TUMBLING: WindowOptions = { sizeMs: 10, slideMs: 10, graceMs: 0 };

interface TestRecord {
  readonly timestampMs: number;
  readonly value: string;
}

async function sum(window: WindowOptions, options: Partial<ChainStep> = {}): Promise<ChainStep> {
  return { name: "sum", wasm: await buildAs("aggregate"), params: new Map(), window, ...options };
}

async function step(name: string): Promise<ChainStep> {
  return { name, wasm: await buildAs(name), params: new Map() };
}

/** Values at times after the start. */
function at(...records: readonly (readonly [ms: number, value: string])[]): TestRecord[] {
  return records.map(([ms, value]) => ({ timestampMs: START_MS + ms, value }));
}

function batchOf(records: readonly TestRecord[], baseOffset: number): Uint8Array {
  const first = records[0]?.timestampMs ?? START_MS;
  const section = encodeRecords(
    records.map(({ timestampMs, value }, index) => ({
      timestampDelta: timestampMs - first,
      offsetDelta: index,
      key: undefined,
      value: bytes(value),
    })),
  );
  const maxTimestampMs = Math.max(first, ...records.map((record) => record.timestampMs));
  return wrapSection(section, records.length, { baseOffset, firstTimestampMs: first, maxTimestampMs });
}

function sectionOf(records: readonly TestRecord[]): Uint8Array {
  const batch = batchOf(records, 0);
  return recordsSection(batch, readBatchHeader(batch));
}

async function feed(chain: SmartChain, records: readonly TestRecord[], baseOffset = 0) {
  const batches = records.length === 0 ? [] : [batchOf(records, baseOffset)];
  const output = await chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: 1 << 20 });
  return { emitted: emissions(output.batches), error: output.error };
}

function emissions(batches: Uint8Array) {
  return recordsOf(batches).map(({ offset, timestampMs, key, value }) => ({
    key: key === undefined ? undefined : text(key),
    value: text(value),
    offset,
    timestampMs,
  }));
}

function emission(startMs: number, endMs: number, value: string, offset: number) {
  const [start, end] = [START_MS + startMs, START_MS + endMs];
  return { key: `${start}/${end}`, value, offset, timestampMs: end };
}

describe("windows", () => {
  it("tumble: each emits its accumulator when a record comes from after its end", async () => {
    await using chain = await engine.chain([await sum(TUMBLING, { accumulator: bytes("100") })]);
    expect((await feed(chain, at([0, "1"], [9, "2"]), 5)).emitted).toEqual([]);
    expect((await feed(chain, at([10, "4"], [35, "8"], [36, "1"]), 7)).emitted).toEqual([
      emission(0, 10, "103", 7),
      emission(10, 20, "104", 8),
    ]);
  });

  it("slide: a record counts in each that covers it, and one record closes several", async () => {
    await using chain = await engine.chain([await sum({ sizeMs: 10, slideMs: 5, graceMs: 0 })]);
    expect((await feed(chain, at([7, "1"], [12, "2"], [100, "4"]))).emitted).toEqual([
      emission(0, 10, "1", 1),
      emission(5, 15, "3", 2),
      emission(10, 20, "2", 2),
    ]);
  });

  it("wait for their grace period, and drop and count what comes later still", async () => {
    await using chain = await engine.chain([await sum({ sizeMs: 10, slideMs: 10, graceMs: 5 }, { name: "graceful" })]);
    const records = at([3, "1"], [14, "2"], [4, "4"], [15, "8"], [9, "16"], [26, "0"]);
    expect((await feed(chain, records)).emitted).toEqual([emission(0, 10, "5", 3), emission(10, 20, "10", 5)]);
    expect(engine.totals().find(({ name }) => name === "graceful")).toMatchObject({
      lateRecords: 1,
      recordsIn: 6,
      recordsOut: 2,
    });
  });

  it("work in a chain: behind modules that make records, and before ones that change them", async () => {
    await using chain = await engine.chain([await step("array-map"), await sum(TUMBLING), await step("map")]);
    const { emitted } = await feed(chain, at([0, "[1,2]"], [9, "[4]"], [30, "[]"], [31, "[1]"], [45, "[7]"]), 3);
    expect(emitted).toEqual([
      { ...emission(0, 10, `7@6@${START_MS + 10}`, 6) },
      { ...emission(30, 40, `1@7@${START_MS + 40}`, 7) },
    ]);
  });

  it("keep their order where timestamps are years apart", async () => {
    const yearMs = 365 * 24 * 3_600_000;
    await using chain = await engine.chain([await sum({ sizeMs: yearMs, slideMs: yearMs, graceMs: 0 })]);
    const times = [yearMs * 2, yearMs * 3 + 5, yearMs * 10 + 1];
    const records = times.map((endMs, offsetDelta) => {
      return { startMs: 0, endMs, accumulator: bytes("1"), recordCount: 1, offsetDelta };
    });
    const [firstTimestampMs, , maxTimestampMs] = times as [number, number, number];
    const batch = wrapSection(closedWindows(records, firstTimestampMs), 3, { firstTimestampMs, maxTimestampMs });
    const { batches } = await chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: 1e6 });
    expect(emissions(batches)).toEqual([
      { key: `${2 * yearMs}/${3 * yearMs}`, value: "1", offset: 1, timestampMs: 3 * yearMs },
      { key: `${3 * yearMs}/${4 * yearMs}`, value: "1", offset: 2, timestampMs: 4 * yearMs },
    ]);
  });

  it("apply to plain records too", async () => {
    await using chain = await engine.chain([await sum(TUMBLING)]);
    const section = sectionOf(at([0, "1"], [20, "2"]));
    const { records } = await chain.processRecords(section, START_MS);
    expect(recordsOf(wrapSection(records, 1, { firstTimestampMs: START_MS }))).toMatchObject([
      { key: bytes(`${START_MS}/${START_MS + 10}`), value: bytes("1"), timestampMs: START_MS + 10 },
    ]);
  });

  it("report a record that the module refuses, and are as they were before it", async () => {
    await using chain = await engine.chain([await sum({ sizeMs: 10, slideMs: 5, graceMs: 0 })]);
    const { emitted, error } = await feed(chain, at([2, "1"], [12, "2"], [13, "x"], [40, "4"]), 10);
    expect(error).toMatchObject({ module: "sum", kind: "aggregate", offset: 12, value: bytes("x") });
    expect(emitted).toEqual([emission(-5, 5, "1", 11), emission(0, 10, "1", 11)]);
    const state = (await chain.state()).get(0);
    expect(state?.watermarkMs).toBe(START_MS + 12);
    expect(state?.windows.map((window) => [window.startMs - START_MS, text(window.accumulator)])).toEqual([
      [5, "2"],
      [10, "2"],
    ]);
  });

  it("report a record without a timestamp", async () => {
    await using chain = await engine.chain([await sum(TUMBLING)]);
    const batch = wrapSection(sectionOf(at([0, "1"], [0, "2"])), 2, { firstTimestampMs: -1 });
    const output = await chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: 1e6 });
    expect(output.error).toMatchObject({
      module: "sum",
      offset: 0,
      value: bytes("1"),
      hint: "the record has no timestamp, which the windows of an aggregate go by",
    });
    expect((await feed(chain, at([0, "1"], [30, "0"]), 2)).emitted).toEqual([emission(0, 10, "1", 3)]);
  });

  it("that are open at a time are bounded", async () => {
    await using chain = await engine.chain([await sum({ sizeMs: 10, slideMs: 10, graceMs: 1000 })]);
    const many = Array.from({ length: 51 }, (_, index): [number, string] => [index * 10, "1"]);
    await expect(feed(chain, at(...many))).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      message: expect.stringContaining('"sum" has more than 50 open windows'),
      hint: expect.stringContaining("larger windows"),
      details: { module: "sum", max: 50 },
    });
  });

  it("whose accumulators together are above the memory limit stop the module", async () => {
    const limits = { memoryBytesMax: 1 << 20 };
    const state = new Map([[0, largeState()]]);
    const restored = engine.chain([await sum(TUMBLING, { limits })], { state });
    await expect(restored.then((big) => feed(big, at([1, "1"])))).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      message: expect.stringContaining("the limit is 1048576"),
    });
  });

  for (const window of [
    { sizeMs: 0, slideMs: 0, graceMs: 0 },
    { sizeMs: 10, slideMs: 11, graceMs: 0 },
    { sizeMs: 10, slideMs: 10, graceMs: -1 },
    { sizeMs: 10.5, slideMs: 10, graceMs: 0 },
    { sizeMs: 1000, slideMs: 1, graceMs: 0 },
  ]) {
    it(`that cannot be are refused: ${JSON.stringify(window)}`, async () => {
      await expect(engine.chain([await sum(window)])).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    });
  }

  it("go around aggregates only", async () => {
    await expect(engine.chain([{ ...(await step("filter")), window: TUMBLING }])).rejects.toMatchObject({
      code: "FLV_ARGUMENT",
      message: expect.stringContaining('"filter" cannot have windows of 10 ms every 10 ms: it is a filter'),
    });
  });
});

function largeState() {
  const windows = Array.from({ length: 5 }, (_, index) => ({
    startMs: START_MS + index * 10,
    endMs: START_MS + index * 10 + 10,
    accumulator: new Uint8Array(300_000).fill(0x30),
    recordCount: 1,
  }));
  return { accumulator: new Uint8Array(0), windows, watermarkMs: START_MS };
}

describe("the state of windows", () => {
  it("goes to a chain that goes on, and through replace", async () => {
    const first = await engine.chain([await sum({ ...TUMBLING, graceMs: 100 })]);
    await feed(first, at([0, "1"], [15, "2"]));
    const state = await first.state();
    await first[Symbol.asyncDispose]();
    expect(state.get(0)).toEqual({
      accumulator: bytes(""),
      watermarkMs: START_MS + 15,
      windows: [
        { startMs: START_MS, endMs: START_MS + 10, accumulator: bytes("1"), recordCount: 1 },
        { startMs: START_MS + 10, endMs: START_MS + 20, accumulator: bytes("2"), recordCount: 1 },
      ],
    });
    await using second = await engine.chain([await sum({ ...TUMBLING, graceMs: 100 })], { state });
    await feed(second, at([1, "4"]), 2);
    await second.replace([await sum(TUMBLING, { name: "new sum" })]);
    expect((await feed(second, at([19, "8"], [20, "0"]), 3)).emitted).toEqual([
      emission(0, 10, "5", 3),
      emission(10, 20, "10", 4),
    ]);
  });

  it("does not fit other windows, nor an aggregate without or after having been without", async () => {
    await using windowed = await engine.chain([await sum(TUMBLING)]);
    await feed(windowed, at([0, "1"]));
    await using plain = await engine.chain([await sum(TUMBLING, {})].map(({ window: _, ...rest }) => rest));
    await feed(plain, at([0, "1"]));
    const other = await sum({ sizeMs: 20, slideMs: 10, graceMs: 0 });
    const { window: _, ...without } = await sum(TUMBLING);
    await expect(windowed.replace([other])).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    await expect(windowed.replace([without])).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    await expect(plain.replace([other])).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    const state = await windowed.state();
    await expect(engine.chain([other], { state })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    expect((await feed(windowed, at([10, "1"]), 1)).emitted).toEqual([emission(0, 10, "1", 1)]);
  });
});

describe("windows of random batches", () => {
  const options = fc.record({
    slideMs: fc.integer({ min: 1, max: 12 }),
    overlap: fc.integer({ min: 0, max: 20 }),
    graceMs: fc.integer({ min: 0, max: 15 }),
  });
  const records = fc.array(
    fc.record({ ms: fc.integer({ min: 0, max: 120 }), value: fc.oneof(fc.nat(99).map(String), fc.constant("1x")) }),
    { maxLength: 8 },
  );
  const refusals = fc.array(fc.nat(7), { maxLength: 1 });
  const turns = fc.array(
    fc.record({ records, refusals, before: fc.constantFrom("go on", "go on", "restore", "replace") }),
    { maxLength: 12 },
  );

  it("are those of a simple model, however they are split, restored and replaced", async () => {
    const property = fc.asyncProperty(options, turns, async ({ slideMs, overlap, graceMs }, plan) => {
      const window = { sizeMs: slideMs + overlap, slideMs, graceMs };
      const model = new WindowModel(window);
      const name = `model ${JSON.stringify(window)}`;
      const steps = [await sum(window, { name })];
      let chain = await engine.chain(steps);
      const lateBefore = engine.totals().find((module) => module.name === name)?.lateRecords ?? 0;
      let offset = 0;
      for (const { records: given, refusals: refused, before } of plan) {
        if (before === "replace") await chain.replace(steps);
        if (before === "restore") {
          const state = structuredClone(await chain.state());
          await chain[Symbol.asyncDispose]();
          chain = await engine.chain(steps, { state });
        }
        const batch = given.map(({ ms, value }, index) => ({
          timestampMs: START_MS + ms,
          value: refused.includes(index) ? "x" : value,
        }));
        const expected = model.process(batch.map((record, index) => ({ ...record, offset: offset + index })));
        const { emitted, error } = await feed(chain, batch, offset);
        expect(emitted).toEqual(expected.emitted);
        expect(error?.offset).toBe(expected.refusedOffset);
        offset += batch.length;
      }
      const state = (await chain.state()).get(0);
      expect(state?.windows.map((one) => [one.startMs, text(one.accumulator), one.recordCount])).toEqual(model.open());
      expect(engine.totals().find((module) => module.name === name)?.lateRecords).toBe(lateBefore + model.lateRecords);
      await chain[Symbol.asyncDispose]();
    });
    await fc.assert(property, { numRuns: 150 });
  });
});
