import { describe, expect, test, vi } from "vitest";
import { connector } from "../../../packages/connectors/sql/sink.ts";
import { PASSWORD, Postgres } from "../services/postgres.ts";
import { sqlSuite } from "./sql-suite.ts";

let ca: string;
/** Without TLS: tests look into what goes by. */
const secure = (url: string) => `${url.replace("postgres@", `fluvio:${PASSWORD}@`)}?sslmode=disable`;
const { connectors, rows, config, newTable } = sqlSuite("PostgreSQL", {
  start: async () => {
    const server = await Postgres.start({ isSecure: true });
    ca = server.ca;
    return {
      service: server.service,
      port: server.port,
      url: (database, port = server.port) => secure(server.url(database)).replace(/:\d+\//, `:${port}/`),
      query: (sql) => server.query(sql),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  database: "postgres",
  words: {
    duplicate: "Key (id)=(7) already exists.",
    tooLong: "value too long for type character varying(5)",
    noTable: "does not exist",
  },
  noPassword: 'password authentication failed for user "fluvio"',
  noDatabase: 'database "nowhere" does not exist',
});
const WAIT = { timeout: 60_000 };

test("every type of the SQL model comes back as it was", async () => {
  const table = newTable();
  const values = [
    ["c_bool", "true", "Bool"],
    ["c_char", "x", "Char"],
    ["c_small", "-5", "SmallInt"],
    ["c_int", "2147483647", "Int"],
    ["c_big", "9223372036854775807", "BigInt"],
    ["c_float", "1.5", "Float"],
    ["c_double", "0.1", "DoublePrecision"],
    ["c_text", "it's \\ ` \" {,} ü 🙂 NULL", "Text"],
    ["c_bytes", "\\x00ff", "Bytes"],
    ["c_numeric", "12345678901234567890.123", "Numeric"],
    ["c_timestamp", "2026-01-02T03:04:05.678901+02:00", "Timestamp"],
    ["c_date", "2026-01-02", "Date"],
    ["c_time", "03:04:05", "Time"],
    ["c_uuid", "c0000000-0000-4000-8000-000000000001", "Uuid"],
    ["c_json", '{"a": [1, null]}', "Json"],
    ["c_null", "", "Int"],
  ].map(([column, raw_value, type]) => ({ column, raw_value, type }));
  const record = JSON.stringify({ Insert: { table, values } });
  const topic = await connectors.topicWith([record, record]);
  const sink = connectors.start(connector, config(topic, { "create-table": "true" }));
  await vi.waitFor(() => expect(sink.counters.records).toBe(2), WAIT);
  const found = await rows(`SELECT *, c_timestamp::text AS at, c_date::text AS day FROM ${table}`);
  expect(found).toHaveLength(2);
  expect(found[1]).toMatchObject({
    c_bool: true,
    c_char: "x",
    c_small: -5,
    c_int: 2_147_483_647,
    c_big: "9223372036854775807",
    c_float: 1.5,
    c_double: 0.1,
    c_text: "it's \\ ` \" {,} ü 🙂 NULL",
    c_bytes: Buffer.from([0, 255]),
    c_numeric: "12345678901234567890.123",
    at: "2026-01-02 01:04:05.678901",
    day: "2026-01-02",
    c_time: "03:04:05",
    c_uuid: "c0000000-0000-4000-8000-000000000001",
    c_json: { a: [1, null] },
    c_null: null,
  });
});

test("columns of other types, generated ones, arrays and enums take what the server can read", async () => {
  const table = newTable();
  await rows(`CREATE TYPE ${table}_mood AS ENUM ('good', 'bad')`);
  await rows(
    `CREATE TABLE ${table} (id BIGINT GENERATED ALWAYS AS IDENTITY, mood ${table}_mood, tags TEXT[], at TIMESTAMPTZ, ` +
      "n NUMERIC(6, 2) DEFAULT 7, made TEXT DEFAULT 'by default')",
  );
  const topic = await connectors.topicWith([
    '{"mood":"good","tags":"{a,b}","at":"2026-01-02T03:04:05Z","n":1.005}',
    '{"mood":"bad","tags":"{}","at":null,"n":99}',
  ]);
  const sink = connectors.start(connector, config(topic, { table }));
  await vi.waitFor(() => expect(sink.counters.records).toBe(2), WAIT);
  expect(await rows(`SELECT id, mood, tags, n, made, at AT TIME ZONE 'UTC' AS at FROM ${table} ORDER BY id`)).toEqual([
    { id: "1", mood: "good", tags: ["a", "b"], n: "1.01", made: "by default", at: expect.any(Date) },
    { id: "2", mood: "bad", tags: [], n: "99.00", made: "by default", at: null },
  ]);
});

test("a deadlock is tried again", async () => {
  const table = newTable();
  await rows(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, n INTEGER)`);
  await rows(
    `CREATE FUNCTION ${table}_once() RETURNS trigger AS $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = '${table}_seen') ` +
      `THEN PERFORM dblink_nothing(); END IF; RETURN NEW; EXCEPTION WHEN undefined_function THEN ` +
      `RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$ LANGUAGE plpgsql`,
  );
  await rows(`CREATE TRIGGER once BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_once()`);
  const topic = await connectors.topicWith(['{"id":1,"n":1}']);
  const sink = connectors.start(connector, config(topic, { table, "on-error": "skip" }));
  await vi.waitFor(() => expect(sink.troubles.join()).toContain("40P01"), WAIT);
  await rows(`CREATE TABLE ${table}_seen ()`);
  await vi.waitFor(() => expect(sink.counters).toMatchObject({ records: 1, recordErrors: 0 }), WAIT);
});

describe("TLS", () => {
  const VERIFIED = { tls: "verify-full" };
  const start = (topic: string, parameters: Readonly<Record<string, string>>) =>
    connectors.start(connector, config(topic, { table: "secured", "create-table": "true", ...parameters }));

  test("of a server whose authority is trusted", async () => {
    const topic = await connectors.topicWith(['{"id":1}']);
    const sink = start(topic, { ...VERIFIED, "tls-ca": ca });
    await vi.waitFor(() => expect(sink.counters.records).toBe(1), WAIT);
    const [found] = await rows(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'fluvio_connector_%'",
    );
    expect(found).toEqual({ ssl: true });
  });

  test("of a server whose authority is not trusted is refused, and the state says so", async () => {
    const topic = await connectors.topicWith(['{"id":2}']);
    const sink = start(topic, VERIFIED);
    const reason = /is not trusted: give the certificate of who has signed it as `tls-ca`/;
    await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toMatch(reason), WAIT);
    expect(sink.counters.records).toBe(0);
  });
});
