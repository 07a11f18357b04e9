import { FluvioError, flvError, isFluvioError, Reader } from "../../protocol/index.ts";
import { howToRaise } from "../limits.ts";
import { stoppedModule } from "../totals.ts";
import type { EngineLimits, SmartModuleKind } from "../types.ts";
import {
  type CallInput,
  codeClause,
  inputSize,
  invalid,
  KINDS,
  readKeyAndValue,
  readTransformError,
  type TransformError,
  writeInput,
} from "./abi.ts";
import { handedWords, OUT_OF_MEMORY } from "./last-words.ts";
import { OutputFreer } from "./output-freer.ts";
import { passPlainRecords } from "./plain-records.ts";
import { RecordScan } from "./record-scan.ts";
import { countOf } from "./section.ts";
import { type GuestOutput, Wasi } from "./wasi.ts";

/** Below it every delta of a plain record leads to a time. */
const PLAIN_TIMESTAMP_MS_MAX = 2 ** 52;

type GuestFunction = (ptr: number, length: number, version: number) => number;

/** How to speak to a module, found out once per content. */
export interface ModuleTraits {
  readonly abiVersion: number;
  /** Whether output blocks can be given back to the module's allocator. */
  readonly freesOutput: boolean;
}

/** What a transform gave; `section` is a view of the guest's memory, valid until the next call into the module. */
export interface TransformOutput {
  /** Records section: i32 count + records. */
  readonly section: Uint8Array;
  readonly recordCount: number;
  /** The section is that of the input. */
  readonly isUnchanged?: boolean;
  /** What was seen of its records when they were checked; only of modules whose records keep their places. */
  readonly shape?: SectionShape;
  readonly error: TransformError | undefined;
  readonly accumulator: Uint8Array | undefined;
}

/** What a reader of a records section would find out by passing its records. */
export interface SectionShape {
  /** Every offset delta is greater than the one before. */
  readonly isAscending: boolean;
  readonly lastOffsetDelta: number;
  readonly maxTimestampDelta: number;
}

/**
 * One instance of a module with its memory. Every method that enters the guest throws FLV_SMARTMODULE_RUNTIME (trap,
 * negative code, output that cannot be read), FLV_SMARTMODULE_MEMORY_LIMIT or FLV_SMARTMODULE_OUTPUT_LIMIT; the instance
 * must not be used after.
 */
export class ModuleInstance {
  readonly name: string;
  readonly kind: SmartModuleKind;
  readonly hasInit: boolean;
  readonly hasLookBack: boolean;
  private readonly memory: WebAssembly.Memory;
  private readonly alloc: (length: number) => number;
  private readonly dealloc: ((ptr: number, size: number) => void) | undefined;
  private readonly exports: WebAssembly.Exports;
  private readonly limits: EngineLimits;
  private readonly wasi: Wasi;
  private readonly lastWords: string[] = [];
  private traits: ModuleTraits;
  private inputBytes = 0;
  private output: { ptr: number; length: number } | undefined;

  /** @throws FLV_SMARTMODULE_INVALID | FLV_SMARTMODULE_RUNTIME (its start function trapped) */
  constructor(
    name: string,
    module: WebAssembly.Module,
    options: { readonly limits: EngineLimits; readonly traits: ModuleTraits; readonly onOutput: GuestOutput },
  ) {
    this.name = name;
    this.limits = options.limits;
    this.traits = options.traits;
    this.wasi = new Wasi((stream, line) => {
      if (stream === "stderr") this.remember(line);
      options.onOutput(stream, line);
    });
    const imports = this.imports(module);
    const instance = this.guarded("its start function", () => new WebAssembly.Instance(module, imports));
    this.exports = instance.exports;
    this.memory = instance.exports.memory as WebAssembly.Memory;
    this.alloc = instance.exports.alloc as (length: number) => number;
    const dealloc = instance.exports.dealloc;
    this.dealloc = typeof dealloc === "function" ? (dealloc as (ptr: number, size: number) => void) : undefined;
    this.wasi.attach(this.memory);
    this.kind = KINDS.find((kind) => typeof this.exports[kind] === "function") as SmartModuleKind;
    this.hasInit = typeof this.exports.init === "function";
    this.hasLookBack = typeof this.exports.look_back === "function";
    this.checkArities();
  }

