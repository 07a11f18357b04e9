import { join } from "node:path";
import Database from "libsql";
import { describe, expect, test, vi } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { useConnectors } from "../testing/connectors.ts";
import { connector } from "./sink.ts";

const connectors = useConnectors();
const state = { files: 0 };

const reached = (holds: () => boolean) =>
  vi.waitFor(() => expect(holds()).toBe(true), { timeout: 30_000, interval: 5 });

/** A new file of SQLite. */
function newFile(): { readonly path: string; rows(sql: string): unknown[]; exec(sql: string): Promise<void> } {
  const path = join(connectors.folder, `${++state.files}.db`);
  const using = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(path);
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    path,
    rows: (sql) => using((database) => database.prepare(sql).raw().all()),
    // The sink may hold the lock just then.
    exec: (sql) => vi.waitFor(() => void using((database) => database.exec(sql)), { timeout: 30_000, interval: 5 }),
  };
}

const sinkConfig = (
  path: string,
  topic: string,
  parameters: Readonly<Record<string, ParameterValue>> = {},
  more: Partial<ConnectorConfig> = {},
) => connectors.config("sql-sink", topic, { url: `sqlite:${path}`, ...parameters }, more);

const insert = (table: string, ...values: readonly (readonly [string, string, string])[]) =>
  JSON.stringify({
    Insert: { table, values: values.map(([column, raw_value, type]) => ({ column, raw_value, type })) },
  });

describe("rows of the SQL model", () => {
  test("are written with their types, into tables that are made", async () => {
    const file = newFile();
    const topic = await connectors.topicWith([
      insert(
        "t",
        ["i", "7", "BigInt"],
        ["b", "true", "Bool"],
        ["f", "1.5", "DoublePrecision"],
        ["x", "a'b", "Text"],
        ["raw", "\\x00ff", "Bytes"],
        ["at", "2026-01-02T03:04:05.5+01:00", "Timestamp"],
        ["doc", '{"a":1}', "Json"],
        ["none", "", "Int"],
      ),
      insert("other", ["x", "y", "Text"]),
    ]);
    const sink = connectors.start(connector, sinkConfig(file.path, topic, { "create-table": "true" }));
    await reached(() => sink.counters.records === 2);
    expect(file.rows('SELECT i, typeof(i), b, f, x, hex(raw), "at", doc, "none" FROM t')).toEqual([
      [7, "integer", 1, 1.5, "a'b", "00FF", "2026-01-02 02:04:05.5", '{"a":1}', null],
    ]);
    expect(file.rows("SELECT x FROM other")).toEqual([["y"]]);
  });

  test("of an upsert replace the row with the same key, also within a batch", async () => {
    const file = newFile();
    const upsert = (id: string, x: string) =>
      JSON.stringify({
        Upsert: {
          table: "t",
          values: [
            { column: "id", raw_value: id, type: "Int" },
            { column: "x", raw_value: x, type: "Text" },
          ],
          id_columns: ["id"],
          uniq_idx: "id",
        },
      });
    const topic = await connectors.topicWith([upsert("1", "a"), upsert("2", "b"), upsert("1", "c")]);
    const sink = connectors.start(connector, sinkConfig(file.path, topic, { "create-table": "true" }));
    await reached(() => sink.counters.records === 3);
    await connectors.produce(topic, [upsert("2", "d")]);
    await reached(() => sink.counters.records === 4);
    expect(file.rows("SELECT id, x FROM t ORDER BY id")).toEqual([
      [1, "c"],
      [2, "d"],
    ]);
  });
});

