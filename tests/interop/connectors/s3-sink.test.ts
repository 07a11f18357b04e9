import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { connector } from "../../../packages/connectors/s3/sink.ts";
import { connector as source } from "../../../packages/connectors/s3/source.ts";
import { type RunningConnector, useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import type { ConnectorConfig, ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { makeCertificates } from "../services/certificates.ts";
import { S3Server } from "../services/s3.ts";
import { TcpProxy } from "../services/tcp-proxy.ts";

/** The sink with a real S3 server and a real cluster. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 20 };
let s3: S3Server;
let bucket: string;
let count = 0;

beforeAll(async () => {
  s3 = await S3Server.start();
});
afterAll(() => s3?.[Symbol.asyncDispose]());
beforeEach(async () => {
  bucket = await s3.createBucket(`bucket-${++count}`);
});

function config(topic: string, parameters: Readonly<Record<string, ParameterValue>> = {}): ConnectorConfig {
  return connectors.config("s3-sink", topic, {
    ...s3.parameters,
    bucket,
    path: "{{partition}}/{{offset}}.{{extension}}",
    rotate: { interval: "20ms" },
    ...parameters,
  });
}
const start = (own: ConnectorConfig): RunningConnector => connectors.start(connector, own);
const json = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}`);
const offset = (number: number) => String(number).padStart(20, "0");

/** Lines of all objects, in the order of their keys. */
async function lines(): Promise<string[]> {
  const texts = await Promise.all((await s3.keys(bucket)).map((key) => s3.text(bucket, key)));
  return texts.flatMap((text) => text.split("\n").slice(0, -1));
}
const untilLines = (expected: readonly string[]) =>
  vi.waitFor(async () => expect(await lines()).toEqual(expected), WAIT);

/** Reads a Parquet object as another program does. */
async function parquetRows(key: string): Promise<unknown[]> {
  const folder = await mkdtemp(join(tmpdir(), "fluvio-parquet-"));
  try {
    const path = join(folder, "object.parquet");
    await writeFile(path, await s3.bytes(bucket, key));
    const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
    const types = await duckdb.runAndReadAll(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '${path}')`);
    const rows = await duckdb.runAndReadAll(`SELECT * FROM '${path}'`);
    duckdb.closeSync();
    return [types.getRowObjectsJson().map(({ column_type }) => column_type), ...rows.getRowObjectsJson()];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("objects", () => {
  test("are lines of JSON named by topic, day, partition and first offset", async () => {
    const topic = await connectors.topicWith(['{"a":1}', '{"a":\n2}']);
    const { path, ...parameters } = config(topic, { compression: "gzip" }).parameters;
    expect(path).toBeDefined();
    start({ ...config(topic), parameters });
    await untilLines(['{"a":1}', '{"a": 2}']);
    const day = new Date().toISOString().slice(0, 10);
    expect(await s3.keys(bucket)).toEqual([`${topic}/dt=${day}/0-${offset(0)}.ndjson.gz`]);
  });

  test("are cut by records, by size and by time", async () => {
    const topic = await connectors.topicWith(json(0, 5));
    start(config(topic, { rotate: { records: "2", interval: "1h" } }));
    await vi.waitFor(async () => expect(await s3.keys(bucket)).toHaveLength(2), WAIT);
    await connectors.produce(topic, json(5, 6));
    await untilLines(json(0, 6));
    expect(await s3.keys(bucket)).toEqual([0, 2, 4].map((one) => `0/${offset(one)}.ndjson`));
    const sized = await connectors.topicWith(json(0, 4));
    start(config(sized, { path: "sized/{{partition}}-{{offset}}", rotate: { size: "20B", interval: "50ms" } }));
    await vi.waitFor(async () => {
      expect((await s3.keys(bucket)).filter((key) => key.startsWith("sized"))).toHaveLength(2);
    }, WAIT);
  });

  test("are apart by partition and by parts of records", async () => {
    const topic = await connectors.topicWith([], 2);
    const values = ["de", "fr", "de", "c/h"].map((country) => JSON.stringify({ country }));
    await connectors.produce(topic, values);
    start(config(topic, { path: "country={{value.country}}/{{partition}}-{{offset}}.{{extension}}" }));
    await vi.waitFor(async () => expect((await lines()).sort()).toEqual([...values].sort()), WAIT);
    const keys = await s3.keys(bucket);
    expect([...new Set(keys.map((key) => key.split("/")[0]))]).toEqual(["country=c%2Fh", "country=de", "country=fr"]);
    for (const key of keys) {
      for (const line of (await s3.text(bucket, key)).split("\n").slice(0, -1)) {
        expect(key).toContain(`country=${encodeURIComponent(JSON.parse(line).country)}/`);
      }
    }
  });

  test("are CSV with a header, which the source reads again", async () => {
    const rows = [{ id: 1, text: 'a, "b"\nc' }, { id: 2, list: [1], text: "" }, { other: true }];
    const topic = await connectors.topicWith(rows.map((row) => JSON.stringify(row)));
    start(config(topic, { format: "csv" }));
    await vi.waitFor(async () => expect(await s3.keys(bucket)).toHaveLength(1), WAIT);
    const text = 'id,text,list,other\n1,"a, ""b""\nc",,\n2,"",[1],\n,,,true\n';
    expect(await s3.text(bucket, `0/${offset(0)}.csv`)).toBe(text);
    const back = await connectors.topicWith([]);
    const read = { ...s3.parameters, bucket, format: "csv", follow: "false" };
    await connectors.start(source, connectors.config("s3-source", back, read)).done;
    expect((await connectors.stored(back)).map(({ value }) => JSON.parse(value))).toEqual([
      { id: "1", text: 'a, "b"\nc', list: "", other: "" },
      { id: "2", text: "", list: "[1]", other: "" },
      { id: "", text: "", list: "", other: "true" },
    ]);
  });

  test("are Parquet, with the types of the values or those asked for", async () => {
    const rows = [
      { id: 1, price: 1.5, name: "ü", ok: true, tags: ["a"], at: "2026-01-02T03:04:05Z" },
      { id: 2, price: 2, ok: false, tags: null },
    ];
    const topic = await connectors.topicWith(rows.map((row) => JSON.stringify(row)));
    start(config(topic, { format: "parquet" }));
    const typed = "id:integer, price:double, at:timestamp, id2:text";
    start(config(topic, { format: "parquet", path: "typed/{{partition}}-{{offset}}.{{extension}}", columns: typed }));
    await vi.waitFor(async () => expect(await s3.keys(bucket)).toHaveLength(2), WAIT);
    expect(await parquetRows(`0/${offset(0)}.parquet`)).toEqual([
      ["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "JSON", "VARCHAR"],
      { id: "1", price: 1.5, name: "ü", ok: true, tags: '["a"]', at: "2026-01-02T03:04:05Z" },
      { id: "2", price: 2, name: null, ok: false, tags: null, at: null },
    ]);
    expect(await parquetRows(`typed/0-${offset(0)}.parquet`)).toEqual([
      ["BIGINT", "DOUBLE", expect.stringContaining("TIMESTAMP"), "VARCHAR"],
      { id: "1", price: 1.5, at: expect.stringContaining("2026-01-02 03:04:05"), id2: null },
      { id: "2", price: 2, at: null, id2: null },
    ]);
  });
});

describe("a large object", () => {
  /** More than one part. */
  const large = Array.from({ length: 40 }, (_, index) => `${index % 10}`.repeat(1_000_000));
  const rotate = { size: "64MiB", records: `${large.length}`, interval: "1h" };
  const isWhole = async () => {
    const bytes = await s3.bytes(bucket, `0/${offset(0)}.txt`);
    return bytes.equals(Buffer.from(large.map((line) => `${line}\n`).join("")));
  };
  const sent = () => vi.waitFor(async () => expect(await s3.keys(bucket)).toHaveLength(1), WAIT);

  test("is sent in parts", async () => {
    start(config(await connectors.topicWith(large), { format: "lines", rotate, timeout: "10s" }));
    await sent();
    expect(await isWhole()).toBe(true);
    const { ETag } = await s3.client.send(new HeadObjectCommand({ Bucket: bucket, Key: `0/${offset(0)}.txt` }));
    expect(ETag).toMatch(/-2"$/);
    expect(await s3.unfinished(bucket)).toEqual([]);
  });

  test("whose connection is cut in a part is sent again, and nothing stays behind", async () => {
    await using proxy = await TcpProxy.to(Number(new URL(s3.endpoint).port));
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const cut = proxy.cutAfter("partNumber=2");
    const sink = start(config(await connectors.topicWith(large), { format: "lines", rotate, endpoint }));
    await cut;
    await sink.until(() => sink.troubles.at(-1)?.includes(`put s3://${bucket}/0/`) === true);
    await sent();
    expect(await isWhole()).toBe(true);
    expect(await s3.unfinished(bucket)).toEqual([]);
    await sink.stop();
  });
});

