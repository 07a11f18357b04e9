import type { FluvioErrorCode } from "../protocol/index.ts";
import type { ModuleTraits } from "./host/instance.ts";
import type { EngineLimits, Lookback, ModuleMetrics, RecordError, SmartModuleKind } from "./types.ts";

/** What passes between the engine and one of its worker threads. One request is under way at a time. */
export type WorkerRequest =
  | { readonly op: "probe"; readonly name: string; readonly module: WebAssembly.Module; readonly limits: EngineLimits }
  | { readonly op: "build"; readonly steps: readonly BuildStep[]; readonly limits: EngineLimits }
  | {
      readonly op: "process";
      /** Whole batches back to back; transferred. */
      readonly batches: Uint8Array;
      readonly fromOffset: number;
      readonly maxOutputBytes: number;
    }
  | { readonly op: "records"; readonly records: Uint8Array; readonly baseTimestampMs: number }
  | {
      readonly op: "lookBack";
      readonly index: number;
      readonly batches: Uint8Array;
      readonly fromOffset: number;
      readonly notBeforeMs: number | undefined;
    }
  | { readonly op: "accumulators" }
  | { readonly op: "metrics" }
  | { readonly op: "drop" };

/** A step whose module is compiled and known. */
export interface BuildStep {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly traits: ModuleTraits;
  readonly params: ReadonlyMap<string, string>;
  readonly lookback: Lookback | undefined;
  readonly accumulator: Uint8Array | undefined;
}

/** What the probe of a module finds out by running it, without user code. */
export interface ProbeResult {
  readonly kind: SmartModuleKind;
  readonly traits: ModuleTraits;
}

interface BuildResult {
  /** For each step: whether it takes history, that is, exports look_back and has a setting for it. */
  readonly takesHistory: readonly boolean[];
}

export interface ProcessResult {
  readonly batches: Uint8Array;
  readonly recordCount: number;
  readonly nextOffset: number;
  readonly error: RecordError | undefined;
}

export interface RecordsResult {
  readonly records: Uint8Array;
  readonly error: RecordError | undefined;
}

interface DropResult {
  /** Guest memory that the thread's next garbage collection can free. */
  readonly droppedBytes: number;
}

/** The result of each request, by `op`. */
export interface WorkerResults {
  readonly probe: ProbeResult;
  readonly build: BuildResult;
  readonly process: ProcessResult;
  readonly records: RecordsResult;
  readonly lookBack: undefined;
  readonly accumulators: ReadonlyMap<number, Uint8Array>;
  readonly metrics: readonly ModuleMetrics[];
  readonly drop: DropResult;
}

/** An error on its way between threads, where classes are lost. */
export interface ErrorMessage {
  readonly code: FluvioErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
}

export type WorkerReply =
  | { readonly type: "result"; readonly value: WorkerResults[keyof WorkerResults] }
  | { readonly type: "error"; readonly error: ErrorMessage }
  | {
      readonly type: "output";
      readonly module: string;
      readonly stream: "stdout" | "stderr";
      readonly line: string;
    };

/** Shared with each worker: the monotonic time in ns at which guest code was entered (0 outside), and in which step. */
export interface WorkerData {
  readonly guestClock: BigInt64Array;
}
