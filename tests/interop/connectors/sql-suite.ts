import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connector } from "../../../packages/connectors/sql/sink.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import type { Service } from "../services/service.ts";
import { TcpProxy } from "../services/tcp-proxy.ts";

/** A server that the SQL sink writes to. */
interface SqlServer extends AsyncDisposable {
  readonly service: Service;
  readonly port: number;
  url(database?: string, port?: number): string;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

export interface SqlSuiteOptions {
  start(): Promise<SqlServer>;
  readonly database: string;
  /** What the server says of a duplicate key, a value that is too long, a table that is missing. */
  readonly words: { readonly duplicate: string; readonly tooLong: string; readonly noTable: string };
  /** What it says of a database that is not there, and of a wrong password. */
  readonly noDatabase: string;
  readonly noPassword: string;
}

type Parameters = Readonly<Record<string, ParameterValue>>;
const WAIT = { timeout: 60_000, interval: 10 };
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `{"id":${from + index}}`);

/** What the sink promises of every database server. */
export function sqlSuite(name: string, options: SqlSuiteOptions) {
  const connectors = useConnectors();
  const managed = useManaged(connectors);
  const state: { server?: SqlServer; tables: number } = { tables: 0 };
  const server = () => state.server as SqlServer;
  beforeAll(async () => {
    state.server = await options.start();
  });
  afterAll(() => state.server?.[Symbol.asyncDispose]());

  const newTable = () => `t${++state.tables}`;
  const rows = (sql: string) => server().query(sql);
  const config = (topic: string, parameters: Parameters, port?: number) =>
    connectors.config("sql-sink", topic, { url: server().url(options.database, port), ...parameters });
  const count = async (table: string) => {
    const [found] = await rows(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${table}`);
    return [Number(found?.n), Number(found?.d)];
  };
  /** Every number once. */
  const complete = (table: string, expected: number) =>
    vi.waitFor(async () => expect(await count(table)).toEqual([expected, expected]), WAIT);
  const madeTable = async () => {
    const table = newTable();
    await rows(`CREATE TABLE ${table} (id INTEGER NOT NULL)`);
    return table;
  };

  describe(`${name}: records`, () => {
    test("that the database refuses go where `on-error` says, alone and with its words", async () => {
      const table = newTable();
      await rows(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, x VARCHAR(5))`);
      const values = Array.from({ length: 500 }, (_, id) => JSON.stringify({ id, x: `x${id}` }));
      values.splice(100, 0, '{"id":7}', '{"id":9001,"x":"too long"}', "{", '{"id":9002,"y":1}', '{"id":"seven"}');
      const topic = await connectors.topicWith(values);
      const columns = { id: { path: "id", type: "int" }, x: "x" };
      const made = config(topic, { table, columns, "on-error": "dead-letter" });
      const sink = connectors.start(connector, made);
      await vi.waitFor(() => expect(sink.counters.records + sink.counters.recordErrors).toBe(505), WAIT);
      expect(await count(table)).toEqual([501, 501]);
      const letters = await connectors.records(`${made.name}-dead-letter`, 4);
      const reasons = letters.map(({ value }) => JSON.parse(value) as { offset: number; reason: string });
      const reasonAt = (offset: number) => reasons.find((one) => one.offset === offset)?.reason ?? "";
      expect(reasonAt(100)).toContain(options.words.duplicate);
      expect(reasonAt(101)).toContain(options.words.tooLong);
      expect(reasonAt(102)).toContain("the record is not JSON");
      expect(reasonAt(104)).toContain('"seven" is not of the type Int');
    });

    test.each(["skip", "stop", "retry"])("for a table that is missing: %s", async (onError) => {
      const table = newTable();
      const topic = await connectors.topicWith(numbers(1));
      const sink = connectors.start(connector, config(topic, { table, "on-error": onError }));
      if (onError === "stop") {
        await expect(sink.done).rejects.toMatchObject({ message: expect.stringContaining(options.words.noTable) });
      } else if (onError === "skip") {
        await vi.waitFor(() => expect(sink.counters.recordErrors).toBe(1), WAIT);
      } else {
        await vi.waitFor(() => expect(sink.troubles.join()).toContain(options.words.noTable), WAIT);
        await rows(`CREATE TABLE ${table} (id INTEGER NOT NULL)`);
        await complete(table, 1);
        await vi.waitFor(() => expect(sink.troubles.at(-1)).toBe(""), WAIT);
      }
    });

    test("a dot separates schema and table, but in quotes; a column is one name", async () => {
      const [schema, name] = [newTable(), `${newTable()}.x`];
      await rows(`CREATE SCHEMA ${schema}`);
      const topic = await connectors.topicWith(
        Array.from({ length: 50 }, (_, id) => JSON.stringify({ id, "a.b": id })),
      );
      for (const table of [`${schema}.plain`, `${schema}."${name}"`, `"${name}"`]) {
        const parameters = { table, "create-table": "true" };
        const sink = connectors.start(connector, config(topic, parameters));
        await vi.waitFor(() => expect(sink.counters.records).toBe(50), WAIT);
      }
      const found = await rows(
        `SELECT table_schema AS s, table_name AS t, column_name AS c FROM information_schema.columns ` +
          `WHERE column_name = 'a.b' AND (table_schema = '${schema}' OR table_name = '${name}')`,
      );
      expect(found.map(({ t }) => t).sort()).toEqual([name, name, "plain"].sort());
      expect(found.filter(({ s }) => s === schema)).toHaveLength(2);
      expect(await count(`${schema}.plain`)).toEqual([50, 50]);
    });

    test("upsert: the last one of each key stays, in several batches and within one", async () => {
      const table = newTable();
      const values = Array.from({ length: 3000 }, (_, index) => JSON.stringify({ id: index % 100, n: index }));
      const parameters = {
        table,
        columns: { id: { type: "int" }, n: { type: "bigint" } },
        operation: "upsert",
        "unique-columns": "id",
        "create-table": "true",
        batch: { size: "250" },
      };
      const sink = connectors.start(connector, config(await connectors.topicWith(values), parameters));
      await vi.waitFor(() => expect(sink.counters.records).toBe(3000), WAIT);
      const [found] = await rows(`SELECT count(*) AS n, min(n) AS low, max(n) AS high FROM ${table}`);
      expect([Number(found?.n), Number(found?.low), Number(found?.high)]).toEqual([100, 2900, 2999]);
    });
  });

  describe(`${name}: each record once`, () => {
    test("when the process is killed in the middle, again and again", async () => {
      const table = await madeTable();
      const total = 3000;
      const made = config(await connectors.topicWith(numbers(total)), { table, batch: { size: "20" } });
      managed.apply(made);
      for (const reached of [100, 700, 1500]) {
        await vi.waitFor(async () => expect((await count(table))[0]).toBeGreaterThan(reached), WAIT);
        await managed.kill(made.name);
      }
      await complete(table, total);
      expect(managed.status(made.name)).toMatchObject({ resolution: "running" });
    });

    test("when the database is killed in the middle, and comes back", async () => {
      const table = await madeTable();
      const total = 4000;
      const topic = await connectors.topicWith(numbers(total));
      const sink = connectors.start(connector, config(topic, { table, batch: { size: "10" } }));
      for (const reached of [200, 1500]) {
        await vi.waitFor(() => expect(sink.counters.records).toBeGreaterThan(reached), WAIT);
        await server().service.kill();
        await vi.waitFor(() => expect(sink.troubles.at(-1)).not.toBe(""), WAIT);
        await server().service.start();
      }
      await vi.waitFor(() => expect(sink.counters.records).toBe(total), WAIT);
      await complete(table, total);
      expect(sink.troubles.at(-1)).toBe("");
    });

    test("when the answer to a commit never comes", async () => {
      const table = await madeTable();
      await using proxy = await TcpProxy.to(server().port);
      const total = 500;
      const topic = await connectors.topicWith(numbers(total));
      const cut = proxy.cutAfter("COMMIT");
      const sink = connectors.start(connector, config(topic, { table, batch: { size: "10" } }, proxy.port));
      await cut;
      for (let round = 0; round < 5; round++) await proxy.cutAfter("COMMIT");
      await vi.waitFor(() => expect(sink.counters.records).toBe(total), WAIT);
      await complete(table, total);
      await sink.stop();
    });

    test("when connections are cut anywhere", async () => {
      const table = await madeTable();
      await using proxy = await TcpProxy.to(server().port);
      const total = 2000;
      const topic = await connectors.topicWith(numbers(total));
      const sink = connectors.start(connector, config(topic, { table, batch: { size: "5" } }, proxy.port));
      for (let reached = 50; reached < total; reached += 150) {
        await vi.waitFor(() => expect(sink.counters.records).toBeGreaterThan(reached), WAIT);
        proxy.cut();
      }
      await vi.waitFor(() => expect(sink.counters.records).toBe(total), WAIT);
      await complete(table, total);
      await sink.stop();
    });

    test("when two connectors of one name write at the same time", async () => {
      const table = await madeTable();
      const total = 2000;
      const made = config(await connectors.topicWith(numbers(total)), { table, batch: { size: "10" } });
      const sinks = [connectors.start(connector, made), connectors.start(connector, made)];
      const places = () => sinks.map((one) => one.counters.positions.get(0));
      await vi.waitFor(() => expect(places()).toEqual([total, total]), WAIT);
      await complete(table, total);
      // both know the same position now: whichever comes second meets the other's
      await connectors.produce(made.topic, numbers(200, total));
      await complete(table, total + 200);
      await vi.waitFor(() => expect(sinks.map((one) => one.troubles.at(-1) ?? "")).toEqual(["", ""]), WAIT);
      const told = sinks.flatMap(({ troubles }) => troubles).join();
      expect(told).toContain("another process writes to");
      await Promise.all(sinks.map((one) => one.stop()));
    });

    test("over a restart of the connector, in many partitions", async () => {
      const table = await madeTable();
      const topic = await connectors.topicWith(numbers(300), 3);
      const made = config(topic, { table, batch: { size: "25" } });
      const first = connectors.start(connector, made);
      await vi.waitFor(() => expect(first.counters.records).toBeGreaterThan(50), WAIT);
      await first.stop();
      await connectors.produce(topic, numbers(300, 300));
      connectors.start(connector, made);
      await complete(table, 600);
    });
  });

  describe(`${name}: the state tells the truth`, () => {
    test("when the database is down at the start", async () => {
      const table = await madeTable();
      const topic = await connectors.topicWith(numbers(10));
      await server().service.kill();
      const sink = connectors.start(connector, config(topic, { table }));
      await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain("cannot connect to"), WAIT);
      expect(JSON.stringify(sink.lines)).toContain("ECONNREFUSED");
      await server().service.start();
      await complete(table, 10);
      await vi.waitFor(() => expect(sink.troubles.at(-1)).toBe(""), WAIT);
    });

    test("when the database is lost while no record comes", async () => {
      const table = await madeTable();
      const topic = await connectors.topicWith(numbers(1));
      const sink = connectors.start(connector, config(topic, { table }));
      await complete(table, 1);
      await server().service.kill();
      await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain("cannot connect to"), WAIT);
      await server().service.start();
      await vi.waitFor(() => expect(sink.troubles.at(-1)).toBe(""), WAIT);
      await connectors.produce(topic, numbers(1, 1));
      await complete(table, 2);
    });

    test("when it does not answer", async () => {
      const table = await madeTable();
      await using proxy = await TcpProxy.to(server().port);
      const topic = await connectors.topicWith(numbers(1));
      const sink = connectors.start(connector, config(topic, { table }, proxy.port));
      await complete(table, 1);
      proxy.freeze();
      await connectors.produce(topic, numbers(1, 1));
      await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain("has not answered for 3 s"), WAIT);
      proxy.thaw();
      await complete(table, 2);
      await vi.waitFor(() => expect(sink.troubles.at(-1)).toBe(""), WAIT);
      await sink.stop();
    });

    test("of a wrong password, which is told nowhere, until it is the right one", async () => {
      const topic = await connectors.topicWith(numbers(1));
      const url = server().url(options.database).replace("s3cret", "mistaken");
      expect(url).toContain(":mistaken@");
      const made = connectors.config("sql-sink", topic, { url, table: newTable() });
      const sink = connectors.start(connector, made);
      await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain(options.noPassword), WAIT);
      expect(JSON.stringify([sink.lines, sink.messages])).not.toContain("mistaken");
    });

    test("of a database that is not there, without the password", async () => {
      const topic = await connectors.topicWith(numbers(1));
      const url = server().url("nowhere");
      const sink = connectors.start(connector, connectors.config("sql-sink", topic, { url, table: "t" }));
      await vi.waitFor(() => expect(sink.troubles.at(-1) ?? "").toContain(options.noDatabase), WAIT);
      expect(JSON.stringify([sink.lines, sink.troubles])).not.toContain("s3cret");
    });
  });

  return { connectors, rows, config, newTable };
}
