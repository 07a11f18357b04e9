import type { FluvioError, WindowOptions } from "../protocol/index.ts";

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
  /** Initial accumulator of an aggregate, or of each of its windows; empty when absent. */
  readonly accumulator?: Uint8Array;
  /** Cuts an aggregate into windows: it emits a record for each window that closes in place of one for each record. */
  readonly window?: WindowOptions;
  /** Limits of this step where they are lower than the engine's; higher ones have no effect. */
  readonly limits?: Partial<EngineLimits>;
}

/** Limits of one module. One that crosses a limit is stopped, its stream gets an error, other streams go on. */
export interface EngineLimits {
  /** Longest a module may work on one batch. Default 5000. */
  readonly batchTimeoutMs: number;
  /** Largest linear memory of one module instance, bytes. Default 1 GiB. */
  readonly memoryBytesMax: number;
  /** Largest output for one input batch, bytes. Default 256 MiB. */
  readonly outputBytesMax: number;
  /** Most windows of one step that may be open at a time. Default 10 000. */
  readonly windowsMax: number;
}

/** A window that has records and is not closed yet. */
export interface WindowState {
  /** First timestamp in it, ms since 1970. */
  readonly startMs: number;
  /** First timestamp after it. */
  readonly endMs: number;
  readonly accumulator: Uint8Array;
  readonly recordCount: number;
}

/** What an aggregate remembers. */
export interface ModuleState {
  /** The running accumulator; with windows the one that each of them starts from. */
  readonly accumulator: Uint8Array;
  /** Open windows by their start; none without windows. */
  readonly windows: readonly WindowState[];
  /** Largest record timestamp seen; only with windows. */
  readonly watermarkMs: number | undefined;
}

/** What the aggregates of a chain remember, by the index of their step. Plain data: it can be stored and given back. */
export type ChainState = ReadonlyMap<number, ModuleState>;

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
  /**
   * What a module made before a user error passes the modules that follow, so that nobody gets records that half of the
   * chain has seen. By default it is the output as it is, as in the original's engine.
   */
  readonly passesOn?: boolean;
  /**
   * Who reads the output goes by offset_delta, so that a batch may have gaps: survivors stay in one batch for each
   * input batch. By default the output also suits readers that count from the base offset.
   */
  readonly keepsGaps?: boolean;
  /**
   * The `batches` of an earlier output of this chain that nobody will read again. Their memory is used for this call:
   * making new memory for each takes longer than many a module.
   */
  readonly spent?: Uint8Array | undefined;
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
   * every offset from `fromOffset` to `nextOffset`. With `keepsGaps` gaps stay inside a batch.
   * Records that array_map makes of one record share its offset and timestamp, so that no offset is ever beyond what
   * was read: whoever stores the offset of the last record he worked off never loses another record by it. For readers
   * that count, each record that shares an offset with the one before is a batch of its own. array_map is called once
   * for each record, because nothing in its output tells what was made of what.
   */
  readonly batches: Uint8Array;
  readonly recordCount: number;
  /** Offset after the last input batch that was processed: where to read on. */
  readonly nextOffset: number;
  /** The record at which a module reported a user error; what was made of the records before it is in `batches`. */
  readonly error?: RecordError;
}

/** Counters of all modules of one name since the engine started. A window's emissions count as records out. */
export interface ModuleTotals {
  readonly name: string;
  /** Chains with this module that are running now. */
  readonly chains: number;
  readonly invocations: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Bytes of the records that went in, without what surrounds them. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Records at which the module reported a user error. */
  readonly recordErrors: number;
  /** Times that it was stopped: by a trap, an output that cannot be read, or a limit. */
  readonly failures: number;
  /** Those of the failures that crossed the limit on the time for a batch, on memory, on the output of a batch. */
  readonly timeLimitFailures: number;
  readonly memoryLimitFailures: number;
  readonly outputLimitFailures: number;
  /** Records that came after their windows had closed, and were dropped. */
  readonly lateRecords: number;
  /** Time spent in it, ms. */
  readonly timeMs: number;
  /** Linear memory of its running instances, bytes. */
  readonly memoryBytes: number;
}

