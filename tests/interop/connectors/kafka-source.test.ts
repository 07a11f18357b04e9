import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { connector as source } from "../../../packages/connectors/kafka/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import { Kafka } from "../services/kafka.ts";

const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 50 };
const SLOW = { timeout: 60_000, interval: 400 };
let kafka: Kafka;
let kafkaTopic: string;
let names = 0;

beforeAll(async () => {
  kafka = await Kafka.start();
});
afterAll(() => kafka[Symbol.asyncDispose]());
beforeEach(() => {
  kafkaTopic = `in-${++names}`;
});

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const message = (value: string, partition = 0) => ({
  topic: kafkaTopic,
  partition,
  key: Buffer.from(`k${value}`),
  value: Buffer.from(value),
});
const produce = (values: readonly string[], partition = 0) =>
  kafka.produce(values.map((value) => message(value, partition)));
const group = () => `group-${kafkaTopic}`;
const config = (topic: string, parameters = {}) =>
  connectors.config("kafka-source", topic, {
    "kafka-url": kafka.url(),
    "kafka-topic": kafkaTopic,
    "kafka-group": group(),
    // A connector that stops waits for the answer of the broker.
    "kafka-option": { "fetch.wait.max.ms": "50" },
    ...parameters,
  });
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);
const sorted = (list: readonly string[]) => [...list].sort((a, b) => Number(a) - Number(b));
const distinct = (list: readonly string[]) => [...new Set(list)];

describe("records of Kafka", () => {
  test("arrive complete, in order, with their keys", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await produce(numbers(0, 500));
    const connector = connectors.start(source, config(topic));
    await connectors.records(topic, 500);
    await produce(numbers(500, 1000));
    const found = await connectors.records(topic, 1000);
    await vi.waitFor(() => expect(connector.counters.lag).toBe(0), WAIT);
    expect(found.map(({ value }) => value)).toEqual(numbers(0, 1000));
    expect(found[7]?.key).toBe("k7");
  });

  test("keep their headers in an envelope", async () => {
    await kafka.createTopic(kafkaTopic, 2);
    const topic = await connectors.topicWith([]);
    const headers = new Map(
      [["trace", "abc"]].map(([name, value]) => [Buffer.from(`${name}`), Buffer.from(`${value}`)]),
    );
    const timestamp = 1_700_000_000_000;
    await kafka.produce([{ ...message("1", 1), headers, timestamp: BigInt(timestamp) }]);
    connectors.start(source, config(topic, { headers: "envelope", "kafka-partition": "1" }));
    const [found] = await connectors.records(topic, 1);
    expect(JSON.parse(found?.value ?? "")).toEqual({
      key: "k1",
      value: "1",
      headers: { trace: "abc" },
      topic: kafkaTopic,
      partition: 1,
      offset: 0,
      timestamp,
    });
    expect(found?.key).toBe("k1");
  });

  test("lose their headers without it, and the log says so once", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const headers = new Map([[Buffer.from("trace"), Buffer.from("abc")]]);
    await kafka.produce([message("0"), { ...message("1"), headers }, { ...message("2"), headers }]);
    const connector = connectors.start(source, config(topic));
    expect(await values(topic, 3)).toEqual(["0", "1", "2"]);
    const told = connector.lines.filter(({ level }) => level === "warn");
    expect(told).toMatchObject([
      {
        message: expect.stringMatching(/headers of records are dropped.*`headers: envelope`/),
        details: { topic: kafkaTopic, partition: 0, offset: 1, headers: ["trace"] },
      },
    ]);
  });

  test.each(["gzip", "snappy", "lz4"] as const)("are read from a topic with %s", async (compression) => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await kafka.produce(
      numbers(0, 100).map((value) => message(value)),
      { compression },
    );
    connectors.start(source, config(topic));
    expect(await values(topic, 100)).toEqual(numbers(0, 100));
  });

  test("are read from a topic that the broker itself packs with zstd, in batches of many blocks", async () => {
    await kafka.createTopic(kafkaTopic, 1, { "compression.type": "zstd" });
    const topic = await connectors.topicWith([]);
    const long = numbers(0, 2000).map((value) => value.padEnd(200, `-${Math.imul(Number(value), 2_654_435_761)}`));
    await produce(["first"]);
    await produce(long);
    connectors.start(source, config(topic));
    expect(await values(topic, 2001)).toEqual(["first", ...long]);
  });

  test("of transactions come when they are committed, and not when they are aborted", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const producer = kafka.producer({ idempotent: true, transactionalId: `tx-${kafkaTopic}` });
    for (const [value, isKept] of [
      ["a", true],
      ["b", false],
    ] as const) {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [message(value), message(`${value}2`)] });
      await (isKept ? transaction.commit() : transaction.abort());
    }
    await producer.close();
    await produce(["end"]);
    connectors.start(source, config(topic));
    expect(await values(topic, 3)).toEqual(["a", "a2", "end"]);
    const all = await connectors.topicWith([]);
    const uncommitted = { "isolation.level": "read_uncommitted" };
    connectors.start(source, config(all, { "kafka-group": `${group()}-all`, "kafka-option": uncommitted }));
    expect(await values(all, 5)).toEqual(["a", "a2", "b", "b2", "end"]);
  });

  test("begin at the end with `start: latest`, and stay complete when the connector stops before the first", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await produce(["old"]);
    const first = config(topic, { start: "latest" });
    const connector = connectors.start(source, first);
    await vi.waitFor(async () => expect(await kafka.committed(group(), kafkaTopic)).toEqual([1]), WAIT);
    await connector.stop();
    await produce(["between"]);
    connectors.start(source, first);
    expect(await values(topic, 1)).toEqual(["between"]);
  });
});

