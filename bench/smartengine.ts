/**
 * SmartModules through the whole host: batches cross to the worker, records go through the module, survivors come back
 * as batches. What is compared takes turns, round by round; the tables show medians. Ratios are those of records per CPU
 * second of all threads, which is what one core does, and which others on the machine disturb least; each is the median
 * of those of the rounds. Output is laid out as for our own clients, with gaps inside batches. Rounds are short and many:
 * each has new instances, and where their memory comes to lie makes a tenth of their speed.
 * Run on a quiet machine, after npm run build, tests/fixtures/build-rust.sh and, for the real engine,
 * tests/interop/rust-engine/build.sh: npx tsx bench/smartengine.ts [--rounds 21] [--milliseconds 200] [--only words of a name].
 * Behind `taskset -c 0` it has one core, as the claims are meant: on several, a call with one small batch pays for waking
 * another.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BatchBuilder, patchBatch, readBatchHeader, recordsSection } from "../packages/fluvio/src/protocol/index.ts";
import { ABI_VERSION, inputSize, writeInput } from "../packages/fluvio/src/smartengine/host/abi.ts";
import { OutputFreer } from "../packages/fluvio/src/smartengine/host/output-freer.ts";
import { type ChainStep, createSmartEngine } from "../packages/fluvio/src/smartengine/index.ts";
import { compileSmartModule } from "../packages/smartmodule/build/index.ts";
import { RealEngine } from "../tests/interop/rust-engine/program.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "21" },
    milliseconds: { type: "string", default: "200" },
    only: { type: "string", default: "" },
  },
});
const ROUNDS = Number(flags.rounds);
const MEASURED_MS = Number(flags.milliseconds);
const RECORD_BYTES = 200;
const TIMESTAMP_MS = 1_700_000_000_000;
const ENCODER = new TextEncoder();
const BYTE_SCAN = `import { SmartRecord } from "@fluvio/smartmodule";
export function filter(record: SmartRecord): bool {
  return record.value.includes("a");
}
`;

/** Which of the records a filter keeps. */
type Kept = "none" | "half, in runs of 500" | "every other" | "all";
const KEEPS: Readonly<Record<Kept, (index: number) => boolean>> = {
  none: () => false,
  "half, in runs of 500": (index) => Math.floor(index / 500) % 2 === 0,
  "every other": (index) => index % 2 === 0,
  all: () => true,
};

/** Where a module runs: in our engine, in the engine of the original (one batch at a time), or called by nobody else. */
type Host = "ours" | "real" | "none";

interface Contender {
  readonly name: string;
  readonly steps: readonly ChainStep[];
  readonly batches: readonly Uint8Array[];
  readonly recordsPerCall: number;
  readonly host: Host;
}

interface Measured {
  /** One of each round. */
  readonly recordsPerSecond: number[];
  readonly recordsPerCpuSecond: number[];
  guestBytes: number;
}

function nothingMeasured(): Measured {
  return { recordsPerSecond: [], recordsPerCpuSecond: [], guestBytes: 0 };
}

function rust(name: string): Uint8Array {
  return readFileSync(new URL(`../tests/fixtures/wasm/${name}.wasm`, import.meta.url));
}

async function byteScan(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "fluvio-bench-"));
  const entry = join(folder, "byte-scan.ts");
  writeFileSync(entry, BYTE_SCAN);
  const { wasm } = await compileSmartModule({ entry });
  rmSync(folder, { recursive: true });
  return wasm;
}

function filling(start: string, end = ""): Uint8Array {
  return ENCODER.encode(`${start}${"x".repeat(RECORD_BYTES - start.length - end.length)}${end}`);
}

const text = (kept: boolean, index: number) => filling(`${index} ${kept ? "has" : "not"} `);
const json = (kept: boolean, index: number) =>
  filling(`{"device":{"id":${index},"name":"sensor"},"tags":["one","two"],"level":${kept ? 900 : 100},"note":"`, '"}');