describe("JSON records", () => {
  test("are mapped to columns by path, with types, defaults and required fields", async () => {
    const file = newFile();
    const columns = {
      id: { path: "$.user.id", type: "bigint", required: "true" },
      name: "user.name",
      tag: { path: "tags.0", default: "none" },
      doc: { path: "$", type: "json" },
    };
    const topic = await connectors.topicWith([
      '{"user":{"id":12345678901234567,"name":"a"},"tags":["t"]}',
      '{"user":{"name":"b"}}',
      '{"user":{"id":2}}',
      '{"user":{"id":"x"}}',
    ]);
    const parameters = { table: "people", columns, "create-table": "true", "on-error": "dead-letter" };
    const config = sinkConfig(file.path, topic, parameters);
    const sink = connectors.start(connector, config);
    await reached(() => sink.counters.records + sink.counters.recordErrors === 4);
    expect(file.rows("SELECT CAST(id AS TEXT), name, tag FROM people ORDER BY rowid")).toEqual([
      ["12345678901234567", "a", "t"],
      ["2", null, "none"],
    ]);
    expect(file.rows("SELECT doc FROM people WHERE id = 2")).toEqual([['{"user":{"id":2}}']]);
    const letters = await connectors.records(`${config.name}-dead-letter`, 2);
    expect(letters.map(({ value }) => (JSON.parse(value) as { reason: string }).reason)).toEqual([
      "column id: the required field $.user.id is missing",
      'column id: "x" is not of the type BigInt',
    ]);
  });

  test("without a mapping fill the columns of their names", async () => {
    const file = newFile();
    await file.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c)");
    const topic = await connectors.topicWith(['{"a":1,"b":"x"}', '{"b":"y","a":2,"c":true}', '{"a":1,"b":"z"}']);
    const parameters = { table: "t", operation: "upsert", "unique-columns": "a" };
    const sink = connectors.start(connector, sinkConfig(file.path, topic, parameters));
    await reached(() => sink.counters.records === 3);
    expect(file.rows("SELECT a, b, c FROM t ORDER BY a")).toEqual([
      [1, "z", null],
      [2, "y", 1],
    ]);
  });

  test.each(["main.t", '"a.b"', 'main."a ""b"".c"'])("are put into the table %s and its column a.b", async (table) => {
    const file = newFile();
    const name = { "main.t": "t", '"a.b"': "a.b" }[table] ?? 'a "b".c';
    const topic = await connectors.topicWith(['{"id":1,"a.b":"x"}', '{"id":1,"a.b":"y"}', '{"id":2,"a.b":"z"}']);
    const columns = { id: { type: "int" }, "a.b": { type: "text" } };
    const keys = { operation: "upsert", "unique-columns": "id", "create-table": "true" };
    const parameters = { table, columns, ...keys, "offsets-table": '"my.offsets"' };
    const sink = connectors.start(connector, sinkConfig(file.path, topic, parameters));
    await reached(() => sink.counters.records === 3);
    expect(file.rows(`SELECT id, "a.b" FROM "${name.replaceAll('"', '""')}" ORDER BY id`)).toEqual([
      [1, "y"],
      [2, "z"],
    ]);
    expect(file.rows('SELECT last_offset FROM "my.offsets"')).toEqual([[2]]);
  });

  test("are mapped as json-sql would", async () => {
    const file = newFile();
    const mapping = {
      table: "m",
      operation: "upsert",
      "unique-columns": ["id"],
      "map-columns": {
        id: { "json-key": "device.id", value: { type: "int", required: "true" } },
        kind: { "json-key": "$.device.kind", value: { type: "text", default: "mobile" } },
      },
    };
    const topic = await connectors.topicWith(['{"device":{"id":1}}', '{"device":{"id":1,"kind":"fixed"}}']);
    const sink = connectors.start(connector, sinkConfig(file.path, topic, { mapping, "create-table": "true" }));
    await reached(() => sink.counters.records === 2);
    expect(file.rows("SELECT id, kind FROM m")).toEqual([[1, "fixed"]]);
  });
});

