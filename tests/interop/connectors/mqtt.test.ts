import { readFile } from "node:fs/promises";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/mqtt/sink.ts";
import { connector as source } from "../../../packages/connectors/mqtt/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import { freePort } from "../../free-port.ts";
import type { Certificates } from "../services/certificates.ts";
import { type Mosquitto, startMosquitto } from "../services/mosquitto.ts";
import { startNats } from "../services/nats.ts";

/** The MQTT connectors against mosquitto. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 20 };
const TRUTH_MS = 5000;
let broker: Mosquitto;
const clients: MqttClient[] = [];

beforeAll(async () => {
  broker = await startMosquitto(connectors.folder);
});
afterAll(() => broker.service[Symbol.asyncDispose]());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});

async function client(): Promise<MqttClient> {
  const made = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
  clients.push(made);
  return made;
}

async function publish(topic: string, values: readonly string[], qos: 0 | 1 | 2 = 1): Promise<void> {
  const publisher = await client();
  // The broker takes no more than 20 that are not acknowledged.
  for (let at = 0; at < values.length; at += 20) {
    await Promise.all(values.slice(at, at + 20).map((value) => publisher.publishAsync(topic, value, { qos })));
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const newTopic = () => connectors.topicWith([]);
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);
const distinct = (list: readonly string[]) => [...new Set(list)];

/** A source of raw payloads that has subscribed. */
async function startSource(topic: string, parameters: Readonly<Record<string, string>>, name?: string) {
  const config = connectors.config(
    "mqtt-source",
    topic,
    { url: broker.url, payload_output_type: "raw", ...parameters },
    name === undefined ? {} : { name },
  );
  const running = connectors.start(source, config);
  await running.until(() => running.lines.some(({ message }) => message === "subscribed"));
  return { running, name: config.name };
}

