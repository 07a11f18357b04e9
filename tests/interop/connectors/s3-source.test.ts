import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connector } from "../../../packages/connectors/s3/source.ts";
import { type RunningConnector, useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import type { ConnectorConfig, ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { S3Server } from "../services/s3.ts";

/** The source with a real S3 server and a real cluster. */
const connectors = useConnectors();
let s3: S3Server;
let bucket: string;
let topic: string;
let count = 0;

beforeAll(async () => {
  s3 = await S3Server.start();
});
afterAll(() => s3?.[Symbol.asyncDispose]());
beforeEach(async () => {
  bucket = await s3.createBucket(`bucket-${++count}`);
  topic = await connectors.topicWith([]);
});

const put = (key: string, body: string | Uint8Array, encoding?: string) => s3.put(bucket, key, body, encoding);
function config(parameters: Readonly<Record<string, ParameterValue>> = {}): ConnectorConfig {
  return connectors.config("s3-source", topic, { ...s3.parameters, bucket, "poll-interval": "50ms", ...parameters });
}
const start = (own: ConnectorConfig): RunningConnector => connectors.start(connector, own);
const values = async (expected: number) => (await connectors.records(topic, expected)).map(({ value }) => value);
const stored = async () => (await connectors.stored(topic)).map(({ value }) => value);

async function readOnce(parameters: Readonly<Record<string, ParameterValue>> = {}): Promise<string[]> {
  await start(config({ follow: "false", ...parameters })).done;
  return stored();
}
const until = (own: RunningConnector, trouble: string) =>
  own.until(() => own.troubles.at(-1)?.includes(trouble) === true);

describe("objects", () => {
  test("are read in the order of their keys, those with the prefix and suffix", async () => {
    await put("in/b.txt", "3\n4");
    await put("in/a.txt", "1\n2\n");
    await put("in/a.csv", "no\n");
    await put("in/empty.txt", "");
    await put("other/a.txt", "no\n");
    expect(await readOnce({ prefix: "in/", suffix: [".txt"] })).toEqual(["1", "2", "3", "4"]);
  });

  test("are JSON, CSV, packed by name or by encoding", async () => {
    await put("a.csv", "id,name\n1,Ann\n");
    await put("b.csv.gz", gzipSync("id,name\n2,Bob\n"));
    await put("c.csv", gzipSync("id,name\n3,Cy\n"), "gzip");
    expect(await readOnce({ format: "csv", key: "path" })).toEqual([
      '{"id":"1","name":"Ann"}',
      '{"id":"2","name":"Bob"}',
      '{"id":"3","name":"Cy"}',
    ]);
    expect((await connectors.stored(topic)).map(({ key }) => key)).toEqual(["a.csv", "b.csv.gz", "c.csv"]);
  });

  test("are more than one page of a listing", async () => {
    await s3.fill(
      bucket,
      Array.from({ length: 2100 }, (_, index) => `k${index}`),
    );
    for (const key of ["a.txt", "k1500.txt", "k9.txt", "z.txt"]) await put(key, `${key}\n`);
    expect(await readOnce({ suffix: ".txt" })).toEqual(["a.txt", "k1500.txt", "k9.txt", "z.txt"]);
  });

  test("that come later are noticed", async () => {
    await put("a", "1\n");
    start(config());
    await values(1);
    await put("b", "2\n");
    expect(await values(2)).toEqual(["1", "2"]);
  });

  test("that were there before are passed over, if that is asked for", async () => {
    await put("a", "old\n");
    const own = start(config({ start: "end" }));
    await own.until(() => own.lines.some(({ message }) => message === "begins to read"));
    await put("b", "new\n");
    expect(await values(1)).toEqual(["new"]);
  });

  test("that were overwritten are read again in the order of their change", async () => {
    await put("b", "1\n");
    const own = start(config({ order: "modified" }));
    await values(1);
    await put("b", "2 is longer\n");
    await values(2);
    await put("a", "3\n");
    expect(await values(3)).toEqual(["1", "2 is longer", "3"]);
    await own.stop();
    expect(await stored()).toHaveLength(3);
  });

  test("are deleted when their records are stored", async () => {
    await put("b", "1\n");
    const own = start(config({ after: "delete" }));
    await values(1);
    await put("a", "2\n");
    await own.until(() => own.lines.filter(({ message }) => message.startsWith("deleted")).length === 2);
    expect(await s3.keys(bucket)).toEqual([]);
    expect(await stored()).toEqual(["1", "2"]);
  });

  test("or moved", async () => {
    await put("in/a ü.txt", "1\n");
    expect(await readOnce({ prefix: "in/", after: "move", "move-to": "done/" })).toEqual(["1"]);
    expect(await s3.keys(bucket)).toEqual(["done/in/a ü.txt"]);
  });
});

test("credentials come from the environment when none are given", async () => {
  await put("a", "1\n");
  const { "access-key-id": accessKeyId, "secret-access-key": secretAccessKey, ...rest } = s3.parameters;
  const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    const own = connectors.config("s3-source", topic, { ...rest, bucket, follow: "false" });
    await start(own).done;
  } finally {
    for (const name of Object.keys(environment)) {
      delete process.env[name];
      if (before[name] !== undefined) process.env[name] = before[name];
    }
  }
  expect(await stored()).toEqual(["1"]);
});

describe("the position", () => {
  test.each(["key", "modified"])("is kept, by %s: nothing is read twice, nothing new is missed", async (order) => {
    await put("a", "1\n");
    await put("b", "2\n");
    const own = config({ order });
    const first = start(own);
    await values(2);
    await first.stop();
    await put("c", "3\n");
    const second = start(own);
    expect(await values(3)).toEqual(["1", "2", "3"]);
    await second.stop();
    expect(await stored()).toHaveLength(3);
  });

  test.each([
    ["plain", "a.ndjson", (text: string) => text],
    ["packed", "a.ndjson.gz", (text: string) => gzipSync(text)],
  ] as const)("is within a large object: stopped there, it goes on there (%s)", async (_, key, pack) => {
    const all = Array.from({ length: 60_000 }, (_, index) => JSON.stringify({ index, text: "x".repeat(80) }));
    await put(key, pack(all.join("\n")));
    const own = config({ format: "ndjson" });
    const first = start(own);
    await values(1);
    await first.stop();
    const read = (await stored()).length;
    expect(read).toBeLessThan(all.length);
    const second = start(own);
    const found = await values(all.length);
    await second.stop();
    expect(found).toEqual(all);
    expect(await stored()).toHaveLength(all.length);
  });
});

describe("faults", () => {
  test("a server that is down at the start is waited for", async () => {
    await put("a", "1\n");
    await s3.service.kill();
    const own = start(config());
    await until(own, "ECONNREFUSED");
    expect(own.lines.some(({ level, message }) => level === "warn" && message.includes("trying again"))).toBe(true);
    await s3.service.start();
    expect(await values(1)).toEqual(["1"]);
    await own.until(() => own.troubles.at(-1) === "");
  });

  test.each([
    ["is killed", () => s3.service.kill(), () => s3.service.start()],
    ["freezes", async () => s3.service.freeze(), async () => s3.service.thaw()],
  ] as const)(
    "a server that %s in the middle of an object and comes back: complete and in order",
    async (_, away, back) => {
      const all = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${"x".repeat(1000)}`);
      await put("a", all.join("\n"));
      const own = start(config({ timeout: "500ms" }));
      await values(1);
      await away();
      await own.until(() => (own.troubles.at(-1) ?? "") !== "");
      expect(own.lines.some(({ message }) => message === "an object is read")).toBe(false);
      await back();
      expect(await values(all.length)).toEqual(all);
    },
  );

  test("a server that freezes is told of, and gone on with when it answers again", async () => {
    await put("a", "1\n");
    const own = start(config({ timeout: "300ms" }));
    await values(1);
    s3.service.freeze();
    await until(own, "no answer within 300 ms");
    s3.service.thaw();
    await put("b", "2\n");
    expect(await values(2)).toEqual(["1", "2"]);
    await own.until(() => own.troubles.at(-1) === "");
  });

  test("an answer that is late is said within 5 s, though it is waited for", async () => {
    const own = start(config());
    await own.until(() => own.lines.some(({ message }) => message === "begins to read"));
    s3.service.freeze();
    await until(own, "list: no answer for 3 s");
    s3.service.thaw();
    await own.until(() => own.troubles.at(-1) === "");
    expect(own.lines.every(({ level }) => level !== "warn")).toBe(true);
  });

  test("credentials that are refused, and a bucket that is missing, are said; the bucket is waited for", async () => {
    const refused = start(config({ "secret-access-key": "not-this-one-at-all" }));
    await until(refused, "SignatureDoesNotMatch");
    expect(JSON.stringify(refused.lines)).not.toContain("not-this-one-at-all");
    const unknown = start(config({ "access-key-id": "nobody" }));
    await until(unknown, "access key ID");
    const missing = start(config({ bucket: `${bucket}-later` }));
    await until(missing, "NoSuchBucket");
    await s3.createBucket(`${bucket}-later`);
    await s3.put(`${bucket}-later`, "a", "1\n");
    expect(await values(1)).toEqual(["1"]);
  });

  test("what is not in the format is in the log and left out, or the connector ends", async () => {
    await put("a", '{"a":1}\nbroken\n{"a":2}\n');
    const own = start(config({ format: "ndjson", follow: "false" }));
    await own.done;
    expect(await stored()).toEqual(['{"a":1}', '{"a":2}']);
    expect(own.lines.find(({ level }) => level === "error")?.details).toMatchObject({ document: "a", offset: 8 });
    const strict = start(config({ format: "ndjson", "on-invalid": "stop" }));
    await expect(strict.done).rejects.toMatchObject({ code: "FLV_CONNECTOR_STOPPED" });
  });
});