describe("partitions and groups", () => {
  test("of several topics are all read by a group, and one is read alone", async () => {
    const second = `${kafkaTopic}-b`;
    await kafka.createTopic(kafkaTopic, 3);
    await kafka.createTopic(second);
    for (const partition of [0, 1, 2]) await produce([`${partition}`], partition);
    await kafka.produce([{ ...message("3"), topic: second }]);
    const all = await connectors.topicWith([]);
    connectors.start(source, config(all, { "kafka-topic": [kafkaTopic, second], "kafka-partition": "all" }));
    expect(sorted(await values(all, 4))).toEqual(["0", "1", "2", "3"]);

    const one = await connectors.topicWith([]);
    const connector = connectors.start(source, config(one, { "kafka-group": "alone", "kafka-partition": "1" }));
    expect(await values(one, 1)).toEqual(["1"]);
    expect(connector.lines.map(({ message: line }) => line)).toContainEqual(
      expect.stringMatching(/not all partitions/),
    );
  });

  test("are shared by two connectors, and taken over when one stops", async () => {
    await kafka.createTopic(kafkaTopic, 4);
    const topic = await connectors.topicWith([]);
    const parameters = { "kafka-partition": "all" };
    const partitionsOf = (connector: ReturnType<typeof connectors.start>) =>
      connector.lines.findLast(({ message: line }) => line === "reading from Kafka")?.details.partitions;
    const first = connectors.start(source, config(topic, parameters));
    await first.until(() => (partitionsOf(first) as unknown[] | undefined)?.length === 4);
    const second = connectors.start(source, config(topic, parameters));
    await second.until(() => (partitionsOf(second) as unknown[] | undefined)?.length === 2);
    await first.until(() => (partitionsOf(first) as unknown[] | undefined)?.length === 2);
    for (const partition of [0, 1, 2, 3]) await produce(numbers(partition * 10, partition * 10 + 10), partition);
    expect(sorted(distinct(await values(topic, 40)))).toEqual(numbers(0, 40));
    await second.stop();
    await first.until(() => (partitionsOf(first) as unknown[] | undefined)?.length === 4);
    for (const partition of [0, 1, 2, 3]) await produce([`${40 + partition}`], partition);
    expect(sorted(await values(topic, 44))).toEqual(numbers(0, 44));
  });

  test("that are added are found", async () => {
    await kafka.createTopic(kafkaTopic, 1);
    const topic = await connectors.topicWith([]);
    await produce(["0"]);
    const options = { "metadata.max.age.ms": "300" };
    connectors.start(source, config(topic, { "kafka-partition": "all", "kafka-option": options }));
    await connectors.records(topic, 1);
    const admin = kafka.admin();
    await admin.createPartitions({ topics: [{ name: kafkaTopic, count: 2, assignments: [{ brokerIds: [1] }] }] });
    await admin.close();
    await produce(["1"], 1);
    expect(await values(topic, 2)).toEqual(["0", "1"]);
  });
});

