/**
 * The framework of sources and sinks against the plain client on topics of one cluster, and the sinks of PostgreSQL and
 * DuckDB against batch inserts that are written by hand with the same driver. The two of a pair take turns; each figure
 * is the median of the runs after a warm-up. Wanted: 0.5 of the plain client, 0.9 of the inserts by hand.
 * `npx tsx bench/connectors.ts [--flush always|os] [--runs 5] [--only source|sink|postgres|duckdb]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { arch, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import pg from "pg";
import { z } from "zod";
import { Fluvio } from "../packages/fluvio/dist/client/index.js";
import { type ConnectorDefinition, defineSink, defineSource } from "../packages/fluvio/dist/connector/define.js";
import { newCounters, type RunCounters } from "../packages/fluvio/dist/connector/run/counters.js";
import { fileMarker } from "../packages/fluvio/dist/connector/run/first-positions.js";
import { runConnector } from "../packages/fluvio/dist/connector/run/runner.js";
import { connector as duckdbSink } from "../packages/fluvio/dist/connectors/duckdb/sink.js";
import { connector as sqlSink } from "../packages/fluvio/dist/connectors/sql/sink.js";
import { userPackages } from "../packages/fluvio/dist/npm/index.js";
import { silentLogger } from "../packages/fluvio/dist/protocol/index.js";
import { freePort } from "../tests/free-port.ts";
import { Postgres } from "../tests/interop/services/postgres.ts";

const { values: flags } = parseArgs({
  options: {
    flush: { type: "string", default: "always" },
    runs: { type: "string", default: "5" },
    only: { type: "string" },
  },
});
const RUNS = Number(flags.runs);
const isAsked = (part: string) => flags.only === undefined || flags.only === part;
const root = resolve(import.meta.dirname, "..");
const DEFAULT_BATCH_SIZE = 10_000;

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
let names = 0;
const newName = (what: string) => `${what}-${++names}`;

type Cluster = Awaited<ReturnType<typeof startCluster>>;

async function startCluster() {
  const home = await mkdtemp(join(tmpdir(), "fluvio-bench-"));
  const address = `127.0.0.1:${await freePort()}`;
  const ports = ["--sc-pub-addr", address, "--spu-base-port", String(await freePort()), "--gateway-addr", "off"];
  const child = spawn(
    process.execPath,
    [
      join(root, "packages/fluvio/bin/fluvio.js"),
      ...["cluster", "run", "--data-dir", join(home, "data"), ...ports, "--flush", flags.flush],
    ],
    { env: { ...process.env, FLUVIO_DIR: home, HOME: home }, stdio: ["ignore", "ignore", "inherit"] },
  );
  const fluvio = await connected(address);
  return {
    address,
    fluvio,
    stop: async () => {
      await fluvio.close();
      child.kill("SIGTERM");
      await once(child, "exit");
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function connected(address: string): Promise<Fluvio> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const fluvio = await Fluvio.connect({ address }).catch((error: unknown) => {
      if (performance.now() > deadline) throw error;
    });
    if (fluvio !== undefined) return fluvio;
  }
}

async function topicWith({ fluvio }: Cluster, values: Iterable<Uint8Array>): Promise<string> {
  const topic = await fluvio.admin().createTopic(newName("bench"));
  await using producer = await fluvio.topicProducer(topic, { batchSizeBytes: 65_536 });
  for (const value of values) while (producer.trySend(undefined, value) === undefined) await producer.ready();
  return topic;
}

/** Runs a connector in this process, until `work` says that it has done enough. */
async function runOne(
  cluster: Cluster,
  definition: ConnectorDefinition,
  topic: string,
  parameters: Readonly<Record<string, string>>,
  work: (ended: Promise<void>, counters: RunCounters) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const counters = newCounters();
  const name = newName("connector");
  const isSink = definition.direction === "sink";
  const running = runConnector(
    {
      config: {
        ...{ name, type: `${definition.name}-${definition.direction}`, topic, version: "latest", parameters },
        ...{ secrets: {}, transforms: [] },
        ...(isSink ? { consumer: { offset: { start: "beginning" } } } : {}),
      },
      file: "connect.yml",
      secrets: {},
      endpoint: cluster.address,
      logger: silentLogger,
      signal: stop.signal,
      report: () => {},
      marker: fileMarker(undefined),
      packages: userPackages(),
      definition,
    },
    counters,
  );
  await Promise.race([work(running, counters), running]);
  stop.abort();
  await running;
}

const about = (name: string) => ({ name, version: "0.0.0", summary: "of the benchmark", config: z.object({}) });

