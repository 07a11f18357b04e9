import pg from "pg";
import { describe, expect, test } from "vitest";
import { connector as source } from "../../../packages/connectors/postgres/source.ts";
import { CHANGES, numbers, postgresSuite } from "./postgres-suite.ts";

const { connectors, postgres, name, sql, config, streaming, started, changes, ids } = postgresSuite();

describe("messages of replication", () => {
  test("are records of the first connector's form", async () => {
    await sql("CREATE TABLE pets (id int PRIMARY KEY, name text, tame bool, weight float8, born date, age int8)");
    const topic = await connectors.topicWith([]);
    await started(topic);
    await sql("INSERT INTO pets VALUES (1, 'Rex', true, 1.5, '2020-01-02', 9007199254740993)");
    await sql("UPDATE pets SET name = NULL, id = 2");
    await sql("DELETE FROM pets");
    await sql("TRUNCATE pets RESTART IDENTITY");
    // One description of the table from the snapshot, and one from the stream.
    const found = (await connectors.records(topic, 15)).map(({ value }) => value);
    const records = found.map((value) => JSON.parse(value));
    const columns = [
      { flags: 1, name: "id", type_id: 23, type_modifier: -1 },
      { flags: 0, name: "name", type_id: 25, type_modifier: -1 },
      { flags: 0, name: "tame", type_id: 16, type_modifier: -1 },
      { flags: 0, name: "weight", type_id: 701, type_modifier: -1 },
      { flags: 0, name: "born", type_id: 1082, type_modifier: -1 },
      { flags: 0, name: "age", type_id: 20, type_modifier: -1 },
    ];
    const relation = { type: "relation", rel_id: expect.any(Number), namespace: "public", name: "pets" };
    expect(records[0]).toEqual({
      wal_start: expect.any(Number),
      wal_end: expect.any(Number),
      timestamp: expect.any(Number),
      snapshot: true,
      message: { ...relation, replica_identity: "Default", columns },
    });
    expect(records[1].message).toEqual({
      type: "begin",
      final_lsn: expect.any(Number),
      timestamp: expect.any(Number),
      xid: expect.any(Number),
    });
    const since2000 = (Date.now() - Date.UTC(2000, 0, 1)) * 1000;
    expect(Math.abs(records[1].message.timestamp - since2000)).toBeLessThan(60_000_000);
    expect(Math.abs(records[1].timestamp - since2000)).toBeLessThan(60_000_000);
    expect(records[2].message).toEqual({ ...relation, replica_identity: "Default", columns });
    const { rel_id } = records[2].message;
    const born = { RawText: [...Buffer.from("2020-01-02")] };
    expect(records[3].message).toEqual({
      type: "insert",
      rel_id,
      tuple: [{ Int4: 1 }, { String: "Rex" }, { Bool: true }, { Float8: 1.5 }, born, { Int8: 9007199254740992 }],
    });
    expect(found[3]).toContain('{"Int8":9007199254740993}');
    expect(records[4].message).toEqual({
      type: "commit",
      flags: 0,
      commit_lsn: records[1].message.final_lsn,
      end_lsn: expect.any(Number),
      timestamp: records[1].message.timestamp,
    });
    expect(records[6].message).toMatchObject({
      type: "update",
      rel_id,
      old_tuple: null,
      key_tuple: [{ Int4: 1 }, "Null", "Null", "Null", "Null", "Null"],
      new_tuple: [{ Int4: 2 }, "Null", { Bool: true }, { Float8: 1.5 }, born, { Int8: 9007199254740992 }],
    });
    expect(records[9].message).toMatchObject({
      type: "delete",
      rel_id,
      old_tuple: null,
      key_tuple: [{ Int4: 2 }, "Null", "Null", "Null", "Null", "Null"],
    });
    expect(records[13].message).toEqual({ type: "truncate", options: 2, rel_ids: [rel_id] });
  });

  test("tell of values that did not change, of whole rows, and of a table that was altered", async () => {
    await sql(`CREATE TABLE docs (id int PRIMARY KEY, body text, note text);
      ALTER TABLE docs ALTER body SET STORAGE EXTERNAL; INSERT INTO docs VALUES (1, repeat('x', 10000), 'a')`);
    const topic = await connectors.topicWith([]);
    await started(topic, CHANGES);
    await sql("UPDATE docs SET note = 'b'");
    await sql("ALTER TABLE docs ADD extra jsonb; UPDATE docs SET extra = '{\"a\": [1]}'");
    await sql("ALTER TABLE docs REPLICA IDENTITY FULL; UPDATE docs SET note = 'c', body = 'short'");
    const found = await changes(topic, 4);
    expect(found[0]).toMatchObject({
      op: "read",
      key: { id: 1 },
      after: { id: 1, body: "x".repeat(10_000), note: "a" },
    });
    expect(found[1]).toMatchObject({ op: "update", after: { id: 1, note: "b" }, unchanged: ["body"] });
    expect(found[1]?.after).not.toHaveProperty("body");
    expect(found[2]).toMatchObject({ after: { extra: { a: [1] } } });
    expect(found[3]).toMatchObject({
      before: { note: "b", body: "x".repeat(10_000) },
      after: { note: "c", body: "short" },
    });
  });
});

