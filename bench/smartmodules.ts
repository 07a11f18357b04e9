/**
 * The official SmartModules through the whole engine, and their twins in Rust where there are some (crates `regex` and
 * `serde_json`). What is compared takes turns; the table shows medians and the ratios of medians. Run on a quiet machine:
 * npx tsx bench/smartmodules.ts [--rounds 7] [--milliseconds 500] [--only words of a name],
 * after npm run build and tests/fixtures/build-rust.sh.
 */
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { BatchBuilder } from "../packages/fluvio/src/protocol/index.ts";
import { createSmartEngine, type SmartChain } from "../packages/fluvio/src/smartengine/index.ts";
import { compileLibrary, libraryNames } from "../scripts/lib/smartmodules.mjs";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    milliseconds: { type: "string", default: "500" },
    only: { type: "string", default: "" },
  },
});
const ROUNDS = Number(flags.rounds);
const MEASURED_MS = Number(flags.milliseconds);
const RECORDS = 1000;
const RECORD_BYTES = 200;
const TIMESTAMP_MS = 1_700_000_000_000;
const ENCODER = new TextEncoder();

type Params = Readonly<Record<string, string>>;

interface Case {
  readonly name: string;
  readonly module: string;
  readonly params: Params;
  readonly record: (index: number) => string;
  /** File of the twin in tests/fixtures/wasm, and how many times as fast the module should be. */
  readonly twin?: { readonly file: string; readonly params?: Params; readonly wanted: number };
}

const logLine = (index: number) =>
  `2026-11-22 ${index < RECORDS / 2 ? "ERROR" : "INFO"} request=${index} path=/api/v1/things/${index} status=200 duration=12ms `;
const json = (index: number) =>
  `{"device":{"id":${index},"name":"sensor ${index % 50}"},"tags":["one","two"],"level":${index < RECORDS / 2 ? 900 : 100},"note":"`;

const level = { path: "level", operator: "gt", value: "500" };
const CASES: readonly Case[] = [
  ...[
    ["a word at the start", "ERROR|FATAL"],
    ["a word that half the records have", "(?i)\\berror\\b"],
    ["what stands at the end", "duration=\\d+ms x+$"],
    ["nothing matches", "status=5\\d\\d"],
  ].map(([what, regex = ""]) => ({
    name: `regex-filter, ${what}`,
    module: "regex-filter",
    params: { regex },
    record: logLine,
    twin: { file: "m_regex.wasm", wanted: 2 },
  })),
  {
    name: "json-filter",
    module: "json-filter",
    params: level,
    record: json,
    twin: { file: "m_json_filter.wasm", wanted: 2 },
  },
  {
    name: "json-map",
    module: "json-map",
    params: { spec: '{"pick":["device.id","level"],"set":{"ok":true}}' },
    record: json,
  },
  {
    name: "json-sql",
    module: "json-sql",
    params: {
      mapping:
        '{"table":"t","map-columns":{"id":{"json-key":"device.id","value":{"type":"int"}},"l":{"json-key":"level","value":{"type":"int"}}}}',
    },
    record: json,
  },
  { name: "dedup", module: "dedup", params: { count: "10000" }, record: logLine },
  { name: "dedup by a field", module: "dedup", params: { count: "10000", path: "device.id" }, record: json },
  { name: "key-from-field", module: "key-from-field", params: { path: "device.id" }, record: json },
  { name: "redact", module: "redact", params: { fields: "name,note" }, record: json },
  {
    name: "stats-by-key",
    module: "stats-by-key",
    params: { function: "sum", key: "device.name", value: "level" },
    record: json,
  },
  { name: "counter", module: "counter", params: {}, record: logLine },
  { name: "sample", module: "sample", params: { "one-of": "10" }, record: logLine },
  { name: "line-splitter", module: "line-splitter", params: {}, record: (index) => `${index}\n${logLine(index)}\n` },
  { name: "array-explode", module: "array-explode", params: { path: "tags" }, record: json },
];

/** The records section of one batch; every record is filled up to its size. */
function sectionOf(record: Case["record"]): Uint8Array {
  const builder = new BatchBuilder({ sizeBytesMax: 1 << 24 });
  for (let i = 0; i < RECORDS; i++) {
    const start = record(i);
    const end = start.startsWith("{") ? '"}' : "";
    const filling = "x".repeat(Math.max(0, RECORD_BYTES - start.length - end.length));
    builder.append(undefined, ENCODER.encode(start + filling + end), TIMESTAMP_MS + i);
  }
  return builder.build();
}

async function measure(chain: SmartChain, batch: Uint8Array, milliseconds: number): Promise<number> {
  const started = performance.now();
  let calls = 0;
  let now = started;
  for (; now < started + milliseconds; now = performance.now()) {
    const { error } = await chain.process({
      batches: [batch],
      fromOffset: 0,
      maxOutputBytes: Number.MAX_SAFE_INTEGER,
      keepsGaps: true,
    });
    if (error !== undefined) throw new Error(error.hint);
    calls++;
  }
  return (calls * RECORDS * 1000) / (now - started);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

const engine = createSmartEngine();
const compiled = await compileLibrary(libraryNames());

async function run({ name, module, params, record, twin }: Case): Promise<Readonly<Record<string, string | number>>> {
  const batch = sectionOf(record);
  const twinPath = new URL(`../tests/fixtures/wasm/${twin?.file}`, import.meta.url);
  const sides = [
    { speeds: [] as number[], step: { name: module, wasm: readFileSync(compiled.get(module) as string), params } },
    ...(twin !== undefined && existsSync(twinPath)
      ? [
          {
            speeds: [] as number[],
            step: { name: twin.file, wasm: readFileSync(twinPath), params: twin.params ?? params },
          },
        ]
      : []),
  ];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { speeds, step } of sides) {
      await using chain = await engine.chain([{ ...step, params: new Map(Object.entries(step.params)) }]);
      await measure(chain, batch, MEASURED_MS / 4);
      speeds.push(await measure(chain, batch, MEASURED_MS));
    }
  }
  const [ours = Number.NaN, theirs] = sides.map(({ speeds }) => median(speeds));
  return {
    case: name,
    "M records/s": Number((ours / 1e6).toFixed(2)),
    "Rust twin": theirs === undefined ? "" : Number((theirs / 1e6).toFixed(2)),
    ratio: theirs === undefined ? "" : Number((ours / theirs).toFixed(1)),
    wanted: theirs === undefined ? "" : `${twin?.wanted} or more`,
  };
}

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(2)}; batches of ${RECORDS} ` +
    `records of ${RECORD_BYTES} B, host included, ${ROUNDS} rounds of ${MEASURED_MS} ms`,
);
const rows: Readonly<Record<string, string | number>>[] = [];
for (const one of CASES.filter(({ name }) => name.includes(flags.only))) rows.push(await run(one));
console.table(rows);
await engine[Symbol.asyncDispose]();
