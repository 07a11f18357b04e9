import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { encodeRecords, isFluvioError, type SectionRecord, splitBatches, validateBatch } from "../protocol/index.ts";
import { type ChainStep, createSmartEngine, type SmartChain, type SmartModuleKind } from "./index.ts";
import { bytes, makeBatch, makeSection, recordsOf, valuesOf, wrapSection } from "./testing/batches.ts";
import { pull, puppetModule, type Strings } from "./testing/puppet-module.ts";

const engine = createSmartEngine();
afterAll(() => engine[Symbol.asyncDispose]());

async function step(name: string, options: Partial<ChainStep> = {}): Promise<ChainStep> {
  return { name, wasm: await buildAs(name), params: new Map(), ...options };
}

const KINDS: readonly SmartModuleKind[] = ["filter", "map", "filter_map", "array_map", "aggregate"];

function puppet(kind: SmartModuleKind): Promise<SmartChain> {
  return engine.chain([{ name: "puppet", wasm: puppetModule(kind), params: new Map() }]);
}

function record(value: Uint8Array, fields: Partial<SectionRecord> = {}): SectionRecord {
  return { timestampDelta: 0, offsetDelta: 0, key: undefined, value, ...fields };
}

/** Has a puppet answer a batch of three offsets. */
function play(chain: SmartChain, strings: Strings, count = 3, baseOffset = 100) {
  const records = [record(pull(strings))];
  for (let offsetDelta = 1; offsetDelta < count; offsetDelta++) {
    records.push(record(bytes("more"), { offsetDelta }));
  }
  const batches = [wrapSection(encodeRecords(records), count, { baseOffset, offsets: 3 })];
  return chain.process({ batches, fromOffset: baseOffset, maxOutputBytes: 1 << 20 });
}

/** An output as the ABI has it. */
function outputOf(records: readonly SectionRecord[], kind: SmartModuleKind = "filter"): Uint8Array {
  const tail = kind === "aggregate" ? [0, 0, 0, 0, 1, 0x37] : [0];
  return Uint8Array.from([...encodeRecords(records), ...tail]);
}

/** A records section whose count is a lie. */
function miscounted(count: number): Uint8Array {
  const output = outputOf([record(bytes("a"))]);
  new DataView(output.buffer).setInt32(0, count);
  return output;
}