async function plainProduce({ fluvio }: Cluster, topic: string, value: Uint8Array, count: number): Promise<number> {
  await using producer = await fluvio.topicProducer(topic);
  const started = performance.now();
  for (let n = 0; n < count; n++) {
    while (producer.trySend(undefined, value) === undefined) await producer.ready();
  }
  await producer.flush();
  return performance.now() - started;
}

async function sourceProduce(cluster: Cluster, topic: string, value: Uint8Array, count: number): Promise<number> {
  let elapsedMs = 0;
  const generator = defineSource({
    ...about("generator"),
    run: async ({ send, checkpoint, flush }) => {
      const started = performance.now();
      for (let n = 0; n < count; n++) {
        await send({ value });
        if (n % 100 === 0) checkpoint({ position: n, stored: () => {} });
      }
      await flush();
      elapsedMs = performance.now() - started;
    },
  });
  await runOne(cluster, generator, topic, {}, (ended) => ended);
  return elapsedMs;
}

async function plainConsume({ fluvio }: Cluster, topic: string, count: number): Promise<number> {
  const started = performance.now();
  const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
  let seen = 0;
  for await (const records of consumer.batches()) for (const { value } of records) seen += value.length > 0 ? 1 : 0;
  if (seen !== count) throw new Error(`consumed ${seen} of ${count} records`);
  return performance.now() - started;
}

async function sinkConsume(cluster: Cluster, topic: string, count: number): Promise<number> {
  let started = 0;
  let elapsedMs = 0;
  let seen = 0;
  let done = (): void => {};
  const enough = new Promise<void>((resolve) => {
    done = resolve;
  });
  const dropper = defineSink({
    ...about("dropper"),
    run: async ({ deliver }) => {
      started = performance.now();
      await deliver(
        async ({ records }) => {
          for (const { value } of records) seen += value.length > 0 ? 1 : 0;
          if (seen < count) return;
          elapsedMs = performance.now() - started;
          done();
        },
        { recordsMax: 10_000 },
      );
    },
  });
  await runOne(cluster, dropper, topic, {}, () => enough);
  return elapsedMs;
}

/** Runs the two of a pair in turns, and shows their rates and the ratio. */
async function compare(
  what: string,
  count: number,
  wanted: number,
  plain: () => Promise<number>,
  ours: () => Promise<number>,
): Promise<void> {
  const rates: [number[], number[]] = [[], []];
  for (let run = -1; run < RUNS; run++) {
    for (const [index, once] of [plain, ours].entries()) {
      const rate = count / ((await once()) / 1000);
      if (run >= 0) rates[index as 0 | 1].push(rate);
    }
  }
  const [theirs, own] = rates.map(median) as [number, number];
  const range = (of: readonly number[]) => `${Math.round(Math.min(...of))}–${Math.round(Math.max(...of))}`;
  const ratio = (own / theirs).toFixed(2);
  process.stdout.write(
    `${what.padEnd(34)} ${String(Math.round(theirs)).padStart(9)}/s (${range(rates[0])})  ` +
      `${String(Math.round(own)).padStart(9)}/s (${range(rates[1])})  ratio ${ratio}, wanted ${wanted}\n`,
  );
}

async function frameworks(cluster: Cluster): Promise<void> {
  for (const [bytes, count] of [
    [200, 1_000_000],
    [1024, 200_000],
  ] as const) {
    const value = new Uint8Array(bytes).fill(120);
    if (isAsked("source")) {
      const fresh = async () => await cluster.fluvio.admin().createTopic(newName("bench"));
      await compare(
        `source, records of ${bytes} B`,
        count,
        0.5,
        async () => await plainProduce(cluster, await fresh(), value, count),
        async () => await sourceProduce(cluster, await fresh(), value, count),
      );
    }
    if (!isAsked("sink")) continue;
    const topic = await topicWith(cluster, Array<Uint8Array>(count).fill(value));
    await compare(
      `sink, records of ${bytes} B`,
      count,
      0.5,
      () => plainConsume(cluster, topic, count),
      () => sinkConsume(cluster, topic, count),
    );
  }
}

/** Seconds of work: with fewer rows a pair differs by when it connects and when it is asked whether it is done. */
const DATABASE_ROWS = 1_200_000;
const row = (n: number) => ({ id: n, name: `customer ${n}`, amount: n / 8, paid: n % 2 === 0 });
type Row = ReturnType<typeof row>;

function* rowRecords(): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let n = 0; n < DATABASE_ROWS; n++) yield encoder.encode(JSON.stringify(row(n)));
}

