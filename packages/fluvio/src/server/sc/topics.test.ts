import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { RETENTION_SECONDS_INFINITE, type Status, type TopicSpecInput } from "../../protocol/index.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { assigned, computed, TestController } from "./testing/test-controller.ts";

test("a created topic is listed with its partitions online", async () => {
  await using controller = await TestController.start();
  const status = await controller.createTopic("hello", computed(2));
  expect(status).toEqual({ name: "hello", errorCode: { name: "None" }, errorMessage: undefined });
  const [topic] = await controller.topics();
  expect(topic?.status).toMatchObject({ resolution: "provisioned", reason: "" });
  expect([...(topic?.status.replicaMap ?? [])]).toEqual([
    [0, [5001]],
    [1, [5001]],
  ]);
  const partitions = await controller.partitions();
  expect(partitions.map(({ name, status }) => [name, status.resolution])).toEqual([
    ["hello-0", "online"],
    ["hello-1", "online"],
  ]);
});

test("the topic of consumer offsets exists from the first start on, with its own settings", async () => {
  await using controller = await TestController.start();
  const [topic, ...others] = await controller.topics([], true);
  expect(others).toEqual([]);
  expect(topic).toMatchObject({
    name: "consumer-offset",
    spec: {
      system: true,
      cleanupPolicy: { timeInSeconds: 604_800 },
      storage: { segmentSize: 512_000_000, maxPartitionSize: 2_048_000_000 },
    },
  });
  expect(controller.spu.assigned).toMatchObject([{ topic: "consumer-offset", partition: 0, system: true }]);
});

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

test("a dry run says ok and creates nothing; what exists is refused in a dry run too", async () => {
  await using controller = await TestController.start();
  expect((await controller.createTopic("hello", {}, { dryRun: true })).errorCode.name).toBe("None");
  expect(await controller.topics()).toEqual([]);
  await controller.createTopic("hello");
  for (const dryRun of [true, false]) {
    const status = await controller.createTopic("hello", {}, { dryRun });
    expect(status.errorCode.name).toBe("TopicAlreadyExists");
    expect(status.errorMessage).toMatch(/^Topic already exists: hello\. Choose another name/);
  }
});

test("of many creations of one name at once exactly one succeeds", async () => {
  await using controller = await TestController.start();
  const statuses = await Promise.all(Array.from({ length: 10 }, () => controller.createTopic("hello")));
  const codes = statuses.map(({ errorCode }) => errorCode.name).sort();
  expect(codes).toEqual(["None", ...Array(9).fill("TopicAlreadyExists")]);
});

test("creation is answered only when the last partition is online", async () => {
  await using controller = await TestController.start({ spu: { serves: false } });
  let answered: Status | undefined;
  const creation = controller.createTopic("hello", computed(2)).then((status) => {
    answered = status;
    return status;
  });
  await controller.spu.message("replicas", ({ replicas }) => replicas.length === 3);
  controller.spu.report({ topic: "hello", partition: 0 });
  await controller.partitionBecomes("hello-0", "online");
  expect(answered).toBeUndefined();
  controller.spu.report({ topic: "hello", partition: 1 });
  expect((await creation).errorCode.name).toBe("None");
});

test("creation is refused after the wait when a partition does not come online, and the topic stays", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ spu: { serves: false }, clock });
  const creation = controller.createTopic("hello");
  await controller.spu.message("replicas", ({ replicas }) => replicas.length === 2);
  clock.advance(90_000);
  const status = await creation;
  expect(status.errorCode.name).toBe("TopicNotProvisioned");
  expect(status.errorMessage).toMatch(/^Topic could not be provisioned: hello: .*90000 ms/);
  expect((await controller.topics()).map(({ name }) => name)).toEqual(["hello"]);
});

test("a problem that the SPU reports ends the wait and is told", async () => {
  await using controller = await TestController.start({ spu: { serves: false } });
  const creation = controller.createTopic("hello");
  await controller.spu.message("replicas", ({ replicas }) => replicas.length === 2);
  controller.spu.report({ topic: "hello", partition: 0, online: false, problem: "no space left on device" });
  expect((await creation).errorMessage).toMatch(/partition hello-0: no space left on device/);
});

