/**
 * An SPU alone, in a process of its own, with ready-made frames: what the server costs without a client library.
 * `npm run build`, then `npx tsx bench/spu.ts [--flush always|os] [--megabytes 200] [--only produce|consume|filter|latency]`.
 * With `node --cpu-prof --import tsx bench/spu.ts` both processes leave a profile when they end.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import {
  BatchBuilder,
  GENERIC_KIND,
  produceApi,
  streamFetchApi,
  updateOffsetsApi,
} from "../packages/fluvio/dist/protocol/index.js";
import { spawnSpu } from "../packages/fluvio/dist/server/spu/spawn.js";
import { type Connection, connect } from "../packages/fluvio/dist/transport/index.js";
import { buildAs } from "../tests/fixtures/build-as.ts";

const { values: flags } = parseArgs({
  options: {
    flush: { type: "string", default: "always" },
    megabytes: { type: "string", default: "200" },
    only: { type: "string" },
  },
});
const MEGABYTE = 1024 * 1024;
const TOTAL_BYTES = Number(flags.megabytes) * MEGABYTE;
const IN_FLIGHT_BYTES = 8 * MEGABYTE;
const FRAMES_MAX = 100_000;
const MAX_BYTES = 1_048_890;

function batchOf(recordBytes: number, batchBytes: number): { readonly bytes: Uint8Array; readonly records: number } {
  const builder = new BatchBuilder({ sizeBytesMax: batchBytes });
  const value = Buffer.alloc(recordBytes, "abcdefghij");
  let records = 0;
  while (builder.append(undefined, value, 1_700_000_000_000)) records++;
  return { bytes: builder.build(), records };
}

function report(what: string, elapsedMs: number, frames: number, records: number, bytes: number): void {
  const perSecond = (count: number) => Math.round((count * 1000) / elapsedMs);
  console.log(
    `${what.padEnd(44)} ${String(perSecond(frames)).padStart(8)} frames/s ${String(perSecond(records)).padStart(9)} records/s` +
      ` ${(perSecond(bytes) / 1e6).toFixed(1).padStart(7)} MB/s`,
  );
}

const produceBody = (topic: string, records: Uint8Array) => ({
  isolation: "readUncommitted" as const,
  timeoutMs: 10_000,
  topics: [{ name: topic, partitions: [{ partitionIndex: 0, records }] }],
  smartmodules: [],
});

async function produceAll(connection: Connection, topic: string, batch: Uint8Array, count: number): Promise<void> {
  let sent = 0;
  const lanes = Math.max(2, Math.min(256, Math.floor(IN_FLIGHT_BYTES / batch.length)));
  const lane = async () => {
    while (sent < count) {
      sent++;
      const answer = await connection.request(produceApi, produceBody(topic, batch));
      const { errorCode } = answer.responses[0]?.partitions[0] ?? { errorCode: { name: "absent" } };
      if (errorCode.name !== "None") throw new Error(`produce failed: ${JSON.stringify(errorCode)}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function consumeAll(connection: Connection, topic: string, end: number, smartmodules: readonly object[]) {
  const stop = new AbortController();
  const body = {
    topic,
    partition: 0,
    fetchOffset: 0,
    maxBytes: MAX_BYTES,
    isolation: "readUncommitted" as const,
    smartmodules: smartmodules as never,
  };
  let frames = 0;
  let bytes = 0;
  for await (const { streamId, partition } of connection.stream(streamFetchApi, body, { signal: stop.signal })) {
    if (partition.errorCode.name !== "None") throw new Error(JSON.stringify(partition.errorCode));
    frames++;
    bytes += partition.records.length;
    const offset = partition.nextFilterOffset > 0 ? partition.nextFilterOffset : lastOffset(partition.records);
    await connection.request(updateOffsetsApi, { offsets: [{ offset, sessionId: streamId }] });
    if (offset >= end) break;
  }
  return { frames, bytes };
}

/** Offset after the last batch: batches of one size, so the last one begins at the end less its size. */
function lastOffset(records: Uint8Array): number {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let next = 0; next < records.length; next += 12 + view.getInt32(next + 8)) at = next;
  return Number(view.getBigInt64(at)) + view.getInt32(at + 23) + 1;
}

