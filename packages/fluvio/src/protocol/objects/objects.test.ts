import { describe, expect, it } from "vitest";
import {
  CreateRequest,
  createApi,
  DeleteRequest,
  decode,
  durationFromMs,
  durationToMs,
  encode,
  ListRequest,
  parsePartitionName,
  partitionCount,
  partitionName,
  SmartModuleSpec,
  TopicSpec,
  WatchRequest,
} from "../index.ts";
import type { AnyCodec } from "../schema.ts";
import { fromHex, toHex } from "../testing/plain-json.ts";

const COMPUTED = { type: "computed", partitions: 3, replicationFactor: 1, ignoreRackAssignment: false } as const;

describe("a topic", () => {
  it("has as many partitions as clients count", () => {
    const home = { remoteCluster: "r", remoteReplica: "t-0", source: false };
    const spu = { id: 1, key: "k", endpoint: "e" };
    expect(partitionCount({ replicas: COMPUTED })).toBe(3);
    expect(
      partitionCount({ replicas: { type: "assigned", partitions: [{ id: 0, replicas: [1], mirror: undefined }] } }),
    ).toBe(1);
    expect(
      partitionCount({
        replicas: { type: "mirror", config: { type: "home", partitions: [home, home], source: false } },
      }),
    ).toBe(2);
    expect(
      partitionCount({
        replicas: { type: "mirror", config: { type: "remote", homeCluster: "h", homeSpus: [spu], target: false } },
      }),
    ).toBe(1);
  });

  it("may be compressed as the producer likes, unless it says otherwise", () => {
    const spec = decode(TopicSpec, encode(TopicSpec, { replicas: COMPUTED }, 19), 19);
    expect(spec.compressionType).toBe("any");
    expect(decode(TopicSpec, encode(TopicSpec, { replicas: COMPUTED }, 5), 5).compressionType).toBe("any");
  });
});

describe("the name of a partition", () => {
  it.each(["t", "a-b", "a-1", "0"])("of %s is read back at the last hyphen", (topic) => {
    expect(parsePartitionName(partitionName(topic, 12))).toEqual({ topic, partition: 12 });
  });
  it.each(["", "t", "t-", "-1", "t-x", "t-1-"])("is not %j", (name) => {
    expect(parsePartitionName(name)).toBeUndefined();
  });
});

describe("an object of an unknown type", () => {
  const body = fromHex("0001 61 00 00".replaceAll(" ", ""));
  const labelled = (label: string) =>
    new Uint8Array([0, label.length, ...new TextEncoder().encode(label), 0, 0, 0, body.length, ...body]);

  it.each<AnyCodec>([CreateRequest, DeleteRequest, ListRequest, WatchRequest])("is named, not decoded", (codec) => {
    for (const label of ["Nope", "topic", "toString", "__proto__"]) {
      expect(decode(codec, labelled(label), 19)).toEqual({ label: "unknown", unknownLabel: label, body: undefined });
    }
  });

  it("whose body is cut short is refused", () => {
    expect(() => decode(DeleteRequest, labelled("Nope").subarray(0, -1), 19)).toThrow(
      expect.objectContaining({ code: "FLV_DECODE" }),
    );
  });

  it("may carry more than is known of a known type, within its length", () => {
    const known = encode(DeleteRequest, { label: "Topic", body: { key: "t", force: true } }, 19);
    const longer = new Uint8Array([...known, 9, 9]);
    new DataView(longer.buffer).setUint32(7, 4 + 2);
    expect(decode(DeleteRequest, longer, 19)).toEqual({ label: "Topic", body: { key: "t", force: true } });
    new DataView(longer.buffer).setUint32(7, 3);
    expect(() => decode(DeleteRequest, longer, 19)).toThrow(expect.objectContaining({ code: "FLV_DECODE" }));
  });
});

describe("before there were labels", () => {
  it("Create had a number between its common part and the spec", () => {
    const value = {
      label: "Topic",
      body: { name: "t", dryRun: false, timeoutMs: undefined, spec: { replicas: COMPUTED } },
    } as const;
    const bytes = encode(createApi.request, value, 9);
    expect(toHex(bytes)).toBe("00017400000001000000030000000100000004");
    expect(decode(createApi.request, bytes, 9)).toMatchObject({
      label: "Topic",
      body: { name: "t", spec: { replicas: COMPUTED } },
    });
    expect(() => decode(createApi.request, fromHex("0001740000".concat("03")), 9)).toThrow(/unknown object type 3/);
  });

  it("extensions cannot be written", () => {
    const value = {
      label: "ManagedConnector",
      body: { name: "c", dryRun: false, spec: { config: new Uint8Array(1) } },
    } as const;
    expect(() => encode(createApi.request, value, 10)).toThrow(expect.objectContaining({ code: "FLV_ENCODE" }));
  });

  it("a SmartModule was its code", () => {
    const wasm = { format: "binary", payload: Uint8Array.of(1, 2) } as const;
    const bytes = encode(SmartModuleSpec, { wasm }, 9);
    expect(toHex(bytes)).toBe("00000000".concat("00000002", "0102", "00"));
    expect(decode(SmartModuleSpec, bytes, 9)).toEqual({ meta: undefined, summary: undefined, wasm });
  });
});

describe("a duration", () => {
  it.each([0, 1, 999, 1000, 1500, 86_400_000, 0.5])("of %d ms is kept", (ms) => {
    expect(durationToMs(durationFromMs(ms))).toBe(ms);
  });
  it("has less than a second of nanoseconds", () => {
    expect(durationFromMs(1999.9999999)).toEqual({ seconds: 2, nanoseconds: 0 });
  });
});
