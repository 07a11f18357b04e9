/**
 * Tests for SmartModules: {@link testSmartModule} builds a project and runs it on records, without a cluster.
 *
 * @packageDocumentation
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { RecordError, WindowOptions } from "../smartengine/index.ts";
import { buildProject } from "./build.ts";
import { rustOptionsOf } from "./build-rust.ts";
import { findProject } from "./project.ts";
import { type RunRecord, runModules } from "./run.ts";

/** Text is encoded as UTF-8. */
export type TestData = string | Uint8Array;

/** A record to give to the module; plain text is a record without key. */
export type TestRecord =
  | TestData
  | {
      readonly key?: TestData;
      readonly value: TestData;
      /** Milliseconds since 1970. Default now. */
      readonly timestampMs?: number;
    };

export interface TestOptions {
  /** What the module is given, as one batch, with offsets from 0. */
  readonly records: readonly TestRecord[];
  readonly params?: Readonly<Record<string, string>>;
  /** First accumulator of an aggregate. */
  readonly aggregateInitial?: TestData;
  /** Cuts an aggregate into windows by the records' timestamps; `slideMs` is the size where it is left out. */
  readonly window?: { readonly sizeMs: number; readonly slideMs?: number; readonly graceMs?: number };
  /** Values that are stored already, the oldest first: `lookBack` sees the last `lookbackLast` of them (all, when left out). */
  readonly history?: readonly TestData[];
  readonly lookbackLast?: number;
  /** A folder in the project to build. Default: the current one. */
  readonly project?: string | URL;
  /** A module that is built already, instead of a project: its bytes, or the path of its wasm file. */
  readonly wasm?: Uint8Array | string | URL;
}

/** A record that came out. */
export interface OutputRecord {
  /** Text where it is UTF-8. */
  readonly key: string | undefined;
  readonly value: string;
  readonly keyBytes: Uint8Array | undefined;
  readonly valueBytes: Uint8Array;
  /** Offset of the record it was made of, from 0. */
  readonly offset: number;
  readonly timestampMs: number;
}

/** The error that the module reported for a record; the ones after it were not looked at. */
export interface OutputError {
  readonly message: string;
  /** Index of the record. */
  readonly offset: number;
  readonly kind: RecordError["kind"];
}

/** A window that has records and did not close. */
export interface OpenWindow {
  readonly startMs: number;
  readonly endMs: number;
  /** The accumulator, as text. */
  readonly value: string;
  readonly recordCount: number;
}

export interface TestResult {
  readonly records: readonly OutputRecord[];
  /** The values of `records`, as text. */
  readonly values: readonly string[];
  readonly error: OutputError | undefined;
  readonly openWindows: readonly OpenWindow[];
  /** Lines that the module printed. */
  readonly output: readonly string[];
}

const NAME_DEFAULT = "smartmodule";

/**
 * Runs a SmartModule on records. The project is built first, when its sources have changed since the last time.
 * @throws FluvioError FLV_SMARTMODULE_BUILD with the compiler's message; FLV_SMARTMODULE_INIT when `init` fails (a missing
 *   parameter); FLV_SMARTMODULE_RUNTIME when the module traps. What the module reports for a record is in `error`.
 */
export async function testSmartModule(options: TestOptions): Promise<TestResult> {
  const { name, wasm } = await moduleOf(options);
  const nowMs = Date.now();
  const records = options.records.map((record) => runRecord(record, nowMs));
  const output: string[] = [];
  const { aggregateInitial, window, history } = options;
  const lookbackLast = options.lookbackLast ?? history?.length ?? 0;
  const result = await runModules({
    steps: [
      {
        name,
        wasm,
        params: new Map(Object.entries(options.params ?? {})),
        ...(lookbackLast === 0 ? {} : { lookback: { last: lookbackLast } }),
        ...(aggregateInitial === undefined ? {} : { accumulator: bytesOf(aggregateInitial) }),
        ...(window === undefined ? {} : { window: windowOptions(window) }),
      },
    ],
    records,
    history: (history ?? []).map(bytesOf),
    onOutput: (_module, line) => output.push(line),
  });
  const baseMs = records[0]?.timestampMs ?? 0;
  const made = result.records.map(
    ({ key, value, offsetDelta, timestampDelta }): OutputRecord => ({
      key: key === undefined ? undefined : textOf(key),
      value: textOf(value),
      keyBytes: key,
      valueBytes: value,
      offset: offsetDelta,
      timestampMs: baseMs + timestampDelta,
    }),
  );
  const { error } = result;
  return {
    records: made,
    values: made.map(({ value }) => value),
    error: error === undefined ? undefined : { message: error.hint, offset: error.offset, kind: error.kind },
    openWindows: result.openWindows.map(({ startMs, endMs, accumulator, recordCount }) => ({
      startMs,
      endMs,
      value: textOf(accumulator),
      recordCount,
    })),
    output,
  };
}

async function moduleOf({ wasm, project }: TestOptions): Promise<{ name: string; wasm: Uint8Array }> {
  if (wasm !== undefined) {
    return { name: NAME_DEFAULT, wasm: wasm instanceof Uint8Array ? wasm : await readFile(wasm) };
  }
  const from = project === undefined ? process.cwd() : project instanceof URL ? fileURLToPath(project) : project;
  const found = await findProject(from);
  const built = await buildProject(found, { rust: rustOptionsOf(process.env) });
  return { name: found.metadata.package.name, wasm: built.wasm };
}

function runRecord(record: TestRecord, nowMs: number): RunRecord {
  if (typeof record === "string" || record instanceof Uint8Array) {
    return { key: undefined, value: bytesOf(record), timestampMs: nowMs };
  }
  const { key, value, timestampMs = nowMs } = record;
  return { key: key === undefined ? undefined : bytesOf(key), value: bytesOf(value), timestampMs };
}

function windowOptions({ sizeMs, slideMs = sizeMs, graceMs = 0 }: NonNullable<TestOptions["window"]>): WindowOptions {
  return { sizeMs, slideMs, graceMs };
}

function bytesOf(data: TestData): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : data;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
