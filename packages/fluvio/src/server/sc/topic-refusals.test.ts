import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import type { TopicSpecInput } from "../../protocol/index.ts";
import { assigned, computed, TestController } from "./testing/test-controller.ts";

const REFUSED: readonly [what: string, name: string, spec: TopicSpecInput, code: string, sentence: RegExp][] = [
  ["capitals", "Bad_Name", computed(1), "TopicInvalidName", /^Invalid Topic name Bad_Name\. Contain only lowercase/],
  ["no name", "", computed(1), "TopicInvalidName", /^Invalid Topic name/],
  ["a leading hyphen", "-a", computed(1), "TopicInvalidName", /neither start nor end with '-'/],
  ["a trailing hyphen", "a-", computed(1), "TopicInvalidName", /neither start nor end with '-'/],
  ["the name of a system topic", "aggregate-state", computed(1), "TopicInvalidName", /keeps the states of aggregates/],
  ["a slash", "../etc", computed(1), "TopicInvalidName", /^Invalid Topic name/],
  ["64 characters", "a".repeat(64), computed(1), "TopicInvalidName", /Name exceeds max characters allowed 63/],
  ["no partitions", "t", computed(0), "TopicError", /1 to 1024, not 0/],
  ["four billion partitions", "t", computed(4_294_967_295), "TopicError", /not 4294967295/],
  ["no replica", "t", computed(1, 0), "TopicError", /replication factor 0/],
  [
    "more replicas than SPUs",
    "t",
    computed(1, 3),
    "TopicError",
    /replication factor 3 needs 3 SPUs and 1 is online.*Kafka engine/,
  ],
  [
    "a short retention",
    "t",
    withRetention(9),
    "TopicInvalidConfiguration",
    /^retention_secs 9 is less than minimum 10$/,
  ],
  [
    "a small segment",
    "t",
    { ...computed(1), storage: { segmentSize: 1023 } },
    "TopicInvalidConfiguration",
    /^segment_size 1023 is less than minimum 1024$/,
  ],
  [
    "a small partition",
    "t",
    { ...computed(1), storage: { segmentSize: 1024, maxPartitionSize: 2047 } },
    "TopicInvalidConfiguration",
    /^max_partition_size 2047 is less than minimum 2048$/,
  ],
  [
    "a partition smaller than the default segment",
    "t",
    { ...computed(1), storage: { maxPartitionSize: 4096 } },
    "TopicInvalidConfiguration",
    /^max_partition_size 4096 is less than segment size 1073741824$/,
  ],
  [
    "deduplication by a module that is not stored",
    "t",
    { ...computed(1), deduplication: { count: 5, age: undefined, uses: "f", with: new Map() } },
    "DeduplicationSmartModuleNotLoaded",
    /^Deduplication SmartModule not found: f\. Store it with `fluvio smartmodule create`/,
  ],
  [
    "deduplication by no module",
    "t",
    { ...computed(1), deduplication: { count: 5, age: undefined, uses: "", with: new Map() } },
    "DeduplicationSmartModuleNameInvalid",
    /^Deduplication needs the name of a SmartModule$/,
  ],
  [
    "deduplication with an option of streams",
    "t",
    { ...computed(1), deduplication: { count: 1, age: undefined, uses: "f", with: new Map([["fluvio.state", "s"]]) } },
    "TopicInvalidConfiguration",
    /^Deduplication cannot have a state$/,
  ],
  [
    "deduplication with an option that is not known",
    "t",
    { ...computed(1), deduplication: { count: 1, age: undefined, uses: "f", with: new Map([["fluvio.x", "1"]]) } },
    "TopicInvalidConfiguration",
    /^Deduplication: the parameter fluvio\.x .* is not known$/,
  ],
  [
    "deduplication by nothing",
    "t",
    { ...computed(1), deduplication: { count: 0, age: undefined, uses: "f", with: new Map() } },
    "TopicInvalidConfiguration",
    /^Deduplication looks back on 1 record at least, not 0$/,
  ],
  [
    "mirroring",
    "t",
    { replicas: { type: "mirror", config: { type: "home", partitions: [], source: false } } },
    "TopicError",
    /^Mirror topics are not supported yet/,
  ],
  ["an unknown SPU", "t", assigned({ id: 0, replicas: [6001] }), "TopicError", /SPU 6001, which is not known.*5001/],
  ["a negative SPU", "t", assigned({ id: 0, replicas: [-1] }), "TopicError", /negative SPU id -1/],
  ["an empty assignment", "t", assigned(), "TopicError", /not 0/],
  ["no SPU for a partition", "t", assigned({ id: 0, replicas: [] }), "TopicError", /no replicas/],
  ["ids that start at 1", "t", assigned({ id: 1, replicas: [5001] }), "TopicError", /must start at 0, the lowest is 1/],
  [
    "a gap in the ids",
    "t",
    assigned({ id: 0, replicas: [5001] }, { id: 2, replicas: [5001] }),
    "TopicError",
    /no gaps, 1 is missing/,
  ],
  [
    "an id twice",
    "t",
    assigned({ id: 0, replicas: [5001] }, { id: 0, replicas: [5001] }),
    "TopicError",
    /partition 0 is listed twice/,
  ],
  ["an SPU twice", "t", assigned({ id: 0, replicas: [5001, 5001] }), "TopicError", /names an SPU twice/],
  [
    "unequal replica counts",
    "t",
    assigned({ id: 0, replicas: [5001] }, { id: 1, replicas: [5001, 5002] }),
    "TopicError",
    /equal replica counts/,
  ],
  ["two replicas", "t", assigned({ id: 0, replicas: [5001, 5002] }), "TopicError", /Kafka engine/],
];

test.each(REFUSED)(
  "a topic with %s is refused with the reason, tried or only validated",
  async (_, name, spec, code, sentence) => {
    const spuIds = /equal|two/.test(_) ? [5001, 5002] : [5001];
    await using controller = await TestController.start({ spuIds });
    if (spuIds.length > 1) await controller.online(spuIds);
    for (const dryRun of [true, false]) {
      const status = await controller.createTopic(name, spec, { dryRun });
      expect(status.errorCode.name).toBe(code);
      expect(status.errorMessage).toMatch(sentence);
    }
    expect(await controller.topics()).toEqual([]);
  },
);

test("deduplication: the refusal names the module; the SPU is told all of it once the module is there", async () => {
  await using controller = await TestController.start();
  const deduplication = {
    count: 5,
    age: { seconds: 10, nanoseconds: 0 },
    uses: "f",
    with: new Map([["of", "key"]]),
  };
  const spec = { ...computed(1), deduplication };
  expect((await controller.createTopic("t", spec)).name).toBe("f");
  // stored, and no module that could run
  await controller.createSmartModule("f");
  expect((await controller.createTopic("t", spec)).errorMessage).toMatch(
    /^SmartModule f is invalid: it cannot deduplicate a topic, as it cannot run: /,
  );
  await controller.createSmartModule("f", gzipSync(await buildAs("dedup")));
  expect((await controller.createTopic("t", spec)).errorCode.name).toBe("None");
  expect(controller.spu.assigned.find(({ topic }) => topic === "t")).toMatchObject({
    deduplication: { uses: "f", count: 5, ageMs: 10_000, with: { of: "key" } },
  });
});

function withRetention(timeInSeconds: number): TopicSpecInput {
  return { ...computed(1), cleanupPolicy: { type: "segment", timeInSeconds } };
}