describe("a module that returns garbage", () => {
  const fine = outputOf([record(bytes("fine"))]);
  const garbage: Readonly<Record<string, readonly [Strings, RegExp]>> = {
    "nothing at all": [{ output: new Uint8Array(0) }, /its output cannot be read/],
    "half an output": [{ output: fine.subarray(0, 7) }, /its output cannot be read/],
    "a huge count": [{ output: miscounted(0x7fffffff) }, /it made 2147483647 records of 3/],
    "one record more than it got": [
      { output: outputOf([0, 1, 2, 2].map((offsetDelta) => record(bytes("a"), { offsetDelta }))) },
      /it made 4 records of 3/,
    ],
    "a count that is no longer true": [{ output: miscounted(2) }, /its output cannot be read: record at byte/],
    "a record longer than the output": [
      { output: Uint8Array.of(0, 0, 0, 1, 0xfe, 0x01, 0, 0, 0, 0, 0, 0) },
      /its output cannot be read: record at byte 4 .* its length is 127/,
    ],
    "a record of less than nothing": [
      { output: Uint8Array.of(0, 0, 0, 1, 0x01, 0, 0, 0, 0, 0, 0, 0) },
      /its length is -1/,
    ],
    "a value longer than its record": [
      { output: Uint8Array.of(0, 0, 0, 1, 14, 0, 0, 0, 0, 100, 0x61, 0, 0) },
      /a field has a length of 50/,
    ],
    "an offset behind the batch": [
      { output: outputOf([record(bytes("a"), { offsetDelta: 3 })]) },
      /record 0 of its output has the offset delta 3, which is not in the batch/,
    ],
    "an offset before the batch": [
      { output: outputOf([record(bytes("a"), { offsetDelta: -1 })]) },
      /has the offset delta -1, which is not in the batch/,
    ],
    "a time beyond all times": [
      {
        output: Uint8Array.of(
          ...[0, 0, 0, 1, 32, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 2, 0x61, 0, 0],
        ),
      },
      /which is no time/,
    ],
    "an address outside its memory": [{ output: fine, address: -16, length: 12 }, /lies outside its memory/],
    "an address just outside": [{ output: fine, address: 4 * 65536 - 4, length: 5 }, /lies outside its memory/],
    "a length outside its memory": [{ output: fine, length: -1 }, /lies outside its memory/],
    "a length in the middle of a record": [{ output: fine, length: 9 }, /its output cannot be read/],
    "a code for no reason": [{ output: fine, code: -7 }, /it gave no reason \(code -7\)/],
  };
  for (const [name, [strings, words]] of Object.entries(garbage)) {
    it(`such as ${name}, is named with the offsets it was given`, async () => {
      await using chain = await puppet("filter");
      await expect(play(chain, strings)).rejects.toMatchObject({
        code: "FLV_SMARTMODULE_RUNTIME",
        message: expect.stringMatching(words),
        details: { module: "puppet", firstOffset: 100, lastOffset: 102 },
      });
    });
  }

  it("may count less than nothing, which is no records", async () => {
    await using chain = await puppet("filter");
    expect((await play(chain, { output: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0) })).recordCount).toBe(0);
  });

  it("does not disturb the chain beside it", async () => {
    await using healthy = await engine.chain([await step("counter")]);
    for (let count = 1; count <= 20; count++) {
      await using chain = await puppet("filter");
      await expect(play(chain, { output: bytes("garbage") })).rejects.toThrow();
      const batches = [makeBatch(["x"], { baseOffset: count })];
      const output = await healthy.process({ batches, fromOffset: count, maxOutputBytes: 1000 });
      expect(valuesOf(output.batches)).toEqual([String(count)]);
    }
  });

  /** Outputs that are nearly right, and some that are not at all. */
  const outputs = (kind: SmartModuleKind) => {
    const records = fc.array(
      fc.record({
        timestampDelta: fc.integer({ min: -5, max: 5 }),
        offsetDelta: fc.integer({ min: -1, max: 4 }),
        key: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
        value: fc.uint8Array({ maxLength: 200 }),
      }),
      { maxLength: 5 },
    );
    const damage = fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 3 });
    const damaged = fc.tuple(records, damage).map(([made, changes]) => {
      const output = outputOf(made, kind);
      for (const [at, byte] of changes) output[at % output.length] = byte;
      return output;
    });
    const address = fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    );
    const code = fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, fc.integer({ min: -100, max: 100 }));
    const length = fc.option(fc.integer({ min: -5, max: 500 }), { nil: undefined, freq: 3 });
    return fc
      .record({ output: fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), address, code, length })
      .map(({ length: given, ...rest }): Strings => (given === undefined ? rest : { ...rest, length: given }));
  };
  for (const kind of KINDS) {
    it(`of any form, as ${kind}, gives whole batches within the offsets it was given, or an error`, async () => {
      let succeeded = 0;
      const property = fc.asyncProperty(fc.array(outputs(kind), { minLength: 1, maxLength: 3 }), async (turns) => {
        await using chain = await puppet(kind);
        let offset = 100;
        for (const strings of turns) {
          // array_map is called for each record, and only one is a puppet's
          const answer = await play(chain, strings, kind === "array_map" ? 1 : 3, offset).catch(
            (error: unknown) => error,
          );
          if (answer instanceof Error) {
            expect(isFluvioError(answer) && answer.code).toBe("FLV_SMARTMODULE_RUNTIME");
            return;
          }
          const { batches, recordCount, nextOffset } = answer as Awaited<ReturnType<typeof play>>;
          succeeded += 1;
          expect(nextOffset).toBe(offset + 3);
          for (const batch of splitBatches(batches).batches) validateBatch(batch);
          for (const numbering of ["delta", "index"] as const) {
            const records = recordsOf(batches, numbering);
            expect(records).toHaveLength(recordCount);
            for (const { offset: at } of records) expect(at >= offset && at < offset + 3).toBe(true);
          }
          offset = nextOffset;
        }
      });
      // chance alone may make none that is right
      const right: Strings = { output: outputOf([record(bytes("fine"))], kind) };
      await fc.assert(property, { numRuns: 60, examples: [[[right, right]]] });
      expect(succeeded).toBeGreaterThan(1);
    });
  }
});