describe("a connector that is started again", () => {
  test("goes on behind the offsets that it committed after the records were stored", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const own = config(topic);
    await produce(numbers(0, 50));
    const first = connectors.start(source, own);
    await connectors.records(topic, 50);
    await vi.waitFor(async () => expect(await kafka.committed(group(), kafkaTopic)).toEqual([50]), WAIT);
    await first.stop();
    await produce(numbers(50, 100));
    connectors.start(source, own);
    await connectors.records(topic, 100);
    expect((await connectors.stored(topic)).map(({ value }) => value)).toEqual(numbers(0, 100));
  });

  test("goes on where it was when the group is lost", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const own = config(topic);
    await produce(numbers(0, 20));
    const first = connectors.start(source, own);
    await connectors.records(topic, 20);
    await vi.waitFor(async () => expect(await kafka.committed(group(), kafkaTopic)).toEqual([20]), WAIT);
    await first.stop();
    const admin = kafka.admin();
    await admin.deleteGroups({ groups: [group()] });
    await admin.close();
    await produce(["20"]);
    connectors.start(source, own);
    await connectors.records(topic, 21);
    expect((await connectors.stored(topic)).map(({ value }) => value)).toEqual(numbers(0, 21));
  });

  test("says what is missing when Kafka deleted records before they were read", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const own = config(topic);
    await produce(numbers(0, 5));
    const first = connectors.start(source, own);
    await vi.waitFor(async () => expect(await kafka.committed(group(), kafkaTopic)).toEqual([5]), WAIT);
    await first.stop();
    await produce(numbers(5, 10));
    const admin = kafka.admin();
    await admin.deleteRecords({ topics: [{ name: kafkaTopic, partitions: [{ partition: 0, offset: 8n }] }] });
    await admin.close();
    const second = connectors.start(source, own);
    expect(await values(topic, 7)).toEqual([...numbers(0, 5), "8", "9"]);
    const told = second.lines.find(({ level }) => level === "error");
    expect(told).toMatchObject({
      details: { wanted: 5, first: 8 },
      message: expect.stringMatching(/not in Kafka any more/),
    });
  });

  test("reads a topic that was deleted and made again from its beginning", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await produce(numbers(0, 5));
    const connector = connectors.start(source, config(topic, { "kafka-option": { "metadata.max.age.ms": "300" } }));
    await connectors.records(topic, 5);
    const admin = kafka.admin();
    await admin.deleteTopics({ topics: [kafkaTopic] });
    await connector.until(() => connector.troubles.some((one) => one !== ""));
    await admin.createTopics({ topics: [kafkaTopic], partitions: 1, replicas: 1 });
    await admin.close();
    await produce(["new"]);
    expect(await values(topic, 6)).toEqual([...numbers(0, 5), "new"]);
  });
});

describe("when Kafka is away", () => {
  test("the connector says so, and goes on without loss or repetition", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await produce(numbers(0, 10));
    await kafka.service.kill();
    using lived = new LivedTime();
    const connector = connectors.start(source, config(topic));
    await connector.until(() => connector.troubles.some((one) => /cannot read from Kafka.*ECONNREFUSED/.test(one)));
    expect(lived.ms).toBeLessThan(5000);
    await kafka.service.start();
    expect(await values(topic, 10)).toEqual(numbers(0, 10));
    expect(connector.troubles.at(-1)).toBe("");

    await kafka.service.kill();
    await connector.until(() => connector.troubles.at(-1) !== "");
    await kafka.service.start();
    await produce(numbers(10, 20));
    expect(await values(topic, 20)).toEqual(numbers(0, 20));
    expect(connector.troubles.at(-1)).toBe("");
    await connector.stop();
    expect(await connectors.stored(topic)).toHaveLength(20);
  });

  test("or silent, the state tells it within 5 s", async () => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    await produce(["0"]);
    const connector = connectors.start(source, config(topic));
    await connectors.records(topic, 1);
    kafka.service.freeze();
    using lived = new LivedTime();
    try {
      await connector.until(() => /has not answered/.test(connector.troubles.at(-1) ?? ""));
      expect(lived.ms).toBeLessThan(5000);
    } finally {
      kafka.service.thaw();
    }
    await produce(["1"]);
    expect(await values(topic, 2)).toEqual(["0", "1"]);
    await connector.until(() => connector.troubles.at(-1) === "");
  });

  test("a topic that does not exist is waited for", async () => {
    const topic = await connectors.topicWith([]);
    const connector = connectors.start(source, config(topic));
    await connector.until(() => connector.troubles.some((one) => one.includes(`Unknown topic ${kafkaTopic}`)));
    await kafka.createTopic(kafkaTopic);
    await produce(["0"]);
    expect(await values(topic, 1)).toEqual(["0"]);
  });
});

test.each(["0", "all"])(
  "a process of partitions %s that is killed loses nothing and keeps the order",
  async (partitions) => {
    await kafka.createTopic(kafkaTopic);
    const topic = await connectors.topicWith([]);
    const own = config(topic, { "kafka-partition": partitions });
    managed.apply(own);
    await produce(numbers(0, 1000));
    await connectors.records(topic, 500);
    await managed.kill(own.name);
    await produce(numbers(1000, 2000));
    await connectors.records(topic, 1500);
    await managed.kill(own.name);
    await vi.waitFor(async () => {
      const found = (await connectors.stored(topic)).map(({ value }) => value);
      expect(distinct(found)).toEqual(numbers(0, 2000));
    }, SLOW);
  },
);
