import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/nats/sink.ts";
import { connector as source } from "../../../packages/connectors/nats/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { type NatsServer, startNats } from "../services/nats.ts";

/** The NATS connectors against nats-server. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 20 };
const TRUTH_MS = 5000;
type Parameters = Readonly<Record<string, ParameterValue>>;

let server: NatsServer;
const open: NatsConnection[] = [];
let names = 0;

beforeAll(async () => {
  server = await startNats(connectors.folder, "nats");
});
afterAll(() => server.service[Symbol.asyncDispose]());
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

async function client(): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url });
  open.push(connection);
  return connection;
}

/** A new stream with the subjects `NAME.>`. */
async function newStream(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const name = `s${++names}`;
  const manager = await jetstreamManager(await client());
  await manager.streams.add({ name, subjects: [`${name}.>`], ...more });
  return name;
}

async function publish(subject: string, values: readonly string[]): Promise<void> {
  const js = jetstream(await client());
  await Promise.all(values.map((value) => js.publish(subject, value)));
}

/** Everything in the stream: subject, data and headers. */
async function content(stream: string) {
  const connection = await client();
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(stream);
  const found: { subject: string; value: string; id: string | undefined; key: string | undefined }[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message === null) continue;
    const { subject, data, header } = message;
    const [id, key] = [header?.get("Nats-Msg-Id") || undefined, header?.get("Key") || undefined];
    found.push({ subject, value: new TextDecoder().decode(data), id, key });
  }
  return found;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const newTopic = () => connectors.topicWith([]);
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);
const stored = async (topic: string) => (await connectors.stored(topic)).map(({ value }) => value);

const sourceConfig = (topic: string, parameters: Parameters, name?: string) =>
  connectors.config("nats-source", topic, { url: server.url, ...parameters }, name === undefined ? {} : { name });
const sinkConfig = (topic: string, parameters: Parameters) =>
  connectors.config("nats-sink", topic, { url: server.url, timeout: "2s", ...parameters });
const startSource = (topic: string, parameters: Parameters) =>
  connectors.start(source, sourceConfig(topic, parameters));
const startSink = (topic: string, parameters: Parameters) => connectors.start(sink, sinkConfig(topic, parameters));

describe("the source", () => {
  test("stores all messages of the subjects in their order", async () => {
    const [stream, topic] = [await newStream(), await newTopic()];
    await publish(`${stream}.a`, numbers(0, 700));
    startSource(topic, { stream, subject: `${stream}.a`, "record-key": "subject" });
    await publish(`${stream}.b`, ["other"]);
    await publish(`${stream}.a`, numbers(700, 1000));
    const records = await connectors.records(topic, 1000);
    expect(records.map(({ value }) => value)).toEqual(numbers(0, 1000));
    expect(records[0]?.key).toBe(`${stream}.a`);
  });

  test("puts all there is to a message into the record", async () => {
    const [stream, topic] = [await newStream(), await newTopic()];
    const { headers } = await import("@nats-io/transport-node");
    const given = headers();
    given.append("A", "1");
    given.append("A", "2");
    given.append("B", "b");
    const js = jetstream(await client());
    await js.publish(`${stream}.x`, "text", { headers: given });
    await js.publish(`${stream}.x`, Uint8Array.of(0xff));
    startSource(topic, { stream, output: "json" });
    const [first, second] = (await values(topic, 2)).map((value) => JSON.parse(value));
    expect(first).toMatchObject({
      subject: `${stream}.x`,
      sequence: 1,
      headers: { A: ["1", "2"], B: "b" },
      payload: "text",
    });
    expect(Date.parse(first.timestamp)).toBeGreaterThan(Date.now() - 60_000);
    expect(second).toMatchObject({ sequence: 2, headers: {}, payloadBase64: "/w==" });
  });

  test("goes on where it was, and acknowledges what is stored", async () => {
    const [stream, topic] = [await newStream(), await newTopic()];
    const config = sourceConfig(topic, { stream });
    await publish(`${stream}.a`, numbers(0, 100));
    const running = connectors.start(source, config);
    await values(topic, 100);
    await running.stop();
    const manager = await jetstreamManager(await client());
    const info = await manager.consumers.info(stream, `fluvio-${config.name}`);
    expect(info).toMatchObject({ num_ack_pending: 0, ack_floor: { stream_seq: 100 } });
    await publish(`${stream}.a`, numbers(100, 150));
    connectors.start(source, config);
    expect(await values(topic, 150)).toEqual(numbers(0, 150));
    expect(await stored(topic)).toHaveLength(150);
  });

  test("makes the stream when it is asked to, and says when there is none", async () => {
    const topic = await newTopic();
    const lost = startSource(topic, { stream: "none" });
    await lost.until(() => lost.troubles.some((reason) => /stream not found/.test(reason)));
    const running = startSource(topic, { stream: "made", subject: "made.*", create: "true" });
    await running.until(() => running.lines.some(({ message }) => message === "consuming"));
    await publish("made.x", ["x"]);
    expect(await values(topic, 1)).toEqual(["x"]);
  });

  test("takes from a work queue what is there, and leaves nothing", async () => {
    const [stream, topic] = [await newStream({ retention: "workqueue" }), await newTopic()];
    await publish(`${stream}.a`, numbers(0, 10));
    const config = sourceConfig(topic, { stream });
    const running = connectors.start(source, config);
    await values(topic, 10);
    await running.stop();
    await publish(`${stream}.a`, numbers(10, 20));
    connectors.start(source, config);
    expect(await values(topic, 20)).toEqual(numbers(0, 20));
    await vi.waitFor(async () => expect(await content(stream)).toEqual([]), WAIT);
  });

  test("loses nothing and keeps the order when its process is killed in between", async () => {
    const [stream, topic] = [await newStream(), await newTopic()];
    const config = sourceConfig(topic, { stream });
    managed.apply(config);
    const publishing = (async () => {
      for (let from = 0; from < 5000; from += 250) await publish(`${stream}.a`, numbers(from, from + 250));
    })();
    await vi.waitFor(async () => expect((await stored(topic)).length).toBeGreaterThan(500), WAIT);
    await managed.kill(config.name);
    await publishing;
    await vi.waitFor(async () => expect((await stored(topic)).at(-1)).toBe("4999"), WAIT);
    expect([...new Set(await stored(topic))]).toEqual(numbers(0, 5000));
    expect(managed.status(config.name)?.restarts).toBe(1);
  });
});