describe("a module that traps on the 500th record", () => {
  const values = Array.from({ length: 1000 }, (_, index) => (index === 499 ? "trap" : "fine"));

  it("stops with the offsets of that batch, and nothing of the call comes out", async () => {
    await using chain = await engine.chain([await step("kitchen")]);
    const batches = [makeBatch(["fine"], { baseOffset: 7 }), makeBatch(values, { baseOffset: 8 })];
    await expect(chain.process({ batches, fromOffset: 7, maxOutputBytes: 1 << 30 })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringContaining("it trapped in filter: unreachable (working on the batch of offsets 8 to 1007)"),
      details: { module: "kitchen", firstOffset: 8, lastOffset: 1007 },
    });
  });

  it("leaves no state behind that only a part of a batch went into", async () => {
    await using chain = await engine.chain([await step("kitchen"), await step("aggregate")]);
    const batches = [makeBatch(["1", "2"]), makeBatch(["3", "trap"], { baseOffset: 2 })];
    const call = chain.process({ batches, fromOffset: 0, maxOutputBytes: 1 << 20 });
    await expect(call).rejects.toMatchObject({ details: { firstOffset: 2, lastOffset: 3 } });
    await expect(chain.state()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
  });
});

describe("records of any size and form", () => {
  for (const name of ["keep-all", "kitchen"]) {
    it(`of no bytes, of 10 MB and with keys that are no UTF-8 pass ${name}`, async () => {
      await using chain = await engine.chain([await step(name)]);
      const large = new Uint8Array(10_000_000).fill(0x61);
      const keys = [undefined, Uint8Array.of(), Uint8Array.of(0xff, 0xfe, 0x00, 0xc3), Uint8Array.of(0x80)];
      const records = keys.map((key, offsetDelta) =>
        record(offsetDelta === 3 ? large : new Uint8Array(0), { key, offsetDelta }),
      );
      const batches = [wrapSection(encodeRecords(records), 4, { baseOffset: 9 })];
      const output = await chain.process({ batches, fromOffset: 9, maxOutputBytes: 1 << 30 });
      expect(recordsOf(output.batches).map((one) => [one.offset, one.key, one.value.length])).toEqual([
        [9, undefined, 0],
        [10, keys[1], 0],
        [11, keys[2], 0],
        [12, keys[3], 10_000_000],
      ]);
    });
  }

  it("with a key that is no UTF-8 are reported with their bytes", async () => {
    await using chain = await engine.chain([await step("kitchen")]);
    const key = Uint8Array.of(0xff, 0x00, 0xfe);
    const batches = [wrapSection(encodeRecords([record(bytes("error"), { key })]), 1)];
    const { error } = await chain.process({ batches, fromOffset: 0, maxOutputBytes: 1000 });
    expect(error).toMatchObject({ key, value: bytes("error") });
  });
});

describe("parameters", () => {
  it("of 32767 bytes pass; a byte more is refused with the module's name", async () => {
    const needle = "x".repeat(32_767);
    await using chain = await engine.chain([await step("init", { params: new Map([["needle", needle]]) })]);
    const batches = [makeBatch(["y", needle])];
    expect(valuesOf((await chain.process({ batches, fromOffset: 0, maxOutputBytes: 1e6 })).batches)).toEqual([needle]);
    const longer = await step("init", { params: new Map([["needle", `${needle}x`]]) });
    await expect(engine.chain([longer])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INIT",
      message: expect.stringContaining('SmartModule "init" cannot be given its parameters'),
      hint: expect.stringContaining("32767"),
      details: { module: "init" },
    });
  });
});

describe("history", () => {
  it("may have no records", async () => {
    await using chain = await engine.chain([await step("look-back", { lookback: { last: 5 } })]);
    await chain.lookBack(0, [], 0);
    await chain.lookBack(0, [makeBatch([], { offsets: 3 })], 0);
    await chain.lookBack(0, [makeBatch(["old"])], 1);
    const batches = [makeBatch(["old", "old"])];
    expect(valuesOf((await chain.process({ batches, fromOffset: 0, maxOutputBytes: 1000 })).batches)).toEqual(["old"]);
  });
});

describe("a wasm that is cut anywhere", () => {
  it("is refused as invalid", async () => {
    const wasm = await buildAs("filter");
    await fc.assert(
      fc.asyncProperty(fc.nat(wasm.length - 1), async (length) => {
        await expect(engine.inspect("cut", wasm.subarray(0, length))).rejects.toMatchObject({
          code: "FLV_SMARTMODULE_INVALID",
          details: { module: "cut" },
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe("a section that is none", () => {
  it("breaks its chain alone", async () => {
    await using chain = await engine.chain([await step("keep-all")]);
    const cut = makeSection(["a", "b"]).subarray(0, 9);
    const batches = [wrapSection(cut, 2)];
    await expect(chain.process({ batches, fromOffset: 0, maxOutputBytes: 1000 })).rejects.toSatisfy(isFluvioError);
  });
});