  /** Bytes of the module's linear memory now. */
  get memoryBytes(): number {
    return this.memory.buffer.byteLength;
  }

  private checkArities(): void {
    const expected = { alloc: 1, [this.kind]: 3, init: 3, look_back: 3 };
    for (const [name, count] of Object.entries(expected)) {
      const found = this.exports[name];
      if (typeof found !== "function" || found.length === count) continue;
      throw invalid(
        this.name,
        `its export ${name} takes ${found.length} parameters, not ${count}`,
        "Modules of very old SDKs had other parameters: build it with a newer one",
      );
    }
  }

  private imports(module: WebAssembly.Module): WebAssembly.Imports {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    let copyRecordsModule: string | undefined;
    for (const entry of WebAssembly.Module.imports(module)) {
      const group = imports[entry.module] ?? {};
      imports[entry.module] = group;
      if (entry.name === "copy_records" && copyRecordsModule === undefined) {
        copyRecordsModule = entry.module;
        group[entry.name] = (ptr: number, length: number) => {
          this.output = { ptr: ptr >>> 0, length: length >>> 0 };
        };
        continue;
      }
      const wasi = this.wasi.function(entry.module, entry.name);
      if (wasi !== undefined) group[entry.name] = wasi;
    }
    return imports;
  }

  /**
   * Runs the module's init, if it has one.
   * @throws FLV_SMARTMODULE_INIT with the module's own text in `details.text`
   */
  init(params: Uint8Array): void {
    if (!this.hasInit) return;
    this.output = undefined;
    const code = this.call("init", params.length, (memory, ptr) => new Uint8Array(memory).set(params, ptr));
    if (code >= 0) return;
    const text = code === -2 ? this.errorText("init") : undefined;
    throw flvError(
      "FLV_SMARTMODULE_INIT",
      `SmartModule "${this.name}" could not be initialised: ${text ?? codeClause("init", code)}`,
      {
        details: { module: this.name, code, text: text ?? codeClause("init", code) },
        hint: "Check the parameters (-e key=value) against what the module documents",
      },
    );
  }

  /** Feeds history. @throws FLV_SMARTMODULE_LOOKBACK with text, offset, key and value in `details` */
  lookBack(records: Uint8Array, params: Uint8Array): void {
    const input = { records, baseOffset: 0, baseTimestampMs: 0 };
    const code = this.callWithInput("look_back", input, params, undefined);
    if (code >= 0) return;
    const { name } = this;
    if (code !== -99) {
      throw flvError("FLV_SMARTMODULE_LOOKBACK", `SmartModule "${name}" failed: ${codeClause("look_back", code)}`, {
        details: { module: name, code },
      });
    }
    const reader = this.outputReader();
    const text = reader.string();
    const offset = reader.i64();
    const { key, value } = readKeyAndValue(reader);
    throw flvError("FLV_SMARTMODULE_LOOKBACK", `SmartModule "${name}" failed on stored records: ${text}`, {
      details: { module: name, code, text, offset, key, value },
    });
  }

  /** Calls the transform. The output stays in the guest's memory: {@link freeOutput} when it has been read. */
  transform(input: CallInput, params: Uint8Array, accumulator: Uint8Array | undefined): TransformOutput {
    const tail = this.kind === "aggregate" ? (accumulator ?? new Uint8Array(0)) : undefined;
    const code = this.callWithInput(this.kind, input, params, tail);
    if (code < 0) throw this.failed(codeClause("transform", code), { code });
    try {
      return this.readOutput(input);
    } catch (cause) {
      if (stoppedModule(cause) !== undefined || !isFluvioError(cause)) throw cause;
      throw this.failed(`its output cannot be read: ${cause.message}`, {}, cause);
    }
  }

  /** Gives the output of the last call back to the module's allocator, which Rust modules leak otherwise. */
  freeOutput(): void {
    const { output, dealloc } = this;
    this.output = undefined;
    if (output === undefined || dealloc === undefined || !this.traits.freesOutput) return;
    const size = OutputFreer.blockSize(this.memory.buffer, output.ptr, output.length);
    if (size !== undefined) this.guarded("dealloc", () => dealloc(output.ptr, size));
  }

