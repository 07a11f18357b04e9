import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/redis/sink.ts";
import { connector as source } from "../../../packages/connectors/redis/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { type RedisServer, startRedis } from "../services/redis.ts";

/** The Redis connectors against a real server. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 20 };
const TRUTH_MS = 5000;
type Parameters = Readonly<Record<string, ParameterValue>>;

let server: RedisServer;
let names = 0;
const clients: Redis[] = [];

beforeAll(async () => {
  server = await startRedis(connectors.folder);
});
afterAll(() => server.service[Symbol.asyncDispose]());
afterEach(() => {
  for (const one of clients.splice(0)) one.disconnect();
});

function client(): Redis {
  const made = new Redis(server.url, { protocol: 2, maxRetriesPerRequest: null });
  made.on("error", () => {});
  clients.push(made);
  return made;
}

const newName = () => `name${++names}`;
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const newTopic = () => connectors.topicWith([]);
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);
const stored = async (topic: string) => (await connectors.stored(topic)).map(({ value }) => value);

/** Entries with one field, `value`. */
async function add(stream: string, list: readonly string[]): Promise<void> {
  const pipeline = client().pipeline();
  for (const value of list) pipeline.xadd(stream, "*", "value", value);
  await pipeline.exec();
}

const pendingOf = async (stream: string) => Number((await client().xpending(stream, "fluvio"))[0]);
const sourceConfig = (topic: string, parameters: Parameters) =>
  connectors.config("redis-source", topic, { url: server.url, output: "field", ...parameters });
const sinkConfig = (topic: string, parameters: Parameters) =>
  connectors.config("redis-sink", topic, { url: server.url, ...parameters });
const startSource = (topic: string, parameters: Parameters) =>
  connectors.start(source, sourceConfig(topic, parameters));
const startSink = (topic: string, parameters: Parameters) => connectors.start(sink, sinkConfig(topic, parameters));