test("changes of rows are applied: insert, update, delete, truncate, new keys, and a second time", async () => {
  const file = newFile();
  await file.exec(
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL, big TEXT NOT NULL); CREATE TABLE u (id INTEGER)",
  );
  await file.exec("INSERT INTO u VALUES (1)");
  const change = (op: string, more: object) => JSON.stringify({ op, schema: "public", table: "t", ...more });
  const put = (op: string, id: number, x: string) =>
    change(op, { key: { id }, before: null, after: { id, x, big: "b" } });
  const changes = [
    put("read", 1, "a"),
    put("insert", 2, "b"),
    put("insert", 3, "c"),
    put("update", 2, "b2"),
    change("update", { key: { id: 1 }, before: null, after: { id: 1, x: "a2" }, unchanged: ["big"] }),
    change("update", { key: { id: 9 }, before: { id: 3 }, after: { id: 9, x: "c", big: "b" } }),
    change("delete", { key: { id: 2 }, before: { id: 2 }, after: null }),
    JSON.stringify({ op: "truncate", schema: "public", table: "u" }),
  ];
  const topic = await connectors.topicWith([
    ...changes,
    '{"op":"other"}',
    change("delete", { key: null, before: { id: 1 } }),
  ]);
  const sink = connectors.start(connector, sinkConfig(file.path, topic, { changes: "true", "on-error": "skip" }));
  await reached(() => sink.counters.records + sink.counters.recordErrors === 10);
  expect(sink.counters).toMatchObject({ records: 8, recordErrors: 2 });
  expect(file.rows("SELECT id, x, big FROM t ORDER BY id")).toEqual([
    [1, "a2", "b"],
    [9, "c", "b"],
  ]);
  expect(file.rows("SELECT * FROM u")).toEqual([]);
  await connectors.produce(topic, changes.slice(4, 7));
  await reached(() => sink.counters.records === 11);
  expect(file.rows("SELECT id FROM t ORDER BY id")).toEqual([[1], [9]]);
});

describe("records that the database refuses", () => {
  const parameters = { table: "t", columns: { id: { path: "id", type: "int" }, x: "x" }, "on-error": "skip" };
  const lines = (count: number) => Array.from({ length: count }, (_, id) => JSON.stringify({ id, x: `x${id}` }));

  test("are found among the others, with the database's own words", async () => {
    const file = newFile();
    await file.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL CHECK (x <> 'x70'))");
    const values = lines(100);
    values.splice(20, 0, "no JSON", '{"id":5,"x":"again"}', '{"id":200}');
    const sink = connectors.start(connector, sinkConfig(file.path, await connectors.topicWith(values), parameters));
    await reached(() => sink.counters.records + sink.counters.recordErrors === 103);
    expect(sink.counters).toMatchObject({ records: 99, recordErrors: 4 });
    expect(file.rows("SELECT count(*), sum(id) FROM t")).toEqual([[99, 4950 - 70]]);
    const reasons = sink.lines.flatMap(({ message, details }) =>
      message.startsWith("record skipped") ? [String(details.reason)] : [],
    );
    expect(reasons).toEqual([
      expect.stringContaining("the record is not JSON"),
      expect.stringContaining("UNIQUE constraint failed: t.id"),
      expect.stringContaining("NOT NULL constraint failed: t.x"),
      expect.stringContaining("CHECK constraint failed"),
    ]);
  });

  test("wait, and the others with them, until the database is put right, with `on-error: retry`", async () => {
    const file = newFile();
    const topic = await connectors.topicWith(lines(3));
    const sink = connectors.start(connector, sinkConfig(file.path, topic, { ...parameters, "on-error": "retry" }));
    await sink.until(() => sink.troubles.some((reason) => reason.includes("no such table: t")));
    await file.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)");
    await reached(() => sink.counters.records === 3);
    expect(file.rows("SELECT id FROM t")).toEqual([[0], [1], [2]]);
  });

  test("end the sink with `on-error: stop`, and nothing of their batch is written", async () => {
    const file = newFile();
    await file.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL)");
    const topic = await connectors.topicWith(['{"id":1,"x":"a"}', '{"id":2}']);
    const sink = connectors.start(connector, sinkConfig(file.path, topic, { ...parameters, "on-error": "stop" }));
    await expect(sink.done).rejects.toMatchObject({ code: "FLV_CONNECTOR_STOPPED" });
    expect(file.rows("SELECT id FROM t")).toEqual([]);
  });
});

