import { flvError } from "../../protocol/index.ts";
import type { BuildStep, RecordsResult } from "../messages.ts";
import type { EngineLimits, Lookback, ModuleMetrics, RecordError } from "../types.ts";
import { type CallInput, encodeParams } from "./abi.ts";
import { ArrayMapOutput, SingleRecords } from "./array-map.ts";
import { ModuleInstance, type TransformOutput } from "./instance.ts";
import type { GuestStream } from "./wasi.ts";

/** What a chain made of one batch; `section` is a view of guest memory, valid until {@link ChainRunner.release}. */
export interface ChainOutput {
  readonly section: Uint8Array;
  readonly recordCount: number;
  /** Records may share an offset: they were made of the same one. */
  readonly sharesOffsets?: boolean;
  readonly error: RecordError | undefined;
}

interface Counters {
  bytesIn: number;
  recordsOut: number;
  recordErrors: number;
  invocations: number;
  cpuMs: number;
}

interface Step {
  readonly instance: ModuleInstance;
  /** Params of every call: only modules of before `init` existed look at them. */
  readonly params: Uint8Array;
  readonly takesHistory: boolean;
  accumulator: Uint8Array | undefined;
  counters: Counters;
}

export interface RunnerOptions {
  readonly limits: EngineLimits;
  readonly onOutput: (module: string, stream: GuestStream, line: string) => void;
  /** Called around guest code, so that a watchdog knows when it entered. */
  readonly enterGuest: (step: number) => void;
  readonly leaveGuest: () => void;
}

const NO_PARAMS = new Map<string, string>();

/** The instances of one chain. After a throw it must not be used again. */
export class ChainRunner {
  private readonly steps: Step[] = [];
  private readonly options: RunnerOptions;
  private pendingOutput: ModuleInstance | undefined;
  private pendingStep = 0;
  private readonly sharesOffsets: boolean;

  /** Instantiates and initialises the steps in order. */
  constructor(steps: readonly BuildStep[], options: RunnerOptions) {
    this.options = options;
    for (const [index, step] of steps.entries()) this.steps.push(this.inGuest(index, () => this.build(step)));
    this.sharesOffsets = this.steps.some(({ instance }) => instance.kind === "array_map");
  }

  get takesHistory(): readonly boolean[] {
    return this.steps.map((step) => step.takesHistory);
  }

  private build(step: BuildStep): Step {
    const { limits, onOutput } = this.options;
    const instance = new ModuleInstance(step.name, step.module, {
      limits,
      traits: step.traits,
      onOutput: (stream, line) => onOutput(step.name, stream, line),
    });
    const { abiVersion } = step.traits;
    instance.init(paramsOf(step, step.lookback));
    const accumulator = instance.kind === "aggregate" ? (step.accumulator ?? new Uint8Array(0)) : undefined;
    return {
      instance,
      params: instance.hasInit ? encodeParams(NO_PARAMS, undefined, abiVersion) : paramsOf(step, undefined),
      takesHistory: instance.hasLookBack && step.lookback !== undefined,
      accumulator,
      counters: newCounters(),
    };
  }

  /**
   * Applies the steps to one batch. A user error ends the chain at its step, whose successes are the output, as in
   * the original. Records pass from memory to memory; {@link release} must follow when the output has been read.
   */
  run(input: CallInput): ChainOutput {
    let { records } = input;
    let recordCount = new DataView(records.buffer, records.byteOffset).getInt32(0);
    for (const [index, step] of this.steps.entries()) {
      const output = this.apply(index, step, { ...input, records });
      // the records were copied into this step's memory, so the step before may reuse its own
      this.release();
      this.pendingOutput = step.instance;
      this.pendingStep = index;
      records = output.section;
      recordCount = output.recordCount;
      if (output.error !== undefined) {
        const error = { module: step.instance.name, ...output.error };
        return { section: records, recordCount, sharesOffsets: this.sharesOffsets, error };
      }
    }
    return { section: records, recordCount, sharesOffsets: this.sharesOffsets, error: undefined };
  }

