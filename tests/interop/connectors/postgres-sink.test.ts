import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { connector as source } from "../../../packages/connectors/postgres/source.ts";
import { connector as sink } from "../../../packages/connectors/sql/postgres-sink.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { Postgres } from "../services/postgres.ts";

const connectors = useConnectors();
const WAIT = { timeout: 60_000, interval: 50 };
let postgres: Postgres;

beforeAll(async () => {
  postgres = await Postgres.start();
  await postgres.createDatabase("shop");
  await postgres.createDatabase("copy");
});
afterAll(() => postgres[Symbol.asyncDispose]());

const shop = (statements: string) => postgres.query(statements, [], "shop");
const copy = (statements: string) => postgres.query(statements, [], "copy");
const TABLES = ["orders", "notes", "logs", '"Odd schema"."Odd ""table"""'];
const rowsOf = async (read: typeof shop) => {
  const found = [];
  for (const table of TABLES) found.push(await read(`SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY 1`));
  return found;
};

test("tables and their changes come out equal in another database, over restarts and faults", async () => {
  await shop(`CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE TABLE orders (id int PRIMARY KEY, customer varchar(20), total numeric(8, 2), big int8, paid bool, rate float8,
      made timestamptz, doc jsonb, tags text[], raw bytea, mood mood, body text);
    ALTER TABLE orders ALTER body SET STORAGE EXTERNAL;
    CREATE TABLE notes (a text, b int, PRIMARY KEY (a, b));
    CREATE TABLE logs (line text, extra json); ALTER TABLE logs REPLICA IDENTITY FULL;
    CREATE SCHEMA "Odd schema"; CREATE TABLE "Odd schema"."Odd ""table""" ("Odd ""id""" serial PRIMARY KEY, "select" "char");
    INSERT INTO orders SELECT n, 'customer ' || n, n / 4.0, 9007199254740993, n % 2 = 0, n / 3.0, '2026-01-02 03:04:05.678+02',
      jsonb_build_object('n', n), ARRAY['a,b', NULL], '\\x00ff', 'good', repeat('x', 5000) FROM generate_series(1, 300) n`);
  const topic = await connectors.topicWith([]);
  const ends = { publication: "shop", slot: "shop" };
  connectors.start(source, connectors.config("postgres-source", topic, { url: postgres.url("shop"), ...ends }));
  // As the first connector of this kind was told its database.
  const secrets = { FLUVIO_PG_DATABASE_URL: postgres.url("copy") };
  const own = connectors.config("postgres-sink", topic, { batch: { size: "20" } }, { secrets });
  const first = connectors.start(sink, own);
  await vi.waitFor(() => expect(first.counters.records).toBeGreaterThan(100), WAIT);
  await first.stop();

  const second = connectors.start(sink, own);
  await shop(`INSERT INTO notes VALUES ('a', 1), ('b', 2), ('c', 3);
    INSERT INTO logs VALUES ('twice', '{"a": 1}'), ('twice', '{"a": 1}'), (NULL, NULL), ('once', '[]');
    INSERT INTO "Odd schema"."Odd ""table""" ("select") VALUES ('x'), (NULL)`);
  await shop("UPDATE orders SET customer = NULL, total = -1.5 WHERE id % 3 = 0");
  await vi.waitFor(async () => expect(await copy("SELECT FROM orders WHERE total < 0")).toHaveLength(100), WAIT);
  expect(second.counters.recordErrors).toBe(0);
  await second.stop();

  // No record describes the tables again: what the sink knows of them, it has kept.
  await shop(
    "UPDATE notes SET b = b + 10 WHERE a <> 'c'; DELETE FROM notes WHERE a = 'c'; DELETE FROM orders WHERE id > 290",
  );
  const third = connectors.start(sink, own);
  await vi.waitFor(async () => expect(await copy("SELECT FROM notes WHERE b > 10")).toHaveLength(2), WAIT);
  await shop(
    "DELETE FROM logs WHERE ctid = (SELECT min(ctid) FROM logs); UPDATE logs SET extra = '{}' WHERE line IS NULL",
  );
  await shop("ALTER TABLE orders ADD COLUMN added int; UPDATE orders SET id = id + 1000, added = 7 WHERE id < 10");
  await shop('TRUNCATE "Odd schema"."Odd ""table""" RESTART IDENTITY');
  await shop('INSERT INTO "Odd schema"."Odd ""table""" ("select") VALUES (\'y\')');
  await postgres.service.kill();
  await vi.waitFor(() => expect(third.troubles.at(-1)).toContain("ECONNREFUSED"), { timeout: 60_000 });
  await postgres.service.start();
  await shop("INSERT INTO notes VALUES ('last', 1)");
  await vi.waitFor(async () => expect(await copy("SELECT FROM notes WHERE a = 'last'")).toHaveLength(1), WAIT);

  expect(await rowsOf(copy)).toEqual(await rowsOf(shop));
  const types = (read: typeof shop) =>
    read(`SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = 'orders'::regclass AND attnum > 0 AND attname <> 'mood' ORDER BY attnum`);
  expect(await types(copy)).toEqual(await types(shop));
  expect(third.counters.recordErrors).toBe(0);

  // What comes twice does no harm, but to rows that no key tells from each other.
  await third.stop();
  const stored = (await connectors.stored(topic)).map(({ value }) => ({ value, message: JSON.parse(value).message }));
  const logs = stored.find(({ message }) => message.name === "logs")?.message.rel_id;
  const again = stored.filter(({ message }) => message.rel_id !== logs).map(({ value }) => value);
  await connectors.produce(topic, again);
  const fourth = connectors.start(sink, own);
  await vi.waitFor(() => expect(fourth.counters.records).toBeGreaterThanOrEqual(again.length), WAIT);
  expect(await rowsOf(copy)).toEqual(await rowsOf(shop));
  expect(fourth.counters.recordErrors).toBe(0);
});

