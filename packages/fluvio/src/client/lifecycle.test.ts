import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import type { Logger } from "../protocol/index.ts";
import { Fluvio } from "./fluvio.ts";
import { nodePlatform } from "./node/platform.ts";
import type { Platform } from "./platform.ts";
import { drain, TestCluster, text, useTestCluster } from "./testing/cluster.ts";

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.remove();
});

/** Why it failed; handled from the beginning, so that it may fail before anyone looks. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function ownCluster(): Promise<TestCluster> {
  const cluster = new TestCluster({});
  clusters.push(cluster);
  await cluster.start();
  return cluster;
}

describe("a cluster that restarts", () => {
  it("is found again by consumers and producers, which go on where they were", async () => {
    const cluster = await ownCluster();
    await using fluvio = await cluster.connect();
    const topic = await fluvio.admin().createTopic("restarts");
    const producer = await fluvio.topicProducer(topic);
    const consumer = await fluvio.consumer({ topic, offset: "beginning", consumerId: "c", offsetStrategy: "manual" });
    const records = consumer[Symbol.asyncIterator]();
    const next = async () => text((await records.next()).value?.value);
    await producer.send(undefined, "before");
    expect(await next()).toBe("before");
    const ports = await cluster.stop();
    const during = await producer.sendAll(["a", "b", "c"].map((value) => ({ value })));
    await cluster.start(ports);
    const after = await producer.send(undefined, "after");
    expect((await after.wait()).offset).toBe(4);
    expect((await during[0]?.wait())?.offset).toBe(1);
    expect([await next(), await next(), await next(), await next()]).toEqual(["a", "b", "c", "after"]);
    consumer.offsetCommit();
    await consumer.offsetFlush();
    expect((await fluvio.consumerOffsets())[0]?.offset).toBe(4);
    await consumer.close();
    await producer.close();
  });

  it("is waited for by questions about offsets and by consumers that are just opened", async () => {
    const cluster = await ownCluster();
    await using fluvio = await cluster.connect();
    const topic = await fluvio.admin().createTopic("asked");
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll([{ value: "a" }, { value: "b" }]);
    await producer.flush();
    const options = { topic, offset: "beginning", consumerId: "c", disableContinuous: true } as const;
    expect(await drain(await fluvio.consumer({ ...options, offsetStrategy: "auto" }))).toHaveLength(2);
    const ports = await cluster.stop();
    const asked = Promise.all([
      fluvio.partitionOffsets(topic),
      fluvio.consumerOffsets(),
      fluvio.consumer(options),
      fluvio.topicProducer(topic),
    ]);
    await cluster.start(ports);
    const [partitions, stored, consumer, second] = await asked;
    expect(partitions).toEqual([{ partition: 0, startOffset: 0, endOffset: 2 }]);
    expect(stored).toMatchObject([{ consumerId: "c", offset: 1 }]);
    expect(await drain(consumer)).toEqual([]);
    expect((await (await second.send(undefined, "c")).wait()).offset).toBe(2);
    await second.close();
    const again = await cluster.stop();
    const deleted = fluvio.deleteConsumerOffset("c", topic, 0);
    await cluster.start(again);
    await deleted;
    expect(await fluvio.consumerOffsets()).toEqual([]);
  });

  it("gets the position of a consumer that has nothing new to read after it", async () => {
    const cluster = await ownCluster();
    await using fluvio = await cluster.connect();
    const topic = await fluvio.admin().createTopic("idle");
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll([{ value: "a" }, { value: "b" }]);
    await producer.flush();
    await using consumer = await fluvio.consumer({ topic, offset: "beginning", consumerId: "idle" });
    const records = consumer[Symbol.asyncIterator]();
    expect(text((await records.next()).value?.value)).toBe("a");
    consumer.offsetCommit();
    const ports = await cluster.stop();
    const flushed = consumer.offsetFlush();
    await cluster.start(ports);
    await flushed;
    expect((await fluvio.consumerOffsets()).map(({ offset }) => offset)).toEqual([0]);
    expect(text((await records.next()).value?.value)).toBe("b");
  });

  it("does not keep a consumer from closing while it is away", async () => {
    const cluster = await ownCluster();
    const retry = { timeoutMs: 50 };
    await using fluvio = await cluster.connect({ retry });
    const topic = await fluvio.admin().createTopic("away");
    await using producer = await fluvio.topicProducer(topic);
    await (await producer.send(undefined, "a")).wait();
    const consumer = await fluvio.consumer({ topic, offset: "beginning", consumerId: "away" });
    await consumer[Symbol.asyncIterator]().next();
    consumer.offsetCommit();
    await cluster.stop();
    await expect(consumer.offsetFlush()).rejects.toMatchObject({
      code: expect.stringMatching(/^FLV_CONNECT/),
      message: expect.stringContaining("(tried again for 50 ms)"),
    });
    await consumer.close();
  });

  it("is given up after the time allowed, with what was tried", async () => {
    const cluster = await ownCluster();
    await using fluvio = await cluster.connect();
    const topic = await fluvio.admin().createTopic("gone");
    const retry = { initialDelayMs: 1, maxDelayMs: 10, timeoutMs: 50 };
    const producer = await fluvio.topicProducer(topic, { retry });
    const consumer = await fluvio.consumer({ topic, retry });
    const reading = failureOf(drain(consumer));
    await (await producer.send(undefined, "x")).wait();
    await cluster.stop();
    const output = await producer.send(undefined, "lost");
    await expect(output.wait()).rejects.toMatchObject({
      code: expect.stringMatching(/^FLV_CONNECT/),
      message: expect.stringContaining("(tried again for 50 ms)"),
    });
    await expect(producer.flush()).rejects.toMatchObject({ retriable: true });
    expect(await reading).toMatchObject({
      code: expect.stringMatching(/^FLV_CONNECT/),
      message: expect.stringContaining("(tried again for 50 ms)"),
    });
    await producer.close();
  });

  it("does not get records twice that are sent at most once", async () => {
    const cluster = await ownCluster();
    await using fluvio = await cluster.connect();
    const topic = await fluvio.admin().createTopic("once");
    const producer = await fluvio.topicProducer(topic, { deliverySemantic: "atMostOnce" });
    await (await producer.send(undefined, "first")).wait();
    const ports = await cluster.stop();
    const lost = await producer.send(undefined, "lost");
    await expect(lost.wait()).rejects.toMatchObject({ code: "FLV_CONNECTION_CLOSED" });
    await cluster.start(ports);
    await (await producer.send(undefined, "second")).wait();
    await producer.close().catch(() => {});
    const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
    expect((await drain(consumer)).map((record) => text(record.value))).toEqual(["first", "second"]);
  });
});

describe("ending", () => {
  const shared = useTestCluster();

  it("throws the signal's reason out of a loop and of a call", async () => {
    await using fluvio = await shared.connect();
    const topic = await fluvio.admin().createTopic(shared.topicName());
    const abort = new AbortController();
    const consumer = await fluvio.consumer({ topic, signal: abort.signal });
    const reading = drain(consumer);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await expect(fluvio.admin().listTopics([], { signal: abort.signal })).rejects.toThrow("enough");
    await expect(fluvio.consumer({ topic, signal: abort.signal })).rejects.toThrow("enough");
    await expect(shared.connect({ signal: abort.signal })).rejects.toThrow("enough");
  });

  it("ends consumers and sends what is queued when the client is closed", async () => {
    const fluvio = await shared.connect();
    const topic = await fluvio.admin().createTopic(shared.topicName());
    const producer = await fluvio.topicProducer(topic, { lingerMs: 60_000 });
    const output = await producer.send(undefined, "queued");
    const reading = drain(await fluvio.consumer({ topic, offset: "beginning" }));
    await fluvio.close();
    expect((await output.wait()).offset).toBe(0);
    expect((await reading).length).toBeLessThanOrEqual(1);
    await expect(producer.send(undefined, "late")).rejects.toMatchObject({ code: "FLV_CONNECTION_CLOSED" });
    await expect(fluvio.admin().listTopics()).rejects.toMatchObject({ message: "the client is closed" });
    await fluvio.close();
  });

  it("waits for the linger time, or for a flush", async () => {
    await using fluvio = await shared.connect();
    const topic = await fluvio.admin().createTopic(shared.topicName());
    await using producer = await fluvio.topicProducer(topic, { lingerMs: 20 });
    const first = await producer.send(undefined, "a");
    expect((await first.wait()).offset).toBe(0);
    await using slow = await fluvio.topicProducer(topic, { lingerMs: 60_000 });
    const second = await slow.send(undefined, "b");
    await slow.flush();
    expect((await second.wait()).offset).toBe(1);
  });

  it("ends the stream of a topic that is deleted", async () => {
    await using fluvio = await shared.connect();
    const topic = await fluvio.admin().createTopic(shared.topicName());
    const reading = failureOf(drain(await fluvio.consumer({ topic, offset: "beginning" })));
    await using producer = await fluvio.topicProducer(topic);
    await (await producer.send(undefined, "x")).wait();
    await fluvio.admin().deleteTopic(topic);
    expect(await reading).toMatchObject({
      code: expect.stringMatching(/^FLV_TOPIC_(DELETED|NOT_FOUND)$/),
    });
  });

  it("warns about records that were not stored", async () => {
    const warnings: object[] = [];
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: (details) => warnings.push(details),
      error: () => {},
      child: () => logger,
    };
    await using fluvio = await shared.connect({ logger });
    const topic = await fluvio.admin().createTopic(shared.topicName());
    const producer = await fluvio.topicProducer(topic, { smartmodules: [{ name: "no-such-module" }] });
    const output = await producer.send(undefined, "x");
    await expect(output.wait()).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_NOT_FOUND",
      message: "Producer error: Producer received an error code: SmartModule no-such-module was not found",
    });
    await expect(producer.close()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_NOT_FOUND" });
    expect(warnings).toEqual([expect.objectContaining({ topic })]);
    const consumer = await fluvio.consumer({ topic, smartmodules: [{ name: "no-such-module" }], offset: "beginning" });
    await expect(drain(consumer)).rejects.toMatchObject({ message: "SmartModule no-such-module was not found" });
  });

  it("does not make the runtime warn of listeners when there are many partitions", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => {
      if (warning.name === "MaxListenersExceededWarning") warnings.push(warning);
    };
    process.on("warning", onWarning);
    await using fluvio = await shared.connect();
    const topic = await fluvio.admin().createTopic(shared.topicName(), { partitions: 15 });
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll(Array.from({ length: 60 }, () => ({ value: "x" })));
    await producer.flush();
    const { signal } = new AbortController();
    const settings = { topic, offset: "beginning", consumerId: "many", offsetStrategy: "auto", signal } as const;
    const consumer = await fluvio.consumer(settings);
    let count = 0;
    for await (const _ of consumer) if (++count === 60) break;
    await fluvio.partitionOffsets(topic, { signal });
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("warns about a producer that was forgotten with records in it, and sends them", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const warned: string[] = [];
    const platform: Platform = { ...nodePlatform, warn: (sentence) => warned.push(sentence) };
    await using fluvio = await shared.connect({ platform });
    const topic = await fluvio.admin().createTopic(shared.topicName());
    const forget = async () => {
      const producer = await fluvio.topicProducer(topic, { lingerMs: 600_000 });
      return producer.send(undefined, "forgotten");
    };
    const output = await forget();
    while (warned.length === 0) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(warned[0]).toContain(`a producer of topic "${topic}" was not closed`);
    expect((await output.wait()).offset).toBe(0);
  });

  it("refuses calls before it is connected", async () => {
    const fluvio = new Fluvio({ host: "127.0.0.1", port: shared.cluster.scPort });
    expect(() => fluvio.admin()).toThrow(/^Failed to find socket; must call .*\.connect\(\)/);
    await fluvio.connect();
    expect(fluvio.platformVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(fluvio.address).toBe(shared.address);
    await fluvio.close();
  });
});
