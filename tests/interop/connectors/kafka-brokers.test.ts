import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/kafka/sink.ts";
import { connector as source } from "../../../packages/connectors/kafka/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { buildAs } from "../../fixtures/build-as.ts";
import { Kafka, type SecondBroker } from "../services/kafka.ts";

/** A cluster of two brokers: a source and a sink of topics whose partitions are led by both. */
const connectors = useConnectors();
const WAIT = { timeout: 60_000, interval: 200 };
const PARTITIONS = [0, 1];
/** What groups have committed outlives a broker. */
const REPLICATED = { "offsets.topic.replication.factor": "2" };
let kafka: Kafka;
let second: SecondBroker;

beforeAll(async () => {
  kafka = await Kafka.start(REPLICATED);
  second = await kafka.startSecond(REPLICATED);
});
afterAll(async () => {
  await second?.service.kill();
  await kafka?.[Symbol.asyncDispose]();
});

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const brokers = () => [second.url, kafka.url()];

/** A topic whose partition 0 is led by broker 1 and partition 1 by broker 2, each with its replica on the other. */
async function createTopic(topic: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
  const admin = kafka.admin();
  const assignments = PARTITIONS.map((partition) => ({ partition, brokers: partition === 0 ? [1, 2] : [2, 1] }));
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [topic], assignments, configs });
  await vi.waitFor(async () => expect(await leaders(topic)).toEqual([1, 2]), WAIT);
  await admin.close();
}

async function leaders(topic: string): Promise<number[]> {
  const admin = kafka.admin();
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    return PARTITIONS.map((partition) => topics.get(topic)?.partitions[partition]?.leader ?? -1);
  } finally {
    await admin.close();
  }
}

/** Puts the numbers into both partitions. */
async function produce(topic: string, values: readonly string[]): Promise<void> {
  const messages = values.flatMap((value) =>
    PARTITIONS.map((partition) => ({ topic, partition, value: Buffer.from(`${partition}/${value}`) })),
  );
  await kafka.produce(messages);
}

/** What came of each partition, in its order. */
async function received(topic: string): Promise<string[][]> {
  const values = (await connectors.stored(topic)).map(({ value }) => value.split("/"));
  return PARTITIONS.map((one) => values.flatMap(([of, value = ""]) => (of === String(one) ? [value] : [])));
}
/** The first records that the sink has written: all their values, when those of each partition are in order. */
async function written(count: number): Promise<string[]> {
  const found = (await kafka.records("out", count)).map(({ partition, value }) => ({
    partition,
    value: Number(value),
  }));
  const sorted = found.map(({ value }) => value).sort((a, b) => a - b);
  for (const one of PARTITIONS) {
    const inOrder = found.filter(({ partition }) => partition === one).map(({ value }) => value);
    expect(inOrder).toEqual(sorted.filter((value) => inOrder.includes(value)));
  }
  return sorted.map(String);
}
const distinct = (list: readonly string[]) => [...new Set(list)];

test("of records that are made of one, those that one broker has taken are not left out with the other's", async () => {
  await createTopic("parts", { "max.message.bytes": "2000" });
  const name = connectors.newName();
  await connectors.fluvio.admin().createSmartModule(name, await buildAs("array-map"));
  const topic = await connectors.topicWith([]);
  await using producer = await connectors.fluvio.topicProducer(topic);
  const big = "x".repeat(5000);
  await (await producer.send(undefined, JSON.stringify(["a", big, "b", "c"]))).wait();
  const options = { "kafka-url": brokers(), topic: "parts", "kafka-partition": "key" };
  const own = connectors.config("kafka-sink", topic, { ...options, "array-map": name, "on-error": "dead-letter" });
  const writing = connectors.start(sink, own);
  await vi.waitFor(() => expect(writing.counters.records).toBe(3), WAIT);
  const [dead] = await connectors.records(`${own.name}-dead-letter`, 1);
  expect(JSON.parse(dead?.value ?? "")).toMatchObject({ value: JSON.stringify(big) });
  await writing.stop();
  const found = await kafka.records("parts", await kafka.size("parts"));
  expect(distinct(found.map(({ value }) => value.toString())).sort()).toEqual(['"a"', '"b"', '"c"']);
});

test("partitions of two brokers are read and written; a broker that goes away is replaced by the other", async () => {
  for (const topic of ["in", "out"]) await createTopic(topic);
  await produce("in", numbers(0, 100));
  const [into, outOf] = [await connectors.topicWith([]), await connectors.topicWith(numbers(0, 100))];
  const options = { "kafka-url": brokers() };
  const reading = connectors.start(
    source,
    connectors.config("kafka-source", into, { ...options, topic: "in", "kafka-partition": "all" }),
  );
  const writing = connectors.start(
    sink,
    connectors.config("kafka-sink", outOf, { ...options, topic: "out", "kafka-partition": "key" }),
  );
  await connectors.records(into, 200);
  const first = await kafka.records("out", 100);
  expect(distinct(first.map(({ partition }) => String(partition))).sort()).toEqual(["0", "1"]);

  await second.service.kill();
  await connectors.produce(outOf, numbers(100, 200));
  await Promise.all([reading, writing].map((one) => one.until(() => (one.troubles.at(-1) ?? "") !== "")));
  for (const topic of ["in", "out"]) {
    await vi.waitFor(async () => expect(await leaders(topic)).toEqual([1, 1]), WAIT);
  }
  await produce("in", numbers(100, 200));
  await vi.waitFor(async () => {
    expect((await received(into)).map(distinct)).toEqual([numbers(0, 200), numbers(0, 200)]);
  }, WAIT);
  expect(await written(200)).toEqual(numbers(0, 200));
  for (const one of [reading, writing]) await one.until(() => one.troubles.at(-1) === "");

  await second.service.start();
  await produce("in", numbers(200, 300));
  await connectors.produce(outOf, numbers(200, 300));
  await vi.waitFor(async () => {
    expect((await received(into)).map(distinct)).toEqual([numbers(0, 300), numbers(0, 300)]);
  }, WAIT);
  expect(await written(300)).toEqual(numbers(0, 300));
  expect(await kafka.size("out")).toBe(300);
});