describe("the source", () => {
  test("stores all entries in their order and acknowledges them", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    await add(stream, numbers(0, 700));
    const running = startSource(topic, { stream });
    await values(topic, 700);
    await add(stream, numbers(700, 1500));
    expect(await values(topic, 1500)).toEqual(numbers(0, 1500));
    await running.stop();
    expect(await pendingOf(stream)).toBe(0);
  });

  test("makes the stream and the group, and reads several streams", async () => {
    const [first, second, topic] = [newName(), newName(), await newTopic()];
    const running = startSource(topic, { stream: [first, second], "record-key": "stream" });
    await running.until(() => running.lines.some(({ message }) => message === "reading"));
    await add(first, ["a"]);
    expect(await connectors.records(topic, 1)).toEqual([{ key: first, value: "a" }]);
    await add(second, ["b"]);
    expect((await connectors.records(topic, 2))[1]).toEqual({ key: second, value: "b" });
  });

  test("makes records of all fields, with a field or the id as key", async () => {
    const [stream, byField, byId] = [newName(), await newTopic(), await newTopic()];
    const id = await client().xadd(stream, "*", "name", "é", "n", "1");
    startSource(byField, { stream, output: "json", "record-key": "field", "key-field": "name", group: "g1" });
    startSource(byId, { stream, output: "json", "record-key": "id", group: "g2" });
    expect(await connectors.records(byField, 1)).toEqual([{ key: "é", value: '{"name":"é","n":"1"}' }]);
    expect(await connectors.records(byId, 1)).toEqual([{ key: id, value: '{"name":"é","n":"1"}' }]);
  });

  test("goes on where it was", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    const config = sourceConfig(topic, { stream });
    await add(stream, numbers(0, 100));
    const running = connectors.start(source, config);
    await values(topic, 100);
    await running.stop();
    await add(stream, numbers(100, 200));
    connectors.start(source, config);
    expect(await values(topic, 200)).toEqual(numbers(0, 200));
    expect(await stored(topic)).toHaveLength(200);
  });

  test("begins with what it was given before and has not acknowledged, and passes over what is deleted", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    const config = sourceConfig(topic, { stream });
    await add(stream, ["a", "b", "c"]);
    const redis = client();
    await redis.xgroup("CREATE", stream, "fluvio", "0");
    const given = (await redis.xreadgroup("GROUP", "fluvio", config.name, "COUNT", 2, "STREAMS", stream, ">")) as [
      string,
      [string, string[]][],
    ][];
    await redis.xdel(stream, given[0]?.[1][0]?.[0] ?? "");
    const running = connectors.start(source, config);
    expect(await values(topic, 2)).toEqual(["b", "c"]);
    await running.until(() => running.lines.some(({ message }) => message.includes("was deleted")));
    await vi.waitFor(async () => expect(await pendingOf(stream)).toBe(0), WAIT);
  });

  test("loses and repeats nothing when its connections are cut again and again", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    const running = startSource(topic, { stream, count: "10" });
    const redis = client();
    for (let from = 0; from < 500; from += 100) {
      await add(stream, numbers(from, from + 100));
      await vi.waitFor(async () => expect((await stored(topic)).length).toBeGreaterThan(from), WAIT);
      await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    }
    expect(await values(topic, 500)).toEqual(numbers(0, 500));
    await vi.waitFor(async () => expect(await pendingOf(stream)).toBe(0), WAIT);
    expect(await stored(topic)).toHaveLength(500);
    expect(running.troubles.length).toBeGreaterThan(1);
  });

  test("takes over what a dead consumer of the group has left", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    await add(stream, ["a", "b"]);
    const redis = client();
    await redis.xgroup("CREATE", stream, "fluvio", "0");
    await redis.xreadgroup("GROUP", "fluvio", "dead", "COUNT", 1, "STREAMS", stream, ">");
    startSource(topic, { stream, "claim-after": "300ms" });
    expect((await values(topic, 2)).sort()).toEqual(["a", "b"]);
    await vi.waitFor(async () => expect(await pendingOf(stream)).toBe(0), WAIT);
  });

  test("reaches its database by URL, over TLS, with a password, and says what is wrong", async () => {
    const { ca, clientCert, clientKey } = server.certificates;
    const [stream, topic] = [`own:${newName()}`, await newTopic()];
    const url = server.tlsUrl.replace("//", "//ann:secret@");
    const redis = client();
    await redis.select(3);
    await redis.xadd(stream, "*", "value", "x");
    startSource(topic, { url: `${url}/3`, ca, cert: clientCert, key: clientKey, stream });
    expect(await values(topic, 1)).toEqual(["x"]);
    const distrustful = startSource(topic, { url, stream });
    await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));
    const wrong = startSource(topic, { url: server.url.replace("//", "//ann:wrong@"), stream });
    await wrong.until(() => wrong.troubles.some((reason) => /WRONGPASS/.test(reason)));
    expect(JSON.stringify([wrong.troubles, wrong.lines])).not.toContain("wrong@");
  });

  test("loses nothing and keeps the order when its process is killed in between", async () => {
    const [stream, topic] = [newName(), await newTopic()];
    const config = sourceConfig(topic, { stream, count: "50" });
    managed.apply(config);
    const adding = (async () => {
      for (let from = 0; from < 5000; from += 100) await add(stream, numbers(from, from + 100));
    })();
    await vi.waitFor(async () => expect((await stored(topic)).length).toBeGreaterThan(500), WAIT);
    await managed.kill(config.name);
    await adding;
    await vi.waitFor(async () => expect((await stored(topic)).at(-1)).toBe("4999"), WAIT);
    expect([...new Set(await stored(topic))]).toEqual(numbers(0, 5000));
    expect(managed.status(config.name)?.restarts).toBe(1);
  });
});