  /** Address of the last output, to see whether the module makes a new block for each. */
  get outputAddress(): number | undefined {
    return this.output?.ptr;
  }

  /** True when the module's allocator lays its blocks out as {@link OutputFreer} expects and takes them back. */
  probeAllocator(): boolean {
    const { dealloc } = this;
    if (dealloc === undefined) return false;
    return this.guarded("alloc", () => OutputFreer.probe(this.memory, this.alloc, dealloc));
  }

  useTraits(traits: ModuleTraits): void {
    this.traits = traits;
  }

  private callWithInput(
    name: string,
    input: CallInput,
    params: Uint8Array,
    accumulator: Uint8Array | undefined,
  ): number {
    const tail = { params, accumulator };
    const { abiVersion } = this.traits;
    this.output = undefined;
    return this.call(name, inputSize(input, tail, abiVersion), (memory, ptr) =>
      writeInput(memory, ptr, input, tail, abiVersion),
    );
  }

  private call(name: string, size: number, write: (memory: ArrayBuffer, ptr: number) => void): number {
    const guest = this.exports[name] as GuestFunction;
    this.inputBytes = size;
    return this.guarded(name, () => {
      const ptr = this.alloc(size) >>> 0;
      // alloc may have grown the memory: take the buffer only now
      const memory = this.memory.buffer as ArrayBuffer;
      if (ptr === 0 || ptr + size > memory.byteLength) {
        throw this.failed(
          `its alloc(${size}) gave ${ptr}, which does not fit its memory of ${memory.byteLength} bytes`,
        );
      }
      write(memory, ptr);
      return guest(ptr, size, this.traits.abiVersion) | 0;
    });
  }

  private readOutput(input: CallInput): TransformOutput {
    const reader = this.outputReader();
    const { bytes, pos: start } = reader;
    const recordCount = Math.max(0, reader.i32());
    const { end, shape } = this.checkRecords(bytes, reader.pos, recordCount, input);
    const section = bytes.subarray(start, end);
    reader.pos = end;
    const error = readTransformError(reader, this.kind);
    const accumulator = this.kind === "aggregate" ? reader.raw(Math.max(0, reader.i32()), "accumulator") : undefined;
    return {
      section,
      recordCount,
      isUnchanged: section.length === input.records.length && Buffer.compare(section, input.records) === 0,
      ...(shape === undefined ? {} : { shape }),
      error,
      accumulator: accumulator?.slice(),
    };
  }

  /**
   * Passes the records of an output. They must be of the batch: no more than went in, with its offsets, and with times
   * that a reader can take. What array_map makes gets offsets and times from what it was made of.
   */
  private checkRecords(
    bytes: Uint8Array,
    pos: number,
    recordCount: number,
    input: CallInput,
  ): { readonly end: number; readonly shape: SectionShape | undefined } {
    if (this.kind === "array_map") {
      const scan = new RecordScan(bytes, pos, bytes.length);
      for (let i = 0; i < recordCount; i++) scan.next();
      return { end: scan.pos, shape: undefined };
    }
    const { baseTimestampMs, lastOffsetDelta = Number.POSITIVE_INFINITY } = input;
    if (recordCount > countOf(input.records)) {
      throw this.failed(`it made ${recordCount} records of ${countOf(input.records)}`);
    }
    const plainCount = Math.abs(baseTimestampMs) < PLAIN_TIMESTAMP_MS_MAX ? recordCount : 0;
    const passed = passPlainRecords(bytes, pos, plainCount, lastOffsetDelta);
    let { isAscending, lastOffsetDelta: previous, maxTimestampDelta } = passed;
    const scan = new RecordScan(bytes, passed.pos, bytes.length);
    for (let i = passed.recordCount; i < recordCount; i++) {
      scan.next();
      const { offsetDelta, timestampDelta } = scan;
      if (offsetDelta < 0 || offsetDelta > lastOffsetDelta) {
        throw this.failed(`record ${i} of its output has the offset delta ${offsetDelta}, which is not in the batch`);
      }
      if (timestampDelta !== 0 && !Number.isSafeInteger(baseTimestampMs + timestampDelta)) {
        throw this.failed(`record ${i} of its output has the timestamp delta ${timestampDelta}, which is no time`);
      }
      if (offsetDelta <= previous) isAscending = false;
      previous = offsetDelta;
      if (timestampDelta > maxTimestampDelta) maxTimestampDelta = timestampDelta;
    }
    return { end: scan.pos, shape: { isAscending, lastOffsetDelta: previous, maxTimestampDelta } };
  }