describe("the source", () => {
  test.each([
    ["0", "5"],
    ["1", "5"],
    ["2", "5"],
    ["1", "3.1.1"],
    ["2", "3.1.1"],
  ])("stores all messages of QoS %s in their order, MQTT %s", async (qos, version) => {
    const topic = await newTopic();
    const filter = `order/${qos}/${version}`;
    await startSource(topic, { topic: filter, qos, "protocol-version": version });
    const sent = numbers(0, 500);
    await publish(filter, sent, Number(qos) as 0 | 1 | 2);
    expect(await values(topic, sent.length)).toEqual(sent);
  });

  test("takes several topics with wildcards, and their names as keys", async () => {
    const topic = await newTopic();
    await startSource(topic, { topic: "wild/+/a,deep/#", "record-key": "topic" });
    for (const one of ["wild/1/a", "wild/1/b", "deep", "deep/x/y"]) await publish(one, [one]);
    expect(await connectors.records(topic, 3)).toEqual(
      ["wild/1/a", "deep", "deep/x/y"].map((name) => ({ key: name, value: name })),
    );
  });

  test("makes the records of the original: bytes, or JSON and nothing else", async () => {
    const [bytes, json] = [await newTopic(), await newTopic()];
    await startSource(bytes, { topic: "forms", payload_output_type: "binary" });
    const { running } = await startSource(json, { topic: "forms", payload_output_type: "json" });
    await publish("forms", ["hi", '{"a":12345678901234567890}']);
    expect(await values(bytes, 2)).toEqual([
      '{"mqtt_topic":"forms","payload":[104,105]}',
      expect.stringMatching(/^{"mqtt_topic":"forms","payload":\[123,34,.*\]}$/),
    ]);
    expect(await values(json, 1)).toEqual(['{"mqtt_topic":"forms","payload":{"a":12345678901234567890}}']);
    await running.until(() => running.lines.some(({ message }) => message.includes("payload is not JSON")));
  });

  test.each(["5", "3.1.1"])("goes on where it was, with what was published meanwhile, MQTT %s", async (version) => {
    const topic = await newTopic();
    const parameters = { topic: `resumed/${version}`, "protocol-version": version };
    const { running, name } = await startSource(topic, parameters);
    await publish(`resumed/${version}`, numbers(0, 50));
    await values(topic, 50);
    await running.stop();
    await publish(`resumed/${version}`, numbers(50, 100));
    await startSource(topic, parameters, name);
    await publish(`resumed/${version}`, numbers(100, 110));
    expect(await values(topic, 110)).toEqual(numbers(0, 110));
  });

  test("trusts the authority it is given, as files and as text, and says when it does not", async () => {
    const { ca, clientCert, clientKey } = broker.certificates;
    const topic = await newTopic();
    const text = async (path: string) => await readFile(path, "utf8");
    const own = { url: broker.tlsUrl, topic: "tls/#" };
    await startSource(topic, { ...own, ca, cert: clientCert, key: clientKey });
    const inline = { ca: await text(ca), cert: await text(clientCert), key: await text(clientKey) };
    const other = await newTopic();
    await startSource(other, { ...own, ...inline });
    await publish("tls/a", ["x"]);
    expect(await values(topic, 1)).toEqual(["x"]);
    expect(await values(other, 1)).toEqual(["x"]);
    const distrustful = connectors.start(source, connectors.config("mqtt-source", topic, own));
    await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));
  });

  test("says that it is not let in, and gets in with the secret MQTT_URL", async () => {
    const topic = await newTopic();
    const url = broker.guardedUrl.replace("//", "//ann:wrong@");
    const refused = connectors.start(source, connectors.config("mqtt-source", topic, { url, topic: "open/#" }));
    await refused.until(() => refused.troubles.some((reason) => /Not authorized/.test(reason)));
    expect(JSON.stringify([refused.troubles, refused.lines])).not.toContain("wrong");
    const own = { topic: "open/#", payload_output_type: "raw" };
    const secrets = { MQTT_URL: broker.guardedUrl.replace("//", "//ann:secret@") };
    const running = connectors.start(source, connectors.config("mqtt-source", topic, own, { secrets }));
    await running.until(() => running.lines.some(({ message }) => message === "subscribed"));
  });

  test("connects again when another client has cut it off", async () => {
    const topic = await newTopic();
    const { running } = await startSource(topic, { topic: "taken", client_id: "shared" });
    const other = await mqtt.connectAsync(broker.url, { clientId: "shared", protocolVersion: 5, reconnectPeriod: 0 });
    clients.push(other);
    await running.until(() => running.troubles.some((reason) => /connection was closed/.test(reason)));
    await running.until(() => running.troubles.at(-1) === "");
    await vi.waitFor(async () => {
      await publish("taken", ["x"]);
      expect(await connectors.stored(topic)).not.toEqual([]);
    }, WAIT);
  });

  test("loses nothing when its process is killed in between", async () => {
    const topic = await newTopic();
    const config = connectors.config("mqtt-source", topic, {
      url: broker.url,
      topic: "killed",
      payload_output_type: "raw",
    });
    managed.apply(config);
    // Retained, so that the first message comes with the subscription.
    await (await client()).publishAsync("killed", "0", { qos: 1, retain: true });
    await values(topic, 1);
    const publishing = (async () => {
      for (let from = 1; from < 2001; from += 100) await publish("killed", numbers(from, from + 100));
    })();
    await vi.waitFor(async () => expect((await connectors.stored(topic)).length).toBeGreaterThan(300), WAIT);
    await managed.kill(config.name);
    await publishing;
    await vi.waitFor(
      async () => expect(distinct((await connectors.stored(topic)).map(({ value }) => value)).length).toBe(2001),
      WAIT,
    );
    expect(distinct((await connectors.stored(topic)).map(({ value }) => value))).toEqual(numbers(0, 2001));
    expect(managed.status(config.name)?.restarts).toBe(1);
  });
});

