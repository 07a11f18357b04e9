import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/kafka/sink.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import { Kafka } from "../services/kafka.ts";

const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 200 };
let kafka: Kafka;
let kafkaTopic: string;
let names = 0;

beforeAll(async () => {
  kafka = await Kafka.start();
});
afterAll(() => kafka[Symbol.asyncDispose]());
beforeEach(() => {
  kafkaTopic = `out-${++names}`;
});

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const config = (topic: string, parameters = {}, more = {}) =>
  connectors.config("kafka-sink", topic, { "kafka-url": kafka.url(), "kafka-topic": kafkaTopic, ...parameters }, more);
const values = async (count: number) => (await kafka.records(kafkaTopic, count)).map(({ value }) => value.toString());

describe("records in Kafka", () => {
  test("are complete, in order, with keys and timestamps, in a topic that the sink made", async () => {
    const topic = await connectors.topicWith(numbers(0, 2500));
    connectors.start(sink, config(topic, { "create-kafka-topic": "true", headers: "place" }));
    const found = await kafka.records(kafkaTopic, 2500);
    expect(found.map(({ value }) => value.toString())).toEqual(numbers(0, 2500));
    expect(found[7]?.key.toString()).toBe("k7");
    expect(Math.abs(Number(found[0]?.timestamp) - Date.now())).toBeLessThan(60_000);
    const headers = Object.fromEntries([...(found[7]?.headers ?? [])].map(([key, value]) => [`${key}`, `${value}`]));
    expect(headers).toEqual({ "fluvio.topic": topic, "fluvio.partition": "0", "fluvio.offset": "7" });
  });

  test("go into the partition that is asked for, or by key as Kafka's own clients do it", async () => {
    await kafka.createTopic(kafkaTopic, 3);
    const topic = await connectors.topicWith(numbers(0, 30));
    const fixed = connectors.start(sink, config(topic, { "kafka-partition": "2" }));
    const found = await kafka.records(kafkaTopic, 30);
    expect(new Set(found.map(({ partition }) => partition))).toEqual(new Set([2]));
    await fixed.stop();
    expect(fixed.lines.map(({ message }) => message)).toContainEqual(expect.stringMatching(/`kafka-partition: key`/));

    kafkaTopic = `${kafkaTopic}-key`;
    await kafka.createTopic(kafkaTopic, 3);
    connectors.start(sink, config(topic, { "kafka-partition": "key" }));
    const spread = await kafka.records(kafkaTopic, 30);
    const partitions = new Map(spread.map(({ key, partition }) => [key.toString(), partition]));
    // By kafka-clients 4.1.0: Utils.toPositive(Utils.murmur2(key)) % 3
    expect(["k0", "k1", "k2", "k3", "k4"].map((key) => partitions.get(key))).toEqual([2, 2, 0, 1, 1]);
  });

  test.each(["gzip", "snappy", "lz4", "zstd"])("are compressed with %s", async (compression) => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith(numbers(0, 100));
    connectors.start(sink, config(topic, { "kafka-option": { "compression.type": compression } }));
    expect(await values(100)).toEqual(numbers(0, 100));
  });

  test("are compressed with zstd, as the broker reads it, which packs them anew", async () => {
    await kafka.createTopic(kafkaTopic, 1, { "compression.type": "gzip" });
    const topic = await connectors.topicWith(numbers(0, 2500));
    connectors.start(sink, config(topic, { "kafka-option": { "compression.type": "zstd" } }));
    expect(await values(2500)).toEqual(numbers(0, 2500));
  });

  test("go on behind those of before when the connector is started again", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith(numbers(0, 20));
    const own = config(topic);
    const first = connectors.start(sink, own);
    await kafka.records(kafkaTopic, 20);
    await first.stop();
    await connectors.produce(topic, numbers(20, 40));
    connectors.start(sink, own);
    expect(await values(40)).toEqual(numbers(0, 40));
  });
});

/** As large as the topic takes; `big` is larger. */
const big = "x".repeat(5000);
const small = { "max.message.bytes": "2000" };

