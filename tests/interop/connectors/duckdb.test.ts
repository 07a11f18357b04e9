import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test, vi } from "vitest";
import { connector } from "../../../packages/connectors/duckdb/sink.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";

/** The DuckDB sink with DuckDB itself. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 10 };
const state = { files: 0 };
const newPath = () => join(connectors.folder, `${++state.files}.duckdb`);

async function rows(path: string, sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(sql);
    connection.closeSync();
    return reader.getRowObjectsJson();
  } finally {
    instance.closeSync();
  }
}

const config = (path: string, topic: string, parameters: Readonly<Record<string, ParameterValue>>) =>
  connectors.config("duckdb-sink", topic, { url: path, ...parameters });
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `{"id":${from + index}}`);

describe("records", () => {
  test("of the SQL model are appended with their types", async () => {
    const path = newPath();
    const values = [
      ["b", "true", "Bool"],
      ["i", "-5", "Int"],
      ["big", "9223372036854775807", "BigInt"],
      ["d", "0.1", "DoublePrecision"],
      ["x", "it's ü 🙂", "Text"],
      ["raw", "\\x00ff", "Bytes"],
      ["n", "12345678901234567890.123", "Numeric"],
      ["at", "2026-01-02T03:04:05.678901+02:00", "Timestamp"],
      ["day", "2026-01-02", "Date"],
      ["u", "c0000000-0000-4000-8000-000000000001", "Uuid"],
      ["doc", '{"a": [1, null]}', "Json"],
      ["none", "", "Int"],
    ].map(([column, raw_value, type]) => ({ column, raw_value, type }));
    const record = JSON.stringify({ Insert: { table: "t", values } });
    const topic = await connectors.topicWith([record, record, record]);
    const sink = connectors.start(connector, config(path, topic, { "create-table": "true" }));
    await vi.waitFor(() => expect([sink.counters.records, sink.troubles.at(-1) ?? ""]).toEqual([3, ""]), WAIT);
    await sink.stop();
    const found = await rows(path, 'SELECT *, hex(raw) AS "hex" FROM t');
    expect(found).toHaveLength(3);
    expect(found[2]).toMatchObject({
      b: true,
      i: -5,
      big: "9223372036854775807",
      d: 0.1,
      x: "it's ü 🙂",
      hex: "00FF",
      n: "12345678901234567890.1230000000",
      at: "2026-01-02 01:04:05.678901",
      day: "2026-01-02",
      u: "c0000000-0000-4000-8000-000000000001",
      doc: '{"a": [1, null]}',
      none: null,
    });
  });

  test("go to tables of a schema, and to tables and columns whose names have a dot", async () => {
    const path = newPath();
    await rows(path, 'CREATE SCHEMA s; CREATE TABLE s.t (id INTEGER, "a.b" TEXT)');
    const topic = await connectors.topicWith(Array.from({ length: 50 }, (_, id) => `{"id":${id},"a.b":"x${id}"}`));
    const keys = { operation: "upsert", "unique-columns": "id", "create-table": "true" };
    for (const parameters of [{ table: "s.t" }, { table: '"t.u"', ...keys }, { table: 's."t.u"', ...keys }]) {
      const sink = connectors.start(connector, config(path, topic, parameters));
      await vi.waitFor(() => expect(sink.counters.records).toBe(50), WAIT);
      await sink.stop();
    }
    for (const table of ["s.t", '"t.u"', 's."t.u"']) {
      expect(await rows(path, `SELECT count(DISTINCT "a.b")::INT AS n FROM ${table}`)).toEqual([{ n: 50 }]);
    }
  });

  test("that are refused are found among the others, and columns that no record has take their default", async () => {
    const path = newPath();
    await rows(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT CHECK (x <> 'x70'), made INTEGER DEFAULT 7)");
    const lines = Array.from({ length: 300 }, (_, id) => JSON.stringify({ id, x: `x${id}` }));
    lines.splice(50, 0, '{"id":5,"x":"again"}', "{", '{"id":"word","x":"y"}', '{"id":1000,"z":1}');
    const topic = await connectors.topicWith(lines);
    const sink = connectors.start(connector, config(path, topic, { table: "t", "on-error": "skip" }));
    await vi.waitFor(() => expect(sink.counters.records + sink.counters.recordErrors).toBe(304), WAIT);
    expect(sink.counters).toMatchObject({ records: 299, recordErrors: 5 });
    await sink.stop();
    expect(await rows(path, "SELECT count(*)::INT AS n, min(made) AS made FROM t")).toEqual([{ n: 299, made: 7 }]);
    const reasons = sink.lines.flatMap(({ details, message }) =>
      message.startsWith("record skipped") ? [String(details.reason)] : [],
    );
    expect(reasons.join("\n")).toMatch(/duplicate key "5"/);
    expect(reasons.join("\n")).toMatch(/Could not convert string 'word' to INT32/);
    expect(reasons.join("\n")).toMatch(/CHECK constraint failed/);
    expect(reasons.join("\n")).toMatch(/does not have a column with name "z"/);
  });

  test("upsert: the last one of each key stays", async () => {
    const path = newPath();
    const values = Array.from({ length: 3000 }, (_, index) => JSON.stringify({ id: index % 100, n: index }));
    const parameters = {
      table: "t",
      operation: "upsert",
      "unique-columns": "id",
      "create-table": "true",
      batch: { size: "250" },
    };
    const sink = connectors.start(connector, config(path, await connectors.topicWith(values), parameters));
    await vi.waitFor(() => expect(sink.counters.records).toBe(3000), WAIT);
    await sink.stop();
    expect(await rows(path, "SELECT count(*)::INT AS n, min(n)::INT AS low, max(n)::INT AS high FROM t")).toEqual([
      { n: 100, low: 2900, high: 2999 },
    ]);
  });
});

describe("each record once", () => {
  test("when the process is killed in the middle, again and again, in the table and in the files", async () => {
    const path = newPath();
    const folder = join(connectors.folder, "killed");
    const total = 6000;
    const topic = await connectors.topicWith([]);
    const made = config(path, topic, {
      table: "t",
      "create-table": "true",
      batch: { size: "20", linger: "1ms" },
      export: { path: folder, every: "100ms" },
    });
    managed.apply(made);
    for (let from = 0; from < total; from += 2000) {
      await connectors.produce(topic, numbers(2000, from));
      await vi.waitFor(() => expect(existsSync(join(folder, "t", "000001.parquet"))).toBe(true), WAIT);
      await managed.kill(made.name);
    }
    const inFiles = async () => {
      const sql = `SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS d FROM read_parquet('${folder}/t/*.parquet')`;
      return await rows(":memory:", sql);
    };
    await vi.waitFor(async () => expect(await inFiles()).toEqual([{ n: total, d: total }]), WAIT);
    await managed.remove(made.name);
    await vi.waitFor(
      async () =>
        expect(await rows(path, "SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS d FROM t")).toEqual([
          { n: total, d: total },
        ]),
      WAIT,
    );
  });

  test("over a restart of the connector, whatever the cluster has stored", async () => {
    const path = newPath();
    const topic = await connectors.topicWith(numbers(100), 2);
    const made = config(path, topic, { table: "t", "create-table": "true", batch: { size: "7" } });
    const first = connectors.start(connector, made);
    await vi.waitFor(() => expect(first.counters.records).toBeGreaterThan(30), WAIT);
    await first.stop();
    await connectors.produce(topic, numbers(100, 100));
    const second = connectors.start(connector, made);
    await vi.waitFor(() => expect(first.counters.records + second.counters.records).toBe(200), WAIT);
    await second.stop();
    expect(await rows(path, "SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS d FROM t")).toEqual([
      { n: 200, d: 200 },
    ]);
  });
});

test("a file that another process has open is waited for, and the state says so", async () => {
  const path = newPath();
  await rows(path, "CREATE TABLE t (id INTEGER)");
  const driver = import.meta.resolve("@duckdb/node-api");
  const script = `const { DuckDBInstance } = await import(${JSON.stringify(driver)});
    await DuckDBInstance.create(${JSON.stringify(path)}); console.log("open"); process.stdin.on("data", () => process.exit()).resume();`;
  const holder = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  await new Promise((resolve) => holder.child.stdout?.once("data", resolve));
  const topic = await connectors.topicWith(numbers(1));
  const sink = connectors.start(connector, config(path, topic, { table: "t" }));
  await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain("another process has the file open"), WAIT);
  holder.child.stdin?.write("x");
  await holder;
  await vi.waitFor(() => expect(sink.counters.records).toBe(1), WAIT);
  expect(sink.troubles.at(-1)).toBe("");
});