describe("the sink", () => {
  /** What comes to these topics, in order. */
  async function listen(filter: string): Promise<string[]> {
    const seen: string[] = [];
    const listener = await client();
    listener.on("message", (topic, payload) => seen.push(`${topic} ${payload.toString()}`));
    await listener.subscribeAsync(filter, { qos: 2 });
    return seen;
  }

  const startSink = (topic: string, parameters: Readonly<Record<string, string>>) =>
    connectors.start(sink, connectors.config("mqtt-sink", topic, { url: broker.url, ...parameters }));

  test("publishes over TLS with a certificate of its own", async () => {
    const { ca, clientCert: cert, clientKey: key } = broker.certificates;
    const got = await newTopic();
    await startSource(got, { topic: "secured" });
    const topic = await connectors.topicWith(["a", "b"]);
    const nobody = startSink(topic, { url: broker.tlsUrl, topic: "secured", ca });
    await nobody.until(() => nobody.troubles.length > 0);
    startSink(topic, { url: broker.tlsUrl, topic: "secured", ca, cert, key });
    expect(await values(got, 2)).toEqual(["a", "b"]);
    expect(nobody.counters.records).toBe(0);
  });

  test.each(["0", "1", "2"])("publishes all records in their order, QoS %s", async (qos) => {
    const seen = await listen(`out/${qos}/#`);
    const sent = numbers(0, 500);
    startSink(await connectors.topicWith(sent), { topic: `out/${qos}`, qos });
    await vi.waitFor(() => expect(seen.length).toBe(sent.length), WAIT);
    expect(seen).toEqual(sent.map((value) => `out/${qos} ${value}`));
  });

  test("loses nothing and keeps the order when its process is killed in the middle, again and again", async () => {
    const [seen, count] = [await listen("killed-sink"), 300];
    const topic = await connectors.topicWith(numbers(0, count));
    const parameters = { url: broker.url, topic: "killed-sink", "batch-size": "2" };
    const own = connectors.config("mqtt-sink", topic, parameters);
    managed.apply(own);
    for (const some of [30, 120]) {
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(some), WAIT);
      expect(distinct(seen).length).toBeLessThan(count);
      await managed.kill(own.name);
    }
    await vi.waitFor(() => expect(seen.at(-1)).toBe(`killed-sink ${count - 1}`), WAIT);
    expect(distinct(seen)).toEqual(numbers(0, count).map((value) => `killed-sink ${value}`));
    expect(managed.status(own.name)?.restarts).toBe(2);
  });

  test("makes the topic from the record, and has the broker keep the last", async () => {
    const topic = await connectors.topicWith(['{"room":"a"}', '{"room":"b/c"}']);
    const running = startSink(topic, { topic: "rooms/{{value.room}}/{{key}}", retain: "true" });
    await vi.waitFor(() => expect(running.counters.records).toBe(2), WAIT);
    const seen = await listen("rooms/#");
    await vi.waitFor(() => expect(seen.length).toBe(2), WAIT);
    expect(seen.sort()).toEqual(['rooms/a/k0 {"room":"a"}', 'rooms/b/c/k1 {"room":"b/c"}']);
  });

  describe("with a record that has no topic", () => {
    const poisoned = ['{"room":"a"}', '{"room":"#"}', '{"room":"c"}'];
    const own = { topic: "poison/{{value.room}}" };

    test.each(["dead-letter", "skip"])("goes on, on-error %s", async (onError) => {
      const running = startSink(await connectors.topicWith(poisoned), { ...own, "on-error": onError });
      await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 2, recordErrors: 1 }), WAIT);
    });

    test("stops, on-error stop", async () => {
      const running = startSink(await connectors.topicWith(poisoned), { ...own, "on-error": "stop" });
      await expect(running.done).rejects.toThrow(/Record 1 of .*"poison\/#" is no MQTT topic: it has a wildcard/);
    });

    test("waits with it, on-error retry, and says why", async () => {
      const running = startSink(await connectors.topicWith(poisoned), own);
      await running.until(() => running.troubles.some((reason) => reason.includes("no MQTT topic")));
    });
  });

  test("puts what is too large for the broker into the dead-letter topic, with the reason", async () => {
    const topic = await connectors.topicWith(["a", "b".repeat(200_000), "c"]);
    const config = connectors.config("mqtt-sink", topic, {
      url: broker.url,
      topic: "large",
      "on-error": "dead-letter",
    });
    const running = connectors.start(sink, config);
    await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 2, recordErrors: 1 }), WAIT);
    const [letter] = await connectors.records(`${config.name}-dead-letter`, 1);
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({
      offset: 1,
      reason: expect.stringContaining("no packets above 100000 bytes"),
    });
  });

  test("refuses the record at which the broker closes the connection, and only it", async () => {
    const url = broker.guardedUrl.replace("//", "//ann:secret@");
    const topics = numbers(0, 30).map((one) => `{"t":"${one === "11" ? "closed" : "open"}/${one}"}`);
    const topic = await connectors.topicWith(topics);
    const config = connectors.config("mqtt-sink", topic, { url, topic: "{{value.t}}", "on-error": "dead-letter" });
    const running = connectors.start(sink, config);
    await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 29, recordErrors: 1 }), WAIT);
    const [letter] = await connectors.records(`${config.name}-dead-letter`, 1);
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({
      offset: 11,
      reason: expect.stringContaining("Not authorized"),
    });
  });
});

