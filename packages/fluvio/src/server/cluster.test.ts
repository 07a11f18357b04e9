import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { freePort } from "../../../../tests/free-port.ts";
import { SPU_PORT_STEP } from "../protocol/index.ts";
import { startCluster } from "./cluster.ts";
import { TemporaryCluster } from "./testing/temporary-cluster.ts";

test("records are kept over a restart", async () => {
  await using temporary = await TemporaryCluster.start();
  await temporary.createTopic("hello", 2);
  expect(await temporary.produce("hello", "one")).toBe(0);
  expect(await temporary.produce("hello", "two")).toBe(1);
  expect(await temporary.produce("hello", "other", 1)).toBe(0);
  await temporary.restart();
  await temporary.partitionBecomes("hello-0", "online");
  expect(await temporary.read("hello", 2)).toEqual(["one", "two"]);
  expect(await temporary.produce("hello", "three")).toBe(2);
});

test("a deleted topic's records do not come back under its name", async () => {
  await using temporary = await TemporaryCluster.start();
  await temporary.createTopic("hello");
  await temporary.produce("hello", "old");
  expect((await temporary.deleteTopic("hello")).errorCode.name).toBe("None");
  expect((await temporary.createTopic("hello")).errorCode.name).toBe("None");
  expect(await temporary.highWatermark("hello")).toBe(0);
  expect(await temporary.produce("hello", "new")).toBe(0);
  expect(await temporary.read("hello", 1)).toEqual(["new"]);
});

test("several SPUs share the partitions and keep them over a restart; fewer SPUs are refused while one is needed", {
  timeout: 180_000,
}, async () => {
  await using temporary = await TemporaryCluster.start({ spuCount: 3 });
  expect(new Set(temporary.cluster.spus.map(({ processId }) => processId)).size).toBe(3);
  await temporary.createTopic("spread", 6);
  const leaders = await temporary.leaders("spread");
  expect([...leaders].sort()).toEqual([5001, 5001, 5002, 5002, 5003, 5003]);
  for (let partition = 0; partition < 6; partition++) {
    expect(await temporary.produce("spread", `record ${partition}`, partition)).toBe(0);
  }
  await temporary.restart();
  expect(await temporary.leaders("spread")).toEqual(leaders);
  for (let partition = 0; partition < 6; partition++) {
    await temporary.partitionBecomes(`spread-${partition}`, "online");
    expect(await temporary.read("spread", 1, partition)).toEqual([`record ${partition}`]);
  }
  await expect(temporary.restart({ spuCount: 2 })).rejects.toMatchObject({
    code: "FLV_CLUSTER_START",
    message: expect.stringMatching(/live on SPU 5003, which 2 SPU\(s\) do not include/),
    hint: expect.stringMatching(/--spu 3/),
  });
  await temporary.restart({ spuCount: 4 });
  await temporary.deleteTopic("spread");
  await temporary.restart({ spuCount: 1 });
  expect(temporary.cluster.spus.map(({ id }) => id)).toEqual([5001]);
});

test("an SPU process that is killed is started again on its port, with every record", async () => {
  await using temporary = await TemporaryCluster.start({ spuCount: 2, spuBasePort: await freePort(2) });
  await temporary.createTopic("spread", 2);
  const partition = (await temporary.leaders("spread")).indexOf(5002);
  expect(await temporary.produce("spread", "kept", partition)).toBe(0);
  const before = temporary.cluster.spus[1];
  process.kill(before?.processId ?? 0, "SIGKILL");
  await temporary.spuBecomes(5002, "offline");
  expect(temporary.cluster.sc.stores.partitions.get(`spread-${partition}`)?.status.resolution).toBe("leaderOffline");
  expect(await temporary.produce("spread", "unaffected", 1 - partition)).toBe(0);
  await temporary.partitionBecomes(`spread-${partition}`, "online");
  const after = temporary.cluster.spus[1];
  expect(after?.port).toBe(before?.port);
  expect(after?.processId).not.toBe(before?.processId);
  expect(await temporary.read("spread", 1, partition)).toEqual(["kept"]);
});