function makeBatches(kept: Kept, makeValue: typeof text, recordsPerBatch: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, batchIndex) => {
    const builder = new BatchBuilder({ sizeBytesMax: 1 << 24 });
    for (let i = 0; i < recordsPerBatch; i++) {
      builder.append(undefined, makeValue(KEEPS[kept](i), i), TIMESTAMP_MS + i);
    }
    const batch = builder.build();
    patchBatch(batch, batchIndex * recordsPerBatch, 0);
    return batch;
  });
}

function contender(
  name: string,
  wasm: Uint8Array | undefined,
  kept: Kept,
  options: {
    readonly params?: Readonly<Record<string, string>>;
    readonly makeValue?: typeof text;
    readonly recordsPerBatch?: number;
    readonly batchesPerCall?: number;
    readonly host?: Host;
  } = {},
): Contender {
  const { params = {}, makeValue = text, recordsPerBatch = 1000, batchesPerCall = 1, host = "ours" } = options;
  const steps = wasm === undefined ? [] : [{ name, wasm, params: new Map(Object.entries(params)) }];
  const batches = makeBatches(kept, makeValue, recordsPerBatch, batchesPerCall);
  return { name: `${name}, ${kept}`, steps, batches, recordsPerCall: recordsPerBatch * batchesPerCall, host };
}

const engine = createSmartEngine();
const real = existsSync(fileURLToPath(new URL("../tests/interop/rust-engine/bin/rust-engine", import.meta.url)))
  ? new RealEngine()
  : undefined;

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** CPU time of the main thread of the real engine, this process's only child; NaN where there is no /proc. */
function realCpuSeconds(): number {
  try {
    const [pid] = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").split(" ");
    return Number.parseInt(readFileSync(`/proc/${pid}/schedstat`, "latin1"), 10) / 1e9;
  } catch {
    return Number.NaN;
  }
}

/** Calls `run`, which works off `records`, for a time. */
async function repeat(run: () => unknown, records: number, ms: number, into: Measured): Promise<void> {
  const cpuBefore = ownCpuSeconds();
  const start = performance.now();
  let calls = 0;
  let nowMs = start;
  while (nowMs < start + ms) {
    await run();
    calls += 1;
    nowMs = performance.now();
  }
  into.recordsPerSecond.push((calls * records * 1000) / (nowMs - start));
  into.recordsPerCpuSecond.push((calls * records) / (ownCpuSeconds() - cpuBefore));
}

async function runOurs({ steps, batches, recordsPerCall }: Contender, into: Measured): Promise<void> {
  await using chain = await engine.chain(steps);
  // as a stream whose client has what came before
  let spent: Uint8Array | undefined;
  const run = async () => {
    const input = { batches, fromOffset: 0, maxOutputBytes: Number.MAX_SAFE_INTEGER, keepsGaps: true, spent };
    spent = (await chain.process(input)).batches;
  };
  await repeat(run, recordsPerCall, MEASURED_MS / 5, nothingMeasured());
  await repeat(run, recordsPerCall, MEASURED_MS, into);
  into.guestBytes = Math.max(...engine.totals().map((module) => module.memoryBytes));
}

async function runReal({ steps, batches, recordsPerCall }: Contender, into: Measured): Promise<void> {
  const { records, firstTimestampMs } = sectionOf(batches[0] as Uint8Array);
  const given = { records, baseOffset: 0, baseTimestampMs: firstTimestampMs };
  const cpuBefore = realCpuSeconds();
  const short = await (real as RealEngine).bench(steps, given, MEASURED_MS / 10, false);
  const cpuBetween = realCpuSeconds();
  const long = await (real as RealEngine).bench(steps, given, MEASURED_MS, false);
  into.recordsPerSecond.push((long.calls * recordsPerCall) / long.seconds);
  // both built the chain, and what that took is none of the modules' time
  const cpuSeconds = realCpuSeconds() - cpuBetween - (cpuBetween - cpuBefore);
  into.recordsPerCpuSecond.push(((long.calls - short.calls) * recordsPerCall) / cpuSeconds);
}

const modulesAlone = new Map<Uint8Array, WebAssembly.Module>();

/** Compiled once, as by the engine: code that was compiled just now is slow. */
function compiled(wasm: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const module = modulesAlone.get(wasm) ?? new WebAssembly.Module(wasm);
  modulesAlone.set(wasm, module);
  return module;
}