test("creation is refused at once while no SPU is online", async () => {
  await using controller = await TestController.start({ onlineIds: [] });
  const status = await controller.createTopic("hello");
  expect(status.errorCode.name).toBe("TopicError");
  expect(status.errorMessage).toMatch(/^No SPU is online/);
});

test("an assigned topic goes to the SPUs it names, whatever the order of its partitions", async () => {
  await using controller = await TestController.start({ spuIds: [5001, 5002] });
  await controller.online([5001, 5002]);
  const spec = assigned({ id: 1, replicas: [5001] }, { id: 0, replicas: [5002] });
  expect((await controller.createTopic("placed", spec)).errorCode.name).toBe("None");
  const leaders = (await controller.partitions()).map(({ name, spec: { leader } }) => [name, leader]);
  expect(leaders).toEqual([
    ["placed-0", 5002],
    ["placed-1", 5001],
  ]);
});

test("leaders spread evenly over the online SPUs, the offsets topic counted", async () => {
  await using controller = await TestController.start({ spuIds: [5001, 5002, 5003], onlineIds: [5001, 5002] });
  await controller.online([5001, 5002]);
  await controller.createTopic("one", computed(1));
  await controller.createTopic("four", computed(4));
  const counts = new Map<number, number>();
  for (const { spec } of [...(await controller.partitions()), ...(await controller.partitions(true))]) {
    counts.set(spec.leader, (counts.get(spec.leader) ?? 0) + 1);
  }
  expect([...counts].sort()).toEqual([
    [5001, 3],
    [5002, 3],
  ]);
});

test("deletion is answered when data and consumer offsets are gone, and the name is free again", async () => {
  await using controller = await TestController.start({ spu: { confirms: false } });
  await controller.createTopic("hello", computed(2));
  let answered = false;
  const deletion = controller.deleteTopic("hello").then((status) => {
    answered = true;
    return status;
  });
  const removal = await controller.spu.message("removeReplicas");
  expect(removal.replicas).toEqual([
    { topic: "hello", partition: 0 },
    { topic: "hello", partition: 1 },
  ]);
  const forgotten = await controller.spu.message("topicDeleted");
  expect(controller.sc.stores.topics.get("hello")?.status.resolution).toBe("deleting");
  controller.spu.confirm(removal);
  await controller.removalsLeft(1);
  expect(answered).toBe(false);
  controller.spu.confirm(forgotten);
  expect((await deletion).errorCode.name).toBe("None");
  expect(await controller.topics()).toEqual([]);
  expect(await controller.partitions()).toEqual([]);
  expect((await controller.createTopic("hello")).errorCode.name).toBe("None");
});

test("a name is not free while an SPU that is away still has the data", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ clock });
  await controller.createTopic("hello");
  controller.spu.close();
  await controller.partitionBecomes("hello-0", "leaderOffline");
  expect((await controller.deleteTopic("hello")).errorCode.name).toBe("None");
  const spu = controller.reattach(5001, { confirms: false });
  const removal = await spu.message("removeReplicas");
  expect(removal.replicas).toEqual([{ topic: "hello", partition: 0 }]);
  await spu.message("replicas");
  const early = controller.createTopic("hello");
  await clock.waiting(10_000);
  clock.advance(10_000);
  expect((await early).errorMessage).toMatch(/still to delete the records of an earlier topic/);
  spu.confirm(removal);
  spu.confirm(await spu.message("topicDeleted"));
  await controller.removalsLeft(0);
  expect((await controller.createTopic("hello")).errorCode.name).toBe("None");
});

test("a missing topic is not found, with the nearest name", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("orders");
  const status = await controller.deleteTopic("order");
  expect(status).toMatchObject({ name: "order", errorCode: { name: "TopicNotFound" } });
  expect(status.errorMessage).toMatch(/^Topic not found: order\. Did you mean "orders"\?/);
  expect((await controller.updateTopic("nope", { type: "addPartition", count: 1 })).errorCode.name).toBe(
    "TopicNotFound",
  );
});

