import { BATCH_HEADER_BYTES, flvError } from "../../protocol/index.ts";
import { type BuildStep, type RecordsResult, USAGE } from "../messages.ts";
import type { ChainState, Lookback, ModuleState, RecordError } from "../types.ts";
import { type CallInput, encodeParams } from "./abi.ts";
import { ArrayMapOutput, SingleRecords } from "./array-map.ts";
import { ModuleInstance, type SectionShape, type TransformOutput } from "./instance.ts";
import { COUNT_BYTES, countOf } from "./section.ts";
import { SectionPieces, sectionBehind } from "./section-pieces.ts";
import type { GuestStream } from "./wasi.ts";
import { WindowedAggregate } from "./windows.ts";

/** What a chain made of one batch; `section` is a view of guest memory, valid until {@link ChainRunner.release}. */
export interface ChainOutput {
  readonly section: Uint8Array;
  readonly recordCount: number;
  /** Records may share an offset: they were made of the same one. */
  readonly sharesOffsets?: boolean;
  /** The records are the very bytes that went in. */
  readonly isUnchanged?: boolean;
  /** What is known of the records already. */
  readonly shape?: SectionShape | undefined;
  readonly error: RecordError | undefined;
}

interface Step {
  readonly instance: ModuleInstance;
  /** Params of every call: only modules of before `init` existed look at them. */
  readonly params: Uint8Array;
  readonly takesHistory: boolean;
  /** Only of aggregates; with windows the one that each starts from. */
  accumulator: Uint8Array | undefined;
  readonly windows: WindowedAggregate | undefined;
  /** By {@link USAGE}. */
  readonly usage: Float64Array;
}

