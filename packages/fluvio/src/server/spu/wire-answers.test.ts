import { describe, expect, it } from "vitest";
import { type FluvioErrorCode, flvError } from "../../protocol/index.ts";
import { recordWireError, toWireError } from "./wire-answers.ts";

describe("the wire's error for a thrown one", () => {
  const cases: readonly [FluvioErrorCode, Record<string, unknown>, object][] = [
    ["FLV_NOT_LEADER", {}, { name: "NotLeaderForPartition" }],
    ["FLV_BATCH_TOO_LARGE", {}, { name: "MessageTooLarge" }],
    ["FLV_COMPRESSION", {}, { name: "CompressionError" }],
    ["FLV_DISK_FULL", {}, { name: "PartitionFull", topic: "hello", partition: 3 }],
    ["FLV_STORAGE", {}, { name: "StorageError" }],
    ["FLV_TIMEOUT", { timeoutMs: 7 }, { name: "RequestTimedOut", timeoutMs: 7, kind: "produce" }],
    ["FLV_TIMEOUT", {}, { name: "Other", message: "why" }],
    ["FLV_TOPIC_DELETED", {}, { name: "TopicDeleted" }],
    ["FLV_OFFSET_EVICTED", { offset: 1, nextAvailable: 9 }, { name: "OffsetEvicted", offset: 1, nextAvailable: 9 }],
    ["FLV_OFFSET_OUT_OF_RANGE", {}, { name: "Other", message: "why (do this)" }],
    ["FLV_BATCH_CORRUPT", {}, { name: "Other", message: "why (do this)" }],
    ["FLV_SMARTMODULE_NOT_FOUND", { name: "m" }, { name: "SmartModuleNotFound", smartmodule: "m" }],
    [
      "FLV_SMARTMODULE_INVALID",
      { where: "payload", name: "m" },
      { name: "SmartModuleInvalid", error: "why", smartmodule: "m" },
    ],
    ["FLV_SMARTMODULE_INVALID", {}, { name: "SmartModuleChainInitError", message: "why" }],
    ["FLV_SMARTMODULE_INIT", {}, { name: "SmartModuleChainInitError", message: "why" }],
    ["FLV_SMARTMODULE_LOOKBACK", {}, { name: "SmartModuleLookBackError", message: "why" }],
    [
      "FLV_SMARTMODULE_MEMORY_LIMIT",
      { requested: 20, max: 10 },
      { name: "SmartModuleMemoryLimitExceeded", requested: 20, max: 10 },
    ],
    ["FLV_SMARTMODULE_RUNTIME", {}, { name: "Other", message: "why (do this)" }],
  ];
  it.each(cases)("%s %j", (code, details, wire) => {
    const hint = code === "FLV_TIMEOUT" ? {} : { hint: "do this" };
    expect(toWireError(flvError(code, "why", { details, ...hint }), "hello", 3)).toEqual(wire);
  });

  it("has words for errors that nobody foresaw", () => {
    expect(toWireError(new TypeError("oops"), "hello", 3)).toEqual({
      name: "Other",
      message: "internal error: TypeError: oops",
    });
  });

  it("carries a refused record, key and all", () => {
    const error = { module: "m", hint: "no", offset: 4, value: Buffer.from("v") };
    expect(recordWireError({ ...error, kind: "array_map", key: undefined })).toEqual({
      name: "SmartModuleRuntimeError",
      hint: "no",
      offset: 4,
      kind: "arrayMap",
      recordValue: Buffer.from("v"),
    });
    expect(recordWireError({ ...error, kind: "filter_map", key: Buffer.from("k") })).toMatchObject({
      kind: "filterMap",
      recordKey: Buffer.from("k"),
    });
    expect(recordWireError(undefined)).toEqual({ name: "None" });
  });
});
