import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSdk, compileSdk } from "../../../tests/fixtures/build-sdk.ts";
import { encodeRecords, type SectionRecord } from "../../fluvio/src/protocol/index.ts";
import { encodeParams } from "../../fluvio/src/smartengine/host/abi.ts";
import { makeSection } from "../../fluvio/src/smartengine/testing/batches.ts";
import { encodeInput, TestHost } from "./testing/host.ts";

const PROBES = fileURLToPath(new URL("../../../tests/fixtures/assembly-sdk/probes/", import.meta.url));
const VERSIONS = Array.from({ length: 26 }, (_, version) => version);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const probe = (name: string) => compileSdk(`${PROBES}${name}.ts`);

/** A record of the test's own making. */
function record(value: string | Uint8Array, more: Partial<SectionRecord> = {}): SectionRecord {
  return { timestampDelta: 0, offsetDelta: 0, key: undefined, value: Buffer.from(value), ...more };
}

describe("every version of the ABI", () => {
  it.each([
    ["m_filter", "filter"],
    ["m_filter_map", "filter_map"],
    ["m_array_map", "array_map"],
  ])("%s gives the same at all", async (name, call) => {
    const host = new TestHost(await buildSdk(name));
    const records = makeSection(["12", "[1,2]", "7", "apple"], ["k", undefined, "k2"]);
    const results = VERSIONS.map((version) =>
      host.call(call, { records, baseOffset: 40, baseTimestampMs: 9 }, version),
    );
    expect(new Set(results.map(({ code, output }) => `${code} ${Buffer.from(output).toString("hex")}`)).size).toBe(1);
  });

  it("tells the time from 22 on, and the offset always", async () => {
    const host = new TestHost(await buildSdk("m_map"));
    const records = makeSection(['{"fact":"x"}']);
    for (const version of VERSIONS) {
      const { output } = host.call("map", { records, baseOffset: 40, baseTimestampMs: 1234 }, version);
      expect(text(output)).toContain(`x@40@${version < 22 ? 0 : 1234}`);
    }
  });

  it("gives the accumulator back from 16 on", async () => {
    const host = new TestHost(await buildSdk("m_aggregate"));
    for (const version of VERSIONS) {
      const input = { records: makeSection(["2"]), accumulator: Buffer.from("40") };
      const { code, output } = host.call("aggregate", input, version);
      const accumulator = version < 16 ? "" : "\0\0\0\u000242";
      expect([code, text(output.subarray(10))]).toEqual([1, `42\0\0${accumulator}`]);
    }
  });

  it("reads parameters with the lookback of each version", async () => {
    const lookback = { last: 3, ageMs: 1500 };
    for (const version of VERSIONS) {
      for (const settings of [undefined, lookback]) {
        const host = new TestHost(await buildSdk("m_init"));
        const params = encodeParams(new Map([["needle", "an"]]), settings, version);
        expect(host.callRaw("init", params, version).code).toBe(0);
        expect(host.call("filter", { records: makeSection(["banana", "plum"]) }, version).code).toBe(1);
      }
    }
  });
});

describe("unreadable input", () => {
  it.each([
    ["m_filter", "filter", -11, -11],
    ["m_map", "map", -11, -11],
    ["m_aggregate", "aggregate", -11, -22],
    ["m_look_back", "look_back", -66, -66],
  ])("%s cut short anywhere is refused", async (name, call, inputCode, recordsCode) => {
    const host = new TestHost(await buildSdk(name));
    const records = makeSection(["1", "22", "333"], ["k", undefined, "key"]);
    const accumulator = call === "aggregate" ? Buffer.from("5") : undefined;
    for (const version of [15, 19, 20, 22, 25]) {
      const whole = encodeInput({ records, ...(accumulator && { accumulator }) }, version);
      for (let size = 0; size < whole.length; size++) {
        expect(host.callRaw(call, whole.subarray(0, size), version)).toEqual({
          code: inputCode,
          output: new Uint8Array(),
        });
      }
      for (let size = 0; size < records.length; size++) {
        const short = { records: records.subarray(0, size), ...(accumulator && { accumulator }) };
        expect(host.call(call, short, version)).toEqual({ code: recordsCode, output: new Uint8Array() });
      }
    }
  });

  it("parameters cut short are refused", async () => {
    const host = new TestHost(await buildSdk("m_init"));
    const whole = encodeParams(new Map([["needle", "an"]]), { last: 3, ageMs: 1500 }, 22);
    for (let size = 0; size < whole.length; size++) {
      expect(host.callRaw("init", whole.subarray(0, size), 22).code).toBe(-10);
    }
  });

  it("any bytes give a result, never a trap", async () => {
    const hosts = [
      ["filter", new TestHost(await buildSdk("m_filter"))],
      ["array_map", new TestHost(await buildSdk("m_array_map"))],
      ["aggregate", new TestHost(await buildSdk("m_aggregate"))],
    ] as const;
    const valid = encodeInput({ records: makeSection(["apple", "[1]"], ["k"]), accumulator: Buffer.from("1") }, 25);
    const change = fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.constantFrom(0, 16, 20, 22, 25), (changes, version) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        for (const [call, host] of hosts) expect(host.callRaw(call, bytes, version).code).toBeGreaterThanOrEqual(-22);
      }),
      { numRuns: 2000 },
    );
  });

  it("a broken record behind one that failed is what counts", async () => {
    const host = new TestHost(await buildSdk("m_kitchen"));
    const records = makeSection(["error", "fine"]);
    expect(host.call("filter", { records }).code).toBe(0);
    expect(host.call("filter", { records: records.subarray(0, -3) }).code).toBe(-11);
  });
});

