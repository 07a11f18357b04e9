/**
 * Produce, consume and latency of our client against a cluster of ours in a process of its own, on one machine.
 * `npx tsx bench/cluster.ts [--flush always|os] [--runs 5]`. Every figure is the median of the runs after a warm-up.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { arch, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Fluvio } from "../packages/fluvio/dist/client/index.js";
import { freePort } from "../tests/free-port.ts";

const { values: flags } = parseArgs({
  options: {
    flush: { type: "string", default: "always" },
    runs: { type: "string", default: "5" },
    filter: { type: "string" },
  },
});
const RUNS = Number(flags.runs);
const root = resolve(import.meta.dirname, "..");

interface Row {
  readonly what: string;
  readonly recordsPerSecond?: number;
  readonly megabytesPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly spread: string;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const percentile = (sorted: readonly number[], part: number) => sorted[Math.floor(sorted.length * part)] ?? 0;

async function startCluster() {
  const home = await mkdtemp(join(tmpdir(), "fluvio-bench-"));
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["cluster", "run", "--data-dir", join(home, "data"), "--sc-pub-addr", address, "--gateway-addr", "off"];
  const child = spawn(
    process.execPath,
    [
      join(root, "packages/fluvio/bin/fluvio.js"),
      ...args,
      "--spu-base-port",
      String(await freePort()),
      "--flush",
      flags.flush,
    ],
    { env: { ...process.env, FLUVIO_DIR: home, HOME: home }, stdio: ["ignore", "inherit", "inherit"] },
  );
  return {
    address,
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function connected(address: string): Promise<Fluvio> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await Fluvio.connect({ address });
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function throughput(
  what: string,
  bytesPerRecord: number,
  count: number,
  once: () => Promise<number>,
): Promise<Row> {
  await once();
  const rates: number[] = [];
  for (let i = 0; i < RUNS; i++) rates.push(count / ((await once()) / 1000));
  const rate = median(rates);
  const spread = `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`;
  return { what, recordsPerSecond: rate, megabytesPerSecond: (rate * bytesPerRecord) / 1e6, spread };
}

async function produceRow(fluvio: Fluvio, bytes: number, count: number, batchSizeBytes: number): Promise<Row> {
  const value = new Uint8Array(bytes).fill(120);
  return throughput(`produce ${bytes} B, batch ${batchSizeBytes / 1024} KiB`, bytes, count, async () => {
    const topic = `p-${Math.random().toString(36).slice(2)}`;
    await fluvio.admin().createTopic(topic);
    await using producer = await fluvio.topicProducer(topic, {
      batchSizeBytes,
      maxRequestSizeBytes: 4 * batchSizeBytes,
    });
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      while (producer.trySend(undefined, value) === undefined) await producer.ready();
    }
    await producer.flush();
    const elapsed = performance.now() - started;
    await fluvio.admin().deleteTopic(topic);
    return elapsed;
  });
}

async function consumeRow(fluvio: Fluvio, bytes: number, count: number, filter?: Uint8Array): Promise<Row> {
  const topic = `c-${Math.random().toString(36).slice(2)}`;
  await fluvio.admin().createTopic(topic);
  await using producer = await fluvio.topicProducer(topic, { batchSizeBytes: 65536 });
  const hit = new Uint8Array(bytes).fill(120);
  hit[bytes >> 1] = 97;
  const miss = new Uint8Array(bytes).fill(120);
  for (let i = 0; i < count; i++) {
    while (producer.trySend(undefined, i % 2 === 0 ? hit : miss) === undefined) await producer.ready();
  }
  await producer.flush();
  const expected = filter === undefined ? count : count / 2;
  const row = await throughput(
    `consume ${bytes} B${filter === undefined ? "" : ", Rust filter, half kept"}`,
    bytes,
    count,
    async () => {
      const started = performance.now();
      let seen = 0;
      const consumer = await fluvio.consumer({
        topic,
        offset: "beginning",
        disableContinuous: true,
        ...(filter === undefined ? {} : { smartmodules: [{ name: "bench", wasm: filter }] }),
      });
      for await (const record of consumer) seen += record.value.length > 0 ? 1 : 0;
      if (seen !== expected) throw new Error(`consumed ${seen} of ${expected} records`);
      return performance.now() - started;
    },
  );
  await fluvio.admin().deleteTopic(topic);
  return row;
}

async function latencyRow(fluvio: Fluvio): Promise<Row> {
  await fluvio.admin().createTopic("latency");
  await using producer = await fluvio.topicProducer("latency");
  const value = new Uint8Array(200).fill(120);
  const samples: number[] = [];
  for (let i = 0; i < 4000; i++) {
    const started = performance.now();
    const output = await producer.send(undefined, value);
    await output.wait();
    if (i >= 1000) samples.push(performance.now() - started);
  }
  samples.sort((a, b) => a - b);
  return {
    what: "sequential produce 200 B",
    p50Ms: percentile(samples, 0.5),
    p99Ms: percentile(samples, 0.99),
    spread: `${percentile(samples, 0).toFixed(3)}–${(samples.at(-1) ?? 0).toFixed(1)} ms`,
  };
}

const cell = (value: number | undefined, digits: number) => (value === undefined ? "" : value.toFixed(digits));

const cluster = await startCluster();
try {
  await using fluvio = await connected(cluster.address);
  const rows: Row[] = [];
  for (const bytes of [200, 1024]) {
    for (const batch of [65536, 1048576])
      rows.push(await produceRow(fluvio, bytes, bytes === 200 ? 400_000 : 100_000, batch));
  }
  for (const bytes of [200, 1024]) rows.push(await consumeRow(fluvio, bytes, bytes === 200 ? 400_000 : 100_000));
  if (flags.filter !== undefined) rows.push(await consumeRow(fluvio, 200, 200_000, await readFile(flags.filter)));
  rows.push(await latencyRow(fluvio));

  process.stdout.write(
    `Node ${process.version}, ${arch()}, ${cpus().length} cores, flush ${flags.flush}, medians of ${RUNS} runs\n\n` +
      `${"".padEnd(42)}${"records/s".padStart(12)}${"MB/s".padStart(9)}${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}  spread\n`,
  );
  for (const row of rows) {
    process.stdout.write(
      `${row.what.padEnd(42)}${cell(row.recordsPerSecond, 0).padStart(12)}${cell(row.megabytesPerSecond, 1).padStart(9)}` +
        `${cell(row.p50Ms, 3).padStart(9)}${cell(row.p99Ms, 3).padStart(9)}  ${row.spread}\n`,
    );
  }
} finally {
  await cluster.stop();
}
