import type { FluvioError } from "../protocol/index.ts";

/** The transforms a module can export, in the order in which they are looked for. */
export type SmartModuleKind = "filter" | "map" | "filter_map" | "array_map" | "aggregate";

/** How many stored records a module's look_back sees. */
export interface Lookback {
  readonly last: number;
  readonly ageMs?: number;
}

/** One step of a chain, with its code. */
export interface ChainStep {
  /** Name in errors and metrics. */
  readonly name: string;
  /** The wasm module, not compressed. */
  readonly wasm: Uint8Array;
  readonly params: ReadonlyMap<string, string>;
  readonly lookback?: Lookback;
  /** Initial accumulator of an aggregate; empty when absent. */
  readonly accumulator?: Uint8Array;
}

/** Limits of one chain. A module that crosses one is stopped, its stream gets an error, other streams go on. */
export interface EngineLimits {
  /** Longest a module may work on one batch. Default 5000. */
  readonly batchTimeoutMs: number;
  /** Largest linear memory of one module instance, bytes. Default 1 GiB. */
  readonly memoryBytesMax: number;
  /** Largest output for one input batch, bytes. Default 256 MiB. */
  readonly outputBytesMax: number;
}

export interface ProcessInput {
  /** Whole stored batches, back to back (compressed or not), in one or several pieces. Not changed. */
  readonly batches: readonly Uint8Array[];
  /** Records below this offset (earlier ones of the first batch) are not fed to the chain. */
  readonly fromOffset: number;
  /**
   * Processing stops before the output grows past this, taking each batch's output to be no larger than its input; at
   * least one input batch is always processed.
   */
  readonly maxOutputBytes: number;
}

/** A user error on one record, as the module reported it (smartmodule-abi.md 2.5). */
export interface RecordError {
  readonly module: string;
  readonly kind: SmartModuleKind;
  readonly hint: string;
  readonly offset: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

export interface ProcessOutput {
  /**
   * Whole batches ready for the wire, with the codec of the input batch each came from (but sections below 1 KiB are
   * not compressed). Surviving records keep their offset and timestamp, for readers that use offset_delta and for
   * readers that count from the base offset alike: a gap in the offsets starts a new batch, whose predecessor's
   * last_offset_delta covers the gap. A gap at the very start is a batch without records, so that the batches cover
   * every offset from `fromOffset` to `nextOffset`.
   * Records that array_map makes of one record share its offset and timestamp, so that no offset is ever beyond what
   * was read: whoever stores the offset of the last record he worked off never loses another record by it. For readers
   * that count, each record that shares an offset with the one before is a batch of its own. array_map is called once
   * for each record, because nothing in its output tells what was made of what.
   */
  readonly batches: Uint8Array;
  readonly recordCount: number;
  /** Offset after the last input batch that was processed: where to read on. */
  readonly nextOffset: number;
  /** The record at which a module reported a user error; records before it are in `batches`. */
  readonly error?: RecordError;
}

/** Counters of one module in one chain since the last call of {@link SmartChain.takeMetrics}. */
export interface ModuleMetrics {
  readonly name: string;
  readonly bytesIn: number;
  readonly recordsOut: number;
  readonly recordErrors: number;
  readonly invocations: number;
  readonly cpuMs: number;
  /** Linear memory of the instance now, bytes; not a counter. */
  readonly memoryBytes: number;
}

/**
 * Modules applied one after the other to a stream of batches. State (wasm globals, accumulators) lives as long as the
 * chain. Calls are processed in order, one at a time.
 */
export interface SmartChain extends AsyncDisposable {
  /**
   * @throws FLV_SMARTMODULE_RUNTIME (trap or engine error) | FLV_SMARTMODULE_TIME_LIMIT | FLV_SMARTMODULE_MEMORY_LIMIT;
   * after a throw the chain is broken and every further call throws the same
   */
  process(input: ProcessInput): Promise<ProcessOutput>;
  /**
   * Applies the chain to plain records that are in no batch yet (client-side produce): `records` is the uncompressed
   * records section (i32 count + records). Gives the same form.
   */
  processRecords(
    records: Uint8Array,
    baseTimestampMs: number,
  ): Promise<{ readonly records: Uint8Array; readonly error?: RecordError }>;
  /** Whether any module exports look_back and has a lookback setting: then {@link lookBack} must run first. */
  readonly lookbacks: readonly (Lookback | undefined)[];
  /** Feeds stored history (whole batches) to the module at `index`. @throws FLV_SMARTMODULE_LOOKBACK */
  lookBack(index: number, batches: readonly Uint8Array[], fromOffset: number, notBeforeMs?: number): Promise<void>;
  /** Current accumulator of each aggregate, by module index. */
  accumulators(): Promise<ReadonlyMap<number, Uint8Array>>;
  takeMetrics(): Promise<readonly ModuleMetrics[]>;
}

/** What is known of a module without running user code. */
export interface ModuleInspection {
  readonly kind: SmartModuleKind;
  readonly exports: readonly string[];
  readonly imports: readonly string[];
  readonly hasInit: boolean;
  readonly hasLookBack: boolean;
  /** Version of the ABI the host will speak to it (22, or 19 for old modules). */
  readonly abiVersion: number;
}

/** Runs SmartModules in worker threads; one engine per process, shared by every stream. */
export interface SmartEngine extends AsyncDisposable {
  /**
   * Compiles, instantiates and initialises the steps in order.
   * @throws FLV_SMARTMODULE_INVALID | FLV_SMARTMODULE_INIT | FLV_SMARTMODULE_MEMORY_LIMIT | FLV_SMARTMODULE_TIME_LIMIT
   * | FLV_SMARTMODULE_RUNTIME (a trap in init), each naming the module; FLV_SMARTMODULE_RUNTIME, retriable, when as many
   * chains are running as are allowed
   */
  chain(steps: readonly ChainStep[], options?: { readonly signal?: AbortSignal }): Promise<SmartChain>;
  /** @throws FLV_SMARTMODULE_INVALID with the reason: not wasm, no transform export, wrong arity, unknown import, no copy_records */
  inspect(name: string, wasm: Uint8Array): Promise<ModuleInspection>;
}

export type SmartModuleFailure = FluvioError;
