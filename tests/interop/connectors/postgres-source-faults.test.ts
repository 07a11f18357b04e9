import { describe, expect, test, vi } from "vitest";
import { connector as source } from "../../../packages/connectors/postgres/source.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import { Postgres } from "../services/postgres.ts";
import { CHANGES, numbers, postgresSuite } from "./postgres-suite.ts";

const { connectors, postgres, name, sql, config, isActive, streaming, started, ids } = postgresSuite();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 50 };

describe("the server's log", () => {
  const kept = async () => {
    const [row] = await sql(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::int AS size
      FROM pg_replication_slots WHERE slot_name = '${name()}'`);
    return Number(row?.size);
  };

  test("does not pile up for what the connector does not read", async () => {
    await sql(`CREATE TABLE read (id int); CREATE TABLE other (id int, body text);
      CREATE PUBLICATION ${name()} FOR TABLE read`);
    const topic = await connectors.topicWith([]);
    await started(topic);
    await sql("INSERT INTO other SELECT 1, repeat('x', 1000) FROM generate_series(1, 5000)");
    await vi.waitFor(async () => expect(await kept()).toBeLessThan(1_000_000), WAIT);
  });

  test("is confirmed only behind what is stored", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    await started(topic, CHANGES);
    await sql("INSERT INTO t SELECT generate_series(0, 999)");
    await connectors.records(topic, 1000);
    await vi.waitFor(async () => expect(await kept()).toBe(0), WAIT);
  });
});

describe("when the server is away", () => {
  test("at the start, in the middle of a transaction and back: the state says so, and nothing is lost or twice", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    await postgres().service.kill();
    using lived = new LivedTime();
    const connector = connectors.start(source, config(topic, CHANGES));
    await connector.until(() =>
      connector.troubles.some((one) => /cannot read the changes of .*ECONNREFUSED/.test(one)),
    );
    expect(lived.ms).toBeLessThan(5000);
    await postgres().service.start();
    await streaming(connector);
    await connector.until(() => connector.troubles.at(-1) === "");

    await sql("INSERT INTO t SELECT generate_series(0, 19999)");
    await connectors.records(topic, 10);
    await postgres().service.kill();
    await connector.until(() => connector.troubles.at(-1) !== "");
    await postgres().service.start();
    await connectors.records(topic, 20_000);
    await sql("INSERT INTO t VALUES (20000)");
    expect(await ids(topic, 20_001)).toEqual(numbers(0, 20_001));
    await connector.stop();
    expect(await connectors.stored(topic)).toHaveLength(20_001);
  });

  test("or silent, the state tells it within 5 s", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const connector = await started(topic, CHANGES);
    await sql("INSERT INTO t VALUES (0)");
    await connectors.records(topic, 1);
    const [slot] = await sql(`SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = '${name()}'`);
    process.kill(Number(slot?.pid), "SIGSTOP");
    using lived = new LivedTime();
    try {
      await connector.until(() => /has not answered for/.test(connector.troubles.at(-1) ?? ""));
      expect(lived.ms).toBeLessThan(5000);
    } finally {
      process.kill(Number(slot?.pid), "SIGCONT");
    }
    await connector.until(() => connector.troubles.at(-1) === "");
    await sql("INSERT INTO t VALUES (1)");
    expect(await ids(topic, 2)).toEqual([0, 1]);
  });

  test("or the connection is cut, it goes on by itself", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const connector = await started(topic, CHANGES);
    await sql("INSERT INTO t VALUES (0)");
    await connectors.records(topic, 1);
    await sql(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${name()}'`);
    await connector.until(() => connector.troubles.some((one) => one !== ""));
    await sql("INSERT INTO t VALUES (1)");
    expect(await ids(topic, 2)).toEqual([0, 1]);
  });

  test("the slot is in use by another: the state says so, and it is taken over when that ends", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const first = await started(topic, CHANGES);
    const second = connectors.start(source, config(topic, CHANGES));
    await second.until(() => second.troubles.some((one) => /is active for PID/.test(one)));
    await first.stop();
    await second.until(() => second.troubles.at(-1) === "");
    await sql("INSERT INTO t VALUES (1)");
    expect(await ids(topic, 1)).toEqual([1]);
  });
});

test("a process that is killed loses nothing, and repeats no more than the last moments", async () => {
  await sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 99)");
  const topic = await connectors.topicWith([]);
  const own = config(topic, CHANGES);
  managed.apply(own);
  await connectors.records(topic, 100);
  // Kept: another kill begins the snapshot again.
  await vi.waitFor(isActive, WAIT);
  for (const round of [0, 1, 2]) {
    const from = 100 + round * 3000;
    await sql(`INSERT INTO t SELECT generate_series(${from}, ${from + 2999})`);
    await connectors.records(topic, from + 300);
    await managed.kill(own.name);
  }
  const wanted = 9100;
  await vi.waitFor(
    async () => {
      const found = (await connectors.stored(topic)).map(({ value }) => JSON.parse(value).after.id);
      expect([...new Set(found)]).toEqual(numbers(0, wanted));
    },
    { timeout: 60_000, interval: 300 },
  );
});

describe("what is missing is told", () => {
  test.each([
    ["the publication", {}, /the publication .* does not exist: create it, or leave `skip_setup` out/],
    ["the slot", { publication: "here" }, /the slot .* does not exist: create it, or leave `skip_setup` out/],
  ])("%s with `skip_setup`", async (_, parameters, expected) => {
    await sql("CREATE PUBLICATION here FOR ALL TABLES");
    const topic = await connectors.topicWith([]);
    const connector = connectors.start(source, config(topic, { skip_setup: "true", ...parameters }));
    await connector.until(() => connector.troubles.some((one) => expected.test(one)));
  });

  test("a slot of another plugin, a wrong database, and never the password", async () => {
    await sql(`SELECT pg_create_logical_replication_slot('${name()}', 'test_decoding')`);
    const topic = await connectors.topicWith([]);
    const connector = connectors.start(source, config(topic));
    await connector.until(() => connector.troubles.some((one) => /is one of the plugin test_decoding/.test(one)));
    const url = postgres().url("nowhere").replace("postgres@", "postgres:very-secret@");
    const wrong = connectors.start(source, config(topic, { url }));
    await wrong.until(() => wrong.troubles.some((one) => /database "nowhere" does not exist/.test(one)));
    expect(JSON.stringify([wrong.lines, wrong.troubles])).not.toContain("very-secret");
  });

  test("the setting of the log", async () => {
    await using replica = await Postgres.start({ settings: { wal_level: "replica" } });
    const topic = await connectors.topicWith([]);
    const connector = connectors.start(source, config(topic, { url: replica.url() }));
    await connector.until(() => connector.troubles.some((one) => /set `wal_level = logical`/.test(one)));
  });
});
