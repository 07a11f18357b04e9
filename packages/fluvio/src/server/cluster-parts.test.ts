import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listApi } from "../protocol/index.ts";
import { connect, type TlsOptions } from "../transport/index.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "../transport/testing/certificates.ts";
import { startCluster } from "./cluster.ts";
import { dataDirHolder, lockDataDir } from "./sc/data-dir-lock.ts";
import { IdleHost } from "./sc/testing/idle-host.ts";
import { TemporaryCluster } from "./testing/temporary-cluster.ts";

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "fluvio-cluster-"));
}

test("a lock is taken over from a process that is gone, one of the same number, and from rubbish; not from a living one", async () => {
  const dataDir = await temporaryFolder();
  const path = join(dataDir, "cluster.lock");
  const release = await lockDataDir(dataDir);
  const own = JSON.parse(await readFile(path, "utf8"));
  expect(own.processId).toBe(process.pid);
  expect(await dataDirHolder(dataDir)).toEqual(own);
  await expect(lockDataDir(dataDir)).rejects.toMatchObject({
    code: "FLV_CLUSTER_RUNNING",
    details: { processId: process.pid },
  });
  await release();
  expect(await dataDirHolder(dataDir)).toBeUndefined();
  for (const left of [
    { processId: 2 ** 22 + 1, startedAt: "1" },
    { ...own, startedAt: "1" },
    { processId: 1, startedAt: "other" },
    "rubbish",
  ]) {
    await writeFile(path, typeof left === "string" ? left : JSON.stringify(left));
    await (await lockDataDir(dataDir))();
  }
  await rm(dataDir, { recursive: true });
});

test("of many starts at once on a folder with a stale lock exactly one gets it", async () => {
  for (let round = 0; round < 20; round++) {
    const dataDir = await temporaryFolder();
    await writeFile(join(dataDir, "cluster.lock"), JSON.stringify({ processId: 2 ** 22 + 1, startedAt: "1" }));
    const starts = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataDir(dataDir)));
    expect(starts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await readdir(dataDir)).toEqual(["cluster.lock"]);
    await rm(dataDir, { recursive: true });
  }
});

test("a start that was killed while it took a lock over does not keep others from it", async () => {
  const dataDir = await temporaryFolder();
  const gone = JSON.stringify({ processId: 2 ** 22 + 1, startedAt: "1" });
  await writeFile(join(dataDir, "cluster.lock"), gone);
  await writeFile(join(dataDir, "cluster.lock.takeover"), gone);
  await (await lockDataDir(dataDir))();
  expect(await readdir(dataDir)).toEqual([]);
  await rm(dataDir, { recursive: true });
});

/** Remembers when it is told to end. */
class WatchedHost extends IdleHost {
  disposed = 0;
  onDispose: () => Promise<void> = async () => {};
  override async [Symbol.asyncDispose](): Promise<void> {
    this.disposed++;
    await this.onDispose();
  }
}

test("connectors end before the cluster that they write to, and with a start that fails", async () => {
  const host = new WatchedHost();
  const temporary = await TemporaryCluster.start({ connectorHost: host });
  await temporary.createTopic("hello");
  host.onDispose = async () => {
    expect(await temporary.produce("hello", "the last record")).toBe(0);
  };
  await temporary.stop();
  expect(host.disposed).toBe(1);
  const other = new WatchedHost();
  const file = join(temporary.dataDir, "file");
  await writeFile(file, "");
  await expect(startCluster({ dataDir: file, connectorHost: other })).rejects.toMatchObject({ code: "FLV_FILE" });
  expect(other.disposed).toBe(1);
  await rm(temporary.dataDir, { recursive: true });
});

test("with a certificate every port speaks TLS, in every process", async () => {
  const tls = { cert: SERVER_CERT, key: SERVER_KEY, caCert: CA_CERT, requireClientCert: true };
  await using temporary = await TemporaryCluster.start({ spuCount: 2, tls });
  const verified: TlsOptions = {
    policy: "verified",
    domain: "fluvio.local",
    caCert: CA_CERT,
    cert: CLIENT_CERT,
    key: CLIENT_KEY,
  };
  const { scPort, spus } = temporary.cluster;
  const sc = await connect({ host: "127.0.0.1", port: scPort, tls: verified });
  const reply = await sc.request(listApi, { label: "SPU", body: { nameFilters: [], summary: false, system: false } });
  expect(reply.body).toHaveLength(2);
  sc.close();
  for (const { id, port } of spus) {
    const spu = await connect({ host: "127.0.0.1", port, tls: verified, serverName: `custom-spu-${id}.fluvio.local` });
    expect(spu.isOpen).toBe(true);
    spu.close();
    await expect(connect({ host: "127.0.0.1", port, connectTimeoutMs: 5000 })).rejects.toBeDefined();
  }
});
