import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connector as kafkaSource } from "../../../packages/connectors/kafka/source.ts";
import { connector as natsSource } from "../../../packages/connectors/nats/source.ts";
import { connector as postgresSource } from "../../../packages/connectors/postgres/source.ts";
import { connector as redisSource } from "../../../packages/connectors/redis/source.ts";
import { connector as s3Source } from "../../../packages/connectors/s3/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { SourceRun } from "../../../packages/connectors/testing/run-source.ts";
import type { SourceContext, SourceDefinition } from "../../../packages/fluvio/src/connector/define.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { Kafka } from "../services/kafka.ts";
import { startNats } from "../services/nats.ts";
import { Postgres } from "../services/postgres.ts";
import { startRedis } from "../services/redis.ts";
import { S3Server } from "../services/s3.ts";

/** What waits in the system of a source, as the system itself tells; sources run without a cluster here. */
const connectors = useConnectors();
const services: AsyncDisposable[] = [];
afterAll(async () => {
  for (const service of services.splice(0)) await service[Symbol.asyncDispose]();
});
type Parameters = Readonly<Record<string, ParameterValue>>;

/** A source whose records are not taken until they are let through. */
function held(definition: SourceDefinition, parameters: Parameters, replaced: Partial<SourceContext<unknown>> = {}) {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const run = new SourceRun(definition, parameters, undefined, { send: () => released, ...replaced });
  return { run, release };
}

/** The lag has this value, and is 0 when everything is taken. */
async function falls(definition: SourceDefinition, parameters: Parameters, from: number): Promise<void> {
  const { run, release } = held(definition, parameters);
  await run.until(() => run.lags.length > 0);
  expect(run.lags[0]).toBe(from);
  release();
  await run.until(() => run.lags.at(-1) === 0);
  await run.stop();
}

const numbers = Array.from({ length: 700 }, (_, index) => `${index}`);

describe("in records", () => {
  test("Kafka: offsets behind the ends of the partitions", async () => {
    const kafka = await Kafka.start();
    services.push(kafka);
    await kafka.createTopic("in");
    const [topic, partition] = ["in", 0];
    await kafka.produce(numbers.map((one) => ({ topic, partition, key: Buffer.from(one), value: Buffer.from(one) })));
    expect(kafkaSource.lagUnit).toBeUndefined();
    await falls(kafkaSource, { "kafka-url": kafka.url(), "kafka-topic": "in", "kafka-group": "g" }, 700);
  });

  test("Redis: entries that the group was not given", async () => {
    const server = await startRedis(connectors.folder);
    services.push(server.service);
    const client = new Redis(server.url);
    for (const one of numbers) await client.xadd("s", "*", "value", one);
    expect(redisSource.lagUnit).toBeUndefined();
    await falls(redisSource, { url: server.url, stream: "s", output: "field" }, 700);
    client.disconnect();
  });

  test("NATS: messages that wait for the consumer, also before the first comes", async () => {
    const server = await startNats(connectors.folder, "nats");
    services.push(server.service);
    const client = await connect({ servers: server.url });
    const manager = await jetstreamManager(client);
    await manager.streams.add({ name: "s", subjects: ["s.>"] });
    const js = jetstream(client);
    await Promise.all(numbers.map((one) => js.publish("s.a", one)));
    expect(natsSource.lagUnit).toBeUndefined();
    await falls(natsSource, { url: server.url, stream: "s" }, 700);
    await manager.streams.add({ name: "empty", subjects: ["empty.>"] });
    await falls(natsSource, { url: server.url, stream: "empty" }, 0);
    await client.close();
  });
});

describe("in objects", () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await S3Server.start();
    services.push(s3);
  });

  test.each(["key", "modified"])("S3: those that are listed and not read, in the order of %s", async (order) => {
    const bucket = await s3.createBucket(`bucket-${order}`);
    for (const key of ["a", "b", "c"]) await s3.put(bucket, key, `${key}\n`);
    expect(s3Source.lagUnit).toBe("objects");
    const parameters = { ...s3.parameters, bucket, order, "poll-interval": "50ms" };
    await falls(s3Source, parameters, 3);
    const run = new SourceRun(s3Source, parameters);
    await run.until(() => run.records.length === 3 && run.lags.at(-1) === 0);
    expect(run.lags.slice(0, 4)).toEqual([3, 2, 1, 0]);
    await s3.put(bucket, "d", "d\n");
    await run.until(() => run.records.length === 4);
    expect(run.lags).toContain(1);
    await run.stop();
  });
});

describe("in bytes", () => {
  test("PostgreSQL: the log between what is stored and its end", async () => {
    const postgres = await Postgres.start();
    services.push(postgres);
    await postgres.createDatabase("shop");
    const sql = (statements: string) => postgres.query(statements, [], "shop");
    await sql("CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL");
    const parameters = { url: postgres.url("shop"), publication: "p", slot: "s", snapshot: "never" };
    expect(postgresSource.lagUnit).toBe("bytes");
    const first = held(postgresSource, parameters);
    await first.run.until(() => first.run.lags.length > 0);
    const atFirst = first.run.lags[0] ?? 0;
    expect(atFirst).toBeLessThan(100_000);
    await sql("INSERT INTO t VALUES (1, repeat('x', 1000000))");
    await first.run.until(() => (first.run.lags.at(-1) ?? 0) >= 1_000_000);
    expect(first.run.lags.at(-1)).toBeLessThan(3_000_000);
    first.release();
    await first.run.until(() => (first.run.lags.at(-1) ?? 0) < 100_000);
    await first.run.stop();
    const sessions = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'fluvio%'";
    expect((await postgres.query(sessions))[0]).toEqual({ n: 0 });
  });
});
