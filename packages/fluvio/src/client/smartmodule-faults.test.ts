import { describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { text } from "./testing/cluster.ts";
import { MEMORY_BYTES_MAX, useModuleCluster } from "./testing/module-cluster.ts";

const { cluster, fluvio, topicWith, consumed } = useModuleCluster();

/** The module that goes wrong. One that never comes back has little time; others have enough, however busy the machine is. */
const kitchen = async (value = "") => ({
  wasm: await buildAs("kitchen"),
  name: "kitchen",
  ...(value === "loop" ? { limits: { batchTimeoutMs: 500 } } : {}),
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
    const healthy = await fluvio().consumer({
      topic: good,
      offset: "beginning",
      smartmodules: [{ ...(await kitchen()), name: "healthy" }],
    });
    const records = healthy[Symbol.asyncIterator]();
    expect(text((await records.next()).value?.value)).toBe("first");
    await using producer = await fluvio().topicProducer(good);
    let failure: unknown;
    const failing = consumed({ topic: bad, smartmodules: [await kitchen(value)] }).catch((error: unknown) => {
      failure = error;
    });
    for (let count = 0; failure === undefined; count++) {
      await (await producer.send(undefined, `${count}`)).wait();
      expect(text((await records.next()).value?.value)).toBe(`${count}`);
    }
    await failing;
    expect(failure).toMatchObject({
      code: value === "loop" ? "FLV_SMARTMODULE_TIME_LIMIT" : "FLV_SMARTMODULE_RUNTIME",
      message: expect.stringMatching(
        /^SmartModule "kitchen" (?!.* in the records from).*\(working on the batch of offsets \d+ to 500\)/,
      ),
      details: expect.objectContaining({ topic: bad, partition: 0 }),
    });
    expect(failure).toMatchObject({ message: expect.stringMatching(words) });
    await healthy.close();
    expect(await consumed({ topic: bad })).toHaveLength(501);
  });

  it("by taking too much memory is named with the limit", async () => {
    const topic = await topicWith(Array.from({ length: 40 }, () => "hog"));
    await expect(consumed({ topic, smartmodules: [await kitchen()] })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_MEMORY_LIMIT",
      message: expect.stringMatching(
        `^SmartModule "kitchen" was stopped in filter with \\d+ of at most ${MEMORY_BYTES_MAX} bytes of memory`,
      ),
    });
  });

  it("by making too much of a batch is named with the limit that the step sets", async () => {
    const topic = await topicWith(["bomb"]);
    const step = { ...(await kitchen()), limits: { outputBytesMax: 1 << 20 } };
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
      const producer = await fluvio().topicProducer(topic, { smartmodules: [await kitchen(value)] });
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
    const topic = await fluvio().admin().createTopic(cluster.topicName());
    await using producer = await fluvio().topicProducer(topic);
    await producer.sendAll([
      ["k0", "fine"],
      ["k1", "error"],
    ]);
    await producer.flush();
    const smartmodules = [await kitchen()];
    const named = /asked to fail[\s\S]*Type: Filter[\s\S]*Offset: 1[\s\S]*Key: k1[\s\S]*Value: error/;
    await expect(consumed({ topic, smartmodules })).rejects.toMatchObject({ message: expect.stringMatching(named) });
    const refusing = await fluvio().topicProducer(topic, { smartmodules });
    const [, refused] = await refusing.sendAll([
      ["k0", "fine"],
      ["k1", "error"],
    ]);
    await expect(refused?.wait()).rejects.toMatchObject({ message: expect.stringMatching(named) });
    await refusing.close().catch(() => {});
  });
});
