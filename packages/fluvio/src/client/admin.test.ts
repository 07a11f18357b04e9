import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fluvio } from "./fluvio.ts";
import { useTestCluster } from "./testing/cluster.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

describe("topics", () => {
  it("are created, found, listed, changed and deleted", async () => {
    const admin = fluvio.admin();
    await admin.createTopic("full", {
      partitions: 2,
      retentionSeconds: 3600,
      segmentSizeBytes: 1_000_000,
      maxPartitionSizeBytes: 5_000_000,
      compression: "zstd",
    });
    expect((await admin.findTopic("full"))?.spec).toMatchObject({
      replicas: { type: "computed", partitions: 2, replicationFactor: 1, ignoreRackAssignment: false },
      cleanupPolicy: { type: "segment", timeInSeconds: 3600 },
      storage: { segmentSize: 1_000_000, maxPartitionSize: 5_000_000 },
      compressionType: "zstd",
    });
    await admin.addPartitions("full", 1);
    expect((await fluvio.partitionOffsets("full")).map(({ partition }) => partition)).toEqual([0, 1, 2]);
    await admin.updateTopic("full", { retentionSeconds: 7200 });
    expect((await admin.findTopic("full"))?.spec.cleanupPolicy).toEqual({ type: "segment", timeInSeconds: 7200 });
    expect((await admin.listTopics(["ul"])).map((topic) => topic.name)).toEqual(["full"]);
    expect(JSON.parse(await admin.listTopic())[0].name).toBe("full");
    expect((await admin.findPartition("full"))?.name).toBe("full-0");
    expect(await admin.deleteTopic("full")).toBe("full");
    expect(await admin.findTopic("full")).toBeUndefined();
  });

  it("are produced to as soon as they are created, and by another client too", async () => {
    await using other = await cluster.connect();
    await other.admin().createTopic("fresh", { assignment: [{ id: 0, replicas: [5001] }] });
    await using producer = await fluvio.topicProducer("fresh");
    expect(await (await producer.send("k", "v")).wait()).toEqual({ partition: 0, offset: 0 });
  });

  it("are refused with the code of the case", async () => {
    const admin = fluvio.admin();
    await admin.createTopic("taken");
    await expect(admin.createTopic("taken")).rejects.toMatchObject({
      code: "FLV_TOPIC_ALREADY_EXISTS",
      message: expect.stringContaining("Topic already exists"),
    });
    await expect(admin.createTopic("Bad_Name")).rejects.toMatchObject({ code: "FLV_TOPIC_INVALID" });
    await expect(admin.deleteTopic("absent")).rejects.toMatchObject({
      code: "FLV_TOPIC_NOT_FOUND",
      message: expect.stringContaining("Topic not found"),
    });
    await expect(admin.deleteTopic("consumer-offset")).rejects.toMatchObject({ code: "FLV_SYSTEM_OBJECT" });
    expect(await admin.createTopic("only-checked", { dryRun: true })).toBe("only-checked");
    expect(await admin.findTopic("only-checked")).toBeUndefined();
  });
});

describe("watching", () => {
  it("reports everything, then each change, until the caller stops", async () => {
    const admin = fluvio.admin();
    await admin.createTopic("watched-before");
    const events = admin.watch("Topic");
    const first = await events.next();
    expect(first.value?.kind).toBe("all");
    expect(first.value?.objects.map((topic: { name: string }) => topic.name)).toContain("watched-before");
    await admin.createTopic("watched-after");
    await admin.deleteTopic("watched-after");
    const created = new Set<string>();
    for await (const event of events) {
      for (const topic of event.objects) created.add(topic.name);
      if (event.deleted.includes("watched-after")) break;
    }
    expect(created).toContain("watched-after");
    expect((await events.next()).done).toBe(true);
  });
});

describe("other objects", () => {
  it("can be listed, and created where the cluster allows it", async () => {
    const admin = fluvio.admin();
    expect((await admin.listSpus()).map((spu) => spu.spec.id)).toEqual([5001]);
    await admin.createTableFormat({ name: "orders", columns: [{ keyPath: "id", headerLabel: "Id" }] });
    expect((await admin.listTableFormats())[0]?.spec.columns?.[0]?.keyPath).toBe("id");
    await expect(admin.createTableFormat({ name: "orders" })).rejects.toMatchObject({
      code: "FLV_TABLE_FORMAT_ALREADY_EXISTS",
    });
    await admin.deleteTableFormat("orders");
    await expect(admin.deleteTableFormat("orders")).rejects.toMatchObject({ code: "FLV_TABLE_FORMAT_NOT_FOUND" });
    expect(await admin.listConnectors()).toEqual([]);
    expect(await admin.listMirrors()).toEqual([]);
    await expect(admin.deleteSmartModule("absent")).rejects.toMatchObject({ code: "FLV_SMARTMODULE_NOT_FOUND" });
  });
});