describe("the position", () => {
  const parameters = { table: "t", "create-table": "true", batch: { size: "7" } };

  test("is in the database: a sink goes on there, whatever the cluster has stored", async () => {
    const file = newFile();
    const topic = await connectors.topicWith(["0", "1", "2"].map((id) => `{"id":${id}}`));
    const config = sinkConfig(file.path, topic, parameters);
    const first = connectors.start(connector, config);
    await reached(() => first.counters.records === 3);
    await first.stop();
    expect(file.rows('SELECT connector, topic, "partition", last_offset, part FROM fluvio_offsets')).toEqual([
      [config.name, topic, 0, 2, 0],
    ]);
    await file.exec("DELETE FROM t WHERE id = 2; UPDATE fluvio_offsets SET last_offset = 1");
    await connectors.produce(topic, ['{"id":3}']);
    const second = connectors.start(connector, config);
    await reached(() => second.counters.records === 2);
    expect(file.rows("SELECT id FROM t")).toEqual([[0], [1], [2], [3]]);
  });

  test("moves on behind a record that a SmartModule refused: the next run does not put it aside again", async () => {
    const file = newFile();
    const name = connectors.newName();
    await connectors.fluvio.admin().createSmartModule(name, await buildAs("filter-map"));
    const topic = await connectors.topicWith(["2", "x"]);
    const own = { ...parameters, columns: { n: "$" }, "filter-map": name, "on-error": "dead-letter" };
    const config = sinkConfig(file.path, topic, own);
    const letters = () => connectors.stored(`${config.name}-dead-letter`);
    const isMoved = () => expect(file.rows("SELECT last_offset, part FROM fluvio_offsets")).toEqual([[1, 0]]);
    const first = connectors.start(connector, config);
    await vi.waitFor(isMoved, { timeout: 30_000, interval: 5 });
    await first.stop();
    expect(await letters()).toHaveLength(1);
    await connectors.produce(topic, ["4"]);
    const second = connectors.start(connector, config);
    await reached(() => second.counters.records === 1);
    await second.stop();
    expect(file.rows("SELECT n FROM t")).toHaveLength(2);
    expect(await letters()).toHaveLength(1);
  });

  test("that another process has moved is read again: nothing is written twice", async () => {
    const file = newFile();
    const topic = await connectors.topicWith(["0", "1", "2"].map((id) => `{"id":${id}}`));
    const sink = connectors.start(connector, sinkConfig(file.path, topic, parameters));
    await reached(() => sink.counters.records === 3);
    await file.exec("INSERT INTO t VALUES (3), (4); UPDATE fluvio_offsets SET last_offset = 4");
    await connectors.produce(
      topic,
      ["3", "4", "5"].map((id) => `{"id":${id}}`),
    );
    await reached(() => sink.counters.records === 6);
    expect(file.rows("SELECT id FROM t")).toEqual([[0], [1], [2], [3], [4], [5]]);
    expect(sink.troubles.join()).toContain("another process writes to sqlite:");
  });
});

test("a locked database is waited for, and the state says so", async () => {
  const file = newFile();
  await file.exec("CREATE TABLE t (id INTEGER)");
  const topic = await connectors.topicWith(['{"id":1}']);
  const other = new Database(file.path);
  other.exec("BEGIN EXCLUSIVE");
  const sink = connectors.start(connector, sinkConfig(file.path, topic, { table: "t" }));
  await sink.until(() => sink.troubles.some((reason) => reason.includes("database is locked")));
  other.exec("COMMIT");
  other.close();
  await reached(() => sink.counters.records === 1);
  expect(sink.troubles.at(-1)).toBe("");
});

describe("options", () => {
  const refusal = async (parameters: Readonly<Record<string, ParameterValue>>) => {
    const sink = connectors.start(connector, connectors.config("sql-sink", "t", parameters));
    return await sink.done.then(
      () => "",
      (error: Error) => error.message,
    );
  };

  test.each<[Readonly<Record<string, ParameterValue>>, string]>([
    [{ url: "oracle://x/" }, "is not a URL that begins with postgres://"],
    [{ url: "sqlite:x", columns: { a: "a" } }, "missing required option `parameters.table`"],
    [{ url: "sqlite:x", table: "t", operation: "upsert" }, "missing required option `parameters.unique-columns`"],
    [{ url: "sqlite:x", table: "t", columns: { a: "b..c" } }, 'has "b..c" for `a`, which is no path'],
    [{ url: "sqlite:x", table: "t", columns: { a: { type: "money" } } }, "has the unknown type money for `a`"],
    [{ url: "sqlite:x", table: "t", mapping: { table: "t", columns: { a: "b" } } }, "keep one"],
    [{ url: "sqlite:x", mapping: { columns: { a: "b" } } }, "has no `table`"],
  ])("%j is refused", async (parameters, sentence) => {
    expect(await refusal(parameters)).toContain(sentence);
  });
});
