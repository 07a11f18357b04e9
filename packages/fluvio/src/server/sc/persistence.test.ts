import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { open } from "lmdb";
import { expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { createApi, type MetadataOf } from "../../protocol/index.ts";
import { openMetadataStore } from "./metadata-store.ts";
import { computed, TestController } from "./testing/test-controller.ts";

test("a restart keeps every object, module code included, and who leads what", async () => {
  const before = await TestController.start({ spuIds: [5001, 5002] });
  await before.createTopic("orders", { ...computed(5), cleanupPolicy: { type: "segment", timeInSeconds: 3600 } });
  await before.updateTopic("orders", { type: "addPartition", count: 1 });
  await before.createTopic("gone");
  await before.deleteTopic("gone");
  const payload = Uint8Array.from(gzipSync(await buildAs("filter")));
  await before.createSmartModule("filter", payload);
  const { client } = before;
  await client.request(createApi, {
    label: "TableFormat",
    body: { name: "people", dryRun: false, spec: { name: "people" } },
  });
  await client.request(createApi, {
    label: "SpuGroup",
    body: { name: "group", dryRun: false, spec: { replicas: 2, minId: 3, env: [] } },
  });
  await client.request(createApi, {
    label: "Mirror",
    body: { name: "edge", dryRun: false, spec: { type: "remote", id: "edge" } },
  });
  const endpoint = { port: 9110, host: "a", encryption: "plaintext" } as const;
  const spec = {
    id: 6001,
    publicEndpoint: { port: 9110, ingress: [], encryption: "plaintext" },
    privateEndpoint: endpoint,
  } as const;
  await client.request(createApi, { label: "CustomSpu", body: { name: "extra", dryRun: false, spec } });
  const topics = await before.topics();
  const leaders = (await before.partitions()).map(({ name, spec: { leader } }) => [name, leader]);
  await before.stop();

  await using after = await TestController.start({ dataDir: before.dataDir, spuIds: [5001, 5002] });
  expect(await after.topics()).toEqual(topics);
  expect((await after.partitions()).map(({ name, spec: { leader } }) => [name, leader])).toEqual(leaders);
  const { stores } = after.sc;
  expect([...stores.tableFormats.names(), ...stores.spuGroups.names(), ...stores.mirrors.names()]).toEqual([
    "people",
    "group",
    "edge",
  ]);
  expect(stores.spus.get("extra")).toMatchObject({ spec: { id: 6001 }, status: { resolution: "init" } });
  const found = await after.spu.request({ kind: "smartModule", name: "filter" });
  expect(found).toEqual({ ok: true, value: { name: "filter", payload } });
});

test("the number of SPUs may change as long as no partition would lose its SPU", async () => {
  const two = await TestController.start({ spuIds: [5001, 5002] });
  await two.createTopic("spread", computed(3));
  await two.stop();
  const { dataDir } = two;
  await expect(TestController.start({ dataDir, spuIds: [5001] })).rejects.toMatchObject({
    code: "FLV_CLUSTER_START",
    message: expect.stringMatching(/partition\(s\) of spread live on SPU 5002, which 1 SPU\(s\) do not include/),
    hint: expect.stringMatching(/--spu 2, or delete these topics/),
  });
  const four = await TestController.start({ dataDir, spuIds: [5001, 5002, 5003, 5004] });
  await four.deleteTopic("spread");
  await four.stop();
  await using one = await TestController.start({ dataDir, spuIds: [5001] });
  expect([...one.sc.stores.spus.names()]).toEqual(["custom-spu-5001"]);
});

test("a removal that no SPU confirmed is asked for again after a restart", async () => {
  const before = await TestController.start({ spu: { confirms: false } });
  await before.createTopic("hello");
  const deletion = before.deleteTopic("hello").catch(() => {});
  await before.spu.message("topicDeleted");
  await before.stop();
  await deletion;
  await using after = await TestController.start({ dataDir: before.dataDir, spu: { confirms: false } });
  expect((await after.spu.message("removeReplicas")).replicas).toEqual([{ topic: "hello", partition: 0 }]);
  expect(await after.spu.message("topicDeleted")).toEqual({ type: "topicDeleted", topic: "hello" });
  expect(await after.topics()).toEqual([]);
});

test("metadata of a later release, a folder that is a file and a damaged object are refused with the reason", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-meta-"));
  await (await openMetadataStore(dataDir))[Symbol.asyncDispose]();
  const root = open({ path: join(dataDir, "metadata"), maxDbs: 8 });
  await root.openDB({ name: "schema", encoding: "binary" }).put("version", Buffer.from("2"));
  await root.close();
  await expect(openMetadataStore(dataDir)).rejects.toMatchObject({
    code: "FLV_CLUSTER_START",
    message: expect.stringMatching(/has layout 2, this release knows 1/),
    hint: expect.stringMatching(/later release/),
  });
  const file = join(dataDir, "file");
  await writeFile(file, "");
  await expect(openMetadataStore(file)).rejects.toMatchObject({
    code: "FLV_FILE",
    message: expect.stringMatching(/^The metadata folder .*file\/metadata cannot be opened/),
  });
  const again = open({ path: join(dataDir, "metadata"), maxDbs: 8 });
  await again.openDB({ name: "schema", encoding: "binary" }).put("version", Buffer.from("1"));
  await again.openDB({ name: "objects", encoding: "binary" }).put("Topic/broken", Buffer.from("ff", "hex"));
  await again.close();
  await using store = await openMetadataStore(dataDir);
  expect(() => store.load("Topic")).toThrow(
    expect.objectContaining({ code: "FLV_STORAGE", message: expect.stringMatching(/damaged at Topic\/broken/) }),
  );
  await rm(dataDir, { recursive: true });
});