test("a server with a certificate of one's own authority is trusted when that is named, and only then", async () => {
  const certificates = await makeCertificates(connectors.folder);
  await using secured = await S3Server.start(certificates);
  await secured.createBucket("secured");
  const own = { ...secured.parameters, bucket: "secured" };
  const topic = await connectors.topicWith(json(0, 2));
  const distrustful = start(config(topic, own));
  await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));
  await distrustful.stop();
  start(config(topic, { ...own, ca: certificates.ca }));
  const back = await connectors.topicWith([]);
  const ca = await readFile(certificates.ca, "utf8");
  const reading = { ...own, "poll-interval": "50ms", ca };
  connectors.start(source, connectors.config("s3-source", back, reading));
  expect((await connectors.records(back, 2)).map(({ value }) => value)).toEqual(json(0, 2));
});

describe("delivery", () => {
  test("goes on behind what is written", async () => {
    const topic = await connectors.topicWith(json(0, 3));
    const own = config(topic);
    const first = start(own);
    await untilLines(json(0, 3));
    await first.stop();
    await connectors.produce(topic, json(3, 5));
    start(own);
    await untilLines(json(0, 5));
    expect(await s3.keys(bucket)).toEqual([0, 3].map((one) => `0/${offset(one)}.ndjson`));
  });

  test("an object that was written, but not noted, is overwritten by the next run, which has more records", async () => {
    const topic = await connectors.topicWith(json(0, 3));
    const own = config(topic);
    const first = start(own);
    await untilLines(json(0, 3));
    await first.stop();
    // As when it was killed between the write and the note.
    await connectors.fluvio.deleteConsumerOffset(own.name, topic, 0);
    await connectors.produce(topic, json(3, 5));
    start(own);
    await untilLines(json(0, 5));
    expect(await s3.keys(bucket)).toEqual([`0/${offset(0)}.ndjson`]);
  });

  test("of a process that is killed again and again: every record once, in order", async () => {
    const topic = await connectors.topicWith([]);
    const own = config(topic, { rotate: { records: "50", interval: "5ms" } });
    managed.apply(own);
    for (let round = 0; round < 3; round++) {
      await connectors.produce(topic, json(round * 500, round * 500 + 500));
      await vi.waitFor(async () => expect((await lines()).length).toBeGreaterThan(round * 500 + 100), WAIT);
      await managed.kill(own.name);
    }
    await untilLines(json(0, 1500));
    expect(managed.status(own.name)?.restarts).toBe(3);
  });

  test.each([
    ["skip", json(0, 4)],
    ["dead-letter", json(0, 4)],
    ["stop", []],
    ["retry", []],
  ] as const)("a record that has no place in a row, with on-error: %s", async (onError, expected) => {
    const topic = await connectors.topicWith([...json(0, 2), "no json", ...json(2, 4)]);
    const own = config(topic, { format: "parquet", "on-error": onError });
    const sink = start(own);
    const objects = async () => (await s3.keys(bucket)).length;
    if (onError === "stop") {
      await expect(sink.done).rejects.toMatchObject({ code: "FLV_CONNECTOR_STOPPED" });
    } else if (onError === "retry") {
      await sink.until(() => sink.troubles.at(-1)?.includes("the value is not JSON") === true);
    } else {
      await vi.waitFor(async () => expect(await objects()).toBe(1), WAIT);
      const [, ...rows] = await parquetRows((await s3.keys(bucket))[0] ?? "");
      expect(rows).toEqual(expected.map((_, n) => ({ n: String(n) })));
    }
    if (onError === "dead-letter") {
      const [letter] = await connectors.records(`${own.name}-dead-letter`, 1);
      expect(JSON.parse(letter?.value ?? "")).toMatchObject({
        offset: 2,
        reason: "the value is not JSON",
        value: "no json",
      });
    }
  });
});