async function latency(connection: Connection, topic: string): Promise<void> {
  const { bytes } = batchOf(200, 300);
  const samplesMs: number[] = [];
  for (let n = 0; n < 5000; n++) {
    const startMs = performance.now();
    await connection.request(produceApi, produceBody(topic, bytes));
    if (n >= 1000) samplesMs.push(performance.now() - startMs);
  }
  samplesMs.sort((a, b) => a - b);
  const at = (part: number) => (samplesMs[Math.floor(samplesMs.length * part)] ?? 0).toFixed(3);
  console.log(`one record at a time: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, flush ${flags.flush}`);
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-bench-spu-"));
  const flush = flags.flush === "os" ? "os" : "always";
  const { child, link } = spawnSpu({ id: 1, host: "127.0.0.1", port: 0, dataDir, flush, logLevel: "warn" });
  const topics = ["tiny", "small", "medium", "large", "latency"];
  const port = await new Promise<number>((resolve, reject) => {
    const online = new Set<string>();
    let publicPort = 0;
    child.once("exit", (code) => reject(new Error(`the SPU ended with ${code}`)));
    link.onMessage((message) => {
      if (message.type === "hello") {
        publicPort = message.publicPort;
        const settings = { retentionSeconds: undefined, segmentSizeBytes: 2 ** 30, maxPartitionSizeBytes: 2 ** 40 };
        const rest = { ...settings, compression: "any" as const, system: false };
        link.send({ type: "replicas", replicas: topics.map((topic) => ({ topic, partition: 0, ...rest })) });
      } else if (message.type === "replicaStatus") {
        for (const { topic, online: isOnline } of message.statuses) if (isOnline) online.add(topic);
        if (online.size === topics.length) resolve(publicPort);
      }
    });
  });
  console.log(`Node ${process.version}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, flush ${flush}`);
  const connection = await connect({ host: "127.0.0.1", port });
  const wanted = (what: string) => flags.only === undefined || flags.only === what;
  if (wanted("latency")) await latency(connection, "latency");
  const sizes = [
    { topic: "tiny", batchBytes: 300 },
    { topic: "small", batchBytes: 16_384 },
    { topic: "medium", batchBytes: 65_536 },
    { topic: "large", batchBytes: MEGABYTE },
  ];
  for (const { topic, batchBytes } of sizes) {
    const batch = batchOf(200, batchBytes);
    const count = Math.min(FRAMES_MAX, Math.ceil(TOTAL_BYTES / batch.bytes.length));
    const totalBytes = count * batch.bytes.length;
    const startMs = performance.now();
    await produceAll(connection, topic, batch.bytes, count);
    const records = count * batch.records;
    if (wanted("produce")) {
      report(
        `produce, 200 B records, ${batchBytes} B batches`,
        performance.now() - startMs,
        count,
        records,
        totalBytes,
      );
    }
    if (wanted("consume")) {
      const fromMs = performance.now();
      const { frames, bytes } = await consumeAll(connection, topic, records, []);
      report(`stream, 200 B records, ${batchBytes} B batches`, performance.now() - fromMs, frames, records, bytes);
    }
    if (wanted("filter")) {
      const wasm = { type: "adHoc", payload: gzipSync(await buildAs("filter")) };
      const fromMs = performance.now();
      const filter = [{ wasm, kind: GENERIC_KIND, params: new Map() }];
      const { frames } = await consumeAll(connection, topic, records, filter);
      report(`filter, 200 B records, ${batchBytes} B batches`, performance.now() - fromMs, frames, records, totalBytes);
    }
  }
  connection.close();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  link.close();
  await ended;
  await rm(dataDir, { recursive: true, force: true });
}

await main();