/** The module alone: the input goes into its memory, it is called, its output is freed and looked at by nobody. */
async function runAlone({ steps, batches, recordsPerCall }: Contender, into: Measured): Promise<void> {
  let output = { ptr: 0, length: 0 };
  const copyRecords = (ptr: number, length: number) => {
    output = { ptr, length };
  };
  const { exports } = new WebAssembly.Instance(compiled(steps[0]?.wasm as Uint8Array<ArrayBuffer>), {
    env: { copy_records: copyRecords },
  });
  const { memory, alloc, dealloc, filter } = exports as unknown as FilterExports;
  const inputs = batches.map((batch) => {
    const { records, firstTimestampMs } = sectionOf(batch);
    return { records, baseOffset: 0, baseTimestampMs: firstTimestampMs };
  });
  const tail = { params: new Uint8Array(7), accumulator: undefined };
  const run = () => {
    for (const input of inputs) {
      const size = inputSize(input, tail, ABI_VERSION);
      const ptr = alloc(size);
      writeInput(memory.buffer, ptr, input, tail, ABI_VERSION);
      filter(ptr, size, ABI_VERSION);
      const blockBytes = OutputFreer.blockSize(memory.buffer, output.ptr, output.length);
      if (blockBytes !== undefined) dealloc(output.ptr, blockBytes);
    }
  };
  await repeat(run, recordsPerCall, MEASURED_MS / 5, nothingMeasured());
  await repeat(run, recordsPerCall, MEASURED_MS, into);
}

interface FilterExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  alloc(length: number): number;
  dealloc(ptr: number, length: number): void;
  filter(ptr: number, length: number, version: number): number;
}

function sectionOf(batch: Uint8Array) {
  const header = readBatchHeader(batch);
  return { records: recordsSection(batch, header), firstTimestampMs: header.firstTimestampMs };
}

const RUNS: Readonly<Record<Host, (contender: Contender, into: Measured) => Promise<void>>> = {
  ours: runOurs,
  real: runReal,
  none: runAlone,
};

