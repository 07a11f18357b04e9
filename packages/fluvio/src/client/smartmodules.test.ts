import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";
import type { ConsumerOptions } from "./types.ts";

const LIMIT = 64 * 1024 * 1024;
/** More than a server runs at a time. */
const CHAINS_MANY = 300;
const cluster = useTestCluster({ engineLimits: { batchTimeoutMs: 500, memoryBytesMax: LIMIT } });
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

const bytes = (value: string) => Uint8Array.from(Buffer.from(value));

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
    const empty = await fluvio.admin().createTopic(cluster.topicName());
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
    const consumer = await fluvio.consumer({ topic, offset: "end", smartmodules: [{ wasm: await buildAs("filter") }] });
    const records = consumer[Symbol.asyncIterator]();
    const next = records.next();
    await using producer = await fluvio.topicProducer(topic);
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
    const consumer = await fluvio.consumer({ topic, smartmodules, offset: "beginning", disableContinuous: true });
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
      const consumer = await fluvio.consumer({ topic, smartmodules, offset: "beginning" });
      for await (const record of consumer) {
        expect(text(record.value)).toBe("apple");
        break;
      }
    }
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

describe("a chain over the wire", () => {
  it("applies three modules in order, by name and sent along, with parameters", async () => {
    const topic = await topicWith(["2", "41", "42", "80", "84"]);
    await fluvio.admin().createSmartModule("needle", await buildAs("init"));
    const smartmodules = [
      { name: "needle", params: { needle: "4" } },
      { wasm: await buildAs("filter-map") },
      { wasm: await buildAs("aggregate"), aggregateInitial: "100" },
    ];
    const consumer = await fluvio.consumer({ topic, offset: "beginning", smartmodules, disableContinuous: true });
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
    const topic = await fluvio.admin().createTopic(cluster.topicName());
    await using producer = await fluvio.topicProducer(topic, { batchSizeBytes: 64 });
    await producer.sendAll(Array.from({ length: 500 }, () => ({ value: "1" })));
    await producer.flush();
    const smartmodules = [{ wasm: await buildAs("aggregate"), aggregateInitial: "1000" }];
    const consumer = await fluvio.consumer({ topic, offset: "beginning", maxBytes: 200, smartmodules });
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
      (await drain(await fluvio.consumer({ ...options, offset: { absolute } }))).map((record) => record.offset);
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
      const consumer = await fluvio.consumer({ ...options, offset: "beginning", offsetStrategy: "auto" });
      for await (const record of consumer) {
        run.push(text(record.value) ?? "");
        if (run.at(-1) === stopAt) break;
      }
      seen.push(run);
    }
    expect(seen).toEqual([["1", "2"], ["1", "2", "3"], ["4"], ["4", "5", "6"]]);
    expect((await fluvio.consumerOffsets({ consumerId: "middle" }))[0]?.offset).toBe(2);
  });
});

