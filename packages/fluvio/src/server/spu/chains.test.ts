import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import {
  apiVersionsApi,
  CLIENT_VERSION,
  GENERIC_KIND,
  readBatchHeader,
  type SmartModuleInvocationInput,
  splitBatches,
  type WireError,
} from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import {
  acknowledge,
  batchOf,
  endOf,
  isGreeting,
  nextReply,
  produceTo,
  readUntil,
  recordsOf,
  repliesFrom,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";

const MODULES = ["filter", "map", "keep-all", "kitchen", "aggregate", "init", "look-back", "counter", "no-transform"];

function named(name: string, more: Partial<SmartModuleInvocationInput> = {}): SmartModuleInvocationInput {
  return { wasm: { type: "predefined", name }, kind: GENERIC_KIND, params: new Map(), ...more };
}

/** A module that may be one that never comes back has little time; others have enough, however busy the machine is. */
const impatient = (name: string) => named(name, { params: new Map([["fluvio.time-limit", "1000"]]) });

describe("SmartModules on an SPU", () => {
  let spu: TestSpu;
  let connection: Connection;
  let topics = 0;
  beforeAll(async () => {
    spu = await startSpu({ limits: { chainReadBytes: 2000 } });
    for (const name of MODULES) spu.sc.modules.set(name, await buildAs(name));
    connection = await spu.connect();
  });
  afterAll(() => spu[Symbol.asyncDispose]());

  /** A topic with a batch per list of values. */
  async function topicWith(...batches: string[][]): Promise<string> {
    const topic = `topic-${topics++}`;
    await spu.sc.assign(topic);
    await produceTo(connection, { topic, entries: batches.map((values) => batchOf(values)) });
    return topic;
  }

  describe("consume", () => {
    it("keeps offsets and timestamps of what survives and says where to go on", async () => {
      const topic = await topicWith(["apple", "plum", "pear"], ["fig", "banana"], ["kiwi"]);
      const stream = streamFrom(connection, { topic, smartmodules: [named("filter")] });
      const reply = await nextReply(stream);
      expect(reply.partition).toMatchObject({ errorCode: { name: "None" }, nextFilterOffset: 6, highWatermark: 6 });
      expect(recordsOf(reply.partition.records)).toEqual([
        { offset: 0, timestampMs: 1_700_000_000_000, value: "apple" },
        { offset: 2, timestampMs: 1_700_000_000_000, value: "pear" },
        { offset: 4, timestampMs: 1_700_000_000_000, value: "banana" },
      ]);
      await acknowledge(connection, reply.streamId, endOf(reply));
      const next = nextReply(stream);
      await produceTo(connection, { topic, entries: [batchOf(["grape"])] });
      expect(recordsOf((await next).partition.records)).toMatchObject([{ offset: 6, value: "grape" }]);
    });

    it("starts a batch at each gap for clients that count records from the base offset, and for no others", async () => {
      const topic = await topicWith(["apple", "plum", "pear", "fig", "banana"]);
      const bases = async () => {
        const stream = streamFrom(connection, { topic, smartmodules: [named("filter")] });
        const reply = await nextReply(stream);
        const { batches } = splitBatches(reply.partition.records);
        await acknowledge(connection, reply.streamId, endOf(reply));
        return batches.map((batch) => readBatchHeader(batch).baseOffset);
      };
      expect(await bases()).toEqual([0]);
      const original = { clientVersion: "0.50.2", clientOs: "linux", clientArch: "x86_64" };
      await connection.request(apiVersionsApi, original, { version: apiVersionsApi.maxVersion });
      expect(await bases()).toEqual([0, 2, 4]);
      const ours = { ...original, clientVersion: CLIENT_VERSION };
      await connection.request(apiVersionsApi, ours, { version: apiVersionsApi.maxVersion });
    });

    it("says that it runs where nothing is to be read, to our own clients only", async () => {
      const topic = await topicWith(["apple"]);
      const smartmodules = [named("filter")];
      const atEnd = repliesFrom(connection, { topic, fetchOffset: 1, smartmodules });
      expect(isGreeting(await nextReply(atEnd))).toBe(true);
      await spu.sc.assign("empty");
      const original = { clientVersion: "0.50.2", clientOs: "linux", clientArch: "x86_64" };
      await connection.request(apiVersionsApi, original, { version: apiVersionsApi.maxVersion });
      const first = nextReply(repliesFrom(connection, { topic: "empty", smartmodules }));
      // by the time that this is refused a word about the stream before it would have come
      await expect(
        nextReply(repliesFrom(connection, { topic: "empty", smartmodules: [named("no-transform")] })),
      ).resolves.toMatchObject({ partition: { errorCode: { name: "SmartModuleChainInitError" } } });
      await produceTo(connection, { topic: "empty", entries: [batchOf(["pear"])] });
      expect(recordsOf((await first).partition.records)).toMatchObject([{ value: "pear" }]);
      const ours = { ...original, clientVersion: CLIENT_VERSION };
      await connection.request(apiVersionsApi, ours, { version: apiVersionsApi.maxVersion });
    });

    it("answers when everything was dropped, in batches that cover what was read", async () => {
      const batches = Array.from({ length: 30 }, (_, n) => [`plum ${n}`.padEnd(300, "."), "fig"]);
      const topic = await topicWith(...batches);
      const reply = await nextReply(streamFrom(connection, { topic, smartmodules: [named("filter")] }));
      expect(reply.partition).toMatchObject({ errorCode: { name: "None" }, nextFilterOffset: 60 });
      expect(recordsOf(reply.partition.records)).toEqual([]);
      const covered = splitBatches(reply.partition.records).batches.reduce(
        (sum, batch) => sum + new DataView(batch.buffer, batch.byteOffset).getInt32(23) + 1,
        0,
      );
      expect(covered).toBe(60);
    });

    it("passes over long stretches without survivors to the first one", async () => {
      const batches = Array.from({ length: 30 }, (_, n) => [`plum ${n}`.padEnd(300, "."), n === 25 ? "apple" : "fig"]);
      const topic = await topicWith(...batches);
      const reply = await nextReply(streamFrom(connection, { topic, smartmodules: [named("filter")] }));
      expect(recordsOf(reply.partition.records)).toMatchObject([{ offset: 51, value: "apple" }]);
      expect(splitBatches(reply.partition.records).tailBytes).toBe(0);
    });

    it("starts inside a batch without showing the chain what came before", async () => {
      const topic = await topicWith(["a0", "a1", "a2", "a3"]);
      const stream = streamFrom(connection, { topic, fetchOffset: 2, smartmodules: [named("counter")] });
      expect(recordsOf((await nextReply(stream)).partition.records)).toMatchObject([
        { offset: 2, value: "1" },
        { offset: 3, value: "2" },
      ]);
    });

    it("delivers everything once and in order for any reply size", async () => {
      const batches = Array.from({ length: 40 }, (_, n) =>
        Array.from({ length: 1 + (n % 5) }, (_, r) => `a${n}.${r}`.padEnd(n * 20, "-")),
      );
      const topic = await topicWith(...batches);
      const all = batches.flat();
      for (const maxBytes of [0, 100, 3000, 1_000_000]) {
        const stream = streamFrom(connection, { topic, maxBytes, smartmodules: [named("keep-all")] });
        const records = await readUntil(connection, stream, all.length);
        expect(records.map(({ offset, value }) => [offset, value])).toEqual(
          all.map((value, offset) => [offset, value]),
        );
      }
    });

    it("applies chains in order and keeps their state for the stream's life", async () => {
      const topic = await topicWith(["apple", "plum"], ["banana"]);
      const stream = streamFrom(connection, { topic, maxBytes: 1, smartmodules: [named("filter"), named("counter")] });
      const records = await readUntil(connection, stream, 3);
      expect(records.map(({ value }) => value)).toEqual(["1", "2"]);
    });

    it.each([
      { name: "of kind aggregate", kind: { type: "aggregate", accumulator: Buffer.from("100") } },
      {
        name: "of the generic kind",
        kind: { type: "generic", context: { type: "aggregate", accumulator: Buffer.from("100") } },
      },
    ] as const)("gives an aggregate $name its first accumulator", async ({ kind }) => {
      const topic = await topicWith(["1", "2"], ["3"]);
      const stream = streamFrom(connection, { topic, smartmodules: [named("aggregate", { kind })] });
      const records = await readUntil(connection, stream, 3);
      expect(records.map(({ value }) => value)).toEqual(["101", "103", "106"]);
    });

    it("runs a module that comes with the request, with parameters", async () => {
      const topic = await topicWith(["apple", "plum"]);
      const wasm = { type: "adHoc", payload: gzipSync(await buildAs("init")) } as const;
      const invocation = { wasm, kind: GENERIC_KIND, params: new Map([["needle", "lu"]]) };
      const records = await readUntil(connection, streamFrom(connection, { topic, smartmodules: [invocation] }), 2);
      expect(records.map(({ value }) => value)).toEqual(["plum"]);
    });

    it.each([
      { lookback: { last: 2 }, dropped: ["c", "d"] },
      { lookback: { last: 100 }, dropped: ["a", "b", "c", "d"] },
      { lookback: { last: 0 }, dropped: [] },
      { lookback: { last: 0, age: { seconds: 3600, nanoseconds: 0 } }, dropped: [] },
      { lookback: { last: 2, age: { seconds: 2 ** 32, nanoseconds: 0 } }, dropped: ["c", "d"] },
      { lookback: { last: 0, age: { seconds: 2 ** 32, nanoseconds: 0 } }, dropped: ["a", "b", "c", "d"] },
    ])("lets a module look back on $lookback", async ({ lookback, dropped }) => {
      const topic = await topicWith(["a", "b"], ["c"], ["d"]);
      const smartmodules = [named("look-back", { lookback })];
      const stream = streamFrom(connection, { topic, fetchOffset: 4, smartmodules });
      const reply = nextReply(stream);
      // what it saw of history shows in what it drops
      await produceTo(connection, { topic, entries: [batchOf(["a", "b", "c", "d", "e"])] });
      const kept = recordsOf((await reply).partition.records).map(({ value }) => value);
      expect(kept).toEqual(["a", "b", "c", "d", "e"].filter((value) => !dropped.includes(value)));
    });

    const failures: {
      name: string;
      invocation: () => SmartModuleInvocationInput;
      error: Partial<WireError> | object;
    }[] = [
      {
        name: "an unknown module",
        invocation: () => named("nope"),
        error: { name: "SmartModuleNotFound", smartmodule: "nope" },
      },
      {
        name: "a broken gzip",
        invocation: () => ({ ...named("x"), wasm: { type: "adHoc", payload: Buffer.from("no gzip") } }),
        error: { name: "SmartModuleInvalid", smartmodule: "ad-hoc", error: expect.stringContaining("gzip") },
      },
      {
        name: "bytes that are no wasm",
        invocation: () => ({ ...named("x"), wasm: { type: "adHoc", payload: gzipSync("no wasm") } }),
        error: { name: "SmartModuleChainInitError" },
      },
      {
        name: "a module without transform",
        invocation: () => named("no-transform"),
        error: { name: "SmartModuleChainInitError" },
      },
      {
        name: "a failing init",
        invocation: () => named("init", { params: new Map([["fail", "1"]]) }),
        error: { name: "SmartModuleChainInitError", message: expect.stringContaining("asked to fail") },
      },
      {
        name: "a missing parameter",
        invocation: () => named("init"),
        error: { name: "SmartModuleChainInitError", message: expect.stringContaining("Missing param needle") },
      },
    ];
    it.each(failures)("answers $name with an error, and the connection goes on", async ({ invocation, error }) => {
      const topic = await topicWith(["a"]);
      const reply = await nextReply(streamFrom(connection, { topic, smartmodules: [invocation()] }));
      expect(reply.partition.errorCode).toMatchObject(error);
      expect((await nextReply(streamFrom(connection, { topic }))).partition.errorCode.name).toBe("None");
    });

    it("reports a failing look_back", async () => {
      const topic = await topicWith(["good", "bad"]);
      const smartmodules = [named("look-back", { lookback: { last: 10 } })];
      const reply = await nextReply(streamFrom(connection, { topic, smartmodules }));
      expect(reply.partition.errorCode).toMatchObject({
        name: "SmartModuleLookBackError",
        message: expect.stringContaining("bad history"),
      });
    });

    it("reports a refused record with what came before it, then goes on behind its batch", async () => {
      const topic = await topicWith(["x", "error", "lost"], ["y"]);
      const stream = streamFrom(connection, { topic, smartmodules: [named("kitchen")] });
      const reply = await nextReply(stream);
      expect(reply.partition).toMatchObject({
        errorCode: { name: "SmartModuleRuntimeError", hint: "asked to fail", offset: 1, kind: "filter" },
        nextFilterOffset: 3,
      });
      expect(recordsOf(reply.partition.records)).toMatchObject([{ offset: 0, value: "x" }]);
      await acknowledge(connection, reply.streamId, endOf(reply));
      expect(recordsOf((await nextReply(stream)).partition.records)).toMatchObject([{ offset: 3, value: "y" }]);
    });

    it.each(["trap", "code", "no-output", "loop"])(
      "ends only the stream whose module goes wrong: %s",
      async (value) => {
        const topic = await topicWith(["x", value]);
        const healthy = streamFrom(connection, { topic, smartmodules: [named("keep-all")] });
        const module = value === "loop" ? impatient("kitchen") : named("kitchen");
        const broken = streamFrom(connection, { topic, smartmodules: [module] });
        const [good, bad] = await Promise.all([nextReply(healthy), nextReply(broken)]);
        expect(bad.partition.errorCode).toMatchObject({
          name: "Other",
          message: expect.stringMatching(/^SmartModule err /),
        });
        expect(await acknowledge(connection, bad.streamId, 2)).toBe("FetchSessionNotFoud");
        expect(recordsOf(good.partition.records).map((record) => record.value)).toEqual(["x", value]);
        await acknowledge(connection, good.streamId, 2);
        const next = nextReply(healthy);
        await produceTo(connection, { topic, entries: [batchOf(["z"])] });
        expect(recordsOf((await next).partition.records)).toMatchObject([{ value: "z" }]);
      },
    );

    it("fetches a module once, and again after it was changed", async () => {
      const topic = await topicWith(["apple", "plum"]);
      spu.sc.modules.set("changing", await buildAs("filter"));
      const read = async () => {
        const stop = new AbortController();
        const smartmodules = [named("changing")];
        const records = await readUntil(connection, streamFrom(connection, { topic, smartmodules }, stop.signal), 2);
        stop.abort();
        return records.map(({ value }) => value);
      };
      const before = spu.sc.moduleRequests;
      expect(await read()).toEqual(["apple"]);
      expect(await read()).toEqual(["apple"]);
      expect(spu.sc.moduleRequests - before).toBe(1);
      spu.sc.modules.set("changing", await buildAs("keep-all"));
      spu.sc.send({ type: "smartModuleChanged", name: "changing" });
      expect(await read()).toEqual(["apple", "plum"]);
    });
  });

  describe("produce", () => {
    async function storedIn(topic: string, endOffset: number) {
      const records = await readUntil(connection, streamFrom(connection, { topic }), endOffset);
      return records.map(({ offset, timestampMs, value }) => [offset, timestampMs, value]);
    }

    it("stores what survives with dense offsets and the producer's timestamps and codec", async () => {
      const topic = await topicWith([]);
      const results = await produceTo(connection, {
        topic,
        entries: [batchOf(["apple", "plum", "pear"], { compression: "gzip", timestampMs: 5000 }), batchOf(["banana"])],
        smartmodules: [named("filter")],
      });
      expect(results).toMatchObject([
        { errorCode: { name: "None" }, baseOffset: 0 },
        { errorCode: { name: "None" }, baseOffset: 2 },
      ]);
      expect(await storedIn(topic, 3)).toEqual([
        [0, 5000, "apple"],
        [1, 5000, "pear"],
        [2, 1_700_000_000_000, "banana"],
      ]);
    });

    it("stores nothing when nothing survives", async () => {
      const topic = await topicWith(["first"]);
      const call = { topic, entries: [batchOf(["plum"])], smartmodules: [named("filter")] };
      expect(await produceTo(connection, call)).toMatchObject([{ errorCode: { name: "None" }, baseOffset: 0 }]);
      expect((await produceTo(connection, { topic, entries: [batchOf(["next"])] }))[0]?.baseOffset).toBe(1);
    });

    it("refuses an entry with a refused record whole, and no other", async () => {
      const topic = await topicWith([]);
      const results = await produceTo(connection, {
        topic,
        entries: [batchOf(["a"]), batchOf(["b", "error"]), batchOf(["c"])],
        smartmodules: [named("kitchen")],
      });
      expect(results.map(({ errorCode }) => errorCode.name)).toEqual(["None", "SmartModuleRuntimeError", "None"]);
      expect((await storedIn(topic, 2)).map(([, , value]) => value)).toEqual(["a", "c"]);
    });

    it.each([
      { module: "nope", value: "x", error: "SmartModuleNotFound" },
      { module: "init", value: "x", error: "SmartModuleChainInitError" },
      { module: "kitchen", value: "trap", error: "Other" },
      { module: "kitchen", value: "loop", error: "Other" },
    ])("answers $error when $module gets $value", async ({ module, value, error }) => {
      const topic = await topicWith([]);
      const smartmodules = [value === "loop" ? impatient(module) : named(module)];
      const call = { topic, entries: [batchOf([value])], smartmodules };
      expect((await produceTo(connection, call))[0]?.errorCode.name).toBe(error);
      expect((await produceTo(connection, { topic, entries: [batchOf(["y"])] }))[0]).toMatchObject({ baseOffset: 0 });
    });

    it("keeps the order of a partition while a chain works, and lets other partitions go on", async () => {
      const topic = await topicWith([]);
      const other = await topicWith([]);
      spu.sc.modules.set("slow", await buildAs("filter"));
      let open = () => {};
      spu.sc.moduleGate = new Promise((resolve) => {
        open = resolve;
      });
      const offset = async (to: string, value: string, smartmodules: SmartModuleInvocationInput[] = []) =>
        (await produceTo(connection, { topic: to, entries: [batchOf([value])], smartmodules }))[0]?.baseOffset;
      const waiting = [offset(topic, "apple", [named("slow")]), offset(topic, "second"), offset(topic, "third")];
      expect(await offset(other, "elsewhere")).toBe(0);
      open();
      expect(await Promise.all(waiting)).toEqual([0, 1, 2]);
      expect((await storedIn(topic, 3)).map(([, , value]) => value)).toEqual(["apple", "second", "third"]);
    });
  });
});