test("a change of a table that nothing has described is refused, rows of other forms are written", async () => {
  const insert = { type: "insert", rel_id: 4711, tuple: [{ Int4: 1 }] };
  const values = [{ column: "id", raw_value: "5", type: "Int" }];
  const topic = await connectors.topicWith([
    JSON.stringify({ wal_start: 1, wal_end: 1, timestamp: 1, message: insert }),
    JSON.stringify({ Insert: { table: "model", values } }),
  ]);
  const parameters = { url: postgres.url("copy"), "create-table": "true", "on-error": "skip" };
  const running = connectors.start(sink, connectors.config("postgres-sink", topic, parameters));
  await vi.waitFor(() => expect(running.counters).toMatchObject({ records: 1, recordErrors: 1 }), WAIT);
  expect(await copy("SELECT * FROM model")).toEqual([{ id: 5 }]);
  expect(JSON.stringify(running.lines)).toContain("no record before has described the table 4711");
});

test("changes of rows are applied like messages, without an option that says so", async () => {
  const change = { schema: "public", table: "pets", before: null };
  const topic = await connectors.topicWith(
    [
      { ...change, op: "read", key: { id: 1 }, after: { id: 1, name: "Rex" } },
      { ...change, op: "insert", key: { id: 2 }, after: { id: 2, name: "Tom" } },
      { ...change, op: "update", key: { id: 1 }, after: { id: 1, name: "Max" } },
      { ...change, op: "delete", key: { id: 2 }, before: { id: 2 }, after: null },
    ].map((one) => JSON.stringify(one)),
  );
  const parameters = { url: postgres.url("copy"), "create-table": "true" };
  const running = connectors.start(sink, connectors.config("postgres-sink", topic, parameters));
  await vi.waitFor(() => expect(running.counters.records).toBe(4), WAIT);
  expect(await copy("SELECT id::int, name FROM pets")).toEqual([{ id: 1, name: "Max" }]);
});