export interface RunnerOptions {
  readonly onOutput: (module: string, stream: GuestStream, line: string) => void;
  /** Called around guest code, so that a watchdog knows when it entered. */
  readonly enterGuest: (step: number) => void;
  readonly leaveGuest: () => void;
  /** Called before each batch with its first and last offset. */
  readonly locate: (firstOffset: number, lastOffset: number) => void;
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
    this.sharesOffsets = this.steps.some(
      ({ instance, windows }) => instance.kind === "array_map" || windows !== undefined,
    );
  }

  /** Whether records go by their timestamps before any module saw them, so that these must be exact. */
  get readsTimestamps(): boolean {
    return this.steps[0]?.windows !== undefined;
  }

  get takesHistory(): readonly boolean[] {
    return this.steps.map((step) => step.takesHistory);
  }

  private build(step: BuildStep): Step {
    const { onOutput } = this.options;
    const instance = new ModuleInstance(step.name, step.module, {
      limits: step.limits,
      traits: step.traits,
      onOutput: (stream, line) => onOutput(step.name, stream, line),
    });
    const { abiVersion } = step.traits;
    instance.init(paramsOf(step, step.lookback));
    step.usage[USAGE.memoryBytes] = instance.memoryBytes;
    const initial = step.accumulator ?? new Uint8Array(0);
    const params = instance.hasInit ? encodeParams(NO_PARAMS, undefined, abiVersion) : paramsOf(step, undefined);
    const { window: options, limits } = step;
    return {
      instance,
      params,
      windows:
        options === undefined ? undefined : new WindowedAggregate(instance, { params, options, limits, initial }),
      takesHistory: instance.hasLookBack && step.lookback !== undefined,
      accumulator: instance.kind === "aggregate" ? initial : undefined,
      usage: step.usage,
    };
  }

  locate(firstOffset: number, lastOffset: number): void {
    this.options.locate(firstOffset, lastOffset);
  }

  /**
   * Applies the steps to one batch. A user error ends the chain at its step, whose successes are the output, as in
   * the original; with `passesOn` they go on through the steps that follow, and of several errors the one on the first
   * record counts. Records pass from memory to memory; {@link release} must follow when the output has been read.
   */
  run(input: CallInput, passesOn = false): ChainOutput {
    let { records } = input;
    let recordCount = countOf(records);
    let error: RecordError | undefined;
    let isUnchanged = true;
    let shape: SectionShape | undefined;
    for (const [index, step] of this.steps.entries()) {
      const output = this.apply(index, step, { ...input, records });
      isUnchanged &&= output.isUnchanged === true;
      shape = output.shape;
      // the records were copied into this step's memory, so the step before may reuse its own
      this.release();
      this.pendingOutput = step.instance;
      this.pendingStep = index;
      records = output.section;
      recordCount = output.recordCount;
      // a later step sees only what came before the error of an earlier one
      if (output.error === undefined) continue;
      error = { module: step.instance.name, ...output.error };
      if (!passesOn) break;
    }
    return { section: records, recordCount, sharesOffsets: this.sharesOffsets, isUnchanged, shape, error };
  }

  /** As {@link run} for plain records, but those with a user error are left out and the others go on. */
  private runSkipping(input: CallInput): { readonly records: Uint8Array; readonly skipped: readonly RecordError[] } {
    const skipped: RecordError[] = [];
    let { records } = input;
    for (const [index, step] of this.steps.entries()) {
      const made = new SectionPieces();
      for (let rest: Uint8Array | undefined = records; rest !== undefined; ) {
        const output = this.apply(index, step, { ...input, records: rest });
        made.add(output.section, output.recordCount);
        this.inGuest(index, () => step.instance.freeOutput());
        if (output.error === undefined) break;
        skipped.push({ module: step.instance.name, ...output.error });
        rest = sectionBehind(rest, input.baseOffset, output.error, step.instance.name);
      }
      records = made.section();
    }
    return { records, skipped };
  }

  private apply(index: number, step: Step, input: CallInput): TransformOutput {
    countInput(step.usage, input.records);
    const output = this.timed(index, step, () => this.transform(step, input));
    const { usage } = step;
    count(usage, USAGE.recordsOut, output.recordCount);
    count(usage, USAGE.bytesOut, output.section.length - COUNT_BYTES);
    if (output.error !== undefined) count(usage, USAGE.recordErrors, 1);
    usage[USAGE.memoryBytes] = step.instance.memoryBytes;
    if (output.accumulator !== undefined) step.accumulator = output.accumulator;
    return output;
  }

  private transform(step: Step, input: CallInput): TransformOutput {
    if (step.instance.kind === "array_map") return this.applyToEach(step, input);
    if (step.windows !== undefined) return this.applyToWindows(step.usage, step.windows, input);
    count(step.usage, USAGE.invocations, 1);
    return step.instance.transform(input, step.params, step.accumulator);
  }

  private applyToWindows(usage: Float64Array, windows: WindowedAggregate, input: CallInput): TransformOutput {
    const { section, recordCount, error, lateRecords, invocations } = windows.process(input);
    count(usage, USAGE.invocations, invocations);
    count(usage, USAGE.lateRecords, lateRecords);
    return { section, recordCount, error, accumulator: undefined };
  }

  /**
   * Calls an array_map with one record after the other. Its records come back without offset and time, and which of
   * them were made of which record shows in no other way.
   */
  private applyToEach(step: Step, input: CallInput): TransformOutput {
    const { instance, params } = step;
    count(step.usage, USAGE.invocations, 1);
    const records = new SingleRecords(input.records);
    const made = new ArrayMapOutput(input.records.length);
    let error: TransformOutput["error"];
    for (let i = 0; i < records.count && error === undefined; i++) {
      const output = instance.transform({ ...input, records: records.next() }, params, undefined);
      made.add(output.section, output.recordCount, records.deltas);
      error = output.error;
      instance.freeOutput();
      // as they share an offset, each is a batch of its own for the reader
      instance.checkOutputSize(made.sizeBytes + made.recordCount * BATCH_HEADER_BYTES);
    }
    return { section: made.section(), recordCount: made.recordCount, error, accumulator: undefined };
  }

  /** Frees the output of the last {@link run} in the guest. */
  release(): void {
    const instance = this.pendingOutput;
    this.pendingOutput = undefined;
    if (instance !== undefined) this.inGuest(this.pendingStep, () => instance.freeOutput());
  }

  /**
   * Runs the chain on plain records. The result is a copy.
   * @param records not kept as they are when `skipsErrors`
   */
  runRecords(records: Uint8Array, baseTimestampMs: number, skipsErrors: boolean): RecordsResult {
    if (records.length < 4) throw flvError("FLV_DECODE", `a records section of ${records.length} bytes has no count`);
    const input = { records, baseOffset: 0, baseTimestampMs };
    if (skipsErrors) return { ...this.runSkipping(input), error: undefined };
    const output = this.run(input);
    const copy = output.section.slice();
    this.release();
    return { records: copy, error: output.error, skipped: [] };
  }

  /** Feeds a records section of history to one step. */
  lookBack(index: number, records: Uint8Array): void {
    const step = this.steps[index];
    if (step === undefined || !step.takesHistory) {
      throw flvError("FLV_ARGUMENT", `step ${index} of the chain takes no history`);
    }
    countInput(step.usage, records);
    count(step.usage, USAGE.invocations, 1);
    this.timed(index, step, () => step.instance.lookBack(records, step.params));
  }

  get state(): ChainState {
    const state = new Map<number, ModuleState>();
    for (const [index, { accumulator, windows }] of this.steps.entries()) {
      if (windows !== undefined) state.set(index, windows.state);
      else if (accumulator !== undefined) state.set(index, { accumulator, windows: [], watermarkMs: undefined });
    }
    return state;
  }

  /** Gives the aggregates what they, or others in their place, remembered. */
  restore(state: ChainState, carriedOver: boolean): void {
    for (const [index, remembered] of state) {
      const step = this.steps[index];
      if (step?.accumulator === undefined) {
        if (carriedOver) continue;
        throw flvError("FLV_ARGUMENT", `step ${index} of the chain is no aggregate, which a state is of`);
      }
      if (step.windows !== undefined) step.windows.restore(remembered);
      else if (remembered.watermarkMs === undefined) step.accumulator = remembered.accumulator;
      else throw notWindowed(step.instance.name);
    }
  }

  /** Linear memory of all instances. */
  get memoryBytes(): number {
    return this.steps.reduce((sum, step) => sum + step.instance.memoryBytes, 0);
  }

  /** As {@link inGuest}, and counts the time, also of a call that fails. */
  private timed<T>(index: number, { usage }: Step, run: () => T): T {
    const startMs = performance.now();
    try {
      return this.inGuest(index, run);
    } finally {
      count(usage, USAGE.timeMs, performance.now() - startMs);
    }
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

function notWindowed(name: string): Error {
  return flvError("FLV_ARGUMENT", `the state of SmartModule "${name}" is of windows, and it has none`, {
    details: { module: name },
    hint: "Go on with the windows that the state was made with, or begin with a new state",
  });
}

function count(usage: Float64Array, counter: number, amount: number): void {
  usage[counter] = (usage[counter] as number) + amount;
}

function countInput(usage: Float64Array, records: Uint8Array): void {
  count(usage, USAGE.recordsIn, countOf(records));
  count(usage, USAGE.bytesIn, records.length - COUNT_BYTES);
}
