/**
 * The embedded log alone: how fast it takes and gives batches, beside what the disk does without it.
 * Run: npx tsx bench/storage.ts [folder]
 */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { BatchBuilder } from "../packages/fluvio/src/protocol/index.ts";
import { createLogEngine, type FlushMode, type PartitionLog } from "../packages/fluvio/src/storage/index.ts";

const MIB = 1024 * 1024;
const SEGMENT_SIZE_BYTES = 1024 * MIB;
const SEQUENTIAL_APPENDS = 3000;
const THROUGHPUT_BYTES = 512 * MIB;
const FLUSH_MODES: readonly FlushMode[] = ["always", { everyMs: 100 }, "os"];

function batchOf(sizeBytes: number, recordBytes: number): Uint8Array {
  const builder = new BatchBuilder({ sizeBytesMax: sizeBytes, initialBytes: sizeBytes });
  const value = new Uint8Array(recordBytes).fill(97);
  while (builder.append(undefined, value, Date.now()) && builder.sizeBytes + recordBytes + 16 <= sizeBytes);
  return builder.build();
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function describeTimes(timesMs: number[]): Record<string, string> {
  timesMs.sort((a, b) => a - b);
  return { "p50 ms": percentile(timesMs, 0.5).toFixed(3), "p99 ms": percentile(timesMs, 0.99).toFixed(3) };
}

/** What the disk does with the same bytes, blocking, without a log. */
function rawSequential(directory: string, bytes: Uint8Array): Record<string, string> {
  const file = openSync(join(directory, "raw"), "w");
  const timesMs: number[] = [];
  for (let at = 0; at < SEQUENTIAL_APPENDS; at += 1) {
    const startedMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    timesMs.push(performance.now() - startedMs);
  }
  return describeTimes(timesMs);
}

async function withLog<T>(flush: FlushMode, use: (log: PartitionLog, directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), "fluvio-bench-"));
  const engine = await createLogEngine({ directory });
  try {
    const config = { segmentSizeBytes: SEGMENT_SIZE_BYTES, maxPartitionSizeBytes: 1e12, retentionMs: undefined, flush };
    return await use(await engine.open({ topic: "bench", partition: 0 }, config), directory);
  } finally {
    await engine[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  }
}

async function sequential(log: PartitionLog, template: Uint8Array): Promise<Record<string, string>> {
  const timesMs: number[] = [];
  for (let at = 0; at < SEQUENTIAL_APPENDS; at += 1) {
    const batch = new Uint8Array(template);
    const startedMs = performance.now();
    await log.append([batch]);
    timesMs.push(performance.now() - startedMs);
  }
  return describeTimes(timesMs);
}

/** Appends from `lanes` callers that each wait for their acknowledgement. */
async function throughput(log: PartitionLog, template: Uint8Array, lanes: number, totalBytes: number) {
  const count = Math.ceil(totalBytes / template.length);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let next = 0;
  const startedMs = performance.now();
  const lane = async () => {
    while (next < count) {
      next += 1;
      await log.append([new Uint8Array(template)]);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const seconds = (performance.now() - startedMs) / 1000;
  delay.disable();
  return {
    "MB/s": ((count * template.length) / 1e6 / seconds).toFixed(0),
    "appends/s": (count / seconds).toFixed(0),
    "thread held, p99 ms": (delay.percentile(99) / 1e6).toFixed(1),
  };
}

/** Reads everything from an offset on, slice by slice. */
async function readThroughput(log: PartitionLog, fromOffset: number, maxBytes: number) {
  let sizeBytes = 0;
  let reads = 0;
  const startedMs = performance.now();
  for (let offset = fromOffset; offset < log.highWatermark; ) {
    const slice = await log.read(offset, { maxBytes, upToOffset: log.highWatermark });
    sizeBytes += slice.sizeBytes;
    reads += 1;
    offset = slice.nextOffset;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { "MB/s": (sizeBytes / 1e6 / seconds).toFixed(0), "reads/s": (reads / seconds).toFixed(0) };
}

async function main(): Promise<void> {
  const rows: Record<string, Record<string, string>> = {};
  const small = batchOf(280, 200);
  await withLog("always", async (log, directory) => {
    rows["200 B, write and sync without a log"] = rawSequential(directory, small);
    rows["200 B, one after the other, always"] = await sequential(log, small);
  });
  await withLog("os", async (log) => {
    rows["200 B, one after the other, os"] = await sequential(log, small);
  });
  await withLog("always", async (log) => {
    rows["200 B, 256 callers, always"] = await throughput(log, small, 256, 16 * MIB);
  });
  await withLog("os", async (log) => {
    rows["200 B, 256 callers, os"] = await throughput(log, small, 256, 64 * MIB);
    rows["280 B batches, tail read from memory, 1 MB a read"] = await readThroughput(
      log,
      log.logEndOffset - 16_000,
      MIB,
    );
    rows["280 B batches, read from file, 1 MB a read"] = await readThroughput(log, 0, MIB);
  });
  for (const [name, sizeBytes, lanes] of [
    ["64 KB", 64 * 1024, 64],
    ["1 MB", MIB, 16],
  ] as const) {
    const template = batchOf(sizeBytes, 200);
    for (const flush of FLUSH_MODES) {
      await withLog(flush, async (log) => {
        const key = `${name} batches, ${lanes} callers, ${JSON.stringify(flush)}`;
        rows[key] = await throughput(log, template, lanes, THROUGHPUT_BYTES);
        if (flush !== "os") return;
        await log.flush();
        const end = log.logEndOffset;
        const newest = end - Math.floor((16 * MIB * end) / log.sizeBytes);
        rows[`${name} batches, tail read from memory, 1 MB a read`] = await readThroughput(log, newest, MIB);
        rows[`${name} batches, read from file, 1 MB a read`] = await readThroughput(log, 0, MIB);
        rows[`${name} batches, read from file, 64 KB a read`] = await readThroughput(log, 0, 64 * 1024);
      });
    }
  }
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`);
  console.table(rows);
}

await main();
