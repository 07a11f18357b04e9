import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { GENERIC_KIND, type SmartModuleInvocationInput, type StreamFetchResponse } from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import {
  acknowledge,
  batchOf,
  endOf,
  nextReply,
  produceTo,
  recordsOf,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";

const named = (name: string, more: Partial<SmartModuleInvocationInput> = {}): SmartModuleInvocationInput => ({
  wasm: { type: "predefined", name },
  kind: GENERIC_KIND,
  params: new Map(),
  ...more,
});

describe("a stored module that is replaced while streams run it", () => {
  let spu: TestSpu;
  let connection: Connection;
  let topics = 0;
  const wasm = new Map<string, Uint8Array>();
  beforeAll(async () => {
    for (const name of ["filter", "keep-all", "counter", "aggregate", "look-back", "map", "init", "no-transform"]) {
      wasm.set(name, await buildAs(name));
    }
  });
  beforeEach(async () => {
    spu = await startSpu();
    connection = await spu.connect();
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  const store = (name: string, fixture: string) => {
    spu.sc.modules.set(name, wasm.get(fixture) as Uint8Array);
    spu.sc.send({ type: "smartModuleChanged", name });
  };
  async function newTopic(): Promise<string> {
    const topic = `switch-${topics++}`;
    await spu.sc.assign(topic);
    return topic;
  }
  async function switchTo(name: string) {
    const reply = await spu.sc.request({ kind: "switchModule", name });
    if (!reply.ok) throw new Error(reply.message);
    return reply.value;
  }
  interface Live {
    /** Produces values in one batch and gives what the stream makes of them. */
    send(...values: string[]): Promise<string[]>;
  }
  async function live(topic: string, ...smartmodules: SmartModuleInvocationInput[]): Promise<Live> {
    const stream = streamFrom(connection, { topic, smartmodules });
    return {
      send: async (...values) => {
        const reply: Promise<StreamFetchResponse> = nextReply(stream);
        await produceTo(connection, { topic, entries: [batchOf(values)] });
        const { partition, streamId } = await reply;
        expect(partition.errorCode.name).toBe("None");
        await acknowledge(connection, streamId, endOf(await reply));
        return recordsOf(partition.records).map(({ value }) => value);
      },
    };
  }

  it("goes on with the new code from the next batch, on request only", async () => {
    store("m", "filter");
    const stream = await live(await newTopic(), named("m"));
    expect(await stream.send("apple", "plum")).toEqual(["apple"]);
    store("m", "keep-all");
    expect(await stream.send("apple", "plum")).toEqual(["apple"]);
    expect(await switchTo("m")).toEqual({ switched: 1, failures: [] });
    expect(await stream.send("apple", "plum")).toEqual(["apple", "plum"]);
  });

  it("keeps the accumulators of aggregates, behind other steps that change", async () => {
    store("sum", "aggregate");
    store("first", "keep-all");
    const stream = await live(await newTopic(), named("first"), named("sum"));
    expect(await stream.send("1", "2")).toEqual(["1", "3"]);
    store("first", "keep-all");
    expect(await switchTo("first")).toEqual({ switched: 1, failures: [] });
    expect(await stream.send("4")).toEqual(["7"]);
    store("sum", "aggregate");
    expect(await switchTo("sum")).toEqual({ switched: 1, failures: [] });
    expect(await stream.send("10")).toEqual(["17"]);
  });

  it("is shown history again when it looks back: what the stream has seen", async () => {
    store("unique", "look-back");
    const stream = await live(await newTopic(), named("unique", { lookback: { last: 2 } }));
    expect(await stream.send("a", "b", "c")).toEqual(["a", "b", "c"]);
    store("unique", "look-back");
    expect(await switchTo("unique")).toEqual({ switched: 1, failures: [] });
    expect(await stream.send("a", "b", "c", "d")).toEqual(["a", "d"]);
  });

  it("is found by every name that means it", async () => {
    store("thing-group-0.1.0", "filter");
    for (const alias of ["thing", "group/thing", "group/thing@0.1.0"]) spu.sc.aliases.set(alias, "thing-group-0.1.0");
    const streams = await Promise.all(
      ["thing", "group/thing", "group/thing@0.1.0"].map(async (name) => live(await newTopic(), named(name))),
    );
    for (const stream of streams) expect(await stream.send("apple", "plum")).toEqual(["apple"]);
    store("thing-group-0.2.0", "keep-all");
    // a newer version: whoever asks without a version means it from now on
    for (const alias of ["thing", "group/thing"]) spu.sc.aliases.set(alias, "thing-group-0.2.0");
    expect(await switchTo("thing-group-0.2.0")).toEqual({ switched: 2, failures: [] });
    expect(await Promise.all(streams.map((stream) => stream.send("apple", "plum")))).toEqual([
      ["apple", "plum"],
      ["apple", "plum"],
      ["apple"],
    ]);
  });

  it.each([
    { name: "cannot run", fixture: "no-transform", why: /exports none of/ },
    { name: "refuses its parameters", fixture: "init", why: /Missing param needle/ },
  ])("leaves the old code at work when it $name, and says so", async ({ fixture, why }) => {
    store("m", "counter");
    const topic = await newTopic();
    const stream = await live(topic, named("m"));
    expect(await stream.send("x", "y")).toEqual(["1", "2"]);
    store("m", fixture);
    const result = await switchTo("m");
    expect(result).toMatchObject({ switched: 0, failures: [expect.stringMatching(why)] });
    expect(result).toMatchObject({ failures: [expect.stringMatching(new RegExp(`stream \\d+ of ${topic}-0 `))] });
    // the same instance: it still knows how many it has seen
    expect(await stream.send("z")).toEqual(["3"]);
    // and can be switched later
    store("m", "map");
    expect(await switchTo("m")).toEqual({ switched: 1, failures: [] });
  });

  it("leaves the old code at work when history is too much for it", async () => {
    store("m", "keep-all");
    const stream = await live(await newTopic(), named("m", { lookback: { last: 10 } }));
    expect(await stream.send("good", "bad")).toEqual(["good", "bad"]);
    store("m", "look-back");
    expect(await switchTo("m")).toMatchObject({ switched: 0, failures: [expect.stringMatching(/bad history/)] });
    expect(await stream.send("good")).toEqual(["good"]);
  });

  it("does not touch streams of other modules, nor those that have ended", async () => {
    store("m", "filter");
    store("other", "counter");
    const other = await live(await newTopic(), named("other"));
    expect(await other.send("x")).toEqual(["1"]);
    const gone = await spu.connect();
    const topic = await newTopic();
    await produceTo(gone, { topic, entries: [batchOf(["apple"])] });
    await nextReply(streamFrom(gone, { topic, smartmodules: [named("m")] }));
    gone.close();
    store("m", "keep-all");
    expect(await switchTo("m")).toMatchObject({ failures: [] });
    expect(await other.send("y")).toEqual(["2"]);
  });

  it("that does not exist is an error", async () => {
    const reply = await spu.sc.request({ kind: "switchModule", name: "nope" });
    expect(reply).toMatchObject({ ok: false, message: expect.stringContaining("SmartModule not found: nope") });
  });

  it("is never met half switched: no record is lost or made twice while it happens again and again", async () => {
    store("m", "keep-all");
    const topic = await newTopic();
    const seen: string[] = [];
    const stream = streamFrom(connection, { topic, maxBytes: 200, smartmodules: [named("m")] });
    const producing = (async () => {
      for (let n = 0; n < 100; n++) await produceTo(connection, { topic, entries: [batchOf([`${n}a`, `${n}b`])] });
    })();
    const take = async (): Promise<number> => {
      const reply = await nextReply(stream);
      seen.push(...recordsOf(reply.partition.records).map(({ value }) => value));
      await acknowledge(connection, reply.streamId, endOf(reply));
      return endOf(reply);
    };
    // once it runs
    let end = await take();
    const switching = (async () => {
      for (let n = 0; n < 10; n++) {
        store("m", n % 2 === 0 ? "keep-all" : "filter");
        expect(await switchTo("m")).toEqual({ switched: 1, failures: [] });
      }
    })();
    while (end < 200) end = await take();
    await Promise.all([producing, switching]);
    // every value holds an a or b: the filter keeps those with an a
    const kept = seen.filter((value) => value.endsWith("a"));
    expect(kept).toEqual(Array.from({ length: 100 }, (_, n) => `${n}a`));
  });
});
