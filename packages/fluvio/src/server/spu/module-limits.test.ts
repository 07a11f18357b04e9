import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { GENERIC_KIND, type SmartModuleInvocationInput, type StreamFetchResponse } from "../../protocol/index.ts";
import { createSmartEngine, type SmartEngine } from "../../smartengine/index.ts";
import type { Connection } from "../../transport/index.ts";
import {
  acknowledge,
  batchOf,
  endOf,
  nextReply,
  produceTo,
  readUntil,
  recordsOf,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";

const named = (name: string, params: Record<string, string> = {}): SmartModuleInvocationInput => ({
  wasm: { type: "predefined", name },
  kind: GENERIC_KIND,
  params: new Map(Object.entries(params)),
});
const adHoc = (payload: Uint8Array): SmartModuleInvocationInput => ({
  ...named("x"),
  wasm: { type: "adHoc", payload },
});

let spu: TestSpu;
let engine: SmartEngine;
let connection: Connection;
let topics = 0;
beforeAll(async () => {
  engine = createSmartEngine({ chainsMax: 4 });
  spu = await startSpu({ engine });
  for (const name of ["kitchen", "keep-all", "look-back", "array-map", "init"])
    spu.sc.modules.set(name, await buildAs(name));
});
afterAll(async () => {
  await spu[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});
beforeEach(async () => {
  connection?.close();
  connection = await spu.connect();
});

async function topicWith(...batches: string[][]): Promise<string> {
  const topic = `limits-${topics++}`;
  await spu.sc.assign(topic);
  if (batches.length > 0) await produceTo(connection, { topic, entries: batches.map((values) => batchOf(values)) });
  return topic;
}

/** A stream that goes on whatever happens to others: gives its next values. */
async function healthyStream(topic: string) {
  const stream = streamFrom(connection, { topic, smartmodules: [named("keep-all")] });
  return async (): Promise<string[]> => {
    const reply = await nextReply(stream);
    await acknowledge(connection, reply.streamId, endOf(reply));
    return recordsOf(reply.partition.records).map(({ value }) => value);
  };
}

describe("limits that a step sets for itself", () => {
  it.each([
    { value: "loop", params: { "fluvio.time-limit": "1000" }, words: /worked on one batch for more than 1000 ms/ },
    { value: "hog", params: { "fluvio.memory-limit": String(8 << 20) }, words: /of at most 8388608 bytes of memory/ },
    { value: "bomb", params: { "fluvio.output-limit": String(1 << 20) }, words: /1048576/ },
  ])(
    "end the stream of a module that crosses one ($value), say so, and let others go on",
    async ({ value, params, words }) => {
      const topic = await topicWith(
        ["fine"],
        Array.from({ length: 3 }, () => value),
      );
      const healthy = await healthyStream(topic);
      const stream = streamFrom(connection, { topic, maxBytes: 1, smartmodules: [named("kitchen", params)] });
      const first = await nextReply(stream);
      expect(recordsOf(first.partition.records)).toMatchObject([{ offset: 0, value: "fine" }]);
      await acknowledge(connection, first.streamId, endOf(first));
      const last = await nextReply(stream);
      expect(last.partition.errorCode).toMatchObject({
        name: "Other",
        message: expect.stringMatching(/^SmartModule err /),
      });
      expect(last.partition.errorCode).toMatchObject({ message: expect.stringMatching(words) });
      expect(last.partition.errorCode).toMatchObject({ message: expect.stringContaining("kitchen") });
      expect(await acknowledge(connection, last.streamId, 4)).toBe("FetchSessionNotFoud");
      // nothing is lost: without the module the same records are there
      expect(await healthy()).toEqual(["fine", value, value, value]);
      expect((await readUntil(connection, streamFrom(connection, { topic, fetchOffset: 1 }), 4)).length).toBe(3);
      await produceTo(connection, { topic, entries: [batchOf(["later"])] });
      expect(await healthy()).toEqual(["later"]);
    },
  );

  it("cannot raise those of the engine", async () => {
    await using strict = await startSpu({ engineLimits: { batchTimeoutMs: 200 } });
    strict.sc.modules.set("kitchen", await buildAs("kitchen"));
    await strict.sc.assign("t");
    const own = await strict.connect();
    await produceTo(own, { topic: "t", entries: [batchOf(["loop"])] });
    const smartmodules = [named("kitchen", { "fluvio.time-limit": "600000" })];
    const { errorCode } = (await nextReply(streamFrom(own, { topic: "t", smartmodules }))).partition;
    expect(errorCode).toMatchObject({ message: expect.stringMatching(/more than 200 ms/) });
  });
});

describe("as many chains as there may be", () => {
  it("refuse one more with a reason; it finds room when another ends", async () => {
    const topic = await topicWith(["a"]);
    const open = async (): Promise<StreamFetchResponse> =>
      nextReply(streamFrom(connection, { topic, smartmodules: [named("keep-all")] }));
    const taken = [];
    for (let n = 0; n < 4; n++) taken.push(await open());
    expect((await open()).partition.errorCode).toMatchObject({
      name: "SmartModuleChainInitError",
      message: expect.stringContaining("4 SmartModule chains are running, which is the limit"),
    });
    const [answer] = await produceTo(connection, {
      topic,
      entries: [batchOf(["b"])],
      smartmodules: [named("keep-all")],
    });
    expect(answer?.errorCode.name).toBe("SmartModuleChainInitError");
    await acknowledge(connection, taken[0]?.streamId ?? 0, -2);
    // the thread is given back behind the acknowledgement
    while ((await open()).partition.errorCode.name !== "None");
  });
});

describe("what is no module, or has nothing to work on", () => {
  it.each([
    {
      name: "a gzip that is cut short",
      make: async () => adHoc(gzipSync(await buildAs("keep-all")).subarray(0, 100)),
      error: "SmartModuleInvalid",
    },
    {
      name: "wasm that is cut short",
      make: async () => adHoc(gzipSync((await buildAs("keep-all")).subarray(0, 100))),
      error: "SmartModuleChainInitError",
    },
    { name: "no wasm", make: async () => adHoc(gzipSync("hello")), error: "SmartModuleChainInitError" },
    { name: "a missing parameter", make: async () => named("init"), error: "SmartModuleChainInitError" },
    { name: "an unknown module", make: async () => named("nope"), error: "SmartModuleNotFound" },
  ])(
    "$name ends its stream with an error; others, and the same consumer without it, go on",
    async ({ make, error }) => {
      const topic = await topicWith(["a"], ["b"]);
      const healthy = await healthyStream(topic);
      expect(await healthy()).toEqual(["a", "b"]);
      const reply = await nextReply(streamFrom(connection, { topic, smartmodules: [await make()] }));
      expect(reply.partition.errorCode.name).toBe(error);
      expect(await acknowledge(connection, reply.streamId, 0)).toBe("FetchSessionNotFoud");
      expect((await readUntil(connection, streamFrom(connection, { topic }), 2)).length).toBe(2);
      await produceTo(connection, { topic, entries: [batchOf(["c"])] });
      expect(await healthy()).toEqual(["c"]);
    },
  );

  it("look_back on an empty topic sees no record, and the stream goes on", async () => {
    const topic = await topicWith();
    const smartmodules = [{ ...named("look-back"), lookback: { last: 10, age: { seconds: 60, nanoseconds: 0 } } }];
    const next = nextReply(streamFrom(connection, { topic, smartmodules }));
    await produceTo(connection, { topic, entries: [batchOf(["a", "a", "b"])] });
    expect(recordsOf((await next).partition.records).map(({ value }) => value)).toEqual(["a", "b"]);
  });
});

describe("a batch that is larger than the fetch limit", () => {
  it("is never lost, also when a module makes more of it than came in", async () => {
    await using roomy = await startSpu();
    for (const name of ["keep-all", "array-map"]) roomy.sc.modules.set(name, await buildAs(name));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 6000 }),
        async (sizes, maxBytes) => {
          const batches = sizes.map((batch, b) =>
            batch.map((size, r) => JSON.stringify([`${b}.${r}`, "x".repeat(size)])),
          );
          const topic = `sizes-${topics++}`;
          await roomy.sc.assign(topic);
          const own = await roomy.connect();
          await produceTo(own, { topic, entries: batches.map((values) => batchOf(values)) });
          const all = batches.flat();
          for (const [module, expected] of [
            ["keep-all", all],
            [
              "array-map",
              all.flatMap((value) => (JSON.parse(value) as string[]).map((element) => JSON.stringify(element))),
            ],
          ] as const) {
            const stop = new AbortController();
            const stream = streamFrom(own, { topic, maxBytes, smartmodules: [named(module)] }, stop.signal);
            const records = await readUntil(own, stream, all.length);
            expect(records.map(({ value }) => value)).toEqual(expected);
            stop.abort();
          }
          own.close();
        },
      ),
      { numRuns: 15 },
    );
  });
});