describe("a record that Kafka refuses", () => {
  const start = async (parameters = {}) => {
    await kafka.createTopic(kafkaTopic, 1, small);
    const topic = await connectors.topicWith(["a", big, "b"]);
    return connectors.start(sink, config(topic, parameters));
  };

  test("goes into the dead-letter topic, and the others are delivered", async () => {
    const connector = await start({ "on-error": "dead-letter", "dead-letter-topic": `dead-${kafkaTopic}` });
    expect(await values(2)).toEqual(["a", "b"]);
    await connector.until(() => connector.counters.recordErrors === 1);
    const [dead] = await connectors.records(`dead-${kafkaTopic}`, 1);
    expect(JSON.parse(dead?.value ?? "")).toMatchObject({
      key: "k1",
      reason: expect.stringMatching(/Kafka refused it/),
    });
  });

  test("is skipped", async () => {
    const connector = await start({ "on-error": "skip" });
    expect(await values(2)).toEqual(["a", "b"]);
    await connector.until(() => connector.counters.recordErrors === 1);
  });

  test("stops the connector", async () => {
    const connector = await start({ "on-error": "stop" });
    await expect(connector.done).rejects.toMatchObject({ code: "FLV_CONNECTOR_STOPPED" });
    expect(await values(1)).toEqual(["a"]);
  });

  test("is tried again until the topic takes it", async () => {
    const connector = await start({});
    await connector.until(() => connector.troubles.some((one) => /Kafka refused it/.test(one)));
    const admin = kafka.admin();
    await admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: 2,
          resourceName: kafkaTopic,
          configs: [{ name: "max.message.bytes", configOperation: 0, value: "100000" }],
        },
      ],
    });
    await admin.close();
    expect(await values(3)).toEqual(["a", big, "b"]);
  });
});

describe("when Kafka is away", () => {
  test("the sink says so and goes on, and nothing is there twice", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith(numbers(0, 10));
    await kafka.service.kill();
    using lived = new LivedTime();
    const connector = connectors.start(sink, config(topic));
    await connector.until(() => connector.troubles.some((one) => /ECONNREFUSED/.test(one)));
    expect(lived.ms).toBeLessThan(5000);
    await kafka.service.start();
    expect(await values(10)).toEqual(numbers(0, 10));

    const producing = connectors.produce(topic, numbers(10, 5000));
    await kafka.service.kill();
    await producing;
    await kafka.service.start();
    expect(await values(5000)).toEqual(numbers(0, 5000));
    await connector.until(() => connector.troubles.at(-1) === "");
    await connector.stop();
    const producer = "end";
    await kafka.produce([{ topic: kafkaTopic, value: Buffer.from(producer) }]);
    expect((await values(5001)).at(-1)).toBe(producer);
  });

  test("or silent, the state tells it within 5 s, and nothing is there twice", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith(["0"]);
    const connector = connectors.start(sink, config(topic));
    await values(1);
    kafka.service.freeze();
    using lived = new LivedTime();
    try {
      await connectors.produce(topic, ["1"]);
      await connector.until(() => /has not answered/.test(connector.troubles.at(-1) ?? ""));
      expect(lived.ms).toBeLessThan(5000);
    } finally {
      kafka.service.thaw();
    }
    await connectors.produce(topic, ["2"]);
    expect(await values(3)).toEqual(["0", "1", "2"]);
    await connector.until(() => connector.troubles.at(-1) === "");
  });

  test("a topic that is missing is waited for, and a partition that it does not have is told", async () => {
    const topic = await connectors.topicWith(["0"]);
    const connector = connectors.start(sink, config(topic, { "kafka-partition": "1" }));
    await connector.until(() => connector.troubles.some((one) => /has no topic .*create-kafka-topic/.test(one)));
    await kafka.createTopic(kafkaTopic);
    await connector.until(() =>
      connector.troubles.some((one) => /has 1 partitions, and `kafka-partition` is 1/.test(one)),
    );
  });
});

test("a process that is killed loses nothing and keeps the order", async () => {
  await kafka.createTopic(kafkaTopic);
  const topic = await connectors.topicWith(numbers(0, 5000));
  const own = config(topic, { batch: { size: "50" } });
  managed.apply(own);
  for (const count of [500, 2000]) {
    await kafka.records(kafkaTopic, count);
    await managed.kill(own.name);
  }
  await vi.waitFor(async () => {
    const found = await values(await kafka.size(kafkaTopic));
    expect([...new Set(found)]).toEqual(numbers(0, 5000));
  }, WAIT);
});
