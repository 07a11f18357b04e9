import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";
import type { Consumer, ConsumerOptions } from "./types.ts";

/** Two SPUs: the partitions of one of them have their states kept by the other. */
const cluster = useTestCluster({ spuCount: 2, spuOutput: "ignore" });

describe("a consumer whose aggregate keeps its state", () => {
  let fluvio: Fluvio;
  beforeAll(async () => {
    fluvio = await cluster.connect();
    await fluvio.admin().createSmartModule("sum", await buildAs("aggregate"));
  });

  async function newTopic(partitions = 1): Promise<string> {
    const topic = cluster.topicName();
    await fluvio.admin().createTopic(topic, { partitions });
    return topic;
  }
  async function send(topic: string, values: readonly (number | string)[], partition = 0): Promise<void> {
    await using producer = await fluvio.topicProducer(topic);
    for (const value of values) await (await producer.send(undefined, String(value), { partition })).wait();
  }
  const options = (topic: string, state: string, more: Partial<ConsumerOptions> = {}): ConsumerOptions => ({
    topic,
    offset: "beginning",
    smartmodules: [{ name: "sum", state }],
    ...more,
  });
  const stored = async (topic: string, state: string, by = fluvio) =>
    await drain(await by.consumer(options(topic, state, { disableContinuous: true })));
  const values = (records: readonly { value: Uint8Array }[]) => records.map(({ value }) => text(value));

  it("comes back where it was, on every partition, whatever start it asks for", async () => {
    const topic = await newTopic(2);
    await send(topic, [1, 2], 0);
    await send(topic, [10, 20], 1);
    const first = await stored(topic, "both");
    expect(values(first.filter(({ partition }) => partition === 0))).toEqual(["1", "3"]);
    expect(values(first.filter(({ partition }) => partition === 1))).toEqual(["10", "30"]);
    expect(await stored(topic, "both")).toEqual([]);
    await send(topic, [3], 0);
    await send(topic, [30], 1);
    for (const offset of ["end", { absolute: 0 }] as const) {
      const records = await drain(await fluvio.consumer(options(topic, "both", { offset, disableContinuous: true })));
      expect(values(records).sort()).toEqual(offset === "end" ? ["6", "60"] : []);
    }
    const kept = await fluvio.admin().aggregateStates({ name: "both", topic, contents: true });
    expect(kept.map(({ partition, offset, highWatermark }) => [partition, offset, highWatermark])).toEqual([
      [0, 3, 3],
      [1, 3, 3],
    ]);
    expect(kept.map(({ modules }) => [modules[0]?.module, text(modules[0]?.accumulator)])).toEqual([
      ["sum", "6"],
      ["sum", "60"],
    ]);
  });

  it("counts a reply when what follows is asked for, and not before", async () => {
    const topic = await newTopic();
    await send(topic, [1, 2, 3]);
    const consumer = await fluvio.consumer(options(topic, "taken"));
    for await (const record of consumer) {
      expect(text(record.value)).toBe("1");
      break;
    }
    expect(await fluvio.admin().aggregateStates({ name: "taken" })).toEqual([]);
    expect(values(await stored(topic, "taken"))).toEqual(["1", "3", "6"]);
  });

  it("is one at a time; the next one gets the state when it is closed", async () => {
    const topic = await newTopic();
    await send(topic, [1]);
    const first = await fluvio.consumer(options(topic, "one"));
    const records = first[Symbol.asyncIterator]();
    expect(text((await records.next()).value?.value)).toBe("1");
    const other = await cluster.connect();
    await expect(stored(topic, "one", other)).rejects.toMatchObject({
      code: "FLV_AGGREGATE_STATE",
      message: `The state one of ${topic}-0 is in use by another consumer`,
      hint: expect.stringMatching(/^end that consumer/),
    });
    const more = records.next();
    await send(topic, [2]);
    expect(text((await more).value?.value)).toBe("3");
    await first.close();
    await send(topic, [3]);
    expect(values(await stored(topic, "one", other))).toEqual(["3", "6"]);
    await other.close();
  });

  it("is free on every partition when the consumer fails at one of them, also for who asked while it was stored", async () => {
    const topic = await newTopic(2);
    const consumer = await fluvio.consumer(options(topic, "one-fails"));
    const records = consumer[Symbol.asyncIterator]();
    await send(topic, [1], 0);
    expect(text((await records.next()).value?.value)).toBe("1");
    const failed = expect(records.next()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
    await send(topic, ["no number"], 1);
    await failed;
    expect(
      await drain(await fluvio.consumer(options(topic, "one-fails", { partitions: 0, disableContinuous: true }))),
    ).toEqual([]);
  });

  it.each([0, 1])("that is reset while it is in use ends it by its code, on SPU %i of two", async (partition) => {
    const topic = await newTopic(2);
    const name = `reset-${partition}`;
    const consumer = await fluvio.consumer(options(topic, name, { partitions: partition }));
    const records = consumer[Symbol.asyncIterator]();
    for (const [value, sum] of [
      [1, "1"],
      [2, "3"],
    ] as const) {
      const next = records.next();
      await send(topic, [value], partition);
      expect(text((await next).value?.value)).toBe(sum);
    }
    expect(await fluvio.admin().resetAggregateState(name)).toHaveLength(1);
    await expect(records.next()).rejects.toMatchObject({
      code: "FLV_AGGREGATE_STATE",
      message: `The state ${name} of ${topic}-${partition} was reset while it was in use`,
      hint: "start the consumer again: it goes on with what is stored",
    });
    await consumer.close();
  });

  it("survives a restart of the cluster under it", async () => {
    const topic = await newTopic();
    const seen: (string | undefined)[] = [];
    const consumer: Consumer = await fluvio.consumer(options(topic, "restarted"));
    const reading = (async () => {
      for await (const record of consumer) {
        seen.push(text(record.value));
        if (record.offset === 3) break;
      }
    })();
    await send(topic, [1, 2]);
    const ports = await cluster.stop();
    await cluster.start(ports);
    await send(topic, [3, 4]);
    await reading;
    expect(seen).toEqual(["1", "3", "6", "10"]);
  });

  it("begins anew after a reset, and its state goes with the topic", async () => {
    const topic = await newTopic();
    await send(topic, [1, 2]);
    expect(values(await stored(topic, "again"))).toEqual(["1", "3"]);
    expect(await fluvio.admin().resetAggregateState("again", { topic: "elsewhere" })).toEqual([]);
    expect(await fluvio.admin().resetAggregateState("again", { topic })).toMatchObject([{ name: "again", topic }]);
    expect(values(await stored(topic, "again"))).toEqual(["1", "3"]);
    await fluvio.admin().deleteTopic(topic);
    expect(await fluvio.admin().aggregateStates({ topic })).toEqual([]);
    await fluvio.admin().createTopic(topic);
    await send(topic, [5]);
    expect(values(await stored(topic, "again"))).toEqual(["5"]);
  });

  it("goes on with new code of its module on request, on every SPU, with the accumulators it has", async () => {
    const topic = await newTopic(2);
    const code = await buildAs("aggregate");
    await fluvio.admin().createSmartModule("switched", code);
    await send(topic, [1], 0);
    await send(topic, [10], 1);
    const consumer = await fluvio.consumer(
      options(topic, "switched", { smartmodules: [{ name: "switched", state: "s" }] }),
    );
    const records = consumer[Symbol.asyncIterator]();
    const next = async () => text((await records.next()).value?.value);
    expect([await next(), await next()].sort()).toEqual(["1", "10"]);
    // an empty custom section makes it another module
    const changed = Buffer.concat([code, Buffer.from([0, 2, 1, 0x78])]);
    await fluvio.admin().createSmartModule("switched", changed, { replace: true });
    expect(await fluvio.admin().switchSmartModule("switched")).toEqual({ streams: 2, connectors: 0, failures: [] });
    await send(topic, [2], 0);
    expect(await next()).toBe("3");
    await send(topic, [20], 1);
    expect(await next()).toBe("30");
    await consumer.close();
  });

  it("goes on with the code it has when the new one is no aggregate, and loses nothing", async () => {
    const topic = await newTopic();
    await fluvio.admin().createSmartModule("turned", await buildAs("aggregate"));
    await send(topic, [1]);
    const consumer = await fluvio.consumer(options(topic, "t", { smartmodules: [{ name: "turned", state: "t" }] }));
    const records = consumer[Symbol.asyncIterator]();
    const next = async () => text((await records.next()).value?.value);
    expect(await next()).toBe("1");
    await fluvio.admin().createSmartModule("turned", await buildAs("keep-all"), { replace: true });
    expect(await fluvio.admin().switchSmartModule("turned")).toMatchObject({
      streams: 0,
      failures: [expect.stringContaining("goes on with the code it has: SmartModule turned has no state to keep")],
    });
    await send(topic, [2]);
    expect(await next()).toBe("3");
    await consumer.close();
  });

  it("keeps open windows as well", async () => {
    const topic = await newTopic();
    const smartmodules = [{ name: "sum", state: "windows", window: { sizeMs: 1000 } }];
    const at = async (seconds: number, value: number) => {
      await using producer = await fluvio.topicProducer(topic);
      await (await producer.send(undefined, String(value), { timestampMs: 1_700_000_000_000 + seconds * 1000 })).wait();
    };
    const read = async () =>
      values(await drain(await fluvio.consumer({ topic, offset: "beginning", smartmodules, disableContinuous: true })));
    await at(0.1, 1);
    await at(0.2, 2);
    expect(await read()).toEqual([]);
    const [kept] = await fluvio.admin().aggregateStates({ name: "windows", contents: true });
    expect(kept?.modules[0]?.windows.map(({ recordCount, accumulator }) => [recordCount, text(accumulator)])).toEqual([
      [2, "3"],
    ]);
    await at(0.3, 4);
    expect(await read()).toEqual([]);
    await at(1.5, 100);
    expect(await read()).toEqual(["7"]);
  });

  it("is refused for what cannot keep one, in words", async () => {
    const topic = await newTopic();
    await send(topic, [1]);
    await fluvio.admin().createSmartModule("keep-all", await buildAs("keep-all"));
    const consumer = await fluvio.consumer(options(topic, "x", { smartmodules: [{ name: "keep-all", state: "x" }] }));
    await expect(drain(consumer)).rejects.toThrow("SmartModule keep-all has no state to keep: it is no aggregate");
    const producer = await fluvio.topicProducer(topic, { smartmodules: [{ name: "sum", state: "x" }] });
    await expect((await producer.send(undefined, "1")).wait()).rejects.toThrow(
      "cannot have a state where records are written",
    );
    await expect(producer.close()).rejects.toThrow();
  });
});
