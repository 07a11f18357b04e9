import type { MessagePort } from "node:worker_threads";
import type { FluvioErrorCode, WindowOptions } from "../protocol/index.ts";
import type { ModuleTraits } from "./host/instance.ts";
import type { ChainState, EngineLimits, Lookback, RecordError, SmartModuleKind } from "./types.ts";

/**
 * Batches to work off. Names and objects take longer to cross than all else that a small batch costs the host, so these
 * messages are lists; buffers are transferred.
 */
export type ProcessMessage = readonly [
  /** Begins with whole batches back to back. */
  buffer: ArrayBuffer,
  sizeBytes: number,
  fromOffset: number,
  maxOutputBytes: number,
  passesOn: boolean,
  keepsGaps: boolean,
];

/** What was made of them. */
export type ProcessedMessage = readonly [
  /** Begins with the batches. */
  buffer: ArrayBuffer,
  sizeBytes: number,
  recordCount: number,
  nextOffset: number,
  error: RecordError | undefined,
  /** The buffer that came, when it is given back beside the result: to be used again. */
  spare: ArrayBuffer | undefined,
];

/** What else passes between the engine and one of its worker threads. One request is under way at a time. */
export type WorkerRequest =
  | { readonly op: "probe"; readonly name: string; readonly module: WebAssembly.Module; readonly limits: EngineLimits }
  | { readonly op: "build"; readonly steps: readonly BuildStep[] }
  | {
      readonly op: "records";
      readonly records: Uint8Array;
      readonly baseTimestampMs: number;
      readonly skipsErrors: boolean;
    }
  | {
      readonly op: "lookBack";
      readonly index: number;
      readonly batches: Uint8Array;
      readonly fromOffset: number;
      readonly notBeforeMs: number | undefined;
    }
  | { readonly op: "state" }
  | {
      readonly op: "restore";
      readonly state: ChainState;
      /** Whether state of a step that is no aggregate is left out; otherwise it is an error. */
      readonly carriedOver: boolean;
    }
  | { readonly op: "drop" };

/** A step whose module is compiled and known. */
export interface BuildStep {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly traits: ModuleTraits;
  readonly params: ReadonlyMap<string, string>;
  readonly lookback: Lookback | undefined;
  readonly accumulator: Uint8Array | undefined;
  readonly window: WindowOptions | undefined;
  /** Those of the engine, lowered by those of the step. */
  readonly limits: EngineLimits;
  /** By {@link USAGE}; shared. */
  readonly usage: Float64Array;
}

/**
 * Places in a step's counters: what it did so far, and the memory of its instance now. They are shared with the thread,
 * which alone writes them; a reply comes after what was written before it.
 */
export const USAGE = {
  invocations: 0,
  recordsIn: 1,
  recordsOut: 2,
  bytesIn: 3,
  bytesOut: 4,
  recordErrors: 5,
  lateRecords: 6,
  timeMs: 7,
  memoryBytes: 8,
  length: 9,
} as const;

/** What the probe of a module finds out by running it, without user code. */
export interface ProbeResult {
  readonly kind: SmartModuleKind;
  readonly traits: ModuleTraits;
}

interface BuildResult {
  /** For each step: whether it takes history, that is, exports look_back and has a setting for it. */
  readonly takesHistory: readonly boolean[];
}

/** Neither side keeps a buffer larger than this between calls. */
export const BUFFER_KEPT_BYTES_MAX = 2 << 20;

/** Size of a buffer for so many bytes. Buffers change sides with each call, and have to hold what is a little larger too. */
export function roomFor(sizeBytes: number): number {
  return sizeBytes + (sizeBytes >> 2) + 4096;
}

export interface RecordsResult {
  readonly records: Uint8Array;
  readonly error: RecordError | undefined;
  readonly skipped: readonly RecordError[];
}

interface DropResult {
  /** Guest memory that the thread's next garbage collection can free. */
  readonly droppedBytes: number;
}

/** The result of each request, by `op`. */
export interface WorkerResults {
  readonly probe: ProbeResult;
  readonly build: BuildResult;
  readonly records: RecordsResult;
  readonly lookBack: undefined;
  readonly state: ChainState;
  readonly restore: undefined;
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
  | ProcessedMessage
  | { readonly type: "result"; readonly value: WorkerResults[keyof WorkerResults] }
  | { readonly type: "error"; readonly error: ErrorMessage }
  | {
      readonly type: "output";
      readonly module: string;
      readonly stream: "stdout" | "stderr";
      readonly line: string;
    };

/** What each worker is given. */
export interface WorkerData {
  /** Requests come here and replies go here: a port of a channel of its own takes half the time of the thread's own one. */
  readonly port: MessagePort;
  /** By {@link CLOCK}. */
  readonly guestClock: BigInt64Array;
  /**
   * In its only place the number of requests so far, which grows when one was posted: the thread sleeps on it. Waking an
   * event loop takes longer than all else that a small batch costs the host.
   */
  readonly requestCount: Int32Array;
}

/** Places in the shared clock. */
export const CLOCK = {
  /** Monotonic time in ns at which guest code was entered; 0 outside. */
  enteredNs: 0,
  /** Index of the step whose guest runs, or ran last. */
  step: 1,
  /** Offsets of the batch that is worked on, the last one included; -1 when it is none. */
  firstOffset: 2,
  lastOffset: 3,
  length: 4,
} as const;