interface Target {
  insert(rows: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}

/** What a program by hand does: connects, reads, parses, inserts many rows at once. */
async function byHand({ address }: Cluster, topic: string, open: () => Promise<Target>): Promise<number> {
  const started = performance.now();
  await using fluvio = await Fluvio.connect({ address });
  const target = await open();
  const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
  let rows: Row[] = [];
  for await (const records of consumer.batches()) {
    for (const { value } of records) {
      rows.push(JSON.parse(new TextDecoder().decode(value)) as Row);
      if (rows.length < DEFAULT_BATCH_SIZE) continue;
      await target.insert(rows);
      rows = [];
    }
  }
  if (rows.length > 0) await target.insert(rows);
  const elapsedMs = performance.now() - started;
  await target.close();
  return elapsedMs;
}

/** Until the last row is durable in the target, which is when it is counted. */
async function bySink(
  cluster: Cluster,
  sink: ConnectorDefinition,
  topic: string,
  parameters: Readonly<Record<string, string>>,
): Promise<number> {
  const started = performance.now();
  let elapsedMs = 0;
  await runOne(cluster, sink, topic, parameters, async (_, counters) => {
    while (counters.records < DATABASE_ROWS) await new Promise((resolve) => setTimeout(resolve, 2));
    elapsedMs = performance.now() - started;
  });
  return elapsedMs;
}

const COLUMNS = "(id BIGINT, name TEXT, amount DOUBLE PRECISION, paid BOOLEAN)";

async function postgres(cluster: Cluster): Promise<void> {
  const topic = await topicWith(cluster, rowRecords());
  await using server = await Postgres.start({ settings: { fsync: "on" } });
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  const newTable = async () => {
    const table = newName("rows").replace("-", "_");
    await client.query(`CREATE TABLE ${table} ${COLUMNS}`);
    return table;
  };
  const openTable = async (table: string): Promise<Target> => {
    const own = new pg.Client({ connectionString: server.url() });
    await own.connect();
    return {
      insert: async (rows) => {
        const places = rows.map((_, at) => `($${4 * at + 1},$${4 * at + 2},$${4 * at + 3},$${4 * at + 4})`);
        const values = rows.flatMap(({ id, name, amount, paid }) => [id, name, amount, paid]);
        await own.query("BEGIN");
        await own.query(`INSERT INTO ${table} (id, name, amount, paid) VALUES ${places.join(",")}`, values);
        await own.query("COMMIT");
      },
      close: () => own.end(),
    };
  };
  try {
    await compare(
      "PostgreSQL sink, rows of 4 columns",
      DATABASE_ROWS,
      0.9,
      async () => {
        const table = await newTable();
        return await byHand(cluster, topic, () => openTable(table));
      },
      async () => await bySink(cluster, sqlSink, topic, { url: server.url(), table: await newTable() }),
    );
  } finally {
    await client.end();
  }
}

async function duckdb(cluster: Cluster): Promise<void> {
  const topic = await topicWith(cluster, rowRecords());
  const folder = await mkdtemp(join(tmpdir(), "fluvio-bench-duckdb-"));
  const open = async (path: string) => {
    const database = await DuckDBInstance.create(path);
    const connection = await database.connect();
    const close = async () => {
      connection.closeSync();
      database.closeSync();
    };
    return { connection, close };
  };
  const newDatabase = async () => {
    const path = join(folder, `${newName("db")}.duckdb`);
    const { connection, close } = await open(path);
    await connection.run(`CREATE TABLE rows ${COLUMNS}`);
    await close();
    return path;
  };
  const openRows = async (path: string): Promise<Target> => {
    const { connection, close } = await open(path);
    const insert = async (rows: readonly Row[]) => {
      await connection.run("BEGIN");
      const appender = await connection.createAppender("rows");
      for (const { id, name, amount, paid } of rows) {
        appender.appendBigInt(BigInt(id));
        appender.appendVarchar(name);
        appender.appendDouble(amount);
        appender.appendBoolean(paid);
        appender.endRow();
      }
      appender.closeSync();
      await connection.run("COMMIT");
    };
    return { insert, close };
  };
  try {
    await compare(
      "DuckDB sink, rows of 4 columns",
      DATABASE_ROWS,
      0.9,
      async () => {
        const path = await newDatabase();
        return await byHand(cluster, topic, () => openRows(path));
      },
      async () => await bySink(cluster, duckdbSink, topic, { url: await newDatabase(), table: "rows" }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const load = (await readFile("/proc/loadavg", "utf8")).split(" ")[0];
process.stdout.write(
  `Node ${process.version}, ${arch()}, ${cpus().length} cores, load ${load}, flush ${flags.flush}, median of ${RUNS} runs; ` +
    "the plain client or what is written by hand first\n",
);
const cluster = await startCluster();
try {
  if (isAsked("source") || isAsked("sink")) await frameworks(cluster);
  if (isAsked("postgres")) await postgres(cluster);
  if (isAsked("duckdb")) await duckdb(cluster);
} finally {
  await cluster.stop();
}