describe("a broker", () => {
  test("that is down at the start and in the middle costs no message, and the state tells it", async () => {
    await broker.service.stop();
    const [into, outOf] = [await newTopic(), await connectors.topicWith(numbers(0, 300))];
    using lived = new LivedTime();
    const config = connectors.config("mqtt-source", into, {
      url: broker.url,
      topic: "loop",
      payload_output_type: "raw",
    });
    const reading = connectors.start(source, config);
    const writing = connectors.start(
      sink,
      connectors.config("mqtt-sink", outOf, { url: broker.url, topic: "loop", "batch-size": "2" }),
    );
    for (const one of [reading, writing]) await one.until(() => /ECONNREFUSED/.test(one.troubles.at(-1) ?? ""));
    expect(lived.ms).toBeLessThan(TRUTH_MS);
    await writing.stop();
    await broker.service.start();
    await reading.until(() => reading.troubles.at(-1) === "");
    const again = connectors.start(
      sink,
      connectors.config("mqtt-sink", outOf, { url: broker.url, topic: "loop", "batch-size": "2" }),
    );
    await vi.waitFor(() => expect(again.counters.records).toBeGreaterThanOrEqual(20), WAIT);
    // Killed, it would lose what it has in memory alone.
    await broker.service.stop();
    for (const one of [reading, again]) await one.until(() => one.troubles.at(-1) !== "");
    await broker.service.start();
    await vi.waitFor(async () => {
      const stored = distinct((await connectors.stored(into)).map(({ value }) => value));
      expect(stored.length).toBe(300);
    }, WAIT);
    expect(reading.troubles.at(-1)).toBe("");
  });

  test("that does not answer any more is told of, and gets on where it was", async () => {
    const into = await newTopic();
    const { running } = await startSource(into, { topic: "frozen" });
    const outOf = await connectors.topicWith(["a"]);
    const writing = connectors.start(sink, connectors.config("mqtt-sink", outOf, { url: broker.url, topic: "frozen" }));
    await vi.waitFor(() => expect(writing.counters.records).toBe(1), WAIT);
    broker.service.freeze();
    using lived = new LivedTime();
    try {
      for (const one of [running, writing]) await one.until(() => (one.troubles.at(-1) ?? "") !== "");
      expect(lived.ms).toBeLessThan(TRUTH_MS);
      await connectors.produce(outOf, ["b"]);
    } finally {
      broker.service.thaw();
    }
    await vi.waitFor(async () => {
      const stored = distinct((await connectors.stored(into)).map(({ value }) => value));
      expect(stored).toEqual(["a", "b"]);
    }, WAIT);
  });
});

/** Debian's mosquitto has no WebSockets; the MQTT of NATS has them. */
describe("a broker that is reached by WebSocket", () => {
  const start = async (tls?: Certificates) => {
    const lines = ['server_name: "mqtt"', `mqtt { listen: "127.0.0.1:${await freePort()}" }`];
    return await startNats(connectors.folder, `web-${tls === undefined ? "ws" : "wss"}`, {
      lines,
      ...(tls === undefined ? {} : { tls }),
    });
  };

  test.each(["ws", "wss"])("is read and written, %s", async (scheme) => {
    const { certificates } = broker;
    const started = await start(scheme === "wss" ? certificates : undefined);
    try {
      const url = `${started.webUrl}/mqtt`;
      const { ca, clientCert: cert, clientKey: key } = certificates;
      const own = { url, topic: "web/x", "protocol-version": "3.1.1", ...(scheme === "wss" ? { ca, cert, key } : {}) };
      const got = await newTopic();
      const { running } = await startSource(got, own);
      const sent = numbers(0, 200);
      const writing = connectors.start(sink, connectors.config("mqtt-sink", await connectors.topicWith(sent), own));
      expect(await values(got, sent.length)).toEqual(sent);
      for (const one of [running, writing]) await one.stop();
      if (scheme === "ws") return;
      const distrustful = connectors.start(source, connectors.config("mqtt-source", got, { url, topic: "web/x" }));
      await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));
      await distrustful.stop();
    } finally {
      await started.service.kill();
    }
  });
});
