import { describe, expect, it } from "vitest";
import {
  aggregateStateMessage,
  decode,
  ErrorCode,
  encode,
  flvError,
  NO_ERROR,
  renderInitError,
  renderLookbackError,
  toFluvioError,
  WIRE_ERRORS,
  type WireErrorName,
  wireError,
  wireErrorNumber,
  wireErrorSentence,
} from "./index.ts";
import { toHex } from "./testing/plain-json.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** All codes of the wire: what is not here is undecodable for a peer. */
const NUMBERS = [
  -1, 0, 1, 2, 6, 7, 10, 13, 56, 60, 61, 71, 72, 73, 1000, 1001, 1002, 1003, 1004, 2000, 2001, 2002, 2003, 2004, 2005,
  2006, 2007, 2008, 3000, 3001, 3002, 3003, 3004, 3005, 5000, 5001, 5002, 6000, 6001, 6002, 6003, 6004, 6005, 6006,
  6007, 6008, 7000, 7001, 7002, 8000, 8001, 8002, 8003, 9000, 10000, 10001, 11001, 11002, 11003, 11004, 11005, 11006,
  12001, 12002,
];

describe("error codes", () => {
  it("are all there, and no others", () => {
    const numbers = Object.values(WIRE_ERRORS).map((row) => row.number);
    expect([...numbers].sort((a, b) => a - b)).toEqual(NUMBERS);
  });

  it("have sentences and hints that read as such", () => {
    for (const [name, row] of Object.entries(WIRE_ERRORS)) {
      const error = decode(ErrorCode, encode(ErrorCode, { name, ...row.payload.empty() } as never, 25), 25);
      const sentence = wireErrorSentence(error);
      expect(sentence, name).not.toMatch(/undefined|\[object|\.$/);
      expect(sentence.length, name).toBeGreaterThan(6);
      if (row.hint !== undefined) expect(row.hint, name).toMatch(/^[A-Z].*[.]$/s);
    }
  });

  it("that are unknown are refused, since the length of their payload is unknown", () => {
    expect(() => decode(ErrorCode, Uint8Array.of(0x27, 0x0f), 25)).toThrow(/unknown ErrorCode 9999/);
  });

  it("are written as their number, then their payload", () => {
    expect(toHex(encode(ErrorCode, wireError("OffsetEvicted", { offset: 3, nextAvailable: 10 }), 25))).toBe(
      "00470000000000000003000000000000000a",
    );
    expect(toHex(encode(ErrorCode, NO_ERROR, 25))).toBe("0000");
    expect(wireErrorNumber("FetchSessionNotFoud")).toBe(3002);
  });
});

describe("what a user reads", () => {
  it.each<[WireErrorName, object, string]>([
    ["TopicNotFound", { topic: "nope" }, "Topic not found: nope"],
    ["TopicNotFound", { name: "nope" }, "Topic not found: nope"],
    ["TopicNotFound", {}, "Topic not found"],
    ["TopicAlreadyExists", { name: "hello" }, "Topic already exists: hello"],
    ["NotLeaderForPartition", { topic: "t", partition: 2 }, "The SPU does not lead the partition: t-2"],
    ["ManagedConnectorAlreadyExists", { name: "cat-facts" }, "Connector already exists: cat-facts"],
    ["TableFormatNotFound", { name: "x" }, "TableFormat not found: x"],
    ["MirrorNotFound", { name: "x" }, "Mirror not found: x"],
    ["PermissionDenied", {}, "permission denied"],
    [
      "TopicInvalidConfiguration",
      { message: "retention below 10 s" },
      "Invalid topic configuration: retention below 10 s",
    ],
    [
      "TopicInvalidConfiguration",
      { message: "Invalid topic configuration: retention below 10 s" },
      "Invalid topic configuration: retention below 10 s",
    ],
  ])("of %s with %j", (name, context, sentence) => {
    expect(wireErrorSentence(wireError(name as "TopicNotFound"), context)).toBe(sentence);
  });

  it("of a missing SmartModule names it, where it is known", () => {
    expect(wireErrorSentence(wireError("SmartModuleNotFound", { smartmodule: "nope" }))).toBe(
      "SmartModule nope was not found",
    );
    expect(wireErrorSentence(wireError("SmartModuleNotFound", { smartmodule: "" }))).toBe("SmartModule not found");
  });

  it("of a failed transform shows the module's words and the record", () => {
    const payload = { hint: "no fact\n\nCaused by:\n    why", offset: 7, recordKey: text("k"), recordValue: text("v") };
    expect(wireErrorSentence(wireError("SmartModuleRuntimeError", { ...payload, kind: "filterMap" }))).toBe(
      "no fact\n\nCaused by:\n    why\n\nSmartModule Info: \n    Type: FilterMap\n    Offset: 7\n    Key: k\n    Value: v",
    );
    const binary = { hint: "h", offset: 0, recordKey: undefined, recordValue: Uint8Array.of(0xff, 0xfe) };
    expect(wireErrorSentence(wireError("SmartModuleRuntimeError", { ...binary, kind: "aggregate" }))).toBe(
      "h\n\nSmartModule Info: \n    Type: Aggregate\n    Offset: 0\n    Key: NULL\n    Value: Binary: 2 bytes",
    );
    expect(renderLookbackError(binary)).toBe(
      "h\n\nSmartModule Lookback Error: \n    Offset: 0\n    Key: NULL\n    Value: Binary: 2 bytes",
    );
    expect(renderInitError("h")).toBe("h\n\nSmartModule Init Error: \n");
  });
});

describe("the error that is thrown", () => {
  it("carries code, hint, whether to retry, and the values", () => {
    const full = toFluvioError(wireError("PartitionFull", { topic: "t", partition: 1 }));
    expect(full).toMatchObject({
      code: "FLV_DISK_FULL",
      retriable: true,
      details: { wireError: "PartitionFull", wireNumber: 72, topic: "t", partition: 1 },
    });
    const missing = toFluvioError(wireError("TopicNotFound"), { topic: "nope" });
    expect(missing).toMatchObject({ code: "FLV_TOPIC_NOT_FOUND", retriable: false, details: { topic: "nope" } });
    expect(missing.hint).toContain("fluvio topic list");
    const state = flvError("FLV_AGGREGATE_STATE", "The state s of t-0 is in use", { hint: "end that consumer" });
    const told = toFluvioError(wireError("Other", { message: aggregateStateMessage(state) }), { topic: "t" });
    expect(told).toMatchObject({ code: state.code, message: state.message, hint: state.hint, details: { topic: "t" } });
    const bare = flvError("FLV_AGGREGATE_STATE", "SPU 5001 is not online");
    expect(toFluvioError(wireError("Other", { message: aggregateStateMessage(bare) }))).toMatchObject({
      ...{ code: bare.code, message: bare.message, hint: undefined },
    });
    const unbuilt = toFluvioError({ name: "SmartModuleChainInitError", message: "Missing param x" });
    expect(unbuilt.hint).toContain("fluvio smartmodule describe");
  });
});