describe("the sink", () => {
  test("publishes all records in their order, with ids, subjects, keys and headers", async () => {
    const topic = await connectors.topicWith(numbers(0, 1000));
    const own = { stream: "out", create: "true", "stream-subjects": "out.>", "key-header": "Key", headers: ["X: y"] };
    const running = startSink(topic, { ...own, subject: "out.{{partition}}" });
    await vi.waitFor(() => expect(running.counters.records).toBe(1000), WAIT);
    const found = await content("out");
    expect(found.map(({ value }) => value)).toEqual(numbers(0, 1000));
    expect(found[7]).toEqual({ subject: "out.0", value: "7", id: `${topic}-0-7`, key: "k7" });
  });

  describe("with records that no stream takes", () => {
    const poisoned = (stream: string) =>
      [`${stream}.a`, "nobody.listens", `${stream}.*`, `${stream}.b`].map((s) => `{"s":"${s}"}`);

    test.each(["dead-letter", "skip"])("goes on, on-error %s", async (onError) => {
      const stream = await newStream();
      const config = sinkConfig(await connectors.topicWith(poisoned(stream)), {
        subject: "{{value.s}}",
        "on-error": onError,
      });
      const running = connectors.start(sink, config);
      await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 2, recordErrors: 2 }), WAIT);
      expect((await content(stream)).map(({ subject }) => subject)).toEqual([`${stream}.a`, `${stream}.b`]);
    });

    test("stops, on-error stop", async () => {
      const stream = await newStream();
      const topic = await connectors.topicWith([`{"s":"${stream}."}`]);
      const running = startSink(topic, { subject: "{{value.s}}", "on-error": "stop" });
      await expect(running.done).rejects.toThrow(/Record 0 of .* is no subject: it has an empty part/);
    });

    test("waits with them, on-error retry, until a stream does", async () => {
      const topic = await connectors.topicWith(["x"]);
      const running = startSink(topic, { subject: "later.x" });
      await running.until(() => running.troubles.some((reason) => /later\.x/.test(reason)));
      await (await jetstreamManager(await client())).streams.add({ name: "later", subjects: ["later.>"] });
      await vi.waitFor(() => expect(running.counters.records).toBe(1), WAIT);
    });
  });

  test("stores nothing behind a record that was not stored: it comes first when it can", async () => {
    const limits = { max_msgs_per_subject: 1, discard: "new", discard_new_per_subject: true };
    const stream = await newStream(limits);
    const subjects = ["a", "b", "a", "c", "d"].map((name) => `${stream}.${name}`);
    const topic = await connectors.topicWith(subjects.map((s, n) => JSON.stringify({ s, n })));
    const running = startSink(topic, { subject: "{{value.s}}" });
    const full = /did not store a message for .*\.a: maximum messages per subject exceeded/;
    await running.until(() => running.lines.some(({ details }) => details.attempt === 3));
    expect(running.troubles.at(-1)).toMatch(full);
    const stored = async () => (await content(stream)).map(({ value }) => JSON.parse(value).n);
    expect(await stored()).toEqual([0, 1]);
    await (await jetstreamManager(await client())).streams.purge(stream, { filter: `${stream}.a` });
    await vi.waitFor(() => expect(running.counters.records).toBe(5), WAIT);
    expect(await stored()).toEqual([1, 2, 3, 4]);
  });

  test("keeps the order of each stream while others write to it, in every stream", async () => {
    const streams = [await newStream(), await newStream()];
    const records = numbers(0, 1000).map((n) => JSON.stringify({ s: streams[Number(n) % 2], n }));
    const topic = await connectors.topicWith(records);
    const other = jetstream(await client());
    const writing = { isOver: false };
    const others = (async () => {
      for (let n = 0; !writing.isOver; n++) await other.publish(`${streams[n % 2]}.other`, "other");
    })();
    const running = startSink(topic, { subject: "{{value.s}}.x" });
    await vi.waitFor(() => expect(running.counters.records).toBe(1000), WAIT);
    writing.isOver = true;
    await others;
    for (const [index, stream] of streams.entries()) {
      const all = await content(stream);
      const found = all.filter(({ subject }) => subject.endsWith(".x"));
      expect(found.map(({ value }) => value)).toEqual(records.filter((_, n) => n % 2 === index));
      expect(all.length).toBeGreaterThan(found.length);
    }
  });

  test("stores each record once, though its process is killed again and again", async () => {
    const stream = await newStream();
    const topic = await connectors.topicWith(numbers(0, 5000));
    const config = sinkConfig(topic, { subject: `${stream}.x`, "batch-size": "50" });
    managed.apply(config);
    const manager = await jetstreamManager(await client());
    const count = async () => (await manager.streams.info(stream)).state.messages;
    for (const atLeast of [300, 1500]) {
      await vi.waitFor(async () => expect(await count()).toBeGreaterThan(atLeast), WAIT);
      await managed.kill(config.name);
    }
    await vi.waitFor(async () => expect(await count()).toBeGreaterThanOrEqual(5000), WAIT);
    expect((await content(stream)).map(({ value }) => value)).toEqual(numbers(0, 5000));
    expect(managed.status(config.name)?.restarts).toBe(2);
  });
});

