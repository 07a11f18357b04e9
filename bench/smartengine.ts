/**
 * Throughput of SmartModule chains through the whole host: batches cross to the worker, records go through the module,
 * survivors come back as batches. Run: npx tsx bench/smartengine.ts (after npm run build and tests/fixtures/build-rust.sh)
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { BatchBuilder, type BatchCompression, patchBatch } from "../packages/fluvio/src/protocol/index.ts";
import { createSmartEngine, type ModuleTotals, type SmartChain } from "../packages/fluvio/src/smartengine/index.ts";
import { buildAs } from "../tests/fixtures/build-as.ts";

const RECORDS_PER_BATCH = 1000;
const RECORD_BYTES = 200;
const WARM_UP_MS = 1500;
const MEASURED_MS = 3000;

interface Case {
  readonly name: string;
  readonly wasm: readonly Uint8Array[];
  /** Of ten records in a row, those that the filters keep. */
  readonly kept: (index: number) => boolean;
  readonly compression?: BatchCompression;
  readonly batchesPerCall?: number;
}

const rust = readFileSync(new URL("../tests/fixtures/wasm/m_filter.wasm", import.meta.url));
const assembly = await buildAs("filter", 3);
const halves = (index: number) => Math.floor(index / 500) % 2 === 0;
const alternating = (index: number) => index % 2 === 0;
const all = () => true;
const none = () => false;

const CASES: readonly Case[] = [
  { name: "no module", wasm: [], kept: all },
  { name: "Rust filter, none kept", wasm: [rust], kept: none },
  { name: "Rust filter, half kept in runs", wasm: [rust], kept: halves },
  { name: "Rust filter, every other kept", wasm: [rust], kept: alternating },
  { name: "Rust filter, all kept", wasm: [rust], kept: all },
  { name: "Rust filter, half kept, 8 batches a call", wasm: [rust], kept: halves, batchesPerCall: 8 },
  { name: "Rust filter twice, half kept", wasm: [rust, rust], kept: halves },
  { name: "Rust filter, half kept, zstd", wasm: [rust], kept: halves, compression: "zstd" },
  { name: "Rust filter, every other kept, gzip", wasm: [rust], kept: alternating, compression: "gzip" },
  { name: "AssemblyScript filter, none kept", wasm: [assembly], kept: none },
  { name: "AssemblyScript filter, half kept in runs", wasm: [assembly], kept: halves },
  { name: "AssemblyScript filter, every other kept", wasm: [assembly], kept: alternating },
  { name: "AssemblyScript filter, all kept", wasm: [assembly], kept: all },
];

function makeBatches(kept: (index: number) => boolean, count: number, compression: BatchCompression): Uint8Array[] {
  const encoder = new TextEncoder();
  return Array.from({ length: count }, (_, batchIndex) => {
    const builder = new BatchBuilder();
    for (let i = 0; i < RECORDS_PER_BATCH; i++) {
      const start = `${i} ${kept(i) ? "has" : "not"} `;
      builder.append(undefined, encoder.encode(start + "x".repeat(RECORD_BYTES - start.length)), 1_700_000_000_000 + i);
    }
    const batch = builder.build(compression);
    patchBatch(batch, batchIndex * RECORDS_PER_BATCH, 0);
    return batch;
  });
}

async function runFor(ms: number, chain: SmartChain, batches: readonly Uint8Array[]): Promise<number> {
  const end = performance.now() + ms;
  let calls = 0;
  while (performance.now() < end) {
    await chain.process({ batches, fromOffset: 0, maxOutputBytes: Number.MAX_SAFE_INTEGER });
    calls += 1;
  }
  return calls;
}

function timeOf(totals: readonly ModuleTotals[]): number {
  return totals.reduce((sum, module) => sum + module.timeMs, 0);
}

const engine = createSmartEngine();
const rows: Record<string, string | number>[] = [];
for (const { name, wasm, kept, compression = "none", batchesPerCall = 1 } of CASES) {
  const steps = wasm.map((bytes, index) => ({ name: `step ${index}`, wasm: bytes, params: new Map<string, string>() }));
  const batches = makeBatches(kept, batchesPerCall, compression);
  await using chain = await engine.chain(steps);
  await runFor(WARM_UP_MS, chain, batches);
  const before = timeOf(engine.totals());
  const start = performance.now();
  const calls = await runFor(MEASURED_MS, chain, batches);
  const seconds = (performance.now() - start) / 1000;
  const [metrics] = engine.totals().filter((module) => module.chains > 0);
  const records = calls * batchesPerCall * RECORDS_PER_BATCH;
  rows.push({
    case: name,
    "records/s": Math.round(records / seconds),
    "MB/s": Math.round((records * RECORD_BYTES) / seconds / 1e6),
    "ms/call": Number(((seconds / calls) * 1000).toFixed(2)),
    "module share": metrics === undefined ? "" : `${Math.round((timeOf(engine.totals()) - before) / 10 / seconds)} %`,
    "guest MB": metrics === undefined ? 0 : Math.round(metrics.memoryBytes / 1e6),
  });
}
await engine[Symbol.asyncDispose]();
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(2)}; ` +
    `batches of ${RECORDS_PER_BATCH} records of ${RECORD_BYTES} B`,
);
console.table(rows);
