import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchOffsetsApi, produceApi, type WireError, writeBatchHeader } from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import { type Clock, systemClock } from "../clock.ts";
import { batchOf, produceTo, readUntil, recordsOf, startSpu, streamFrom, type TestSpu } from "./testing/harness.ts";
import { HeldStorage } from "./testing/held-storage.ts";

function corrupted(batch: Uint8Array, at: number, value: number): Uint8Array {
  const copy = batch.slice();
  copy[at] = value;
  return copy;
}

function joined(...batches: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(batches));
}

const TIMEOUT_MS = 4321;

describe("produce", () => {
  let spu: TestSpu;
  let storage: HeldStorage;
  /** Timeouts of produce requests pass when a test says so. */
  let timeouts: (() => void)[] = [];
  const clock: Clock = {
    nowMs: systemClock.nowMs,
    after: (delayMs, callback) => {
      if (delayMs !== TIMEOUT_MS) return systemClock.after(delayMs, callback);
      timeouts.push(callback);
      return () => {};
    },
  };
  let connection: Connection;
  beforeEach(async () => {
    timeouts = [];
    spu = await startSpu({
      clock,
      makeStorage: async (directory) => {
        storage = await HeldStorage.create(directory);
        return storage;
      },
    });
    await spu.sc.assign("hello");
    connection = await spu.connect();
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  async function stored(topic = "hello"): Promise<string[]> {
    const { topics } = await connection.request(fetchOffsetsApi, {
      topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
    });
    const end = topics[0]?.partitions[0]?.lastStableOffset ?? 0;
    if (end === 0) return [];
    const records = await readUntil(connection, streamFrom(connection, { topic }), end);
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
    return records.map(({ value }) => value);
  }

  it("answers every entry in order, whatever base offset the producer wrote", async () => {
    const second = batchOf(["c", "d", "e"]);
    new DataView(second.buffer).setBigInt64(0, 2n);
    const results = await produceTo(connection, {
      topic: "hello",
      entries: [batchOf(["a", "b"]), second, batchOf(["f"])],
    });
    expect(results).toEqual(
      [0, 2, 5].map((baseOffset) => ({
        partitionIndex: 0,
        errorCode: { name: "None" },
        baseOffset,
        logAppendTimeMs: 0,
        logStartOffset: 0,
      })),
    );
    expect(await stored()).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  it("appends several batches of one record set as they are", async () => {
    const [result] = await produceTo(connection, { topic: "hello", entries: [[batchOf(["a"]), batchOf(["b", "c"])]] });
    expect(result).toMatchObject({ errorCode: { name: "None" }, baseOffset: 0 });
    expect(await stored()).toEqual(["a", "b", "c"]);
  });

  it("answers requests without topics, without entries, without records", async () => {
    const answer = (topics: Parameters<typeof produceTo>[1]["entries"]) =>
      produceTo(connection, { topic: "hello", entries: topics });
    expect(await answer([])).toEqual([]);
    expect(await answer([new Uint8Array(0)])).toMatchObject([{ errorCode: { name: "None" }, baseOffset: 0 }]);
    const empty = { isolation: "readUncommitted", timeoutMs: 0, topics: [], smartmodules: [] } as const;
    expect((await connection.request(produceApi, empty)).responses).toEqual([]);
    expect(await stored()).toEqual([]);
  });

  const good = () => batchOf(["x", "y"]);
  const refusals: { name: string; records: () => Uint8Array; error: WireError["name"]; text?: RegExp }[] = [
    { name: "a flipped bit", records: () => corrupted(good(), 70, 0xff), error: "Other", text: /batch 0 .* CRC/ },
    { name: "a wrong magic", records: () => corrupted(good(), 16, 1), error: "Other", text: /magic 1/ },
    { name: "an unknown codec", records: () => corrupted(good(), 22, 7), error: "Other", text: /compression 7/ },
    { name: "a schema id", records: () => corrupted(good(), 22, 0x10), error: "Other", text: /corrupt/ },
    { name: "a torn batch", records: () => good().subarray(0, -1), error: "Other", text: /are there/ },
    { name: "a torn header", records: () => joined(good(), good().subarray(0, 30)), error: "Other", text: /batch 1 / },
    { name: "an impossible length", records: () => corrupted(good(), 8, 0xff), error: "Other", text: /impossible/ },
    { name: "a length beyond the limit", records: () => corrupted(good(), 8, 0x7f), error: "MessageTooLarge" },
  ];
  it.each(refusals)("refuses $name and nothing else", async ({ records, error, text }) => {
    const results = await produceTo(connection, {
      topic: "hello",
      entries: [batchOf(["a"]), records(), batchOf(["b"])],
    });
    expect(results.map(({ errorCode }) => errorCode.name)).toEqual(["None", error, "None"]);
    const refused = results[1]?.errorCode as { message?: string };
    if (text !== undefined) expect(refused.message).toMatch(text);
    expect(await stored()).toEqual(["a", "b"]);
  });

  it("refuses a batch whose offsets are not dense", async () => {
    const batch = batchOf(["a", "b"]);
    writeBatchHeader(batch, { compression: "none", lastOffsetDelta: 4, firstTimestampMs: 1, maxTimestampMs: 1 });
    const [result] = await produceTo(connection, { topic: "hello", entries: [batch] });
    expect(result?.errorCode).toMatchObject({
      name: "Other",
      message: expect.stringMatching(/2 records.* delta is 4/),
    });
    expect(await stored()).toEqual([]);
  });

  it("keeps to the topic's compression", async () => {
    await spu.sc.assign("zipped", 1, { compression: "gzip" });
    const results = await produceTo(connection, {
      topic: "zipped",
      entries: [batchOf(["a"]), batchOf(["b"], { compression: "gzip" }), batchOf(["c"], { compression: "zstd" })],
    });
    expect(results.map(({ errorCode }) => errorCode.name)).toEqual(["CompressionError", "None", "CompressionError"]);
    expect(await stored("zipped")).toEqual(["b"]);
  });

  it("refuses a batch larger than a segment", async () => {
    await spu.sc.assign("small", 1, { segmentSizeBytes: 2048 });
    const results = await produceTo(connection, {
      topic: "small",
      entries: [batchOf(["x".repeat(4096)]), batchOf(["y"])],
    });
    expect(results.map(({ errorCode }) => errorCode.name)).toEqual(["MessageTooLarge", "None"]);
  });

  it("says that it does not lead an unknown partition, for each entry", async () => {
    const entries = [batchOf(["a"]), batchOf(["b"])];
    const unknown = await produceTo(connection, { topic: "nope", entries });
    expect(unknown.map(({ errorCode }) => errorCode.name)).toEqual(Array(2).fill("NotLeaderForPartition"));
    const other = await produceTo(connection, { topic: "hello", partition: 1, entries });
    expect(other.map(({ errorCode }) => errorCode.name)).toEqual(Array(2).fill("NotLeaderForPartition"));
  });

  it("acknowledges committed producers after the high watermark", async () => {
    const [result] = await produceTo(connection, {
      topic: "hello",
      entries: [batchOf(["a"])],
      isolation: "readCommitted",
    });
    expect(result).toMatchObject({ errorCode: { name: "None" }, baseOffset: 0 });
    storage.holdCommits();
    const call = {
      topic: "hello",
      entries: [batchOf(["b"])],
      isolation: "readCommitted",
      timeoutMs: TIMEOUT_MS,
    } as const;
    const waiting = produceTo(connection, call);
    await spu.sc.until(() => spu.sc.statuses.get("hello/0")?.logEndOffset === 2, "it is written");
    for (const timeOut of timeouts) timeOut();
    const [timedOut] = await waiting;
    // the producer is told where it is written all the same
    expect(timedOut?.errorCode).toEqual({ name: "RequestTimedOut", timeoutMs: TIMEOUT_MS, kind: "produce" });
    expect(timedOut?.baseOffset).toBe(1);
    storage.releaseCommits();
    expect((await produceTo(connection, { topic: "hello", entries: [batchOf(["c"])] }))[0]?.baseOffset).toBe(2);
    expect(await stored()).toEqual(["a", "b", "c"]);
  });

  it("takes requests of one connection in order, many in flight", async () => {
    const requests = Array.from({ length: 200 }, (_, index) =>
      produceTo(connection, { topic: "hello", entries: [batchOf([`${index}`])] }),
    );
    const results = await Promise.all(requests);
    expect(results.map(([result]) => result?.baseOffset)).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(await stored()).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
  });

  it("gives many producers dense offsets, and each acknowledgement fits what is stored there", async () => {
    const producers = await Promise.all(Array.from({ length: 8 }, () => spu.connect()));
    const acknowledged = new Map<number, string[]>();
    await Promise.all(
      producers.map(async (producer, id) => {
        for (let round = 0; round < 25; round++) {
          const values = Array.from({ length: 1 + ((id + round) % 4) }, (_, index) => `${id}-${round}-${index}`);
          const [result] = await produceTo(producer, { topic: "hello", entries: [batchOf(values)] });
          expect(result?.errorCode.name).toBe("None");
          acknowledged.set(result?.baseOffset ?? -1, values);
        }
      }),
    );
    const values = await stored();
    const expected = [...acknowledged].sort(([a], [b]) => a - b).flatMap(([, batch]) => batch);
    expect(values).toEqual(expected);
    let next = 0;
    for (const [baseOffset, batch] of [...acknowledged].sort(([a], [b]) => a - b)) {
      expect(baseOffset).toBe(next);
      next += batch.length;
    }
  });

  it("keeps compressed batches and timestamps as they came", async () => {
    for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
      await produceTo(connection, {
        topic: "hello",
        entries: [batchOf([compression], { compression, timestampMs: 1234 })],
      });
    }
    const stream = streamFrom(connection, { topic: "hello" });
    const { value } = await stream.next();
    expect(recordsOf(value.partition.records)).toEqual(
      ["gzip", "snappy", "lz4", "zstd"].map((name, offset) => ({ offset, timestampMs: 1234, value: name })),
    );
  });
});
