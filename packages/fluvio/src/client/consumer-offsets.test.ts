import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fluvio } from "./fluvio.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

async function filledTopic(count: number, partitions = 1): Promise<string> {
  const topic = await fluvio.admin().createTopic(cluster.topicName(), { partitions });
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll(Array.from({ length: count }, (_, i) => ({ value: `${i}` })));
  return topic;
}

describe("named consumers", () => {
  it("commit by hand and go on after the last processed record", async () => {
    const topic = await filledTopic(5);
    const options = { topic, consumerId: "by-hand", offset: "beginning" } as const;
    const first = await fluvio.consumer({ ...options, offsetStrategy: "manual" });
    const records = first[Symbol.asyncIterator]();
    expect(text((await records.next()).value?.value)).toBe("0");
    expect(text((await records.next()).value?.value)).toBe("1");
    first.offsetCommit();
    await first.offsetFlush();
    // read, but not committed
    expect(text((await records.next()).value?.value)).toBe("2");
    await first.close();

    expect(await fluvio.consumerOffsets({ consumerId: "by-hand" })).toEqual([
      { consumerId: "by-hand", topic, partition: 0, offset: 1, modifiedTimeMs: expect.any(Number) },
    ]);
    await using other = await cluster.connect();
    const second = await other.consumer({ ...options, disableContinuous: true });
    expect((await drain(second)).map((record) => text(record.value))).toEqual(["2", "3", "4"]);

    await fluvio.deleteConsumerOffset("by-hand", topic, 0);
    expect(await fluvio.consumerOffsets({ consumerId: "by-hand" })).toEqual([]);
  });

  it("commit up to where their caller says, partition by partition, also behind what they have read", async () => {
    const topic = await filledTopic(20, 2);
    const consumer = await fluvio.consumer({ topic, consumerId: "up-to", offset: "beginning" });
    const groups = consumer.batches();
    await groups.next();
    await groups.next();
    consumer.offsetCommit({ topic, partition: 1, offset: 3 });
    expect(() => consumer.offsetCommit({ topic, partition: 2, offset: 0 })).toThrow(`does not read ${topic}-2`);
    await consumer.close();
    expect(await fluvio.consumerOffsets({ consumerId: "up-to" })).toMatchObject([{ topic, partition: 1, offset: 3 }]);
  });

  it("store what was yielded at the end when they commit by themselves, also without a following record", async () => {
    const topic = await filledTopic(30, 3);
    const options = { topic, consumerId: "auto", offset: "beginning", offsetStrategy: "auto" } as const;
    expect(await drain(await fluvio.consumer({ ...options, disableContinuous: true }))).toHaveLength(30);
    const offsets = await fluvio.consumerOffsets({ consumerId: "auto" });
    expect(offsets.map(({ partition, offset }) => ({ partition, offset }))).toEqual(
      expect.arrayContaining([0, 1, 2].map((partition) => ({ partition, offset: 9 }))),
    );
    expect(await drain(await fluvio.consumer({ ...options, disableContinuous: true }))).toEqual([]);
  });

  it("store the position from time to time while they run", async () => {
    const topic = await filledTopic(3);
    const consumer = await fluvio.consumer({
      topic,
      consumerId: "periodic",
      offset: "beginning",
      offsetStrategy: "auto",
      offsetFlushPeriodMs: 10,
    });
    const batches = consumer.batches();
    expect((await batches.next()).value).toHaveLength(3);
    let offset: number | undefined;
    while (offset !== 2) offset = (await fluvio.consumerOffsets({ consumerId: "periodic" }))[0]?.offset;
    await consumer.close();
  });

  it("do not commit what was only prefetched", async () => {
    const topic = await filledTopic(100);
    const consumer = await fluvio.consumer({ topic, consumerId: "early", offset: "beginning", offsetStrategy: "auto" });
    for await (const record of consumer) if (record.offset === 10) break;
    expect((await fluvio.consumerOffsets({ consumerId: "early" }))[0]?.offset).toBe(10);
  });

  it("store what was committed by hand when they are closed, and no more", async () => {
    const topic = await filledTopic(10);
    const consumer = await fluvio.consumer({ topic, consumerId: "closing", offset: "beginning" });
    for await (const record of consumer) {
      if (record.offset === 3) consumer.offsetCommit();
      if (record.offset === 5) break;
    }
    expect((await fluvio.consumerOffsets({ consumerId: "closing" }))[0]?.offset).toBe(3);
  });

  it("leave an absolute start alone and refuse commits without a name", async () => {
    const topic = await filledTopic(5);
    const options = { topic, consumerId: "absolute", offsetStrategy: "auto", disableContinuous: true } as const;
    await drain(await fluvio.consumer({ ...options, offset: "beginning" }));
    expect(await drain(await fluvio.consumer({ ...options, offset: { absolute: 3 } }))).toHaveLength(2);
    const nameless = await fluvio.consumer({ topic });
    expect(() => nameless.offsetCommit()).toThrow(/keeps no offsets/);
    await nameless.close();
    await expect(fluvio.consumer({ topic, offsetStrategy: "auto" })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
  });
});
