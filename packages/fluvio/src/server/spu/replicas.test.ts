import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchApi, fetchOffsetsApi, flvError } from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import { type Clock, systemClock } from "../clock.ts";
import {
  batchOf,
  nextReply,
  produceTo,
  readUntil,
  recordsOf,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";
import { HeldStorage } from "./testing/held-storage.ts";

const REPORTS_APART_MS = 200;

describe("partitions of an SPU", () => {
  let spu: TestSpu;
  let storage: HeldStorage;
  let connection: Connection;
  const start = () =>
    startSpu({
      retentionCheckMs: 5,
      makeStorage: async (directory) => {
        storage = await HeldStorage.create(directory);
        return storage;
      },
    });
  beforeEach(async () => {
    spu = await start();
    connection = await spu.connect();
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  const status = (topic: string) => spu.sc.statuses.get(`${topic}/0`);

  it("says hello with its port and process before anything else", () => {
    const { id, port } = spu.spu;
    expect(spu.sc.messages[0]).toEqual({ type: "hello", spuId: id, publicPort: port, processId: process.pid });
  });

  it("reports partitions online, and what is written to them", async () => {
    await spu.sc.assign("hello");
    expect(status("hello")).toEqual({
      topic: "hello",
      partition: 0,
      online: true,
      logStartOffset: 0,
      highWatermark: 0,
      logEndOffset: 0,
      sizeBytes: 0,
      lastTimestampMs: undefined,
      problem: undefined,
    });
    const batch = batchOf(["a", "b"]);
    const sizeBytes = batch.length;
    await produceTo(connection, { topic: "hello", entries: [batch] });
    await spu.sc.until(() => status("hello")?.highWatermark === 2, "the new end");
    expect(status("hello")).toMatchObject({ logEndOffset: 2, sizeBytes, lastTimestampMs: 1_700_000_000_000 });
  });

  it("merges reports of changes that follow each other quickly", async () => {
    const intervals: (() => void)[] = [];
    const after: Clock["after"] = (delayMs, callback) => {
      if (delayMs !== REPORTS_APART_MS) return systemClock.after(delayMs, callback);
      intervals.push(callback);
      return () => {};
    };
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ clock: { nowMs: systemClock.nowMs, after } });
    connection = await spu.connect();
    await spu.sc.assign("hello");
    const reports = () => spu.sc.messages.filter(({ type }) => type === "replicaStatus").length;
    const before = reports();
    for (let n = 0; n < 300; n++) await produceTo(connection, { topic: "hello", entries: [batchOf(["x"])] });
    expect([reports(), intervals.length]).toEqual([before, 1]);
    intervals[0]?.();
    await spu.sc.until(() => status("hello")?.logEndOffset === 300, "the new end");
    expect(reports()).toBe(before + 1);
  });

  it("keeps what was written over a restart", async () => {
    await spu.sc.assign("hello");
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a"]), batchOf(["b", "c"])] });
    spu = await spu.restart();
    await spu.sc.assign("hello");
    connection = await spu.connect();
    expect((await produceTo(connection, { topic: "hello", entries: [batchOf(["d"])] }))[0]?.baseOffset).toBe(3);
    const records = await readUntil(connection, streamFrom(connection, { topic: "hello" }), 4);
    expect(records.map(({ value }) => value)).toEqual(["a", "b", "c", "d"]);
  });

  it("keeps partitions that are not assigned, without serving them", async () => {
    await spu.sc.assign("hello");
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a"])] });
    spu = await spu.restart();
    connection = await spu.connect();
    const [refused] = await produceTo(connection, { topic: "hello", entries: [batchOf(["b"])] });
    expect(refused?.errorCode.name).toBe("NotLeaderForPartition");
    await spu.sc.assign("hello");
    expect((await produceTo(connection, { topic: "hello", entries: [batchOf(["b"])] }))[0]?.baseOffset).toBe(1);
  });

  it("applies changed settings to an open partition", async () => {
    await spu.sc.assign("hello");
    await spu.sc.assign("hello", 1, { compression: "gzip", segmentSizeBytes: 2048 });
    const results = () =>
      produceTo(connection, { topic: "hello", entries: [batchOf(["a"]), batchOf(["b"], { compression: "gzip" })] });
    expect((await results()).map(({ errorCode }) => errorCode.name)).toEqual(["CompressionError", "None"]);
    await spu.sc.assign("hello", 1, { retentionSeconds: 1 });
    // written in 2023: too old at once
    await spu.sc.until(() => status("hello")?.logStartOffset === 1, "retention");
  });

  it("confirms the removal of partitions that it never had", async () => {
    await spu.sc.remove("never-there");
    expect(spu.sc.messages.at(-1)).toEqual({
      type: "replicasRemoved",
      replicas: [{ topic: "never-there", partition: 0 }],
    });
  });

  it("works off removals and assignments of one partition in order", async () => {
    await spu.sc.assign("hello");
    await produceTo(connection, { topic: "hello", entries: [batchOf(["old"])] });
    const replicas = [{ topic: "hello", partition: 0 }];
    spu.sc.statuses.clear();
    for (let round = 0; round < 5; round++) {
      spu.sc.send({ type: "removeReplicas", replicas });
      spu.sc.sendReplicas();
    }
    await spu.sc.until(() => spu.sc.messages.filter((m) => m.type === "replicasRemoved").length === 5, "five removals");
    await spu.sc.until(() => status("hello")?.online === true, "a new one");
    expect(spu.sc.messages.at(-1)?.type).toBe("replicaStatus");
    expect((await produceTo(connection, { topic: "hello", entries: [batchOf(["new"])] }))[0]).toMatchObject({
      errorCode: { name: "None" },
      baseOffset: 0,
    });
  });

  it("reports why a partition cannot be opened, and tries again", async () => {
    storage.openError = flvError("FLV_STORAGE", "Cannot open partition hello-0");
    spu.sc.assign("hello").catch(() => {});
    await spu.sc.until(() => status("hello")?.online === false, "offline");
    expect(status("hello")?.problem).toBe("Cannot open partition hello-0");
    storage.openError = undefined;
    await spu.sc.until(() => status("hello")?.online === true, "online");
    expect(status("hello")?.problem).toBeUndefined();
  });

  it("tells producers why nothing is written, and goes on when it can", async () => {
    await spu.sc.assign("hello");
    const produced = async () => (await produceTo(connection, { topic: "hello", entries: [batchOf(["a"])] }))[0];
    storage.appendError = flvError("FLV_DISK_FULL", "No space left");
    expect((await produced())?.errorCode).toEqual({ name: "PartitionFull", topic: "hello", partition: 0 });
    storage.appendError = flvError("FLV_STORAGE", "I/O error");
    expect((await produced())?.errorCode.name).toBe("StorageError");
    storage.appendError = undefined;
    expect(await produced()).toMatchObject({ errorCode: { name: "None" }, baseOffset: 0 });
  });

  it("serves what is intact of a corrupt partition, and reports the rest", async () => {
    await spu.sc.assign("hello", 1, { segmentSizeBytes: 2048 });
    const values = Array.from({ length: 10 }, (_, n) => `${n}`.repeat(900));
    for (const value of values) await produceTo(connection, { topic: "hello", entries: [batchOf([value])] });
    await spu.close();
    const folder = join(spu.dataDir, "hello-0");
    const log = join(folder, (await readdir(folder)).filter((name) => name.endsWith(".log")).sort()[1] as string);
    const bytes = await readFile(log);
    bytes[200] = (bytes[200] as number) ^ 0xff;
    await writeFile(log, bytes);

    spu = await spu.restart();
    await spu.sc.assign("hello", 1, { segmentSizeBytes: 2048 });
    connection = await spu.connect();
    const first = await nextReply(streamFrom(connection, { topic: "hello", maxBytes: 3_000_000 }));
    const before = recordsOf(first.partition.records);
    expect(before.map(({ value }) => value)).toEqual(values.slice(0, before.length));
    expect(before.length).toBeGreaterThan(0);
    const damaged = await nextReply(streamFrom(connection, { topic: "hello", fetchOffset: before.length }));
    expect(damaged.partition.errorCode).toMatchObject({ name: "Other" });
    const last = await nextReply(streamFrom(connection, { topic: "hello", fetchOffset: 9 }));
    expect(recordsOf(last.partition.records).at(-1)).toMatchObject({ offset: 9, value: values[9] });
    await produceTo(connection, { topic: "hello", entries: [batchOf(["next"])] });
    await spu.sc.until(() => status("hello")?.problem !== undefined, "the damage");
    expect(status("hello")?.online).toBe(true);
  });

  it("answers FetchOffsets per partition", async () => {
    await spu.sc.assign("hello", 2);
    await produceTo(connection, { topic: "hello", partition: 1, entries: [batchOf(["a", "b"])] });
    const partitions = [0, 1, 2].map((partitionIndex) => ({ partitionIndex }));
    const { topics } = await connection.request(fetchOffsetsApi, { topics: [{ name: "hello", partitions }] });
    expect(topics).toEqual([
      {
        name: "hello",
        partitions: [
          { errorCode: { name: "None" }, partitionIndex: 0, startOffset: 0, lastStableOffset: 0 },
          { errorCode: { name: "None" }, partitionIndex: 1, startOffset: 0, lastStableOffset: 2 },
          { errorCode: { name: "PartitionNotLeader" }, partitionIndex: 2, startOffset: 0, lastStableOffset: 0 },
        ],
      },
    ]);
  });

  it("answers a one-shot fetch at once, per partition", async () => {
    await spu.sc.assign("hello", 2);
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a"]), batchOf(["b"]), batchOf(["c"])] });
    const fetch = async (partitionIndex: number, fetchOffset: number, maxBytes: number) => {
      const partition = { partitionIndex, currentLeaderEpoch: -1, fetchOffset, logStartOffset: 0, maxBytes };
      const answer = await connection.request(fetchApi, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes,
        isolation: "readCommitted",
        topics: [{ name: "hello", partitions: [partition] }],
        forgotten: [],
      });
      const found = answer.topics[0]?.partitions[0];
      return [found?.errorCode.name, found?.highWatermark, recordsOf(found?.records ?? new Uint8Array(0)).length];
    };
    expect(await fetch(0, 0, 1_000_000)).toEqual(["None", 3, 3]);
    expect(await fetch(0, 1, 1)).toEqual(["None", 3, 1]);
    expect(await fetch(0, 3, 1_000_000)).toEqual(["None", 3, 0]);
    expect(await fetch(0, 4, 1_000_000)).toEqual(["Other", 0, 0]);
    expect(await fetch(1, 0, 1_000_000)).toEqual(["None", 0, 0]);
    expect(await fetch(2, 0, 1_000_000)).toEqual(["NotLeaderForPartition", 0, 0]);
  });

  it("ends when the SC says so, and when the SC is gone", async () => {
    spu.sc.send({ type: "shutdown" });
    await spu.spu.closed;
    expect((await connection.closed) === undefined || connection.isOpen === false).toBe(true);
    await spu[Symbol.asyncDispose]();
    spu = await start();
    spu.sc.close();
    await spu.spu.closed;
    await expect(spu.connect()).rejects.toMatchObject({ code: "FLV_CONNECT" });
  });
});
