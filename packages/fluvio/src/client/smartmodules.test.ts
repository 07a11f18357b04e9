import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";
import type { ConsumerOptions } from "./types.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

async function topicWith(values: readonly string[]): Promise<string> {
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll(values.map((value) => ({ value })));
  return topic;
}

async function consumed(options: ConsumerOptions): Promise<(string | undefined)[]> {
  const consumer = await fluvio.consumer({ offset: "beginning", disableContinuous: true, ...options });
  return (await drain(consumer)).map((record) => text(record.value));
}

describe("SmartModules of a consumer", () => {
  it("are stored modules or sent along, and can be chained", async () => {
    const topic = await topicWith(["apple", "plum", "banana"]);
    const filter = await buildAs("filter");
    const stored = await fluvio.admin().createSmartModule("has-a", filter);
    expect(await consumed({ topic, smartmodules: [{ name: stored }] })).toEqual(["apple", "banana"]);
    expect(await consumed({ topic, smartmodules: [{ wasm: filter }] })).toEqual(["apple", "banana"]);
    const mapped = await consumed({ topic, smartmodules: [{ name: stored }, { wasm: await buildAs("map") }] });
    expect(mapped.map((value) => value?.replace(/@\d+$/, ""))).toEqual(["APPLE@0", "BANANA@2"]);
    expect(Uint8Array.from(await fluvio.admin().downloadSmartModule("has-a"))).toEqual(Uint8Array.from(filter));
    await fluvio.admin().deleteSmartModule("has-a");
    await expect(consumed({ topic, smartmodules: [{ name: "has-a" }] })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_NOT_FOUND",
      message: "SmartModule has-a was not found",
    });
  });

  it("end at the end of the log also when they drop every record", async () => {
    const topic = await topicWith(Array.from({ length: 5000 }, () => "plum"));
    expect(await consumed({ topic, smartmodules: [{ wasm: await buildAs("filter") }] })).toEqual([]);
  });

  it("keep the offsets of the records that survive", async () => {
    const topic = await topicWith(["plum", "apple", "plum", "banana"]);
    const smartmodules = [{ wasm: await buildAs("filter") }];
    const consumer = await fluvio.consumer({ topic, smartmodules, offset: "beginning", disableContinuous: true });
    expect((await drain(consumer)).map((record) => record.offset)).toEqual([1, 3]);
  });

  it("begin an aggregate with the value given", async () => {
    const topic = await topicWith(["1", "2", "3"]);
    const wasm = await buildAs("aggregate");
    expect(await consumed({ topic, smartmodules: [{ wasm }] })).toEqual(["1", "3", "6"]);
    expect(await consumed({ topic, smartmodules: [{ wasm, aggregateInitial: "10" }] })).toEqual(["11", "13", "16"]);
  });

  it("give what came before a record that fails, then the error with the record", async () => {
    const topic = await topicWith(["2", "4", "x", "6"]);
    const smartmodules = [{ wasm: await buildAs("filter-map") }];
    const consumer = await fluvio.consumer({ topic, smartmodules, offset: "beginning" });
    const seen: (string | undefined)[] = [];
    const reading = (async () => {
      for await (const record of consumer) seen.push(text(record.value));
    })();
    await expect(reading).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      details: expect.objectContaining({ offset: 2 }),
    });
    expect(seen).toEqual(["1", "2"]);
  });
});

describe("SmartModules of a producer", () => {
  it.each(["server", "client"] as const)("run on the %s before records are stored", async (smartmodulesAt) => {
    const topic = await topicWith([]);
    const smartmodules = [{ wasm: await buildAs("filter"), name: "has-a" }];
    await using producer = await fluvio.topicProducer(topic, { smartmodules, smartmodulesAt, batchSizeBytes: 100 });
    const sent = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? `apple ${i}` : `plum ${i}`));
    const outputs = await producer.sendAll(sent.map((value) => ({ value })));
    await Promise.all(outputs.map((output) => output.wait()));
    expect(await consumed({ topic })).toEqual(sent.filter((value) => value.includes("a")));
  });

  it("fail the records of their batch, and the flush, when they fail in the client", async () => {
    const topic = await topicWith([]);
    const smartmodules = [{ wasm: await buildAs("filter-map"), name: "halves" }];
    const producer = await fluvio.topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
    const output = await producer.send("k", "no number");
    await expect(output.wait()).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      details: expect.objectContaining({ module: "halves" }),
    });
    await expect(producer.flush()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME" });
    const next = await producer.send("k", "8");
    expect((await next.wait()).offset).toBe(0);
    await producer.close();
    expect(await consumed({ topic })).toEqual(["4"]);
  });
});
