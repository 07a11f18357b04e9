import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnyCodec, decode, encode } from "./codec.ts";
import { isFluvioError, READER_ITEMS_MAX } from "./index.ts";
import { array, bool, i32, i64, map, optional, string, struct, u8, u16, u32, u64 } from "./schema.ts";
import { ALL_APIS, type AnyApi } from "./testing/all-apis.ts";
import { arbitraryOf, projection } from "./testing/arbitraries.ts";
import { toHex } from "./testing/plain-json.ts";

const RUNS_PER_VERSION = 12;
const DIRECTIONS = ["request", "response"] as const;

function versionsOf(api: AnyApi): number[] {
  return Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, i) => api.minVersion + i);
}

/** Labels of ours that the layout before labels cannot carry. */
function encodable(value: unknown, version: number): boolean {
  return version >= 11 || (value as { label?: string }).label !== "ManagedConnector";
}

/** Decoding either gives a value or fails as bad input does. */
function decodesOrRefuses(codec: AnyCodec, bytes: Uint8Array, version: number): void {
  try {
    decode(codec, bytes, version);
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    expect(["FLV_DECODE", "FLV_INT_RANGE"]).toContain(error.code);
  }
}

describe("every API at every version", () => {
  it("is looked at", () => {
    expect(ALL_APIS.map((api) => `${api.name} ${api.key}`).sort()).toEqual([
      "AggregateStates 30005",
      "ApiVersions 18",
      "ConnectorControl 30008",
      "ConnectorLogs 30001",
      "ConnectorPositions 30006",
      "ConnectorRuns 30010",
      "ConnectorStats 30009",
      "Create 1001",
      "Delete 1002",
      "DeleteConsumerOffset 1007",
      "Fetch 1",
      "FetchConsumerOffsets 1008",
      "FetchOffsets 1002",
      "InspectSmartModules 30002",
      "List 1003",
      "Mirroring 1005",
      "Produce 0",
      "Secrets 30007",
      "SmartModuleStats 30003",
      "StartMirror 2000",
      "StreamFetch 1003",
      "SwitchSmartModule 30004",
      "Update 1006",
      "UpdateConsumerOffset 1006",
      "UpdateOffsets 1005",
      "Watch 1004",
    ]);
  });

  describe.each(ALL_APIS.map((api) => [api.name, api] as const))("%s", (_name, api) => {
    it.each(DIRECTIONS)("%s: decoding gives back what was encoded, less what the version does not carry", (dir) => {
      const codec = api[dir];
      const values = arbitraryOf(codec);
      for (const version of versionsOf(api)) {
        fc.assert(
          fc.property(values, (value) => {
            fc.pre(encodable(value, version));
            const bytes = encode(codec, value, version);
            const decoded: unknown = decode(codec, bytes, version);
            expect(decoded).toEqual(projection(codec, value, version));
            expect(toHex(encode(codec, decoded, version))).toBe(toHex(bytes));
          }),
          { numRuns: RUNS_PER_VERSION },
        );
      }
    });

    it.each(DIRECTIONS)("%s: cut short at any byte, or with changed bytes, it is read or refused", (dir) => {
      const codec = api[dir];
      const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
      fc.assert(
        fc.property(arbitraryOf(codec), fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
          const version = api.maxVersion;
          const bytes = encode(codec, value, version);
          for (let length = 0; length < bytes.length; length++) {
            decodesOrRefuses(codec, bytes.subarray(0, length), version);
          }
          const broken = bytes.slice();
          if (broken.length > 0) for (const [at, byte] of changes) broken[at % broken.length] = byte;
          decodesOrRefuses(codec, broken, version);
        }),
        { numRuns: 25 },
      );
    });

    it.each(DIRECTIONS)("%s: any bytes are read or refused", (dir) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: -1, max: 40 }), (bytes, version) => {
          decodesOrRefuses(api[dir], bytes, version);
        }),
        { numRuns: 100 },
      );
    });
  });
});