test("a system topic goes only by force and cannot be changed; that of the offsets comes back empty", async () => {
  await using controller = await TestController.start();
  const refused = await controller.deleteTopic("consumer-offset");
  expect(refused.errorCode).toEqual({ name: "SystemSpecDeletionAttempt", kind: "topic", object: "consumer-offset" });
  expect(refused.errorMessage).toMatch(/^system topic 'consumer-offset' can only be deleted forcibly/);
  const update = await controller.updateTopic("consumer-offset", { type: "addPartition", count: 1 });
  expect(update.errorCode.name).toBe("SystemSpecUpdatingAttempt");
  expect((await controller.deleteTopic("consumer-offset", true)).errorCode.name).toBe("None");
  await controller.spu.message("removeReplicas");
  expect((await controller.topics([], true)).map(({ name }) => name)).toEqual(["consumer-offset"]);
});

test("partitions are added to computed topics, in the spec too, where clients count them", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello");
  expect((await controller.updateTopic("hello", { type: "addPartition", count: 2 })).errorCode.name).toBe("None");
  expect((await controller.topics())[0]?.spec.replicas).toMatchObject({ type: "computed", partitions: 3 });
  expect((await controller.partitions()).map(({ name, status }) => [name, status.resolution])).toEqual([
    ["hello-0", "online"],
    ["hello-1", "online"],
    ["hello-2", "online"],
  ]);
  for (const count of [0, 4_000_000_000]) {
    const status = await controller.updateTopic("hello", { type: "addPartition", count });
    expect(status.errorMessage).toMatch(/^Invalid number of partitions to add/);
  }
  await controller.createTopic("placed", assigned({ id: 0, replicas: [5001] }));
  const status = await controller.updateTopic("placed", { type: "addPartition", count: 1 });
  expect(status.errorCode.name).toBe("TopicInvalidReplicaType");
});

test("a mirror cannot be added to a plain topic", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello");
  const status = await controller.updateTopic("hello", {
    type: "addMirror",
    remoteCluster: "edge1",
    homeToMirror: false,
  });
  expect(status).toMatchObject({
    errorCode: { name: "MirrorNotFound" },
    errorMessage: expect.stringMatching(/^Mirror not found: edge1/),
  });
});

test("retention and sizes change in place, for ever included; what is not named stays", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello", {
    ...withRetention(3600),
    storage: { segmentSize: 4096, maxPartitionSize: 8192 },
  });
  const change = { type: "configure", infiniteRetention: false } as const;
  await controller.updateTopic("hello", { ...change, timeInSeconds: 60 });
  await controller.spu.message("replicas", ({ replicas }) => replicas[1]?.retentionSeconds === 60);
  await controller.updateTopic("hello", { ...change, infiniteRetention: true });
  const infinite = await controller.spu.message(
    "replicas",
    ({ replicas }) => replicas[1]?.topic === "hello" && replicas[1].retentionSeconds === undefined,
  );
  expect(infinite.replicas[1]).toMatchObject({ segmentSizeBytes: 4096, maxPartitionSizeBytes: 8192 });
  expect((await controller.topics())[0]?.spec.cleanupPolicy?.timeInSeconds).toBe(RETENTION_SECONDS_INFINITE);
  await controller.updateTopic("hello", { ...change, maxPartitionSize: 65_536 });
  await controller.spu.message("replicas", ({ replicas }) => replicas[1]?.maxPartitionSizeBytes === 65_536);
  const refused = await controller.updateTopic("hello", { ...change, segmentSize: 100_000 });
  expect(refused.errorMessage).toBe("max_partition_size 65536 is less than segment size 100000");
  expect((await controller.topics())[0]?.spec.storage).toEqual({ segmentSize: 4096, maxPartitionSize: 65_536 });
});

test("topics are listed by substrings of their names, system topics only when asked for", async () => {
  await using controller = await TestController.start();
  for (const name of ["orders", "old-orders", "users"]) await controller.createTopic(name);
  await controller.createTopic("sys", { ...computed(1), system: true });
  const names = async (filters: string[], system: boolean) =>
    (await controller.topics(filters, system)).map(({ name }) => name);
  expect(await names([], false)).toEqual(["orders", "old-orders", "users"]);
  expect(await names(["order"], false)).toEqual(["orders", "old-orders"]);
  expect(await names(["nope", "user"], false)).toEqual(["users"]);
  expect(await names([], true)).toEqual(["consumer-offset", "sys"]);
  expect((await controller.partitions(true)).map(({ name }) => name)).toEqual(["consumer-offset-0", "sys-0"]);
});