describe("the sink", () => {
  test("writes over TLS with a certificate of its own, and a password", async () => {
    const { ca, clientCert: cert, clientKey: key } = server.certificates;
    const url = server.tlsUrl.replace("//", "//ann:secret@");
    const target = `own:${newName()}:{{key}}`;
    const topic = await connectors.topicWith(["a", "b"]);
    const nobody = startSink(topic, { url, target, ca });
    await nobody.until(() => nobody.troubles.length > 0);
    const running = startSink(topic, { url: `${url}/4`, target, ca, cert, key });
    await vi.waitFor(() => expect(running.counters.records).toBe(2), WAIT);
    expect(nobody.counters.records).toBe(0);
    const redis = client();
    await redis.select(4);
    expect(await redis.get(target.replace("{{key}}", "k1"))).toBe("b");
  });

  test("sets keys, which go after a while", async () => {
    const [name, topic] = [newName(), await connectors.topicWith(["a", "b"])];
    const running = startSink(topic, { target: `${name}:{{key}}`, ttl: "1h" });
    await vi.waitFor(() => expect(running.counters.records).toBe(2), WAIT);
    const redis = client();
    expect(await redis.mget(`${name}:k0`, `${name}:k1`)).toEqual(["a", "b"]);
    expect(await redis.pttl(`${name}:k0`)).toBeGreaterThan(3_500_000);
  });

  test("puts entries to both ends of lists, which keep the newest", async () => {
    const topic = await connectors.topicWith(numbers(0, 1000));
    const [right, left, short] = [newName(), newName(), newName()];
    const running = [
      startSink(topic, { mode: "list", list: right }),
      startSink(topic, { mode: "list", list: left, push: "left" }),
      startSink(topic, { mode: "list", list: short, "max-length": "3" }),
    ];
    for (const one of running) await vi.waitFor(() => expect(one.counters.records).toBe(1000), WAIT);
    const redis = client();
    expect(await redis.lrange(right, 0, -1)).toEqual(numbers(0, 1000));
    expect(await redis.lrange(left, 0, -1)).toEqual(numbers(0, 1000).reverse());
    expect(await redis.lrange(short, 0, -1)).toEqual(["997", "998", "999"]);
  });

  test("adds to streams, which are kept short", async () => {
    const topic = await connectors.topicWith(numbers(0, 1000));
    const [whole, short] = [newName(), newName()];
    const running = [
      startSink(topic, { mode: "stream", stream: whole }),
      startSink(topic, { mode: "stream", stream: short, "max-length": "10", "value-field": "v" }),
    ];
    for (const one of running) await vi.waitFor(() => expect(one.counters.records).toBe(1000), WAIT);
    const redis = client();
    const entries = await redis.xrange(whole, "-", "+");
    expect(entries.map(([, fields]) => fields[1])).toEqual(numbers(0, 1000));
    expect(entries[7]?.[1]).toEqual(["value", "7", "key", "k7"]);
    expect(await redis.xlen(short)).toBeLessThan(500);
    expect((await redis.xrevrange(short, "+", "-", "COUNT", 1))[0]?.[1].slice(0, 2)).toEqual(["v", "999"]);
  });

  test("publishes to channels", async () => {
    const [channel, seen] = [newName(), [] as string[]];
    const listener = client();
    await listener.subscribe(`${channel}:0`);
    listener.on("message", (_, message: string) => seen.push(message));
    startSink(await connectors.topicWith(numbers(0, 500)), { mode: "pub", channel: `${channel}:{{partition}}` });
    await vi.waitFor(() => expect(seen.length).toBe(500), WAIT);
    expect(seen).toEqual(numbers(0, 500));
  });

  describe("with a record that its key is of another type for", () => {
    const poisoned = (name: string) => ["a", "bad", "c"].map((key) => `{"key":"${name}:${key}"}`);
    const own = { mode: "list", list: "{{value.key}}" };

    async function prepared(): Promise<{ name: string; topic: string }> {
      const name = newName();
      await client().set(`${name}:bad`, "no list");
      return { name, topic: await connectors.topicWith(poisoned(name)) };
    }

    test.each(["dead-letter", "skip"])("goes on, on-error %s", async (onError) => {
      const { name, topic } = await prepared();
      const config = sinkConfig(topic, { ...own, "on-error": onError });
      const running = connectors.start(sink, config);
      await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 2, recordErrors: 1 }), WAIT);
      expect(await client().llen(`${name}:c`)).toBe(1);
      if (onError === "skip") return;
      const [letter] = await connectors.records(`${config.name}-dead-letter`, 1);
      expect(JSON.parse(letter?.value ?? "")).toMatchObject({
        offset: 1,
        reason: expect.stringContaining("WRONGTYPE"),
      });
    });

    test("stops, on-error stop", async () => {
      const { topic } = await prepared();
      const running = startSink(topic, { ...own, "on-error": "stop" });
      await expect(running.done).rejects.toThrow(/Record 1 of .*WRONGTYPE/);
    });

    test("waits with it, on-error retry, until it is put right", async () => {
      const { name, topic } = await prepared();
      const running = startSink(topic, own);
      await running.until(() => running.troubles.some((reason) => /WRONGTYPE/.test(reason)));
      await client().del(`${name}:bad`);
      await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 3, recordErrors: 0 }), WAIT);
      for (const key of ["a", "bad", "c"]) expect(await client().llen(`${name}:${key}`)).toBe(1);
    });
  });

  test("waits for a server that takes no writes for a while, and repeats none of those it took", async () => {
    const redis = client();
    const list = newName();
    const topic = await connectors.topicWith(numbers(0, 100));
    await redis.config("SET", "maxmemory", "1");
    try {
      const running = startSink(topic, { mode: "list", list });
      await running.until(() => running.troubles.some((reason) => /OOM/.test(reason)));
    } finally {
      await redis.config("SET", "maxmemory", "0");
    }
    await vi.waitFor(async () => expect(await redis.lrange(list, 0, -1)).toEqual(numbers(0, 100)), WAIT);
  });

  test("loses nothing and keeps the order when its process is killed in the middle, again and again", async () => {
    const [list, count] = [newName(), 5000];
    const own = sinkConfig(await connectors.topicWith(numbers(0, count)), { mode: "list", list, "batch-size": "10" });
    const redis = client();
    managed.apply(own);
    for (const some of [100, 1000]) {
      await vi.waitFor(async () => expect(await redis.llen(list)).toBeGreaterThan(some), WAIT);
      expect(new Set(await redis.lrange(list, 0, -1)).size).toBeLessThan(count);
      await managed.kill(own.name);
    }
    await vi.waitFor(async () => expect((await redis.lrange(list, -1, -1))[0]).toBe(`${count - 1}`), WAIT);
    expect([...new Set(await redis.lrange(list, 0, -1))]).toEqual(numbers(0, count));
    expect(managed.status(own.name)?.restarts).toBe(2);
  });

  test("says whose key it may not write", async () => {
    const url = server.url.replace("//", "//ann:secret@");
    const topic = await connectors.topicWith(["x"]);
    const running = startSink(topic, { url, target: "others:{{key}}", "on-error": "stop" });
    await expect(running.done).rejects.toThrow(/Record 0 of .*NOPERM/);
  });
});