describe("a SmartModule that goes wrong", () => {
  const faults = [
    ["loop", "worked on one batch for more than 500 ms"],
    ["trap", "it trapped in filter: unreachable"],
    // of a single record three were made, which is found first
    ["garbage", /its output cannot be read|it made 3 records of 1/],
    ["out-of-bounds", "lies outside its memory"],
  ] as const;

  it.each(faults)("by %j ends its own stream with what and where, and no other", async (value, words) => {
    const bad = await topicWith([...Array.from({ length: 500 }, (_, i) => `fine ${i}`), value]);
    const good = await topicWith(["first"]);
    const wasm = await buildAs("kitchen");
    const healthy = await fluvio.consumer({
      topic: good,
      offset: "beginning",
      smartmodules: [{ wasm, name: "healthy" }],
    });
    const records = healthy[Symbol.asyncIterator]();
    expect(text((await records.next()).value?.value)).toBe("first");
    await using producer = await fluvio.topicProducer(good);
    let failure: unknown;
    const failing = consumed({ topic: bad, smartmodules: [{ wasm, name: "kitchen" }] }).catch((error: unknown) => {
      failure = error;
    });
    for (let count = 0; failure === undefined; count++) {
      await (await producer.send(undefined, `${count}`)).wait();
      expect(text((await records.next()).value?.value)).toBe(`${count}`);
    }
    await failing;
    expect(failure).toMatchObject({
      code: value === "loop" ? "FLV_SMARTMODULE_TIME_LIMIT" : "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringMatching(/^SmartModule "kitchen" .* in the records from offset \d+ to 500/),
      details: expect.objectContaining({ topic: bad, partition: 0 }),
    });
    expect(failure).toMatchObject({ message: expect.stringMatching(words) });
    await healthy.close();
    expect(await consumed({ topic: bad })).toHaveLength(501);
  });

  it("by taking too much memory is named with the limit", async () => {
    const topic = await topicWith(Array.from({ length: 40 }, () => "hog"));
    await expect(
      consumed({ topic, smartmodules: [{ wasm: await buildAs("kitchen"), name: "kitchen" }] }),
    ).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      message: expect.stringMatching(
        `^SmartModule "kitchen" was stopped in filter with \\d+ of at most ${LIMIT} bytes of memory`,
      ),
    });
  });

  it("by making too much of a batch is named with the limit that the step sets", async () => {
    const topic = await topicWith(["bomb"]);
    const step = { wasm: await buildAs("kitchen"), name: "kitchen", limits: { outputBytesMax: 1 << 20 } };
    await expect(consumed({ topic, smartmodules: [step] })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_OUTPUT_LIMIT",
      message: expect.stringMatching(
        /^SmartModule "kitchen" failed: its output of \d+ bytes is above the limit of 1048576/,
      ),
    });
  });

  it.each(faults)(
    "by %j fails the producer whose records it was to change, and stores none of them",
    async (value, words) => {
      const topic = await topicWith([]);
      const smartmodules = [{ wasm: await buildAs("kitchen"), name: "kitchen" }];
      const producer = await fluvio.topicProducer(topic, { smartmodules });
      const [output] = await producer.sendAll([{ value }]);
      await expect(output?.wait()).rejects.toMatchObject({
        code: value === "loop" ? "FLV_SMARTMODULE_TIME_LIMIT" : "FLV_SMARTMODULE_RUNTIME",
        message: expect.stringMatching(words),
      });
      await producer.close().catch(() => {});
      expect(await consumed({ topic })).toEqual([]);
    },
  );

  it("names kind of module, offset, key and value of a record that it refuses, to consumers and producers", async () => {
    const topic = await fluvio.admin().createTopic(cluster.topicName());
    await using producer = await fluvio.topicProducer(topic);
    await producer.sendAll([
      ["k0", "fine"],
      ["k1", "error"],
    ]);
    await producer.flush();
    const smartmodules = [{ wasm: await buildAs("kitchen"), name: "kitchen" }];
    const named = /asked to fail[\s\S]*Type: Filter[\s\S]*Offset: 1[\s\S]*Key: k1[\s\S]*Value: error/;
    await expect(consumed({ topic, smartmodules })).rejects.toMatchObject({ message: expect.stringMatching(named) });
    const refusing = await fluvio.topicProducer(topic, { smartmodules });
    const [, refused] = await refusing.sendAll([
      ["k0", "fine"],
      ["k1", "error"],
    ]);
    await expect(refused?.wait()).rejects.toMatchObject({ message: expect.stringMatching(named) });
    await refusing.close().catch(() => {});
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

  it("refuse single records in the client, with module, place, key and value; the others of the batch are stored", async () => {
    const topic = await topicWith([]);
    const smartmodules = [
      { wasm: await buildAs("aggregate"), name: "sums", aggregateInitial: "0" },
      { wasm: await buildAs("filter-map"), name: "halves" },
    ];
    const producer = await fluvio.topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
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
      fluvio.topicProducer(topic, { smartmodules: [{ wasm, name: "sums", ...step }], smartmodulesAt: "client" });
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
    await using producer = await fluvio.topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
    await producer.sendAll(["a", "b", "c", "d"].map((value) => ({ value })));
    await producer.flush();
    expect((await consumed({ topic })).slice(3)).toEqual(kept);
  });

  it("are loaded anew on request, and aggregates keep their accumulators", async () => {
    const topic = await topicWith([]);
    const admin = fluvio.admin();
    await admin.createSmartModule("tally", await buildAs("aggregate"));
    const smartmodules = [{ name: "tally", aggregateInitial: "10" }];
    await using producer = await fluvio.topicProducer(topic, { smartmodules, smartmodulesAt: "client" });
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
