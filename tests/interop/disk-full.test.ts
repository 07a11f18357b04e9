import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fluvio } from "../../packages/fluvio/src/client/index.ts";
import { type Cluster, startCluster } from "../../packages/fluvio/src/server/index.ts";

/** A file system of its own, small enough to be filled: mounting it needs root. */
const folder = mkdtempSync(join(tmpdir(), "fluvio-disk-full-"));
const record = new Uint8Array(1_000_000);

beforeAll(() => {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=20m", "tmpfs", folder]);
});
afterAll(() => {
  execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true });
});

async function startOnSmallDisk(): Promise<Cluster> {
  return startCluster({ dataDir: join(folder, "data"), scPort: 0, spuBasePort: 0 });
}

function connectTo(cluster: Cluster): Promise<Fluvio> {
  return Fluvio.connect({ address: `127.0.0.1:${cluster.scPort}` });
}

/** Produces one record after the other until one is refused; gives how many were stored, and why the next was not. */
async function fill(fluvio: Fluvio, topic: string, value: Uint8Array): Promise<{ stored: number; error: unknown }> {
  const producer = await fluvio.topicProducer(topic);
  let stored = 0;
  try {
    for (;;) {
      await (await producer.send(undefined, value)).wait();
      stored++;
    }
  } catch (error) {
    await producer.close().catch(() => {});
    return { stored, error };
  }
}

async function count(fluvio: Fluvio, topic: string): Promise<number> {
  let records = 0;
  const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
  for await (const _ of consumer) records++;
  return records;
}

test("a full disk refuses producers, serves consumers, and recovers when a topic is deleted", async () => {
  const cluster = await startOnSmallDisk();
  const fluvio = await connectTo(cluster);
  const admin = fluvio.admin();
  const kept = await admin.createTopic("kept");
  const dropped = await admin.createTopic("dropped");
  const producer = await fluvio.topicProducer(dropped);
  for (let i = 0; i < 4; i++) await (await producer.send(undefined, record)).wait();
  await producer.close();

  const { stored, error } = await fill(fluvio, kept, record);
  expect(error).toMatchObject({
    code: "FLV_DISK_FULL",
    retriable: true,
    message: expect.stringContaining("Partition kept-0 is full: the disk of its SPU has no space left"),
    hint: expect.stringContaining("Free disk space"),
  });
  // to the last block, so that the metadata has no room to grow either
  const { stored: small } = await fill(fluvio, kept, new Uint8Array(4096));
  expect((await statfs(folder)).bavail).toBeLessThan(16);
  expect(await count(fluvio, kept)).toBe(stored + small);

  await admin.deleteTopic(dropped);
  const after = await fluvio.topicProducer(kept);
  expect((await (await after.send(undefined, record)).wait()).offset).toBe(stored + small);
  await after.close();
  expect(await count(fluvio, kept)).toBe(stored + small + 1);
  await fluvio.close();
  await cluster.close();
});

test("a cluster does not start on a full disk, says so, and has every record when there is space again", async () => {
  // what is freed later: more than a start writes
  const reserve = join(folder, "reserve");
  writeFileSync(reserve, new Uint8Array(1_000_000));
  const before = await startOnSmallDisk();
  const filling = await connectTo(before);
  await fill(filling, "kept", record);
  const records = await count(filling, "kept");
  await filling.close();
  await before.close();
  const ballast = join(folder, "ballast");
  expect(() => execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4096"], { stdio: "ignore" })).toThrow();

  await expect(startOnSmallDisk()).rejects.toMatchObject({
    code: "FLV_DISK_FULL",
    message: expect.stringContaining(folder),
  });

  rmSync(ballast);
  rmSync(reserve);
  const cluster = await startOnSmallDisk();
  const fluvio = await connectTo(cluster);
  expect(await count(fluvio, "kept")).toBe(records);
  await fluvio.close();
  await cluster.close();
});
