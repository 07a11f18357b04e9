import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fluvio } from "./fluvio.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";
import type { CompressionName, ConsumerRecord } from "./types.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

async function newTopic(partitions = 1): Promise<string> {
  return fluvio.admin().createTopic(cluster.topicName(), { partitions });
}

async function stored(topic: string): Promise<ConsumerRecord[]> {
  return drain(await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true }));
}

const values = (records: readonly ConsumerRecord[]) => records.map((record) => text(record.value));

describe("produce and consume", () => {
  it("gives back keys, values, timestamps and offsets", async () => {
    const topic = await newTopic();
    await using producer = await fluvio.topicProducer(topic);
    const before = Date.now();
    const first = await producer.send(undefined, "one");
    const second = await producer.send("", new Uint8Array(0), { timestampMs: 1_700_000_000_000 });
    const third = await producer.send("key", "three");
    await producer.flush();
    expect(await first.wait()).toEqual({ partition: 0, offset: 0 });
    expect(await second.wait()).toEqual({ partition: 0, offset: 1 });
    expect(await third.wait()).toEqual({ partition: 0, offset: 2 });
    const records = await stored(topic);
    expect(records.map(({ offset, partition, key }) => ({ offset, partition, key: text(key) }))).toEqual([
      { offset: 0, partition: 0, key: undefined },
      { offset: 1, partition: 0, key: "" },
      { offset: 2, partition: 0, key: "key" },
    ]);
    expect(values(records)).toEqual(["one", "", "three"]);
    expect(records[0]?.timestampMs).toBeGreaterThanOrEqual(before);
    expect(records[1]?.timestampMs).toBe(1_700_000_000_000);
  });

  it.each<CompressionName>(["none", "gzip", "snappy", "lz4", "zstd"])(
    "keeps records compressed with %s",
    async (compression) => {
      const topic = await newTopic();
      const sent = Array.from({ length: 1000 }, (_, i) => `${compression} ${i} ${"x".repeat(i % 50)}`);
      await using producer = await fluvio.topicProducer(topic, { compression });
      await producer.sendAll(sent.map((value) => ({ value })));
      await producer.flush();
      expect(values(await stored(topic))).toEqual(sent);
    },
  );

  it("takes text and bytes of every kind, and refuses at once what is neither", async () => {
    const topic = await fluvio.admin().createTopic(cluster.topicName());
    const bytes = new TextEncoder().encode("-bytes-");
    await using producer = await fluvio.topicProducer(topic);
    await producer.send(bytes.buffer, bytes.buffer);
    await producer.send(Buffer.from("key"), bytes.subarray(1, 6));
    await producer.send(null, new DataView(bytes.buffer, 1, 5) as unknown as Uint8Array);
    for (const wrong of [undefined, null, 7, { a: 1 }, ["a"]]) {
      await expect(producer.send("key", wrong as unknown as string)).rejects.toMatchObject({
        code: "FLV_ARGUMENT",
        message: expect.stringContaining("keys and values are text or bytes"),
      });
    }
    await producer.flush();
    expect((await stored(topic)).map(({ key, value }) => [text(key), text(value)])).toEqual([
      ["-bytes-", "-bytes-"],
      ["key", "bytes"],
      [undefined, "bytes"],
    ]);
  });

  it("starts where it is asked to", async () => {
    const topic = await newTopic();
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll(Array.from({ length: 20 }, (_, i) => ({ value: `${i}` })));
    await producer.flush();
    const from = async (offset: Parameters<Fluvio["consumer"]>[0]["offset"] & {}) =>
      values(await drain(await fluvio.consumer({ topic, offset, disableContinuous: true })));
    expect(await from({ absolute: 13 })).toEqual(["13", "14", "15", "16", "17", "18", "19"]);
    expect(await from({ fromBeginning: 18 })).toEqual(["18", "19"]);
    expect(await from({ fromBeginning: 100 })).toEqual([]);
    expect(await from({ fromEnd: 1 })).toEqual(["19"]);
    expect(await from({ fromEnd: 100 })).toHaveLength(20);
    expect(await from("end")).toEqual([]);
    expect(await from({ absolute: 21 })).toEqual([]);
    const beyond = await fluvio.consumer({ topic, offset: { absolute: 21 } });
    await expect(drain(beyond)).rejects.toMatchObject({ message: expect.stringContaining("21") });
    await expect(from({ fromEnd: -1 })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
  });

  it("waits for new records at the end", async () => {
    const topic = await newTopic();
    const consumer = await fluvio.consumer({ topic });
    await using producer = await fluvio.topicProducer(topic);
    const records = consumer[Symbol.asyncIterator]();
    const waiting = [records.next(), records.next(), records.next()];
    for (const value of ["a", "b", "c"]) await (await producer.send(null, value)).wait();
    const seen = await Promise.all(waiting);
    expect(seen.map(({ value }) => text(value?.value))).toEqual(["a", "b", "c"]);
    await records.return?.();
    expect((await records.next()).done).toBe(true);
  });

  it("spreads records over partitions: by key, round robin, or as told", async () => {
    const topic = await newTopic(4);
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll(Array.from({ length: 40 }, (_, i) => ({ value: `${i}` })));
    const same = await producer.sendAll(Array.from({ length: 10 }, () => ["user-7", "x"] as const));
    const told = await producer.sendRecord("told", 3);
    await producer.flush();
    expect(new Set(same.map((output) => output.partition)).size).toBe(1);
    expect((await told.wait()).partition).toBe(3);
    await expect(producer.send(undefined, "x", { partition: 4 })).rejects.toMatchObject({
      code: "FLV_PARTITION_NOT_FOUND",
      message: `Partition not found: ${topic}-4`,
    });
    const records = await stored(topic);
    expect(records).toHaveLength(51);
    for (let partition = 0; partition < 4; partition++) {
      const own = records.filter((record) => record.partition === partition);
      expect(own.map((record) => record.offset)).toEqual(own.map((_, i) => i));
      expect(own.length).toBeGreaterThan(0);
    }
    const two = await fluvio.consumer({ topic, partitions: [1, 3], offset: "beginning", disableContinuous: true });
    expect(new Set((await drain(two)).map((record) => record.partition))).toEqual(new Set([1, 3]));
  });

  it("reads several topics at once, in batches too", async () => {
    const [left, right] = [await newTopic(), await newTopic(2)];
    for (const topic of [left, right]) {
      await using producer = await fluvio.topicProducer(topic, { partitioner: ({ online }) => online.at(-1) ?? 0 });
      await producer.sendAll(Array.from({ length: 100 }, (_, i) => ({ value: `${topic} ${i}` })));
    }
    const consumer = await fluvio.consumer({
      topic: [left, { topic: right, partitions: [1] }],
      offset: "beginning",
      disableContinuous: true,
    });
    const groups = await drain(consumer.batches());
    for (const group of groups)
      expect(new Set(group.map(({ topic, partition }) => `${topic} ${partition}`)).size).toBe(1);
    const all = groups.flat();
    expect(all.filter(({ topic }) => topic === left)).toHaveLength(100);
    expect(all.filter(({ topic, partition }) => topic === right && partition === 1)).toHaveLength(100);
  });

  it("reads partitions that are added while it runs", async () => {
    const topic = await newTopic();
    const consumer = await fluvio.consumer({ topic });
    const records = consumer[Symbol.asyncIterator]();
    await fluvio.admin().addPartitions(topic, 2);
    await using producer = await fluvio.topicProducer(topic);
    const seen = new Set<number | undefined>();
    for (const partition of [2, 0, 1]) {
      const next = records.next();
      await producer.sendRecord("x", partition);
      seen.add((await next).value?.partition);
    }
    expect(seen).toEqual(new Set([0, 1, 2]));
    await consumer.close();
  });

  it("sends one record after the other without delay and many together", async () => {
    const topic = await newTopic();
    await using producer = await fluvio.topicProducer(topic);
    for (let i = 0; i < 20; i++) {
      const { offset } = await (await producer.send(undefined, `${i}`)).wait();
      expect(offset).toBe(i);
    }
    const outputs = await Promise.all(Array.from({ length: 5000 }, (_, i) => producer.send(undefined, `${i + 20}`)));
    const offsets = await Promise.all(outputs.map(async (output) => (await output.wait()).offset));
    expect(offsets).toEqual(Array.from({ length: 5000 }, (_, i) => i + 20));
    expect(values(await stored(topic))).toEqual(Array.from({ length: 5020 }, (_, i) => `${i}`));
  });

  it("holds senders back when the queue is full and loses nothing", async () => {
    const topic = await newTopic();
    await using producer = await fluvio.topicProducer(topic, { batchSizeBytes: 100, batchQueueSize: 2, lingerMs: 1 });
    const value = "v".repeat(60);
    let refused = 0;
    for (let i = 0; i < 200; i++) {
      while (producer.trySend(undefined, `${i} ${value}`) === undefined) {
        refused++;
        await producer.ready();
      }
    }
    expect(refused).toBeGreaterThan(0);
    const order = [201, 202, 203, 204, 205, 206].map((i) => producer.send(undefined, `${i} ${value}`));
    await Promise.all(order);
    await producer.flush();
    expect(values(await stored(topic)).map((line) => Number(line?.split(" ")[0]))).toEqual([
      ...Array.from({ length: 200 }, (_, i) => i),
      201,
      202,
      203,
      204,
      205,
      206,
    ]);
  });

  it("refuses what cannot be sent, with the sentence of the original", async () => {
    const topic = await newTopic();
    await using producer = await fluvio.topicProducer(topic, { maxRequestSizeBytes: 1000 });
    await expect(producer.send(undefined, new Uint8Array(1001))).rejects.toMatchObject({
      code: "FLV_RECORD_TOO_LARGE",
      message: "record size (1001 bytes), exceeded maximum request size (1000 bytes)",
    });
    expect((await (await producer.send(undefined, new Uint8Array(1000))).wait()).offset).toBe(0);
    const gzipped = await fluvio.admin().createTopic(cluster.topicName(), { compression: "gzip" });
    await expect(fluvio.topicProducer(gzipped, { compression: "snappy" })).rejects.toMatchObject({
      code: "FLV_COMPRESSION",
      message:
        "Producer error: Invalid configuration in producer: Compression in the producer (snappy) does not match with topic level compression (gzip)",
    });
    await using fitting = await fluvio.topicProducer(gzipped);
    expect((await (await fitting.send(undefined, "x")).wait()).offset).toBe(0);
  });

  it("refuses settings that make no sense", async () => {
    const topic = await newTopic();
    for (const options of [{ batchSizeBytes: 0 }, { batchQueueSize: 1.5 }, { lingerMs: -1 }]) {
      await expect(fluvio.topicProducer(topic, options)).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    }
    await expect(fluvio.consumer({ topic, maxBytes: 0 })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    const several = { topic: [topic, "x"], partitions: 0 };
    await expect(fluvio.consumer(several)).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
  });

  it("names the nearest topic when one does not exist", async () => {
    const topic = await fluvio.admin().createTopic("orders");
    for (const attempt of [fluvio.topicProducer("ordes"), fluvio.consumer({ topic: "ordes" })]) {
      await expect(attempt).rejects.toMatchObject({
        code: "FLV_TOPIC_NOT_FOUND",
        message: "Topic not found: ordes",
        hint: expect.stringContaining(`did you mean "${topic}"?`),
      });
    }
  });
});