test("a folder that another cluster has is refused, and free again when that cluster is closed", async () => {
  const first = await TemporaryCluster.start();
  await expect(TemporaryCluster.start({ dataDir: first.dataDir })).rejects.toMatchObject({
    code: "FLV_CLUSTER_RUNNING",
    message: expect.stringContaining(first.dataDir),
    hint: expect.stringMatching(/shutdown|another folder/),
  });
  await first.stop();
  await using second = await TemporaryCluster.start({ dataDir: first.dataDir });
  expect((await second.createTopic("hello")).errorCode.name).toBe("None");
});

/** A port that somebody else listens on; nobody does on the port of an SPU before it. */
async function takenPort(): Promise<{ readonly port: number } & AsyncDisposable> {
  const port = (await freePort(2)) + SPU_PORT_STEP;
  const server = createServer().listen({ host: "127.0.0.1", port });
  await once(server, "listening");
  return {
    port,
    [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))),
  };
}

test("a port in use is named, whoever was to open it, and a failed start leaves nothing behind", async () => {
  await using taken = await takenPort();
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-cluster-"));
  for (const options of [
    { scPort: taken.port },
    { spuBasePort: taken.port },
    { spuBasePort: taken.port - SPU_PORT_STEP, spuCount: 2 },
  ]) {
    await expect(TemporaryCluster.start({ dataDir, ...options })).rejects.toMatchObject({
      code: "FLV_PORT_IN_USE",
      message: expect.stringContaining(String(taken.port)),
      hint: expect.stringContaining("another port"),
    });
  }
  await using cluster = await TemporaryCluster.start({ dataDir });
  expect((await cluster.createTopic("hello")).errorCode.name).toBe("None");
});

test("a data folder that cannot be one, and counts that make no sense, are refused with the reason", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-cluster-"));
  const file = join(dataDir, "file");
  await writeFile(file, "");
  await expect(startCluster({ dataDir: file })).rejects.toMatchObject({
    code: "FLV_FILE",
    message: expect.stringContaining(`The data folder ${file} cannot be written`),
  });
  for (const spuCount of [0, -1, 1.5, 101]) {
    await expect(startCluster({ dataDir, spuCount })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
  }
  await rm(dataDir, { recursive: true });
});

test("closing while records come in keeps every answered one, and closing twice is closing once", async () => {
  await using temporary = await TemporaryCluster.start();
  await temporary.createTopic("hello");
  const produced = Array.from({ length: 200 }, (_, index) =>
    temporary.produce("hello", `record ${index}`).catch(() => undefined),
  );
  await produced[0];
  await Promise.all([temporary.cluster.close(), temporary.cluster.close()]);
  const answered = (await Promise.all(produced)).filter((offset) => typeof offset === "number");
  await temporary.restart();
  await temporary.partitionBecomes("hello-0", "online");
  const values = await temporary.read("hello", answered.length);
  expect(answered).toEqual(answered.map((_, index) => index));
  expect(values.slice(0, answered.length)).toEqual(answered.map((offset) => `record ${offset}`));
});

test("kill -9 of the cluster loses no answered record, ends its SPU processes and frees its folder", {
  timeout: 180_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-cluster-"));
  const program = fileURLToPath(new URL("./testing/producing-program.ts", import.meta.url));
  const child = fork(program, [dataDir], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const answered = new Map<number, number>();
  let spuProcessId = 0;
  child.on(
    "message",
    (message: { readonly processId?: number; readonly partition?: number; readonly offset?: number }) => {
      if (message.processId !== undefined) spuProcessId = message.processId;
      if (message.partition !== undefined) answered.set(message.partition, message.offset ?? 0);
      if ((answered.get(0) ?? 0) >= 20 && (answered.get(1) ?? 0) >= 20) child.kill("SIGKILL");
    },
  );
  await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  // it may still be closing its logs
  await using temporary = await TemporaryCluster.start({ dataDir, spuCount: 2 });
  await processEnds(spuProcessId);
  for (const [partition, offset] of answered) {
    await temporary.partitionBecomes(`spread-${partition}`, "online");
    const records = await temporary.read("spread", offset + 1, partition);
    expect(records.slice(0, offset + 1)).toEqual(Array.from({ length: offset + 1 }, (_, index) => `record ${index}`));
  }
});

async function processEnds(processId: number): Promise<void> {
  const deadlineMs = Date.now() + 30_000;
  while (Date.now() < deadlineMs) {
    try {
      process.kill(processId, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`process ${processId} outlives its cluster`);
}