  private apply(index: number, step: Step, input: CallInput): TransformOutput {
    const startMs = performance.now();
    const output = this.inGuest(index, () =>
      step.instance.kind === "array_map"
        ? this.applyToEach(step, input)
        : step.instance.transform(input, step.params, step.accumulator),
    );
    const { counters } = step;
    counters.cpuMs += performance.now() - startMs;
    counters.bytesIn += input.records.length;
    counters.invocations += 1;
    counters.recordsOut += output.recordCount;
    if (output.error !== undefined) counters.recordErrors += 1;
    if (output.accumulator !== undefined) step.accumulator = output.accumulator;
    return output;
  }

  /**
   * Calls an array_map with one record after the other. Its records come back without offset and time, and which of
   * them were made of which record shows in no other way.
   */
  private applyToEach(step: Step, input: CallInput): TransformOutput {
    const { instance, params } = step;
    const { outputBytesMax } = this.options.limits;
    const records = new SingleRecords(input.records);
    const made = new ArrayMapOutput(input.records.length);
    let error: TransformOutput["error"];
    for (let i = 0; i < records.count && error === undefined; i++) {
      const output = instance.transform({ ...input, records: records.next() }, params, undefined);
      made.add(output.section, output.recordCount, records.deltas);
      error = output.error;
      instance.freeOutput();
      if (made.sizeBytes > outputBytesMax) throw instance.outputTooLarge(made.sizeBytes);
    }
    return { section: made.section(), recordCount: made.recordCount, error, accumulator: undefined };
  }

  /** Frees the output of the last {@link run} in the guest. */
  release(): void {
    const instance = this.pendingOutput;
    this.pendingOutput = undefined;
    if (instance !== undefined) this.inGuest(this.pendingStep, () => instance.freeOutput());
  }

  /** Runs the chain on plain records. The result is a copy. */
  runRecords(records: Uint8Array, baseTimestampMs: number): RecordsResult {
    if (records.length < 4) throw flvError("FLV_DECODE", `a records section of ${records.length} bytes has no count`);
    const output = this.run({ records, baseOffset: 0, baseTimestampMs });
    const copy = output.section.slice();
    this.release();
    return { records: copy, error: output.error };
  }

  /** Feeds a records section of history to one step. */
  lookBack(index: number, records: Uint8Array): void {
    const step = this.steps[index];
    if (step === undefined || !step.takesHistory) {
      throw flvError("FLV_ARGUMENT", `step ${index} of the chain takes no history`);
    }
    const startMs = performance.now();
    step.counters.invocations += 1;
    step.counters.bytesIn += records.length;
    this.inGuest(index, () => step.instance.lookBack(records, step.params));
    step.counters.cpuMs += performance.now() - startMs;
  }

  get accumulators(): ReadonlyMap<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    for (const [index, { accumulator }] of this.steps.entries()) {
      if (accumulator !== undefined) found.set(index, accumulator);
    }
    return found;
  }

  /** Linear memory of all instances. */
  get memoryBytes(): number {
    return this.steps.reduce((sum, step) => sum + step.instance.memoryBytes, 0);
  }

  takeMetrics(): readonly ModuleMetrics[] {
    return this.steps.map((step) => {
      const metrics = { name: step.instance.name, ...step.counters, memoryBytes: step.instance.memoryBytes };
      step.counters = newCounters();
      return metrics;
    });
  }

  private inGuest<T>(index: number, run: () => T): T {
    this.options.enterGuest(index);
    try {
      return run();
    } finally {
      this.options.leaveGuest();
    }
  }
}

function paramsOf(step: BuildStep, lookback: Lookback | undefined): Uint8Array {
  try {
    return encodeParams(step.params, lookback, step.traits.abiVersion);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw flvError("FLV_SMARTMODULE_INIT", `SmartModule "${step.name}" cannot be given its parameters: ${reason}`, {
      details: { module: step.name, text: reason },
      hint: "A parameter's name and value have at most 32767 bytes each",
      cause,
    });
  }
}

function newCounters(): Counters {
  return { bytesIn: 0, recordsOut: 0, recordErrors: 0, invocations: 0, cpuMs: 0 };
}
