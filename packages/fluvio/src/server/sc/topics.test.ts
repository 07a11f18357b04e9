import { expect, test } from "vitest";
import { RETENTION_SECONDS_INFINITE, type Status } from "../../protocol/index.ts";
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
  await clock.waiting(90_000);
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
    ...computed(1),
    cleanupPolicy: { type: "segment", timeInSeconds: 3600 },
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

test("a change of a topic stands, whatever its SPU reports while it is made", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ clock });
  await controller.createTopic("hello");
  controller.spu.report({ topic: "hello", partition: 0, highWatermark: 3, logEndOffset: 3 });
  await clock.waiting(100);
  await controller.updateTopic("hello", { type: "configure", infiniteRetention: false, timeInSeconds: 60 });
  clock.advance(100);
  expect(controller.sc.stores.partitions.get("hello-0")).toMatchObject({
    spec: { cleanupPolicy: { timeInSeconds: 60 } },
    status: { leader: { hw: 3 } },
  });
});

test("what an SPU reports stands, whatever of the topic is being changed", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello");
  const changed = controller.updateTopic("hello", { type: "configure", infiniteRetention: false, timeInSeconds: 60 });
  const { metadata } = controller;
  const { commit } = metadata;
  metadata.commit = async (changes) => {
    await commit.call(metadata, changes);
    controller.spu.close();
    await controller.partitionBecomes("hello-0", "leaderOffline");
  };
  expect((await changed).errorCode.name).toBe("None");
  metadata.commit = commit;
  expect(controller.sc.stores.partitions.get("hello-0")).toMatchObject({
    spec: { cleanupPolicy: { timeInSeconds: 60 } },
    status: { resolution: "leaderOffline" },
  });
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