/** Lets the contenders take turns; the first round warms up. */
async function compare(contenders: readonly Contender[]): Promise<ReadonlyMap<string, Measured>> {
  const results = new Map<string, Measured>();
  for (let round = -1; round < ROUNDS; round++) {
    for (const one of contenders) {
      const measured = round < 1 ? nothingMeasured() : (results.get(one.name) as Measured);
      results.set(one.name, measured);
      await RUNS[one.host](one, measured);
    }
  }
  return results;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

interface Claim {
  readonly claim: string;
  readonly over: string;
  readonly under: string;
  readonly atLeast: number;
}

/** How many times as fast the one is, by rounds: what disturbs the machine disturbs both. */
function ratioOf(results: ReadonlyMap<string, Measured>, over: string, under: string): number {
  const speeds = (name: string) => results.get(name)?.recordsPerCpuSecond ?? [];
  const unders = speeds(under);
  return median(speeds(over).map((speed, round) => speed / (unders[round] ?? Number.NaN)));
}

function print(title: string, results: ReadonlyMap<string, Measured>, claims: readonly Claim[]): void {
  console.log(`\n${title}`);
  console.table(
    [...results].map(([name, { recordsPerSecond, recordsPerCpuSecond, guestBytes }]) => {
      const speed = median(recordsPerCpuSecond);
      const spread = (Math.max(...recordsPerCpuSecond) - Math.min(...recordsPerCpuSecond)) / speed;
      return {
        case: name,
        "M records/s": Number((median(recordsPerSecond) / 1e6).toFixed(3)),
        "M records/CPU s": Number((speed / 1e6).toFixed(3)),
        "spread %": Math.round(spread * 100),
        "guest MB": guestBytes === 0 ? "" : Number((guestBytes / 1e6).toFixed(1)),
      };
    }),
  );
  for (const { claim, over, under, atLeast } of claims) {
    console.log(`${claim}: ${ratioOf(results, over, under).toFixed(2)} (wanted: at least ${atLeast})`);
  }
}

/** Batches of 1000 records that an SPU reads at a time. */
const SPU_READ = { batchesPerCall: 5 };
const HALF: Kept = "half, in runs of 500";
const KEPTS = Object.keys(KEEPS) as Kept[];
const scan = await byteScan();
const jsonFilter = await compileSmartModule({
  entry: fileURLToPath(new URL("../packages/smartmodules/json-filter/index.ts", import.meta.url)),
});

const SUITES: Readonly<Record<string, () => Promise<void>>> = {
  "Rust-built filter against the real engine": async () => {
    if (real === undefined) return console.log("\nThe real engine is not built: no comparison with it");
    const kepts: readonly Kept[] = [HALF, "every other"];
    const results = await compare([
      ...kepts.map((kept) => contender("real engine", rust("m_filter"), kept, { host: "real" })),
      ...kepts.map((kept) => contender("ours", rust("m_filter"), kept, SPU_READ)),
    ]);
    const claims = kepts.map((kept) => {
      return { claim: `ours / real, ${kept}`, over: `ours, ${kept}`, under: `real engine, ${kept}`, atLeast: 1.2 };
    });
    print("The same Rust-built filter here and in the real engine", results, claims);
  },
  "AssemblyScript byte scan against the Rust-built filter": async () => {
    const results = await compare([
      ...KEPTS.map((kept) => contender("AssemblyScript", scan, kept, SPU_READ)),
      ...KEPTS.map((kept) => contender("Rust", rust("m_filter"), kept, SPU_READ)),
    ]);
    const claims = KEPTS.map((kept) => {
      return {
        claim: `byte scan / Rust, ${kept}`,
        over: `AssemblyScript, ${kept}`,
        under: `Rust, ${kept}`,
        atLeast: 8,
      };
    });
    print("A filter by byte scan, and the Rust-built one", results, claims);
  },
  "JSON field filter": async () => {
    const params = { path: "level", operator: "gt", value: "500" };
    const results = await compare([
      contender("AssemblyScript", jsonFilter.wasm, HALF, { ...SPU_READ, params, makeValue: json }),
      contender("Rust serde_json", rust("m_json_filter"), HALF, { ...SPU_READ, params, makeValue: json }),
    ]);
    const [over, under] = [`AssemblyScript, ${HALF}`, `Rust serde_json, ${HALF}`];
    print("A filter by a JSON field", results, [{ claim: "AssemblyScript / Rust", over, under, atLeast: 2 }]);
  },
  "host overhead as on an SPU, which reads 1 MB at a time": async () => {
    const sizes = [
      { recordsPerBatch: 300, batchesPerCall: 16 },
      { recordsPerBatch: 1000, batchesPerCall: 5 },
      { recordsPerBatch: 4800, batchesPerCall: 1 },
      { recordsPerBatch: 1000, batchesPerCall: 1 },
      { recordsPerBatch: 300, batchesPerCall: 1 },
    ];
    const nameOf = ({ recordsPerBatch, batchesPerCall }: (typeof sizes)[number]) =>
      `${batchesPerCall} × ${Math.round((recordsPerBatch * 217) / 1000)} KB`;
    const contenders = sizes.flatMap((size) => {
      const name = nameOf(size);
      return [
        contender(`module alone, ${name}`, rust("m_filter"), HALF, { ...size, host: "none" }),
        contender(`chain, ${name}`, rust("m_filter"), HALF, size),
      ];
    });
    const results = await compare(contenders);
    print("Host overhead", results, []);
    for (const size of sizes) {
      const ratio = ratioOf(results, `module alone, ${nameOf(size)}, ${HALF}`, `chain, ${nameOf(size)}, ${HALF}`);
      const percent = (ratio - 1) * 100;
      console.log(`host / module, ${nameOf(size)}: ${percent.toFixed(1)} % (wanted: below 15 %)`);
    }
  },
};

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(2)}; ` +
    `records of ${RECORD_BYTES} B, ${ROUNDS} rounds of ${MEASURED_MS} ms, batches of 1000 records, five a call as an SPU reads them`,
);
for (const [name, run] of Object.entries(SUITES)) if (name.includes(flags.only)) await run();
await real?.[Symbol.asyncDispose]();
await engine[Symbol.asyncDispose]();