test("a closed store refuses to write instead of bringing the process down, and closing waits for what is under way", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-meta-"));
  const store = await openMetadataStore(dataDir);
  const removal = (topic: string) => ({ type: "putRemoval", removal: { kind: "offsets", topic } }) as const;
  const last = store.commit([removal("last")]);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await last;
  await expect(store.commit([removal("late")])).rejects.toMatchObject({ code: "FLV_STORAGE", retriable: true });
  expect(store.payload("any")).toBeUndefined();
  await using again = await openMetadataStore(dataDir);
  expect(again.removals()).toEqual([{ kind: "offsets", topic: "last" }]);
  await rm(dataDir, { recursive: true });
});

test("a thousand topics: created, listed, kept", async () => {
  const before = await TestController.start();
  const statuses = await Promise.all(Array.from({ length: 1000 }, (_, index) => before.createTopic(`topic-${index}`)));
  expect(statuses.filter(({ errorCode }) => errorCode.name !== "None")).toEqual([]);
  await before.stop();
  await using after = await TestController.start({ dataDir: before.dataDir });
  expect(await after.topics()).toHaveLength(1000);
  expect(await after.topics(["topic-77"])).toHaveLength(11);
  await after.partitionBecomes("topic-999-0", "online");
});

/** Topics and partitions that belong together, as read from disk. */
async function stored(
  dataDir: string,
): Promise<{ topics: readonly MetadataOf<"Topic">[]; partitions: readonly string[] }> {
  await using store = await openMetadataStore(dataDir);
  return { topics: store.load("Topic"), partitions: store.load("Partition").map(({ name }) => name) };
}

test("kill -9 in the middle of creating topics loses none that was answered and leaves none in half", {
  timeout: 180_000,
}, async () => {
  const program = fileURLToPath(new URL("./testing/creating-program.ts", import.meta.url));
  for (const answersBeforeKill of [1, 7, 20]) {
    const dataDir = await mkdtemp(join(tmpdir(), "fluvio-kill-"));
    const child: ChildProcess = fork(program, [dataDir], {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const answered: string[] = [];
    child.on("message", (name) => {
      answered.push(String(name));
      if (answered.length === answersBeforeKill) child.kill("SIGKILL");
    });
    await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    const { topics, partitions } = await stored(dataDir);
    const names = topics.map(({ name }) => name);
    expect(answered.filter((name) => !names.includes(name))).toEqual([]);
    const expected = topics.flatMap(({ name, status }) =>
      [...status.replicaMap.keys()].map((partition) => `${name}-${partition}`),
    );
    expect([...partitions].sort()).toEqual(expected.sort());
    await rm(dataDir, { recursive: true });
  }
});