/** Modules that take history before they see records. */
export interface HistoryTaker {
  /** For each step that exports look_back and has a setting for it: the setting. {@link lookBack} must feed these. */
  readonly lookbacks: readonly (Lookback | undefined)[];
  /** Feeds stored history (whole batches) to the module at `index`. @throws FLV_SMARTMODULE_LOOKBACK */
  lookBack(index: number, batches: readonly Uint8Array[], fromOffset: number, notBeforeMs?: number): Promise<void>;
}

export interface ReplaceOptions {
  /**
   * Feeds history to the new modules that take it, just before the switch: no record passes the chain meanwhile, so
   * what was processed before is the history. It must not call the chain itself, which waits for it.
   */
  readonly feedHistory?: (modules: HistoryTaker) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface ProcessRecordsOptions {
  /**
   * Leaves out records on which a module reports a user error, and goes on with the others; by default the first error
   * is the end.
   */
  readonly skipsErrors?: boolean;
}

export interface RecordsOutput {
  readonly records: Uint8Array;
  /** The record at which processing ended. */
  readonly error?: RecordError;
  /** Records that were left out, step by step. */
  readonly skipped: readonly RecordError[];
}

/**
 * Modules applied one after the other to a stream of batches. State (wasm globals, accumulators, open windows) lives as
 * long as the chain. Calls are processed in order, one at a time.
 */
export interface SmartChain extends HistoryTaker, AsyncDisposable {
  /**
   * @throws FLV_SMARTMODULE_RUNTIME (trap or engine error) | FLV_SMARTMODULE_TIME_LIMIT | FLV_SMARTMODULE_MEMORY_LIMIT |
   * FLV_SMARTMODULE_OUTPUT_LIMIT,
   * with the offsets it was working on in `details`; after a throw the chain is broken and every further call throws
   * the same. Nothing of a call that throws takes effect
   */
  process(input: ProcessInput): Promise<ProcessOutput>;
  /**
   * Applies the chain to plain records that are in no batch yet (client-side produce): `records` is the uncompressed
   * records section (i32 count + records). Gives the same form.
   */
  processRecords(records: Uint8Array, baseTimestampMs: number, options?: ProcessRecordsOptions): Promise<RecordsOutput>;
  /** What the aggregates remember after all calls so far. */
  state(): Promise<ChainState>;
  /**
   * Exchanges the modules between two calls. The new steps are built beside the old ones, which go on meanwhile; at the
   * switch the state of an aggregate passes to the step at the same index if that is an aggregate too. When the new
   * steps cannot take over, the chain goes on with the old ones and this throws.
   * @throws what {@link SmartEngine.chain} throws | what `feedHistory` throws | FLV_ARGUMENT when the windows of the old
   * and the new step are cut differently, or history is needed and there is no `feedHistory`
   */
  replace(steps: readonly ChainStep[], options?: ReplaceOptions): Promise<void>;
}

export interface ChainOptions {
  readonly signal?: AbortSignal;
  /** What the aggregates remember from an earlier chain ({@link SmartChain.state}) in place of their initial values. */
  readonly state?: ChainState;
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
   * chains are running as are allowed; FLV_ARGUMENT for windows around what is no aggregate, and for a state that does
   * not fit the steps
   */
  chain(steps: readonly ChainStep[], options?: ChainOptions): Promise<SmartChain>;
  /** @throws FLV_SMARTMODULE_INVALID with the reason: not wasm, no transform export, wrong arity, unknown import, no copy_records */
  inspect(name: string, wasm: Uint8Array): Promise<ModuleInspection>;
  /** Counters by module name, of chains that run and of those that have ended. Names beyond 1000 share `(other)`. */
  totals(): readonly ModuleTotals[];
}

export type SmartModuleFailure = FluvioError;
