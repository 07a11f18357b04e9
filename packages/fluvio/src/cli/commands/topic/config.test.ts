import { describe, expect, it } from "vitest";
import { parseTopicConfig } from "./config.ts";
import { checkTopicName, parseAssignment } from "./create.ts";

describe("topic configuration file", () => {
  it("gives every setting", async () => {
    const text = `version: 0.1.0
meta:
  name: orders
partition:
  count: 3
  replication: 2
  max-size: "100 GB"
  ignore-rack-assignment: true
retention:
  time: 1day 2h
  segment-size: 2 Ki
compression:
  type: Gzip
deduplication:
  bounds:
    count: 10
    age: 1m
  filter:
    transform:
      uses: fluvio/dedup-bloom-filter@0.1.0
      with: { k: v }
`;
    expect(await parseTopicConfig(text, "topic.yaml")).toEqual({
      name: "orders",
      options: {
        partitions: 3,
        replicationFactor: 2,
        ignoreRackAssignment: true,
        maxPartitionSizeBytes: 100_000_000_000,
        retentionSeconds: 93_600,
        segmentSizeBytes: 2048,
        compression: "gzip",
        deduplication: { count: 10, ageMs: 60_000, uses: "fluvio/dedup-bloom-filter@0.1.0", with: { k: "v" } },
      },
    });
  });

  it("needs a name only", async () => {
    expect(await parseTopicConfig("meta: { name: a }", "t")).toEqual({ name: "a", options: {} });
  });

  it("takes assigned partitions and infinite retention", async () => {
    const text = "meta: { name: a }\npartition: { maps: [{ id: 0, replicas: [5001] }] }\nretention: { time: infinite }";
    expect((await parseTopicConfig(text, "t")).options).toEqual({
      assignment: [{ id: 0, replicas: [5001] }],
      retentionSeconds: "infinite",
    });
  });

  it.each([
    ["a: [", "t.yaml"],
    ["meta: {}", 'Invalid topic configuration "t.yaml" at meta.name'],
    ["meta: { name: a }\npartitions: 3", "partitions"],
    ["meta: { name: a }\ncompression: { type: zip }", "Invalid compression type in topic"],
    ["meta: { name: a }\nretention: { time: soon }", 'invalid duration "soon"'],
    ["meta: { name: a }\npartition: { count: 0 }", "at partition.count"],
  ])("refuses %j and names the place", async (text, message) => {
    await expect(parseTopicConfig(text, "t.yaml")).rejects.toThrow(message);
  });
});

describe("replica assignment file", () => {
  it("takes today's and the older form", () => {
    const partitions = [
      { id: 0, replicas: [5001] },
      { id: 1, replicas: [5002] },
    ];
    expect(parseAssignment(partitions, "f")).toEqual(partitions);
    expect(parseAssignment({ partitions }, "f")).toEqual(partitions);
  });

  it.each([
    [[], "a list of partitions was expected"],
    [[{ id: 1, replicas: [1] }], "must start with 0"],
    [
      [
        { id: 0, replicas: [1] },
        { id: 2, replicas: [1] },
      ],
      "no gaps",
    ],
    [
      [
        { id: 0, replicas: [1] },
        { id: 0, replicas: [1] },
      ],
      "no duplicates",
    ],
    [
      [
        { id: 0, replicas: [1] },
        { id: 1, replicas: [1, 2] },
      ],
      "same number of replicas",
    ],
    [[{ id: 0, replicas: [1, 1] }], "names an SPU twice"],
    [[{ id: 0, replicas: [-1] }], "not negative"],
    [[{ id: -1, replicas: [1] }], "a number from 0"],
  ])("refuses %j", (parsed, message) => {
    expect(() => parseAssignment(parsed, "f")).toThrow(message);
  });
});

describe("topic names", () => {
  it.each(["a", "a-b-1", "0", "a".repeat(63)])("%s is good", (name) => {
    expect(() => checkTopicName(name)).not.toThrow();
  });

  it.each(["", "-a", "a-", "A", "a_b", "a.b", "ä"])("%j is not", (name) => {
    expect(() => checkTopicName(name)).toThrow(/^Invalid argument: Invalid Topic name.*Contain only lowercase/);
  });

  it("is at most 63 characters long", () => {
    expect(() => checkTopicName("a".repeat(64))).toThrow("Name exceeds max characters allowed 63");
  });
});
