import { connect as connectSocket } from "node:net";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { splitBatches, streamFetchApi, Writer } from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import {
  acknowledge,
  batchOf,
  endOf,
  nextReply,
  produceTo,
  readUntil,
  recordsOf,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";
import { HeldStorage } from "./testing/held-storage.ts";

describe("stream fetch", () => {
  let spu: TestSpu;
  let storage: HeldStorage;
  let connection: Connection;
  beforeEach(async () => {
    spu = await startSpu({
      makeStorage: async (directory) => {
        storage = await HeldStorage.create(directory);
        return storage;
      },
    });
    await spu.sc.assign("hello");
    connection = await spu.connect();
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  const produceValues = (...values: string[]) =>
    produceTo(connection, { topic: "hello", entries: values.map((value) => batchOf([value])) });

  it("sends stored batches with the partition's offsets", async () => {
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a", "b"]), batchOf(["c"])] });
    const reply = await nextReply(streamFrom(connection, { topic: "hello" }));
    expect(reply).toMatchObject({
      topic: "hello",
      streamId: 1,
      partition: {
        partitionIndex: 0,
        errorCode: { name: "None" },
        highWatermark: 3,
        nextFilterOffset: 0,
        logStartOffset: 0,
        aborted: undefined,
      },
    });
    expect(recordsOf(reply.partition.records).map(({ offset, value }) => [offset, value])).toEqual([
      [0, "a"],
      [1, "b"],
      [2, "c"],
    ]);
  });

  it("waits for one acknowledgement after each reply, whatever is written meanwhile", async () => {
    await produceValues("a");
    const stream = streamFrom(connection, { topic: "hello" });
    const first = await nextReply(stream);
    await produceValues("b", "c");
    const second = nextReply(stream);
    let arrived = false;
    void second.then(() => {
      arrived = true;
    });
    // the answer to a later request would come after a reply that was sent too early
    await produceValues("d");
    expect(arrived).toBe(false);
    expect(await acknowledge(connection, first.streamId, endOf(first))).toBe("None");
    expect(recordsOf((await second).partition.records).map(({ value }) => value)).toEqual(["b", "c", "d"]);
  });

  it("wakes a stream at the log end when a record is written", async () => {
    const stream = streamFrom(connection, { topic: "hello" });
    const reply = nextReply(stream);
    await produceValues("a");
    expect(recordsOf((await reply).partition.records)).toMatchObject([{ offset: 0, value: "a" }]);
  });

  it("cuts replies at batches and sends one however small max_bytes is", async () => {
    await produceTo(connection, { topic: "hello", entries: [0, 1, 2, 3].map((n) => batchOf([`${n}`.repeat(100)])) });
    const sizeBytes = batchOf(["0".repeat(100)]).length;
    for (const [maxBytes, batches] of [
      [0, 1],
      [-1, 1],
      [1, 1],
      [sizeBytes, 1],
      [sizeBytes * 2 - 1, 1],
      [sizeBytes * 2, 2],
      [sizeBytes * 100, 4],
    ] as const) {
      const reply = await nextReply(streamFrom(connection, { topic: "hello", maxBytes }));
      expect(splitBatches(reply.partition.records)).toMatchObject({ tailBytes: 0 });
      expect({ maxBytes, batches: splitBatches(reply.partition.records).batches.length }).toEqual({
        maxBytes,
        batches,
      });
    }
  });

  it("starts with the batch that holds the offset", async () => {
    await produceTo(connection, { topic: "hello", entries: [batchOf(["a", "b", "c"]), batchOf(["d"])] });
    const reply = await nextReply(streamFrom(connection, { topic: "hello", fetchOffset: 2 }));
    expect(recordsOf(reply.partition.records)[0]).toMatchObject({ offset: 0 });
    expect(endOf(reply)).toBe(4);
  });

  it("sends from wherever the client asks next", async () => {
    await produceValues("a", "b", "c");
    const stream = streamFrom(connection, { topic: "hello" });
    const first = await nextReply(stream);
    await acknowledge(connection, first.streamId, 1);
    expect(recordsOf((await nextReply(stream)).partition.records).map(({ value }) => value)).toEqual(["b", "c"]);
  });

  it("ignores an acknowledgement of -1, ends with one of -2, refuses lower ones", async () => {
    await produceValues("a");
    const stream = streamFrom(connection, { topic: "hello" });
    const { streamId } = await nextReply(stream);
    expect(await acknowledge(connection, streamId, -1)).toBe("None");
    expect(await acknowledge(connection, streamId, -3)).toBe("OffsetOutOfRange");
    expect(await acknowledge(connection, streamId, -2)).toBe("None");
    expect(await acknowledge(connection, streamId, 1)).toBe("FetchSessionNotFoud");
  });

  it("counts streams per connection, also those that fail, and not those without a leader", async () => {
    await produceValues("a");
    const ids: number[] = [];
    for (const request of [
      { topic: "hello" },
      { topic: "nope" },
      { topic: "hello", fetchOffset: 9 },
      { topic: "hello" },
    ]) {
      ids.push((await nextReply(streamFrom(connection, request))).streamId);
    }
    expect(ids).toEqual([1, 0, 2, 3]);
    const other = await spu.connect();
    expect((await nextReply(streamFrom(other, { topic: "hello" }))).streamId).toBe(1);
  });

  it.each([
    { name: "an unknown partition", request: { topic: "nope" }, error: { name: "NotLeaderForPartition" } },
    {
      name: "an offset beyond the end",
      request: { topic: "hello", fetchOffset: 4 },
      error: { name: "Other", message: expect.stringContaining("offset 4 is beyond the end of hello-0") },
    },
    {
      name: "a negative offset",
      request: { topic: "hello", fetchOffset: -1 },
      error: { name: "OffsetEvicted", offset: -1, nextAvailable: 0 },
    },
  ])("answers $name with an error and nothing else", async ({ request, error }) => {
    await produceValues("a", "b", "c");
    const reply = await nextReply(streamFrom(connection, request));
    expect(reply.partition).toMatchObject({
      errorCode: error,
      highWatermark: 0,
      nextFilterOffset: 0,
      logStartOffset: 0,
    });
    expect(reply.partition.records.length).toBe(0);
    // the connection goes on
    expect(await produceValues("d")).toMatchObject([{ baseOffset: 3 }]);
  });

  it("says where an evicted offset goes on", async () => {
    await spu.sc.assign("short", 1, { segmentSizeBytes: 2048, maxPartitionSizeBytes: 6000 });
    for (let n = 0; n < 12; n++)
      await produceTo(connection, { topic: "short", entries: [batchOf(["x".repeat(1000)])] });
    await spu.sc.until(() => spu.sc.statuses.get("short/0")?.logEndOffset === 12, "everything is written");
    const reply = await nextReply(streamFrom(connection, { topic: "short" }));
    expect(reply.partition.errorCode).toMatchObject({ name: "OffsetEvicted", offset: 0 });
    const { errorCode } = reply.partition;
    if (errorCode.name !== "OffsetEvicted") throw new Error("unreachable");
    expect(errorCode.nextAvailable).toBeGreaterThan(0);
    const next = await nextReply(streamFrom(connection, { topic: "short", fetchOffset: errorCode.nextAvailable }));
    expect(recordsOf(next.partition.records)[0]?.offset).toBe(errorCode.nextAvailable);
  });

  it("shows committed readers nothing that may still be lost", async () => {
    await produceValues("a");
    storage.holdCommits();
    await produceValues("b");
    const committed = streamFrom(connection, { topic: "hello", isolation: "readCommitted" });
    const first = await nextReply(committed);
    expect(recordsOf(first.partition.records).map(({ value }) => value)).toEqual(["a"]);
    await acknowledge(connection, first.streamId, 1);
    const rest = nextReply(committed);
    const uncommitted = await nextReply(streamFrom(connection, { topic: "hello" }));
    expect(recordsOf(uncommitted.partition.records).map(({ value }) => value)).toEqual(["a", "b"]);
    storage.releaseCommits();
    expect(recordsOf((await rest).partition.records).map(({ value }) => value)).toEqual(["b"]);
  });

  it("waits when a committed reader starts between the high watermark and the log end", async () => {
    storage.holdCommits();
    await produceValues("a", "b");
    const reply = nextReply(streamFrom(connection, { topic: "hello", isolation: "readCommitted", fetchOffset: 1 }));
    storage.releaseCommits();
    expect(recordsOf((await reply).partition.records).map(({ value }) => value)).toEqual(["b"]);
  });

  it("ends streams when the topic is deleted, and serves a new one of that name from offset 0", async () => {
    await produceValues("a", "b");
    const reading = streamFrom(connection, { topic: "hello" });
    await nextReply(reading);
    const waiting = streamFrom(connection, { topic: "hello", fetchOffset: 2 });
    const ends = [nextReply(reading), nextReply(waiting)];
    await acknowledge(connection, 2, -1);
    await spu.sc.remove("hello");
    for (const end of await Promise.all(ends)) expect(end.partition.errorCode.name).toBe("TopicDeleted");
    expect((await produceValues("c"))[0]?.errorCode.name).toBe("NotLeaderForPartition");
    await spu.sc.assign("hello");
    expect(await produceValues("c")).toMatchObject([{ errorCode: { name: "None" }, baseOffset: 0 }]);
  });

  it("tells streams when their partition moves away, and keeps its data", async () => {
    await produceValues("a");
    const stream = streamFrom(connection, { topic: "hello", fetchOffset: 1 });
    await acknowledge(connection, 1, -1);
    spu.sc.unassign("hello");
    expect((await nextReply(stream)).partition.errorCode.name).toBe("NotLeaderForPartition");
    await spu.sc.until(() => spu.sc.statuses.get("hello/0")?.online === false, "hello offline");
    await spu.sc.assign("hello");
    expect(await produceValues("b")).toMatchObject([{ baseOffset: 1 }]);
  });

  it("bounds the streams of a connection", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ limits: { streamsPerConnectionMax: 2 } });
    await spu.sc.assign("hello");
    connection = await spu.connect();
    const kept = [streamFrom(connection, { topic: "hello" }), streamFrom(connection, { topic: "hello" })];
    const refused = await nextReply(streamFrom(connection, { topic: "hello" }));
    expect(refused.partition.errorCode).toMatchObject({
      name: "Other",
      message: expect.stringMatching(/more than 2 streams/),
    });
    const replies = kept.map((stream) => nextReply(stream));
    await produceValues("a");
    expect((await Promise.all(replies)).map(({ streamId }) => streamId)).toEqual([1, 2]);
  });

  it("reads one reply ahead at most for a client that reads nothing, and serves others", async () => {
    const value = "x".repeat(500_000);
    for (let n = 0; n < 20; n++) await produceValues(value);
    const socket = connectSocket({ host: "127.0.0.1", port: spu.spu.port });
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.pause();
    const streams = 4;
    for (let id = 1; id <= streams; id++) socket.write(streamFetchFrame(id, 1_000_000));
    const before = storage.reads.length;
    const records = await readUntil(connection, streamFrom(connection, { topic: "hello", maxBytes: 600_000 }), 20);
    expect(records.length).toBe(20);
    const offsets = storage.reads.slice(before).map(({ offset }) => offset);
    // ours reads every offset once, each paused stream the first one and no other
    expect(offsets.filter((offset) => offset > 0).length).toBe(19);
    expect(offsets.filter((offset) => offset === 0).length).toBeLessThanOrEqual(1 + streams);
    socket.destroy();
  });

  it("delivers every record once and in order for all batch sizes, reply sizes and starts", async () => {
    let topics = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 30_000 })),
        fc.nat({ max: 99 }),
        async (batches, maxBytes, startPercent) => {
          const topic = `property-${topics++}`;
          await spu.sc.assign(topic);
          const values = batches.map((sizes, b) => sizes.map((size, r) => `${b}.${r}.`.padEnd(size, "v")));
          await produceTo(connection, { topic, entries: values.map((batch) => batchOf(batch)) });
          const all = values.flat();
          const start = Math.floor((all.length * startPercent) / 100);
          const stop = new AbortController();
          const stream = streamFrom(connection, { topic, fetchOffset: start, maxBytes }, stop.signal);
          const read = await readUntil(connection, stream, all.length);
          stop.abort();
          const wanted = read.filter(({ offset }) => offset >= start);
          expect(wanted.map(({ offset }) => offset)).toEqual(all.slice(start).map((_, index) => start + index));
          expect(wanted.map(({ value }) => value)).toEqual(all.slice(start));
        },
      ),
      { numRuns: 40 },
    );
  });
});

/** A StreamFetch request for topic hello, with its length. */
function streamFetchFrame(correlationId: number, maxBytes: number): Uint8Array {
  const writer = new Writer();
  writer.i16(streamFetchApi.key);
  writer.i16(streamFetchApi.maxVersion);
  writer.i32(correlationId);
  writer.string("test");
  streamFetchApi.request.write(
    writer,
    { topic: "hello", partition: 0, fetchOffset: 0, maxBytes, isolation: "readUncommitted", smartmodules: [] },
    streamFetchApi.maxVersion,
  );
  const body = writer.finishBytes();
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setInt32(0, body.length);
  frame.set(body, 4);
  return frame;
}
