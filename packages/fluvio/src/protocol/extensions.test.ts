import { describe, expect, it } from "vitest";
import {
  AggregateStatesResponse,
  aggregateStatesApi,
  ConnectorControlResponse,
  ConnectorPositionsResponse,
  ConnectorStatsResponse,
  connectorControlApi,
  connectorPositionsApi,
  connectorRunsApi,
  connectorStatsApi,
  decode,
  encode,
  InspectSmartModulesResponse,
  inspectSmartModulesApi,
  SecretsResponse,
  SmartModuleStatsResponse,
  SwitchSmartModuleResponse,
  secretsApi,
  smartModuleStatsApi,
  switchSmartModuleApi,
} from "./index.ts";
import { toHex } from "./testing/plain-json.ts";

/** Our own additions have no recorded frames: these bytes must stay as they are, for older and newer releases. */
describe("bytes of the extensions", () => {
  it("InspectSmartModules", () => {
    expect(toHex(encode(inspectSmartModulesApi.request, { names: ["a/b@1"] }, 0))).toBe("00000001" + "0005612f624031");
    const response = {
      error: { name: "None" },
      modules: [
        {
          name: "f",
          storedSizeBytes: 258,
          wasmSizeBytes: 515,
          sha256: "ab",
          traits: {
            kind: "filter",
            exports: ["alloc"],
            imports: ["env.x"],
            hasInit: true,
            hasLookBack: false,
            abiVersion: 22,
          },
          problem: undefined,
        },
        {
          name: "g",
          storedSizeBytes: 1,
          wasmSizeBytes: undefined,
          sha256: undefined,
          traits: undefined,
          problem: { reason: "r", hint: undefined, exports: ["memory"], imports: [] },
        },
      ],
    } as const;
    const bytes = encode(InspectSmartModulesResponse, response, 0);
    expect(toHex(bytes)).toBe(
      [
        ["0000", "00000002"],
        ["000166", "00000102", "0100000203", "0100026162"],
        ["01", "000666696c746572", "000000010005616c6c6f63", "000000010005656e762e78", "01", "00", "0016", "00"],
        ["000167", "00000001", "00", "00", "00", "01", "000172", "00", "0000000100066d656d6f7279", "00000000"],
      ]
        .flat()
        .join(""),
    );
    expect(decode(InspectSmartModulesResponse, bytes, 0)).toEqual(response);
  });

  it("SmartModuleStats", () => {
    expect(toHex(encode(smartModuleStatsApi.request, { names: [] }, 0))).toBe("00000000");
    const response = {
      error: { name: "SmartModuleNotFound", smartmodule: "x" },
      modules: [
        {
          name: "f",
          chains: 1,
          invocations: 2,
          recordsIn: 3,
          recordsOut: 4,
          bytesIn: 5,
          bytesOut: 6,
          recordErrors: 7,
          failures: 8,
          timeLimitFailures: 1,
          memoryLimitFailures: 2,
          outputLimitFailures: 3,
          lateRecords: 9,
          timeMicros: 10,
          memoryBytes: 11,
        },
      ],
      spus: [
        { spu: 5001, sinceMs: 1, problem: undefined },
        { spu: 5002, sinceMs: undefined, problem: "p" },
      ],
    } as const;
    const bytes = encode(SmartModuleStatsResponse, response, 0);
    const numbers = [2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 9, 10, 11].map((number) => number.toString(16).padStart(16, "0"));
    expect(toHex(bytes)).toBe(
      [
        ["1771", "000178", "00000001"],
        ["000166", "00000001", ...numbers],
        ["00000002", "00001389", "010000000000000001", "00", "0000138a", "00", "01000170"],
      ]
        .flat()
        .join(""),
    );
    expect(decode(SmartModuleStatsResponse, bytes, 0)).toEqual(response);
  });

  it("SwitchSmartModule", () => {
    expect(toHex(encode(switchSmartModuleApi.request, { name: "f" }, 0))).toBe("000166");
    const response = { error: { name: "None" }, streams: 2, connectors: 1, failures: ["no"] } as const;
    const bytes = encode(SwitchSmartModuleResponse, response, 0);
    expect(toHex(bytes)).toBe(["0000", "00000002", "00000001", "00000001", "00026e6f"].join(""));
    expect(decode(SwitchSmartModuleResponse, bytes, 0)).toEqual(response);
  });

  it("AggregateStates", () => {
    const request = { action: "reset", name: "s", topic: undefined, contents: true } as const;
    expect(toHex(encode(aggregateStatesApi.request, request, 0))).toBe(["01", "01000173", "00", "01"].join(""));
    const windows = [{ startMs: 1, endMs: 2, recordCount: 3, accumulator: Buffer.from("a") }];
    const modules = [{ step: 0, module: "m", accumulator: Buffer.from("b"), watermarkMs: 4, windows }];
    const state = {
      name: "s",
      topic: "t",
      partition: 1,
      offset: 2,
      highWatermark: 3,
      sizeBytes: 4,
      modifiedTimeMs: 5,
      modules,
    };
    const bytes = encode(AggregateStatesResponse, { error: { name: "None" }, states: [state] }, 0);
    const i64 = (value: number) => value.toString(16).padStart(16, "0");
    expect(toHex(bytes)).toBe(
      [
        ["0000", "00000001", "000173", "000174", "00000001", i64(2), "01", i64(3), "00000004", i64(5)],
        ["00000001", "00000000", "00016d", "0000000162", "01", i64(4)],
        ["00000001", i64(1), i64(2), i64(3), "0000000161"],
      ]
        .flat()
        .join(""),
    );
  });

  it("ConnectorPositions", () => {
    const request = { action: "keep", name: "c", position: Buffer.from("7"), writer: "w", follows: "v" } as const;
    expect(toHex(encode(connectorPositionsApi.request, request, 0))).toBe(
      ["01", "01000163", "0000000137", "000177", "01000176"].join(""),
    );
    const positions = [{ name: "c", position: Buffer.from("7"), writer: "w", modifiedTimeMs: 5 }];
    const response = { error: { name: "None" }, superseded: true, positions } as const;
    expect(toHex(encode(ConnectorPositionsResponse, response, 0))).toBe(
      ["0000", "01", "00000001", "000163", "0000000137", "000177", "0000000000000005"].join(""),
    );
  });

  it("ConnectorRuns", () => {
    const request = { action: "hold", name: "c", run: "r" } as const;
    expect(toHex(encode(connectorRunsApi.request, request, 0))).toBe(["01", "000163", "000172"].join(""));
    const response = { error: { name: "None" }, isOther: true } as const;
    expect(toHex(encode(connectorRunsApi.response, response, 0))).toBe("000001");
  });

  it("Secrets", () => {
    const request = { action: "set", name: "A", value: Buffer.from("v") } as const;
    expect(toHex(encode(secretsApi.request, request, 0))).toBe(["01", "01000141", "010000000176"].join(""));
    const secrets = [{ name: "A", setTimeMs: 5, usedBy: ["c"] }];
    const response = { error: { name: "None" }, secrets } as const;
    expect(toHex(encode(SecretsResponse, response, 0))).toBe(
      ["0000", "00000001", "000141", "0000000000000005", "00000001", "000163"].join(""),
    );
  });

  it("ConnectorControl", () => {
    const of = (action: "pause" | "resume" | "restart" | "forget") =>
      toHex(encode(connectorControlApi.request, { action, name: "c" }, 0));
    expect([of("pause"), of("resume"), of("restart"), of("forget")]).toEqual([
      "00000163",
      "01000163",
      "02000163",
      "03000163",
    ]);
    const response = { error: { name: "None" }, message: undefined } as const;
    expect(toHex(encode(ConnectorControlResponse, response, 0))).toBe("000000");
  });

  it("ConnectorStats", () => {
    expect(toHex(encode(connectorStatsApi.request, { names: ["c"] }, 0))).toBe("00000001000163");
    const counted = {
      ...{ name: "c", type: "h", direction: "sink", sinceMs: 1, recordsIn: 2, bytesIn: 3, recordsOut: 4, bytesOut: 5 },
      ...{
        refused: 6,
        skipped: 7,
        deadLettered: 8,
        lag: 9,
        lagUnit: "bytes" as const,
        restarts: 10,
        lastError: "e",
        lastErrorMs: 11,
      },
      ...{ lastRecordMs: undefined, nextStartMs: 12 },
    };
    const long = (value: number) => value.toString(16).padStart(16, "0");
    const response = { error: { name: "None" }, message: undefined, connectors: [counted] } as const;
    expect(toHex(encode(ConnectorStatsResponse, response, 0))).toBe(
      [
        ["0000", "00", "00000001", "000163", "000168", "000473696e6b"],
        [1, 2, 3, 4, 5, 6, 7, 8].map(long),
        ["01", long(9), "01", "0000000a", "01000165", "01", long(11), "00", "01", long(12)],
      ]
        .flat()
        .join(""),
    );
    expect(decode(ConnectorStatsResponse, encode(ConnectorStatsResponse, response, 0), 0)).toEqual(response);
  });

  it("are keys that no API of the original has, and never change", () => {
    const smartModules = [inspectSmartModulesApi, smartModuleStatsApi, switchSmartModuleApi, aggregateStatesApi];
    expect(smartModules.map(({ key }) => key)).toEqual([30002, 30003, 30004, 30005]);
    const connectors = [connectorPositionsApi, secretsApi, connectorControlApi, connectorStatsApi, connectorRunsApi];
    expect(connectors.map(({ key }) => key)).toEqual([30006, 30007, 30008, 30009, 30010]);
  });
});
