import { expect, test, vi } from "vitest";
import { connector } from "../../../packages/connectors/sql/sink.ts";
import { MariaDb } from "../services/mariadb.ts";
import { sqlSuite } from "./sql-suite.ts";

const { connectors, rows, config, newTable } = sqlSuite("MariaDB", {
  start: async () => {
    const server = await MariaDb.start();
    return Object.assign(server, { query: (sql: string) => MariaDb.prototype.query.call(server, sql, "test") });
  },
  database: "test",
  words: { duplicate: "Duplicate entry '7'", tooLong: "Data too long for column 'x'", noTable: "doesn't exist" },
  noPassword: "Access denied for user 'fluvio'",
  noDatabase: "Unknown database 'nowhere'",
});

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
    ["c_text", "it's \\ ` \" ü 🙂", "Text"],
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
  await vi.waitFor(() => expect([sink.counters.records, sink.troubles.at(-1) ?? ""]).toEqual([2, ""]), {
    timeout: 60_000,
  });
  const found = await rows(`SELECT *, hex(c_bytes) AS hex, CAST(c_big AS CHAR) AS big FROM ${table}`);
  expect(found).toHaveLength(2);
  expect(found[1]).toMatchObject({
    c_bool: 1,
    c_char: "x",
    c_small: -5,
    c_int: 2_147_483_647,
    big: "9223372036854775807",
    c_float: 1.5,
    c_double: 0.1,
    c_text: "it's \\ ` \" ü 🙂",
    hex: "00FF",
    c_numeric: "12345678901234567890.1230000000",
    c_timestamp: "2026-01-02 01:04:05.678901",
    c_date: "2026-01-02",
    c_time: "03:04:05.000000",
    c_uuid: "c0000000-0000-4000-8000-000000000001",
    c_json: { a: [1, null] },
    c_null: null,
  });
});