describe("a snapshot", () => {
  test("and the changes behind it make up the table, whatever is written meanwhile", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 4999)");
    const topic = await connectors.topicWith([]);
    const writer = new pg.Client({ connectionString: postgres().url(name()) });
    await writer.connect();
    let next = 5000;
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await writer.query("INSERT INTO t VALUES ($1)", [next++]);
    })();
    await started(topic, CHANGES);
    await connectors.records(topic, 5500);
    isWriting = false;
    await writing;
    await writer.end();
    expect(await ids(topic, next)).toEqual(numbers(0, next));
    const ops = (await changes(topic, next)).map(({ op }) => op);
    expect(ops.lastIndexOf("read")).toBe(ops.indexOf("insert") - 1);
  });

  test("has the tables, rows and columns of the publication", async () => {
    await sql(`CREATE TABLE a (id int PRIMARY KEY, secret text); INSERT INTO a VALUES (1, 'x'), (2, 'y');
      CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (3);
      CREATE PUBLICATION ${name()} FOR TABLE a (id) WHERE (id > 1)`);
    const topic = await connectors.topicWith([]);
    await started(topic, CHANGES);
    await sql("INSERT INTO a VALUES (0, 'z'), (4, 'z')");
    const found = await changes(topic, 2);
    expect(found.map(({ after }) => after)).toEqual([{ id: 2 }, { id: 4 }]);
  });

  test("is left out with `snapshot: never`, and for a slot that is there already", async () => {
    await sql(
      `CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION ${name()} FOR ALL TABLES`,
    );
    const never = await connectors.topicWith([]);
    const connector = await started(never, { ...CHANGES, snapshot: "never" });
    await sql("INSERT INTO t VALUES (2)");
    expect(await ids(never, 1)).toEqual([2]);
    await connector.stop();
    await sql(`SELECT pg_drop_replication_slot('${name()}'); SELECT pg_create_logical_replication_slot('${name()}', 'pgoutput');
      INSERT INTO t VALUES (3)`);
    const existing = await connectors.topicWith([]);
    await started(existing, { ...CHANGES, skip_setup: "true" });
    expect(await ids(existing, 1)).toEqual([3]);
  });

  test("that was not completed begins again, with a warning", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 59999)");
    const topic = await connectors.topicWith([]);
    const own = config(topic, CHANGES);
    const first = connectors.start(source, own);
    await connectors.records(topic, 2000);
    await first.stop();
    expect(first.lines.map(({ message }) => message)).not.toContain("snapshot complete");
    const before = (await connectors.stored(topic)).length;
    const second = connectors.start(source, own);
    await second.until(() => second.lines.some(({ message }) => message === "snapshot complete"));
    expect(second.lines.map(({ message }) => message)).toContain("the snapshot was not completed: it begins again");
    await sql("INSERT INTO t VALUES (60000)");
    const all = await ids(topic, before + 60_001);
    expect(all.slice(before)).toEqual(numbers(0, 60_001));
  });
});

describe("a connector that is started again", () => {
  test("goes on behind the last transaction, without loss and without repetition", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const own = config(topic, CHANGES);
    const first = connectors.start(source, own);
    await streaming(first);
    await sql("INSERT INTO t SELECT generate_series(0, 99)");
    await connectors.records(topic, 100);
    await first.stop();
    await sql("INSERT INTO t SELECT generate_series(100, 199)");
    const second = connectors.start(source, own);
    await connectors.records(topic, 200);
    await sql("INSERT INTO t VALUES (200)");
    expect(await ids(topic, 201)).toEqual(numbers(0, 201));
    expect(second.lines.map(({ message }) => message)).not.toContain("slot made");
  });

  test("in the middle of a transaction goes on within it", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const own = config(topic, CHANGES);
    const first = connectors.start(source, own);
    await streaming(first);
    await sql("INSERT INTO t SELECT generate_series(0, 29999)");
    await connectors.records(topic, 100);
    await first.stop();
    const before = (await connectors.stored(topic)).length;
    expect(before).toBeLessThan(30_000);
    const second = connectors.start(source, own);
    await connectors.records(topic, 30_000);
    await sql("INSERT INTO t VALUES (30000)");
    expect(await ids(topic, 30_001)).toEqual(numbers(0, 30_001));
    await second.stop();
    expect(await connectors.stored(topic)).toHaveLength(30_001);
  });

  test("is given the server's changes of overlapping transactions once, in the order of their commits", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY)");
    const topic = await connectors.topicWith([]);
    const own = config(topic, CHANGES);
    const clients = await Promise.all(
      numbers(0, 4).map(async () => {
        const client = new pg.Client({ connectionString: postgres().url(name()) });
        await client.connect();
        return client;
      }),
    );
    let connector = connectors.start(source, own);
    await streaming(connector);
    let id = 0;
    for (let round = 0; round < 5; round++) {
      for (let turn = 0; turn < 5; turn++) {
        await Promise.all(clients.map((client) => client.query("BEGIN")));
        await Promise.all(clients.map((client) => client.query("INSERT INTO t VALUES ($1)", [id++])));
        await Promise.all(clients.map((client) => client.query("COMMIT")));
      }
      await connector.stop();
      connector = connectors.start(source, own);
    }
    await Promise.all(clients.map((client) => client.end()));
    const found = await ids(topic, id);
    expect(found.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(0, id));
    await connector.stop();
    expect(await connectors.stored(topic)).toHaveLength(id);
  });

  test("ends when the slot is gone, and reads all rows again when it is told to", async () => {
    await sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    const topic = await connectors.topicWith([]);
    const own = config(topic, CHANGES);
    const first = connectors.start(source, own);
    await streaming(first);
    await connectors.records(topic, 1);
    await first.stop();
    await sql(`SELECT pg_drop_replication_slot('${name()}'); INSERT INTO t VALUES (2)`);
    const second = connectors.start(source, own);
    await expect(second.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringMatching(new RegExp(`slot ${name()} is gone: changes behind .* are lost`)),
      hint: expect.stringMatching(/on-lost-slot: snapshot/),
    });
    const parameters = { ...own.parameters, "on-lost-slot": "snapshot" };
    connectors.start(source, { ...own, parameters });
    expect(await ids(topic, 3)).toEqual([1, 1, 2]);
  });
});