describe("outputs", () => {
  it("a filter keeps records byte for byte, whichever it keeps", async () => {
    const host = new TestHost(await buildSdk("m_filter"));
    const arbitrary = fc.record({
      isKept: fc.boolean(),
      key: fc.option(fc.uint8Array({ maxLength: 5 }), { nil: undefined }),
      offsetDelta: fc.integer({ min: -3, max: 1e6 }),
      timestampDelta: fc.integer({ min: -1e9, max: 1e9 }),
      padding: fc.nat({ max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 20 }), (wanted) => {
        const all = wanted.map(({ isKept, padding, ...more }) =>
          record("x".repeat(padding) + (isKept ? "a" : ""), more),
        );
        const { code, output } = host.call("filter", { records: encodeRecords(all) });
        const kept = encodeRecords(all.filter((_, index) => wanted[index]?.isKept));
        expect(Buffer.from(output)).toEqual(Buffer.concat([kept, Buffer.from([0])]));
        expect(code).toBe(wanted.filter(({ isKept }) => isKept).length);
      }),
      { numRuns: 300 },
    );
  });

  it("have the keys and values that the user gives, whatever their types", async () => {
    const host = new TestHost(await probe("outputs"));
    const { code, output } = host.call("array_map", {
      records: encodeRecords([record("value", { key: Buffer.from("k") })]),
    });
    const keyed = (value: string, key: string | undefined) =>
      record(value, { key: key === undefined ? undefined : Buffer.from(key) });
    const expected = encodeRecords([
      keyed("kept", "k"),
      keyed("none", undefined),
      keyed("text", "text key"),
      keyed("value", "v"),
      keyed("array", "array"),
      keyed("buffer", "k"),
      keyed("fixed", "fixed"),
      keyed("", ""),
    ]);
    expect(Buffer.from(output)).toEqual(Buffer.concat([expected, Buffer.from([0])]));
    expect(code).toBe(8);
  });

  it("an accumulator may be a part of itself", async () => {
    const host = new TestHost(await probe("grow"));
    const model = (accumulator: string, value: string) =>
      value === "keep"
        ? accumulator
        : value === "half"
          ? accumulator.slice(accumulator.length >> 1)
          : accumulator + value;
    const value = fc.oneof(
      fc.constantFrom("keep", "half"),
      fc.nat({ max: 3000 }).map((size) => "y".repeat(size)),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 50 }),
        fc.array(value, { maxLength: 12 }),
        (initial, values) => {
          const input = { records: makeSection(values), accumulator: Buffer.from(initial) };
          const { output } = host.call("aggregate", input);
          let accumulator = initial;
          const states = values.map((next) => {
            accumulator = model(accumulator, next);
            return accumulator;
          });
          const tail = Buffer.alloc(5);
          tail.writeUInt32BE(accumulator.length, 1);
          expect(Buffer.from(output)).toEqual(Buffer.concat([makeSection(states), tail, Buffer.from(accumulator)]));
        },
      ),
      { numRuns: 100 },
    );
  });

  it("an error says no more than the protocol takes, and ends with a whole character", async () => {
    const { output } = new TestHost(await probe("hint")).call("filter", { records: makeSection(["x"]) });
    const size = new DataView(output.buffer).getUint16(5);
    expect(size).toBe(32766);
    expect(text(output.subarray(7, 7 + size))).toBe("é".repeat(16383));
  });

  it("lines that are logged go to standard output", async () => {
    const host = new TestHost(await probe("log"));
    expect(host.call("filter", { records: makeSection(["one", "two"]) }).code).toBe(2);
    expect(host.printed.join("")).toBe("saw onesaw two");
  });
});

describe("memory", () => {
  it.each([
    ["m_filter", "filter", "apple pie"],
    ["m_map", "map", '{"fact":"x","more":"\\u00e9"}'],
    ["m_filter_map", "filter_map", "124"],
    ["m_array_map", "array_map", '[1,"two",{"c":3,"b":[1.5]}]'],
    ["m_aggregate", "aggregate", "3"],
  ])("%s stays as it is over many calls", async (name, call, value) => {
    const host = new TestHost(await buildSdk(name));
    const records = makeSection(Array.from({ length: 50 }, () => value));
    const input = { records, ...(call === "aggregate" && { accumulator: Buffer.from("5") }) };
    for (let i = 0; i < 300; i++) host.call(call, input);
    const before = host.memoryBytes;
    for (let i = 0; i < 1500; i++) expect(host.call(call, input).code).toBeGreaterThan(0);
    expect(host.memoryBytes).toBe(before);
  });

  it("takes records of no bytes and of 10 MB", async () => {
    const host = new TestHost(await buildSdk("m_filter"));
    const records = makeSection(["", "x".repeat(10 << 20), `${"x".repeat(10 << 20)}a`]);
    expect(host.call("filter", { records }).code).toBe(1);
  });
});