describe("lengths and counts that are not there", () => {
  const INT_MAX = [0x7f, 0xff, 0xff, 0xff];

  it("a list of 2^31 - 1 items in a short frame is refused at its end", () => {
    expect(() => decode(array(u32), Uint8Array.of(...INT_MAX, 0, 0, 0, 1), 0)).toThrow(
      expect.objectContaining({ code: "FLV_DECODE" }),
    );
  });

  it("a list of more small items than a message may hold is refused before it fills the memory", () => {
    const frame = new Uint8Array(2 * READER_ITEMS_MAX);
    frame.set(INT_MAX);
    expect(() => decode(array(bool), frame, 0)).toThrow(/more than 1048576 items/);
  });

  it("items are counted over nested lists", () => {
    const inner = 1024;
    const outer = READER_ITEMS_MAX / inner;
    const lists = Array.from({ length: outer }, () => Array.from({ length: inner }, () => true));
    const frame = encode(array(array(bool)), lists, 0);
    expect(() => decode(array(array(bool)), frame, 0)).toThrow(/more than 1048576 items/);
  });

  it("a negative count or length is empty, as the original reads it", () => {
    expect(decode(array(u8), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 0)).toEqual([]);
    expect(decode(string, Uint8Array.of(0x80, 0x00, 0x41), 0)).toBe("");
  });

  it("strings are at most 32767 bytes, since longer ones are read back as empty", () => {
    expect(decode(string, encode(string, "é".repeat(16383), 0), 0)).toHaveLength(16383);
    expect(() => encode(string, "é".repeat(16384), 0)).toThrow(expect.objectContaining({ code: "FLV_ENCODE" }));
  });

  it("a string that is no UTF-8 is refused", () => {
    expect(() => decode(string, Uint8Array.of(0, 2, 0xc3, 0x28), 0)).toThrow(/not UTF-8/);
  });
});

describe("numbers", () => {
  it("outside 53 bits are refused, not rounded", () => {
    expect(() => decode(i64, Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0)).toThrow(
      expect.objectContaining({ code: "FLV_INT_RANGE", message: expect.stringContaining("9223372036854775807") }),
    );
    expect(() => decode(u64, Uint8Array.of(0x00, 0x20, 0, 0, 0, 0, 0, 0), 0)).toThrow(
      expect.objectContaining({ code: "FLV_INT_RANGE" }),
    );
    expect(decode(i64, encode(i64, Number.MIN_SAFE_INTEGER, 0), 0)).toBe(Number.MIN_SAFE_INTEGER);
    expect(decode(u64, encode(u64, Number.MAX_SAFE_INTEGER, 0), 0)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ["u8", u8, 256],
    ["u16", u16, -1],
    ["i32", i32, 2 ** 31],
    ["u32", u32, 2 ** 32],
    ["u64", u64, -1],
    ["i64", i64, 0.5],
    ["u32", u32, Number.NaN],
  ] as const)("%s does not wrap around", (_name, codec, value) => {
    expect(() => encode(codec, value, 0)).toThrow(expect.objectContaining({ code: "FLV_INT_RANGE" }));
  });

  it("bool is 0 or 1", () => {
    expect(() => decode(bool, Uint8Array.of(2), 0)).toThrow(expect.objectContaining({ code: "FLV_DECODE" }));
  });
});

describe("maps", () => {
  it("are written in order of their keys' bytes, whatever their order in memory", () => {
    const codec = map(string, u8);
    const keys = ["b", "a", "", "ab", "\u{ffee}", "\u{1f600}", "é"];
    const bytes = encode(codec, new Map(keys.map((key, i) => [key, i])), 0);
    const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...decode(codec, bytes, 0).keys()]).toEqual(inOrder);
  });

  it("take the last of duplicate keys", () => {
    expect(decode(map(u8, u8), Uint8Array.of(0, 2, 7, 1, 7, 2), 0)).toEqual(new Map([[7, 2]]));
  });
});

describe("what may be left out", () => {
  it("is written as absent", () => {
    const codec = struct({ a: optional(u8), b: optional(struct({ c: optional(string) })) });
    expect(toHex(encode(codec, {}, 0))).toBe("0000");
    expect(toHex(encode(codec, { b: {} }, 0))).toBe("000100");
  });
});
