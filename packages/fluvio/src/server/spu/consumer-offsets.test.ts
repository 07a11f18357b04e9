import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CONSUMER_OFFSET_TOPIC,
  type ConsumerOffset,
  deleteConsumerOffsetApi,
  fetchConsumerOffsetsApi,
  fetchOffsetsApi,
  updateConsumerOffsetApi,
} from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ConsumerOffsetUpdate } from "../link.ts";
import { decodeChange, encodeChange } from "./consumer-offset-record.ts";
import { batchOf, nextReply, produceTo, readUntil, startSpu, streamFrom, type TestSpu } from "./testing/harness.ts";

const HOUR_MS = 3_600_000;

describe("consumer offsets", () => {
  let spu: TestSpu;
  let connection: Connection;
  let nowMs = 1_700_000_000_000;
  const clock: Clock = { nowMs: () => nowMs, after: systemClock.after };
  beforeEach(async () => {
    spu = await startSpu({ clock });
    await spu.sc.assign("hello");
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC);
    connection = await spu.connect();
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a", "b", "c"])] });
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  async function restart(): Promise<void> {
    spu = await spu.restart();
    await spu.sc.assign("hello");
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC);
    connection = await spu.connect();
  }

  /** Opens a stream and gives its id. */
  async function stream(consumerId?: string): Promise<number> {
    return (await nextReply(streamFrom(connection, { topic: "hello", ...(consumerId && { consumerId }) }))).streamId;
  }
  const update = (sessionId: number, offset: number) =>
    connection.request(updateConsumerOffsetApi, { sessionId, offset });
  async function list(filter?: {
    replica?: { topic: string; partition: number };
    consumerId?: string;
  }): Promise<readonly ConsumerOffset[]> {
    const { errorCode, consumers } = await connection.request(fetchConsumerOffsetsApi, { filter });
    expect(errorCode.name).toBe("None");
    return consumers;
  }

  it("are stored by a stream's connection and survive a restart", async () => {
    const id = await stream("c1");
    expect(await update(id, 2)).toEqual({ offset: 2, errorCode: { name: "None" } });
    const stored = [{ consumerId: "c1", topic: "hello", partition: 0, offset: 2, modifiedTimeSeconds: 1_700_000_000 }];
    expect(await list()).toEqual(stored);
    await restart();
    expect(await list()).toEqual(stored);
    expect(await list({ consumerId: "c2" })).toEqual([]);
    expect(await list({ replica: { topic: "hello", partition: 1 } })).toEqual([]);
    expect(await list({ replica: { topic: "hello", partition: 0 }, consumerId: "c1" })).toEqual(stored);
  });

  it("need a stream of that id, with a consumer id", async () => {
    expect((await update(7, 0)).errorCode.name).toBe("FetchSessionNotFoud");
    const other = await spu.connect();
    const id = await stream("c1");
    const elsewhere = await other.request(updateConsumerOffsetApi, { sessionId: id, offset: 0 });
    expect(elsewhere.errorCode.name).toBe("FetchSessionNotFoud");
    expect((await update(await stream(), 0)).errorCode).toMatchObject({ name: "Other" });
    expect(await list()).toEqual([]);
  });

  it("are stored for a stream that has ended", async () => {
    const ending = streamFrom(connection, { topic: "hello", fetchOffset: 99, consumerId: "c1" });
    const { streamId } = await nextReply(ending);
    expect((await update(streamId, 1)).errorCode.name).toBe("None");
  });

  it("move the start that FetchOffsets of version 23 gives", async () => {
    await update(await stream("c1"), 1);
    const ask = async (consumerId: string | undefined, version: number) => {
      const topics = [{ name: "hello", partitions: [{ partitionIndex: 0 }] }];
      const answer = await connection.request(fetchOffsetsApi, { topics, consumerId }, { version });
      return answer.topics[0]?.partitions[0];
    };
    expect(await ask("c1", 23)).toMatchObject({ startOffset: 2, lastStableOffset: 3 });
    expect(await ask("c2", 23)).toMatchObject({ startOffset: 0, lastStableOffset: 3 });
    expect(await ask(undefined, 23)).toMatchObject({ startOffset: 0, lastStableOffset: 3 });
    expect(await ask("c1", 25)).toMatchObject({ startOffset: 0, lastStableOffset: 3 });
  });

  it("are deleted for good", async () => {
    await update(await stream("c1"), 1);
    await update(await stream("c2"), 2);
    const request = { replica: { topic: "hello", partition: 0 }, consumerId: "c1" };
    expect((await connection.request(deleteConsumerOffsetApi, request)).errorCode.name).toBe("None");
    await restart();
    expect((await list()).map(({ consumerId }) => consumerId)).toEqual(["c2"]);
  });

  it("go with their topic, and the SC is told", async () => {
    await update(await stream("c1"), 1);
    spu.sc.send({ type: "topicDeleted", topic: "hello" });
    await spu.sc.until(
      () => spu.sc.messages.some((m) => m.type === "topicForgotten" && m.topic === "hello"),
      "forgotten",
    );
    expect(await list()).toEqual([]);
    await restart();
    expect(await list()).toEqual([]);
  });

  it("of a topic that was deleted and made again are not stored any more by a stream of the old one", async () => {
    const old = await stream("c1");
    await spu.sc.remove("hello");
    expect((await update(old, 1)).errorCode.name).toBe("NotLeaderForPartition");
    await spu.sc.assign("hello");
    expect((await update(old, 1)).errorCode.name).toBe("NotLeaderForPartition");
    expect(await list()).toEqual([]);
  });

  it("of a topic that was deleted while nobody led them are dropped when they are loaded", async () => {
    await update(await stream("c1"), 1);
    spu = await spu.restart();
    spu.sc.send({ type: "topicDeleted", topic: "hello" });
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC);
    await spu.sc.until(() => spu.sc.messages.some((m) => m.type === "topicForgotten"), "forgotten");
    connection = await spu.connect();
    expect(await list()).toEqual([]);
  });

  it("are checkpointed after more than a hundred changes, and reloaded from there", async () => {
    const ids = await Promise.all(["c1", "c2", "c3"].map((consumerId) => stream(consumerId)));
    for (let offset = 0; offset < 60; offset++) await Promise.all(ids.map((id) => update(id, offset)));
    const { logEndOffset } = spu.sc.statuses.get(`${CONSUMER_OFFSET_TOPIC}/0`) ?? { logEndOffset: 0 };
    const read = await readUntil(connection, streamFrom(connection, { topic: CONSUMER_OFFSET_TOPIC }), logEndOffset);
    const kinds = read.map(({ value }) => value.charCodeAt(0));
    // the first checkpoint follows change 101 (or the group of changes that holds it), with the three live entries
    const at = kinds.indexOf(2);
    expect(at).toBeGreaterThan(100);
    expect(at).toBeLessThanOrEqual(103);
    expect(kinds.slice(at, at + 4)).toEqual([2, 0, 0, 0]);
    await restart();
    expect((await list()).map(({ consumerId, offset }) => [consumerId, offset])).toEqual([
      ["c1", 59],
      ["c2", 59],
      ["c3", 59],
    ]);
  });

  it("outlive the retention of their topic when nobody changes them", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ clock, retentionCheckMs: 5 });
    await spu.sc.assign("hello");
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC, 1, { retentionSeconds: 3600 });
    connection = await spu.connect();
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a"])] });
    await update(await stream("c1"), 0);
    nowMs += 0.6 * HOUR_MS;
    await spu.sc.until(
      () => (spu.sc.statuses.get(`${CONSUMER_OFFSET_TOPIC}/0`)?.logEndOffset ?? 0) >= 3,
      "the offsets are written anew",
    );
    nowMs += 0.6 * HOUR_MS;
    await restart();
    expect((await list()).map(({ consumerId, offset }) => [consumerId, offset])).toEqual([["c1", 0]]);
  });

  it("outlive the retention of their topic also when others are changed all the time", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ clock, retentionCheckMs: 5 });
    await spu.sc.assign("hello");
    // a few batches a segment, so that what is old goes
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC, 1, { retentionSeconds: 3600, segmentSizeBytes: 1024 });
    connection = await spu.connect();
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a", "b", "c"])] });
    await update(await stream("idle"), 0);
    const busy = await stream("busy");
    for (let n = 0; n < 40; n++) {
      nowMs += 0.1 * HOUR_MS;
      expect((await update(busy, n)).errorCode.name).toBe("None");
    }
    const status = () => spu.sc.statuses.get(`${CONSUMER_OFFSET_TOPIC}/0`);
    await spu.sc.until(() => (status()?.logStartOffset ?? 0) > 1, "what is old is gone");
    await restart();
    expect((await list()).map(({ consumerId }) => consumerId)).toEqual(["busy", "idle"]);
  });

  it("are loaded as far as they are intact", async () => {
    const [first, second] = [await stream("c1"), await stream("c2")];
    await update(first, 0);
    await update(second, 0);
    await update(first, 1);
    await spu.close();
    const folder = join(spu.dataDir, `${CONSUMER_OFFSET_TOPIC}-0`);
    const log = join(folder, (await readdir(folder)).find((name) => name.endsWith(".log")) as string);
    const bytes = await readFile(log);
    // inside the second of three batches
    bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
    await writeFile(log, bytes);
    await restart();
    expect((await list()).map(({ consumerId, offset }) => [consumerId, offset])).toEqual([["c1", 1]]);
    expect((await update(await stream("c2"), 1)).errorCode.name).toBe("None");
  });

  it("are passed on when another SPU leads them", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ clock });
    await spu.sc.assign("hello");
    connection = await spu.connect();
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a"])] });
    const id = await stream("c1");
    expect((await update(id, 0)).errorCode).toMatchObject({ name: "OffsetFlushRequestError" });
    const updates: ConsumerOffsetUpdate[] = [];
    spu.sc.forward = async (request) => {
      if (request.kind === "updateConsumerOffset") updates.push(request.update);
      return { ok: true, value: request.kind === "fetchConsumerOffset" ? 41 : undefined };
    };
    expect((await update(id, 5)).errorCode.name).toBe("None");
    expect(updates).toEqual([{ consumerId: "c1", topic: "hello", partition: 0, offset: 5 }]);
    const topics = [{ name: "hello", partitions: [{ partitionIndex: 0 }] }];
    const answer = await connection.request(fetchOffsetsApi, { topics, consumerId: "c1" }, { version: 23 });
    expect(answer.topics[0]?.partitions[0]?.startOffset).toBe(42);
    const own = await connection.request(fetchConsumerOffsetsApi, {});
    expect(own.errorCode.name).toBe("PartitionNotLeader");
    const request = { replica: { topic: "hello", partition: 0 }, consumerId: "c1" };
    expect((await connection.request(deleteConsumerOffsetApi, request)).errorCode.name).toBe("PartitionNotLeader");
  });

  it("are answered to other SPUs", async () => {
    const answer = (request: Parameters<typeof spu.sc.request>[0]) => spu.sc.request(request);
    const key = { consumerId: "c1", topic: "elsewhere", partition: 3 };
    expect(await answer({ kind: "fetchConsumerOffset", ...key })).toEqual({ ok: true, value: undefined });
    const update = { ...key, offset: 9 };
    expect(await answer({ kind: "updateConsumerOffset", update })).toEqual({ ok: true, value: undefined });
    expect(await answer({ kind: "fetchConsumerOffset", ...key })).toEqual({ ok: true, value: 9 });
    await spu[Symbol.asyncDispose]();
    spu = await startSpu();
    expect(await spu.sc.request({ kind: "updateConsumerOffset", update })).toMatchObject({ ok: false });
  });

  it("have the original's record layout", () => {
    const entry = { topic: "hello", partition: 0, consumerId: "c1", offset: 2, modifiedTimeSeconds: 3 };
    const update = encodeChange({ type: "update", entry });
    const key = "0000000f000568656c6c6f0000000000026331";
    expect(Buffer.from(update).toString("hex")).toBe(`00${key}0000001000000000000000020000000000000003`);
    const removal = encodeChange({ type: "delete", key: { topic: "hello", partition: 0, consumerId: "c1" } });
    expect(Buffer.from(removal).toString("hex")).toBe(`01${key}`);
    expect(Buffer.from(encodeChange({ type: "checkpoint" })).toString("hex")).toBe("02");
    expect(decodeChange(update)).toEqual({ type: "update", entry });
    expect(decodeChange(removal)).toMatchObject({ type: "delete", key: { consumerId: "c1" } });
  });
});