describe("a server", () => {
  test("that is down at the start and killed in the middle costs no record and repeats none", async () => {
    const stream = await newStream();
    const [into, outOf] = [await newTopic(), await connectors.topicWith(numbers(0, 2000))];
    for (const one of open.splice(0)) await one.close();
    await server.service.stop();
    using lived = new LivedTime();
    const reading = startSource(into, { stream });
    const writing = startSink(outOf, { subject: `${stream}.x`, "batch-size": "20" });
    for (const one of [reading, writing]) await one.until(() => /ECONNREFUSED|refused/.test(one.troubles.at(-1) ?? ""));
    expect(lived.ms).toBeLessThan(TRUTH_MS);
    await server.service.start();
    await writing.until(() => writing.troubles.at(-1) === "");
    await vi.waitFor(async () => expect((await stored(into)).length).toBeGreaterThan(100), WAIT);
    await server.service.kill();
    for (const one of [reading, writing]) await one.until(() => one.troubles.at(-1) !== "");
    await server.service.start();
    await vi.waitFor(async () => expect((await stored(into)).length).toBeGreaterThanOrEqual(2000), WAIT);
    expect(await stored(into)).toEqual(numbers(0, 2000));
    expect(reading.troubles.at(-1)).toBe("");
  });

  test("that does not answer any more is told of, and gets on where it was", async () => {
    const stream = await newStream();
    const [into, outOf] = [await newTopic(), await connectors.topicWith(["a"])];
    const reading = startSource(into, { stream });
    const writing = startSink(outOf, { subject: `${stream}.x` });
    await values(into, 1);
    server.service.freeze();
    using lived = new LivedTime();
    try {
      for (const one of [reading, writing]) await one.until(() => (one.troubles.at(-1) ?? "") !== "");
      expect(lived.ms).toBeLessThan(TRUTH_MS);
      await connectors.produce(outOf, ["b"]);
    } finally {
      server.service.thaw();
    }
    expect(await values(into, 2)).toEqual(["a", "b"]);
  });
});