describe("faults", () => {
  test("a server that is down at the start, and in the middle, is waited for", async () => {
    await s3.service.kill();
    const topic = await connectors.topicWith(json(0, 2));
    const sink = start(config(topic));
    await sink.until(() => sink.troubles.at(-1)?.includes("ECONNREFUSED") === true);
    await s3.service.start();
    await untilLines(json(0, 2));
    await s3.service.kill();
    await connectors.produce(topic, json(2, 4));
    await sink.until(() => sink.troubles.at(-1)?.includes("ECONNREFUSED") === true);
    await s3.service.start();
    await untilLines(json(0, 4));
    await sink.until(() => sink.troubles.at(-1) === "");
  });

  test("a server that freezes in a write is told of; the write is repeated", async () => {
    const topic = await connectors.topicWith(json(0, 1));
    const sink = start(config(topic, { timeout: "300ms" }));
    await untilLines(json(0, 1));
    s3.service.freeze();
    await connectors.produce(topic, json(1, 3));
    await sink.until(() => sink.troubles.at(-1)?.includes("no answer within 300 ms") === true);
    s3.service.thaw();
    await untilLines(json(0, 3));
    await sink.until(() => sink.troubles.at(-1) === "");
  });

  test("an answer that is late is said within 5 s, though it is waited for", async () => {
    const topic = await connectors.topicWith([]);
    const sink = start(config(topic));
    s3.service.freeze();
    await connectors.produce(topic, json(0, 1));
    await sink.until(() => sink.troubles.at(-1)?.includes("no answer for 3 s") === true);
    s3.service.thaw();
    await untilLines(json(0, 1));
    await sink.until(() => sink.troubles.at(-1) === "");
    expect(sink.lines.every(({ level }) => level !== "warn")).toBe(true);
  });

  test("credentials that are refused, and a bucket that is missing, are said; the bucket is waited for", async () => {
    const topic = await connectors.topicWith(json(0, 1));
    const refused = start(config(topic, { "secret-access-key": "not-this-one-at-all" }));
    await refused.until(() => refused.troubles.at(-1)?.includes("SignatureDoesNotMatch") === true);
    expect(JSON.stringify(refused.lines)).not.toContain("not-this-one-at-all");
    const missing = start(config(topic, { bucket: `${bucket}-later` }));
    await missing.until(() => missing.troubles.at(-1)?.includes("NoSuchBucket") === true);
    await s3.createBucket(`${bucket}-later`);
    await vi.waitFor(async () => expect(await s3.keys(`${bucket}-later`)).toHaveLength(1), WAIT);
  });
});

test("the source as a process of its own that is killed: complete, in order, at most the last piece again", async () => {
  const topic = await connectors.topicWith([]);
  const all = Array.from({ length: 60_000 }, (_, index) => `line ${index}`);
  await s3.put(bucket, "a", all.join("\n"));
  const own = connectors.config("s3-source", topic, { ...s3.parameters, bucket, "poll-interval": "50ms" });
  managed.apply(own);
  await connectors.records(topic, 1000);
  await managed.kill(own.name);
  await s3.put(bucket, "b", "the end\n");
  await vi.waitFor(async () => expect((await connectors.stored(topic)).at(-1)?.value).toBe("the end"), WAIT);
  const found = [...new Set((await connectors.stored(topic)).map(({ value }) => value))];
  expect(found).toEqual([...all, "the end"]);
});