  private outputReader(): Reader {
    if (this.output === undefined) throw this.failed("it gave no output (copy_records was not called)");
    const { ptr, length } = this.output;
    const { buffer } = this.memory;
    if (ptr + length > buffer.byteLength) {
      throw this.failed(
        `its output of ${length} bytes at ${ptr} lies outside its memory of ${buffer.byteLength} bytes`,
      );
    }
    this.checkOutputSize(length);
    return new Reader(new Uint8Array(buffer, ptr, length));
  }

  /** @throws FLV_SMARTMODULE_OUTPUT_LIMIT when a batch's output of this many bytes is above the limit */
  checkOutputSize(outputBytes: number): void {
    const { outputBytesMax } = this.limits;
    if (outputBytes <= outputBytesMax) return;
    throw flvError(
      "FLV_SMARTMODULE_OUTPUT_LIMIT",
      `SmartModule "${this.name}" failed: its output of ${outputBytes} bytes is above the limit of ${outputBytesMax}`,
      {
        details: { module: this.name, outputBytes, outputBytesMax },
        hint: `Let the module make less of a batch, or raise the output limit: ${howToRaise("outputBytesMax")}`,
      },
    );
  }

  private errorText(call: "init"): string {
    try {
      return this.outputReader().string();
    } catch (cause) {
      throw this.failed(`the error of its ${call} cannot be read`, {}, cause);
    }
  }

  /** Runs guest code; what it throws becomes an error that names the module. */
  private guarded<T>(where: string, run: () => T): T {
    this.lastWords.length = 0;
    try {
      return run();
    } catch (cause) {
      if (cause instanceof FluvioError) throw cause;
      throw this.trap(where, cause);
    } finally {
      this.wasi.endCall();
    }
  }

  private trap(where: string, cause: unknown): Error {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const memoryBytes = this.memory === undefined ? 0 : this.memory.buffer.byteLength;
    const { memoryBytesMax } = this.limits;
    const handed = this.memory === undefined ? undefined : handedWords(this.memory.buffer, this.output);
    const said = handed === undefined ? this.lastWords : [...this.lastWords, handed];
    const words = said.length === 0 ? "" : `; it said: ${said.join(" ")}`;
    // a guest that cannot grow its memory aborts; allocators double, so half the limit is where that starts
    const isFull = memoryBytes >= memoryBytesMax / 2 || memoryBytes + this.inputBytes > memoryBytesMax;
    if (isFull || handed === OUT_OF_MEMORY) {
      return flvError(
        "FLV_SMARTMODULE_MEMORY_LIMIT",
        `SmartModule "${this.name}" was stopped in ${where} with ${memoryBytes} of at most ${memoryBytesMax} bytes of memory and an input of ${this.inputBytes}: ${reason}${words}`,
        {
          details: { module: this.name, requested: memoryBytes + this.inputBytes, max: memoryBytesMax },
          hint: `Let the module keep less, or raise the memory limit: ${howToRaise("memoryBytesMax")}`,
        },
      );
    }
    return this.failed(`it trapped in ${where}: ${reason}${words}`);
  }

  /** An error that says how the module failed. */
  failed(clause: string, details: Record<string, unknown> = {}, cause?: unknown): Error {
    return flvError("FLV_SMARTMODULE_RUNTIME", `SmartModule "${this.name}" failed: ${clause}`, {
      details: { module: this.name, ...details },
      ...(cause === undefined ? {} : { cause }),
    });
  }

  private remember(line: string): void {
    this.lastWords.push(line);
    if (this.lastWords.length > 5) this.lastWords.shift();
  }
}
