import { describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { useModuleCluster } from "./testing/module-cluster.ts";

const { fluvio, topicWith, consumed } = useModuleCluster();
const bytes = (value: string) => Uint8Array.from(Buffer.from(value));

describe("SmartModules of a producer", () => {
  it.each(["server", "client"] as const)("run on the %s before records are stored", async (smartmodulesAt) => {
    const topic = await topicWith([]);
    const smartmodules = [{ wasm: await buildAs("filter"), name: "has-a" }];
    await using producer = await fluvio().topicProducer(topic, { smartmodules, smartmodulesAt, batchSizeBytes: 100 });
    const sent = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? `apple ${i}` : `plum ${i}`));
    const outputs = await producer.sendAll(sent.map((value) => ({ value })));
    await Promise.all(outputs.map((output) => output.wait()));
    expect(await consumed({ topic })).toEqual(sent.filter((value) => value.includes("a")));
  });

  it("refuse single records in the client, with module, place, key and value; the others of the batch are stored", async () => {
    const topic = await topicWith([]);
    const smartmodules = [
      { wasm: await buildAs("aggregate"), name: "sums", aggregateInitial: "0" },
      { wasm: await buildAs("filter-map"), name: "halves" },
    ];
    const producer = await fluvio().topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
    const sent = ["2", "no number", "4", "nor this", "6", "3", "1"];
    const outputs = await producer.sendAll(sent.map((value, index) => ({ key: `k${index}`, value })));
    const results = await Promise.allSettled(outputs.map((output) => output.wait()));
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
      code: "FLV_SMARTMODULE_RUNTIME",
      details: { module: "sums", kind: "aggregate", offset: 1, key: bytes("k1"), value: bytes("no number") },
    });
    await expect(producer.flush()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_RUNTIME", details: { offset: 1 } });
    await producer.close();
    // sums 2, 6, 12, 15, 16: the accumulator counts each record once
    expect(await consumed({ topic })).toEqual(["1", "3", "6", "8"]);
  });

  it("cannot have windows or a kept state where records are produced", async () => {
    const topic = await topicWith([]);
    const wasm = await buildAs("aggregate");
    const open = (step: object) =>
      fluvio().topicProducer(topic, { smartmodules: [{ wasm, name: "sums", ...step }], smartmodulesAt: "client" });
    await expect(open({ window: { sizeMs: 1000 } })).rejects.toThrow("SmartModule sums cannot have a window");
    await expect(open({ state: "s" })).rejects.toThrow("SmartModule sums cannot have a kept state");
    await expect(open({ params: { "fluvio.state": "s" } })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
    const limited = await open({ limits: { outputBytesMax: 10 } });
    await (await limited.send(undefined, "12345678901")).wait().catch((error: unknown) => {
      expect(error).toMatchObject({ code: expect.stringMatching("FLV_SMARTMODULE") });
    });
    await limited.close().catch(() => {});
    expect(await consumed({ topic })).toEqual([]);
  });

  it.each([
    { lookback: { last: 2 }, kept: ["a", "d"] },
    { lookback: { last: 0, ageMs: 3_600_000 }, kept: ["d"] },
  ])("look back in the client on $lookback of every partition", async ({ lookback, kept }) => {
    const topic = await topicWith(["a", "b", "c"]);
    const smartmodules = [{ wasm: await buildAs("look-back"), lookback }];
    await using producer = await fluvio().topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
    await producer.sendAll(["a", "b", "c", "d"].map((value) => ({ value })));
    await producer.flush();
    expect((await consumed({ topic })).slice(3)).toEqual(kept);
  });

  it("are loaded anew on request, and aggregates keep their accumulators", async () => {
    const topic = await topicWith([]);
    const admin = fluvio().admin();
    await admin.createSmartModule("tally", await buildAs("aggregate"));
    const smartmodules = [{ name: "tally", aggregateInitial: "10" }];
    await using producer = await fluvio().topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
    const send = async (value: string) => (await producer.send(undefined, value)).wait();
    await send("1");
    await producer.reloadSmartModules();
    await send("2");
    await admin.createSmartModule("tally", await buildAs("filter"));
    await producer.reloadSmartModules();
    await send("plum");
    await send("apple");
    await admin.deleteSmartModule("tally");
    await expect(producer.reloadSmartModules()).rejects.toMatchObject({ code: "FLV_SMARTMODULE_NOT_FOUND" });
    await send("banana");
    expect(await consumed({ topic })).toEqual(["11", "13", "apple", "banana"]);
  });
});
