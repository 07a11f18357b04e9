/**
 * The same module in the engine of the original and in ours, in turns: batches of 1000 records of 200 B, half of them
 * kept, one chain each. Ours works on stored batches and gives batches back, on a thread of its own; the original's is
 * timed around `process` alone, and once more with what an SPU has to do around it: encode the records that came out.
 * Run: npx tsx bench/real-engine.ts (after npm run build, tests/fixtures/build-rust.sh, tests/interop/rust-engine/build.sh)
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { encodeRecords } from "../packages/fluvio/src/protocol/index.ts";
import { type ChainStep, createSmartEngine, type SmartChain } from "../packages/fluvio/src/smartengine/index.ts";
import { wrapSection } from "../packages/fluvio/src/smartengine/testing/batches.ts";
import { buildAs } from "../tests/fixtures/build-as.ts";
import { type RealBatch, RealEngine } from "../tests/interop/rust-engine/program.ts";

const RECORDS_PER_BATCH = 1000;
const RECORD_BYTES = 200;
const WARM_UP_MS = 1500;
/** Short turns, so that whatever else the machine does hits both alike; below what leaks the original's memory full. */
const TURN_MS = 500;
const TURNS = 9;
const TIMESTAMP_MS = 1_700_000_000_000;

const MODULES = {
  "Rust filter": rust("m_filter"),
  "Rust JSON filter": rust("m_json_filter", { path: "n", operator: "gt", value: "499" }),
  "Rust regex filter": rust("m_regex", { regex: '"has+ x+"\\}$' }),
  "AssemblyScript filter": step("filter", await buildAs("filter", 3)),
} satisfies Record<string, ChainStep>;

function rust(name: string, params: Readonly<Record<string, string>> = {}): ChainStep {
  return step(name, readFileSync(new URL(`../tests/fixtures/wasm/${name}.wasm`, import.meta.url)), params);
}

function step(name: string, wasm: Uint8Array, params: Readonly<Record<string, string>> = {}): ChainStep {
  return { name, wasm, params: new Map(Object.entries(params)) };
}

/** Every other run of 500 records is kept, by the filters on text and on JSON alike. */
function makeSection(): Uint8Array {
  const encoder = new TextEncoder();
  return encodeRecords(
    Array.from({ length: RECORDS_PER_BATCH }, (_, index) => {
      const kept = index >= RECORDS_PER_BATCH / 2;
      const start = `{"n":${index},"t":"${kept ? "has" : "not"} `;
      const value = encoder.encode(`${start}${"x".repeat(RECORD_BYTES - start.length - 2)}"}`);
      return { timestampDelta: index, offsetDelta: index, key: undefined, value };
    }),
  );
}

async function oursPerSecond(chain: SmartChain, batch: Uint8Array, spanMs: number): Promise<number> {
  const start = performance.now();
  let calls = 0;
  while (performance.now() < start + spanMs) {
    await chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: Number.MAX_SAFE_INTEGER });
    calls += 1;
  }
  return (calls * RECORDS_PER_BATCH * 1000) / (performance.now() - start);
}

async function realPerSecond(real: RealEngine, steps: ChainStep[], batch: RealBatch, encode: boolean): Promise<number> {
  const { calls, seconds } = await real.bench(steps, batch, TURN_MS, encode);
  return (calls * RECORDS_PER_BATCH) / seconds;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

const section = makeSection();
const stored = wrapSection(section, RECORDS_PER_BATCH, { firstTimestampMs: TIMESTAMP_MS });
const raw: RealBatch = { records: section, baseOffset: 0, baseTimestampMs: TIMESTAMP_MS };
const engine = createSmartEngine();
await using real = new RealEngine();
const rows: Record<string, string | number>[] = [];
for (const [name, module] of Object.entries(MODULES)) {
  await using chain = await engine.chain([module]);
  await oursPerSecond(chain, stored, WARM_UP_MS);
  const turns: { ours: number; alone: number; encoded: number }[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    turns.push({
      ours: await oursPerSecond(chain, stored, TURN_MS),
      alone: await realPerSecond(real, [module], raw, false),
      encoded: await realPerSecond(real, [module], raw, true),
    });
  }
  const ours = median(turns.map((turn) => turn.ours));
  rows.push({
    module: name,
    "ours, records/s": Math.round(ours),
    "original, records/s": Math.round(median(turns.map((turn) => turn.alone))),
    "original + encode": Math.round(median(turns.map((turn) => turn.encoded))),
    ratio: Number(median(turns.map((turn) => turn.ours / turn.alone)).toFixed(2)),
    "ratio + encode": Number(median(turns.map((turn) => turn.ours / turn.encoded)).toFixed(2)),
  });
}
await engine[Symbol.asyncDispose]();
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(2)}; ` +
    `batches of ${RECORDS_PER_BATCH} records of ${RECORD_BYTES} B, half kept; medians of ${TURNS} turns of ${TURN_MS} ms`,
);
console.table(rows);
