import { describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { drain, text } from "./testing/cluster.ts";
import { useModuleCluster } from "./testing/module-cluster.ts";

/** More than a server runs at a time. */
const CHAINS_MANY = 300;
const { cluster, fluvio, topicWith, consumed } = useModuleCluster();
const bytes = (value: string) => Uint8Array.from(Buffer.from(value));

describe("SmartModules of a consumer", () => {
  it("are stored modules or sent along, and can be chained", async () => {
    const topic = await topicWith(["apple", "plum", "banana"]);
    const filter = await buildAs("filter");
    const stored = await fluvio().admin().createSmartModule("has-a", filter);
    expect(await consumed({ topic, smartmodules: [{ name: stored }] })).toEqual(["apple", "banana"]);
    expect(await consumed({ topic, smartmodules: [{ wasm: filter }] })).toEqual(["apple", "banana"]);
    const mapped = await consumed({ topic, smartmodules: [{ name: stored }, { wasm: await buildAs("map") }] });
    expect(mapped.map((value) => value?.replace(/@\d+$/, ""))).toEqual(["APPLE@0", "BANANA@2"]);
    expect(Uint8Array.from(await fluvio().admin().downloadSmartModule("has-a"))).toEqual(Uint8Array.from(filter));
    await fluvio().admin().deleteSmartModule("has-a");
    await expect(consumed({ topic, smartmodules: [{ name: "has-a" }] })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_NOT_FOUND",
      message: "SmartModule has-a was not found",
    });
  });

  it("with a parameter that no request can carry are refused by its name, the largest that one can is taken", async () => {
    const topic = await topicWith(["apple"]);
    const smartmodules = (sizeBytes: number) => [{ name: "m", params: { text: "x".repeat(sizeBytes) } }];
    await expect(consumed({ topic, smartmodules: smartmodules(32_768) })).rejects.toMatchObject({
      code: "FLV_ARGUMENT",
      message: "the parameter text of SmartModule m is 32768 bytes long",
    });
    await expect(consumed({ topic, smartmodules: smartmodules(32_767) })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_NOT_FOUND",
    });
  });

  it("that are missing or broken are told where nothing is left to read", async () => {
    const empty = await fluvio().admin().createTopic(cluster.topicName());
    const read = await topicWith(["apple"]);
    for (const position of [{ topic: empty }, { topic: read, offset: "end" as const }]) {
      await expect(consumed({ ...position, smartmodules: [{ name: "not-there" }] })).rejects.toMatchObject({
        code: "FLV_SMARTMODULE_NOT_FOUND",
      });
      await expect(consumed({ ...position, smartmodules: [{ wasm: bytes("no wasm") }] })).rejects.toMatchObject({
        code: "FLV_SMARTMODULE_INIT",
      });
      const smartmodules = [{ wasm: await buildAs("filter") }];
      await expect(
        consumed({ ...position, smartmodules: [{ ...smartmodules[0], window: { sizeMs: 10 } }] }),
      ).rejects.toThrow("it is a filter");
      expect(await consumed({ ...position, smartmodules })).toEqual([]);
    }
  });

  it("goes on with records that come after the word that they run", async () => {
    const topic = await topicWith(["apple"]);
    const consumer = await fluvio().consumer({
      topic,
      offset: "end",
      smartmodules: [{ wasm: await buildAs("filter") }],
    });
    const records = consumer[Symbol.asyncIterator]();
    const next = records.next();
    await using producer = await fluvio().topicProducer(topic);
    await producer.sendAll(["plum", "banana", "apple"].map((value) => ({ value })));
    expect((await next).value).toMatchObject({ offset: 2 });
    expect((await records.next()).value).toMatchObject({ offset: 3 });
    await consumer.close();
  });

  it("end at the end of the log also when they drop every record", async () => {
    const topic = await topicWith(Array.from({ length: 5000 }, () => "plum"));
    expect(await consumed({ topic, smartmodules: [{ wasm: await buildAs("filter") }] })).toEqual([]);
  });

  it("keep the offsets of the records that survive", async () => {
    const topic = await topicWith(["plum", "apple", "plum", "banana"]);
    const smartmodules = [{ wasm: await buildAs("filter") }];
    const consumer = await fluvio().consumer({ topic, smartmodules, offset: "beginning", disableContinuous: true });
    expect((await drain(consumer)).map((record) => record.offset)).toEqual([1, 3]);
  });

  it("begin an aggregate with the value given", async () => {
    const topic = await topicWith(["1", "2", "3"]);
    const wasm = await buildAs("aggregate");
    expect(await consumed({ topic, smartmodules: [{ wasm }] })).toEqual(["1", "3", "6"]);
    expect(await consumed({ topic, smartmodules: [{ wasm, aggregateInitial: "10" }] })).toEqual(["11", "13", "16"]);
  });

  it("free what the server keeps for them when they are closed, so that more come and go than it may hold", async () => {
    const topic = await topicWith(["apple"]);
    const smartmodules = [{ wasm: await buildAs("filter") }];
    for (let i = 0; i < CHAINS_MANY; i++) {
      const consumer = await fluvio().consumer({ topic, smartmodules, offset: "beginning" });
      for await (const record of consumer) {
        expect(text(record.value)).toBe("apple");
        break;
      }
    }
  });

  it("give what came before a record that fails, then the error with the record", async () => {
    const topic = await topicWith(["2", "4", "x", "6"]);
    const smartmodules = [{ wasm: await buildAs("filter-map") }];
    const consumer = await fluvio().consumer({ topic, smartmodules, offset: "beginning" });
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

describe("a chain over the wire", () => {
  it("applies three modules in order, by name and sent along, with parameters", async () => {
    const topic = await topicWith(["2", "41", "42", "80", "84"]);
    await fluvio()
      .admin()
      .createSmartModule("needle", await buildAs("init"));
    const smartmodules = [
      { name: "needle", params: { needle: "4" } },
      { wasm: await buildAs("filter-map") },
      { wasm: await buildAs("aggregate"), aggregateInitial: "100" },
    ];
    const consumer = await fluvio().consumer({ topic, offset: "beginning", smartmodules, disableContinuous: true });
    const seen = (await drain(consumer)).map(({ offset, key, value }) => [offset, text(key), text(value)]);
    expect(seen).toEqual([
      [2, "even", "121"],
      [4, "even", "163"],
    ]);
    await expect(consumed({ topic, smartmodules: [{ name: "needle" }] })).rejects.toMatchObject({
      message: expect.stringContaining("Missing param needle"),
    });
  });

  it("carries the sum of an aggregate over batches and replies, and over a pause", async () => {
    const topic = await fluvio().admin().createTopic(cluster.topicName());
    await using producer = await fluvio().topicProducer(topic, { batchSizeBytes: 64 });
    await producer.sendAll(Array.from({ length: 500 }, () => ({ value: "1" })));
    await producer.flush();
    const smartmodules = [{ wasm: await buildAs("aggregate"), aggregateInitial: "1000" }];
    const consumer = await fluvio().consumer({ topic, offset: "beginning", maxBytes: 200, smartmodules });
    const records = consumer[Symbol.asyncIterator]();
    for (let sum = 1001; sum <= 1500; sum++) expect(text((await records.next()).value?.value)).toBe(`${sum}`);
    await producer.send(undefined, "500");
    await producer.flush();
    expect(text((await records.next()).value?.value)).toBe("2000");
    await consumer.close();
  });

  it.each([
    { lookback: { last: 0 }, kept: ["a", "b", "c"] },
    { lookback: { last: 2 }, kept: ["a"] },
    { lookback: { last: 100 }, kept: [] },
    { lookback: { last: 0, ageMs: 3_600_000 }, kept: [] },
    { lookback: { last: 1, ageMs: 3_600_000 }, kept: ["a", "b"] },
  ])("looks back on $lookback", async ({ lookback, kept }) => {
    const topic = await topicWith(["a", "b", "c"]);
    // it drops what it saw
    expect(await consumed({ topic, smartmodules: [{ wasm: await buildAs("look-back"), lookback }] })).toEqual(kept);
  });
});

describe("what array_map makes", () => {
  const smartmodules = async () => [{ wasm: await buildAs("array-map") }];

  it("has the offsets of what it was made of, and ends where the log ends", async () => {
    const topic = await topicWith(["[1,2,3]", "[]", "[4,5]", "[6]"]);
    const options = { topic, smartmodules: await smartmodules(), disableContinuous: true } as const;
    const offsetsFrom = async (absolute: number) =>
      (await drain(await fluvio().consumer({ ...options, offset: { absolute } }))).map((record) => record.offset);
    expect(await offsetsFrom(0)).toEqual([0, 0, 0, 2, 2, 3]);
    expect(await offsetsFrom(1)).toEqual([2, 2, 3]);
  });

  it("is not lost to a named consumer that stops in the middle of it", async () => {
    const topic = await topicWith(["[1,2,3]", "[4,5]", "[6]"]);
    const options = {
      topic,
      smartmodules: await smartmodules(),
      consumerId: "middle",
      disableContinuous: true,
    } as const;
    const seen: string[][] = [];
    for (const stopAt of ["2", "3", "4", "6"]) {
      const run: string[] = [];
      const consumer = await fluvio().consumer({ ...options, offset: "beginning", offsetStrategy: "auto" });
      for await (const record of consumer) {
        run.push(text(record.value) ?? "");
        if (run.at(-1) === stopAt) break;
      }
      seen.push(run);
    }
    expect(seen).toEqual([["1", "2"], ["1", "2", "3"], ["4"], ["4", "5", "6"]]);
    expect((await fluvio().consumerOffsets({ consumerId: "middle" }))[0]?.offset).toBe(2);
  });
});