describe("a server", () => {
  test("that is down at the start and killed in the middle costs no record, and the state tells it", async () => {
    const [stream, into] = [newName(), await newTopic()];
    const outOf = await connectors.topicWith(numbers(0, 3000));
    await server.service.stop();
    using lived = new LivedTime();
    const reading = startSource(into, { stream });
    const writing = startSink(outOf, { mode: "stream", stream, "batch-size": "20" });
    for (const one of [reading, writing]) await one.until(() => /ECONNREFUSED/.test(one.troubles.at(-1) ?? ""));
    expect(lived.ms).toBeLessThan(TRUTH_MS);
    await server.service.start();
    await vi.waitFor(async () => expect((await stored(into)).length).toBeGreaterThan(100), WAIT);
    await server.service.kill();
    for (const one of [reading, writing]) await one.until(() => one.troubles.at(-1) !== "");
    await server.service.start();
    await vi.waitFor(async () => expect((await stored(into)).at(-1)).toBe("2999"), WAIT);
    expect([...new Set(await stored(into))]).toEqual(numbers(0, 3000));
    for (const one of [reading, writing]) expect(one.troubles.at(-1)).toBe("");
  });

  test("that does not answer any more is told of, and gets on where it was", async () => {
    const [stream, into] = [newName(), await newTopic()];
    const outOf = await connectors.topicWith(["a"]);
    const reading = startSource(into, { stream, block: "1s" });
    const writing = startSink(outOf, { mode: "stream", stream });
    await values(into, 1);
    server.service.freeze();
    using lived = new LivedTime();
    try {
      for (const one of [reading, writing]) await one.until(() => /answer/.test(one.troubles.at(-1) ?? ""));
      expect(lived.ms).toBeLessThan(TRUTH_MS);
      await connectors.produce(outOf, ["b"]);
    } finally {
      server.service.thaw();
    }
    expect(await values(into, 2)).toEqual(["a", "b"]);
    await vi.waitFor(() => expect([reading.troubles.at(-1), writing.troubles.at(-1)]).toEqual(["", ""]), WAIT);
  });
});
