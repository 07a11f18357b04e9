import { flvError, Reader, type WindowOptions } from "../../protocol/index.ts";
import { howToRaise } from "../limits.ts";
import type { EngineLimits, ModuleState, WindowState } from "../types.ts";
import { type CallInput, readKeyAndValue, type TransformError } from "./abi.ts";
import type { ModuleInstance } from "./instance.ts";
import { RecordScan } from "./record-scan.ts";
import { COUNT_BYTES, countOf } from "./section.ts";
import { type ClosedWindow, closedWindows, SectionBuffer } from "./window-section.ts";

export interface WindowedOutput {
  /** Records section with one record for each window that closed. */
  readonly section: Uint8Array;
  readonly recordCount: number;
  readonly error: TransformError | undefined;
  readonly lateRecords: number;
  /** Calls of the module that took effect or were tried. */
  readonly invocations: number;
}

/** A run of records of the batch, by their place among its bytes and in their order. */
interface Range {
  readonly start: number;
  end: number;
  readonly firstIndex: number;
  count: number;
}

/** A window during a batch: what it was before, and the records that the batch brings. */
interface Slot {
  readonly window: WindowState;
  readonly ranges: Range[];
}

/** What the timestamps of a batch say, before the module is called. */
interface Plan {
  /** By start, and so by end. */
  readonly open: readonly Slot[];
  /** In the order in which they close. */
  readonly closed: readonly { readonly slot: Slot; readonly offsetDelta: number }[];
  readonly watermarkMs: number | undefined;
  readonly lateRecords: number;
  /** A record without a timestamp, at which the batch ends. */
  readonly error: TransformError | undefined;
}

/**
 * Windows by record timestamp around an aggregate. Which windows a record falls into and when they close follows from
 * the timestamps alone, so the module is called once a batch for each window with that window's records. Nothing is
 * remembered of a batch before all of it went well: a record that the module refuses ends the batch, and what came
 * after it is undone by doing the records before it again.
 */
export class WindowedAggregate {
  private readonly module: ModuleInstance;
  private readonly params: Uint8Array;
  private readonly options: WindowOptions;
  private readonly limits: EngineLimits;
  private readonly initial: Uint8Array;
  private readonly buffer = new SectionBuffer();
  private windows: readonly WindowState[] = [];
  private watermarkMs: number | undefined;

  /** @throws FLV_ARGUMENT when there can be no such windows */
  constructor(
    module: ModuleInstance,
    setting: {
      readonly params: Uint8Array;
      readonly options: WindowOptions;
      readonly limits: EngineLimits;
      readonly initial: Uint8Array;
    },
  ) {
    this.module = module;
    this.params = setting.params;
    this.options = setting.options;
    this.limits = setting.limits;
    this.initial = setting.initial;
    checkOptions(module, setting.options, setting.limits);
  }

  get state(): ModuleState {
    return { accumulator: this.initial, windows: this.windows, watermarkMs: this.watermarkMs };
  }

  /** @throws FLV_ARGUMENT when the state is not of windows that are cut like these */
  restore(state: ModuleState): void {
    const { sizeMs, slideMs } = this.options;
    const fits = state.windows.every(
      ({ startMs, endMs }, index) =>
        endMs - startMs === sizeMs &&
        startMs % slideMs === 0 &&
        startMs > (state.windows[index - 1]?.startMs ?? Number.NEGATIVE_INFINITY),
    );
    const running = state.watermarkMs === undefined && Buffer.compare(state.accumulator, this.initial) !== 0;
    if (!fits || running) {
      throw flvError(
        "FLV_ARGUMENT",
        `the state of SmartModule "${this.module.name}" is not of windows of ${sizeMs} ms every ${slideMs} ms`,
        {
          details: { module: this.module.name, sizeMs, slideMs },
          hint: "Go on with the windows that the state was made with, or begin with a new state",
        },
      );
    }
    this.windows = state.windows;
    this.watermarkMs = state.watermarkMs;
  }

  /** Takes a batch in. The output is a buffer of its own. */
  process(input: CallInput): WindowedOutput {
    let invocations = 0;
    let error: TransformError | undefined;
    for (let limit = countOf(input.records); ; ) {
      const plan = this.plan(input, limit);
      const results = new Map<Slot, Uint8Array>();
      const refused = this.call(input, plan, results);
      invocations += results.size;
      if (refused === undefined) return this.commit(input, plan, results, error ?? plan.error, invocations);
      // what other windows made of this record and later ones was not kept: do the records before it again
      invocations += 1;
      error = refused.error;
      limit = refused.index;
    }
  }

  /** Routes the first `limit` records. */
  private plan(input: CallInput, limit: number): Plan {
    const { graceMs } = this.options;
    const scan = new RecordScan(input.records, COUNT_BYTES, input.records.length);
    const open: Slot[] = this.windows.map((window) => ({ window, ranges: [] }));
    const closed: { slot: Slot; offsetDelta: number }[] = [];
    let { watermarkMs } = this;
    let lateRecords = 0;
    let error: TransformError | undefined;
    let closesAtMs = (open[0]?.window.endMs ?? Number.POSITIVE_INFINITY) + graceMs;
    for (let index = 0; index < limit; index++) {
      scan.next();
      const timestampMs = input.baseTimestampMs + scan.timestampDelta;
      if (input.baseTimestampMs < 0 || timestampMs < 0) {
        error = withoutTimestamp(input, scan);
        break;
      }
      if (watermarkMs === undefined || timestampMs > watermarkMs) watermarkMs = timestampMs;
      if (watermarkMs >= closesAtMs) {
        const first = open.findIndex(({ window }) => window.endMs + graceMs > (watermarkMs as number));
        const gone = open.splice(0, first < 0 ? open.length : first);
        for (const slot of gone) closed.push({ slot, offsetDelta: scan.offsetDelta });
      }
      if (!this.route(open, scan, index, timestampMs, watermarkMs)) lateRecords += 1;
      closesAtMs = (open[0]?.window.endMs ?? Number.POSITIVE_INFINITY) + graceMs;
    }
    return { open, closed, watermarkMs, lateRecords, error };
  }

  /** Adds a record to its windows that are open; false when none is. */
  private route(open: Slot[], scan: RecordScan, index: number, timestampMs: number, watermarkMs: number): boolean {
    const { sizeMs, slideMs, graceMs } = this.options;
    const lastStart = timestampMs - (timestampMs % slideMs);
    // most records fall into the latest window
    let at = open.length - 1;
    let routed = false;
    for (let startMs = lastStart; startMs > timestampMs - sizeMs; startMs -= slideMs) {
      if (startMs + sizeMs + graceMs <= watermarkMs) break;
      while (at >= 0 && (open[at] as Slot).window.startMs > startMs) at -= 1;
      let slot = open[at];
      if (slot === undefined || slot.window.startMs !== startMs) {
        slot = { window: { startMs, endMs: startMs + sizeMs, accumulator: this.initial, recordCount: 0 }, ranges: [] };
        open.splice(at + 1, 0, slot);
        at += 1;
        if (open.length > this.limits.windowsMax) throw this.tooMany();
      }
      extend(slot.ranges, scan, index);
      routed = true;
    }
    return routed;
  }

  /** Calls the module for each window that got records; stops at a record that it refuses. */
  private call(
    input: CallInput,
    plan: Plan,
    results: Map<Slot, Uint8Array>,
  ): { readonly error: TransformError; readonly index: number } | undefined {
    const { module } = this;
    for (const slot of [...plan.closed.map((entry) => entry.slot), ...plan.open]) {
      if (slot.ranges.length === 0) continue;
      const records = this.buffer.gather(input.records, slot.ranges);
      const output = module.transform({ ...input, records }, this.params, slot.window.accumulator);
      module.freeOutput();
      if (output.error !== undefined) {
        const index = indexOf(slot.ranges, output.recordCount);
        if (index === undefined) throw module.failed("it reports an error after the last record");
        return { error: output.error, index };
      }
      results.set(slot, output.accumulator as Uint8Array);
    }
    return undefined;
  }

  private commit(
    input: CallInput,
    plan: Plan,
    results: ReadonlyMap<Slot, Uint8Array>,
    error: TransformError | undefined,
    invocations: number,
  ): WindowedOutput {
    const after = (slot: Slot): WindowState => ({
      ...slot.window,
      accumulator: results.get(slot) ?? slot.window.accumulator,
      recordCount: slot.ranges.reduce((sum, range) => sum + range.count, slot.window.recordCount),
    });
    const closed = plan.closed.map(({ slot, offsetDelta }): ClosedWindow => ({ ...after(slot), offsetDelta }));
    const section = closedWindows(closed, input.baseTimestampMs);
    this.module.checkOutputSize(section.length);
    const windows = plan.open.map(after);
    this.checkSize(windows);
    this.windows = windows;
    this.watermarkMs = plan.watermarkMs;
    return { section, recordCount: closed.length, error, lateRecords: plan.lateRecords, invocations };
  }

  private tooMany(): Error {
    const { windowsMax } = this.limits;
    const { name } = this.module;
    return flvError("FLV_SMARTMODULE_MEMORY_LIMIT", `SmartModule "${name}" has more than ${windowsMax} open windows`, {
      details: { module: name, requested: windowsMax + 1, max: windowsMax },
      hint: "Take larger windows, a larger slide or a shorter grace period",
    });
  }

  private checkSize(windows: readonly WindowState[]): void {
    const { memoryBytesMax } = this.limits;
    const { name } = this.module;
    const sizeBytes = windows.reduce((sum, window) => sum + window.accumulator.length, 0);
    if (sizeBytes <= memoryBytesMax) return;
    throw flvError(
      "FLV_SMARTMODULE_MEMORY_LIMIT",
      `the open windows of SmartModule "${name}" hold ${sizeBytes} bytes, the limit is ${memoryBytesMax}`,
      {
        details: { module: name, requested: sizeBytes, max: memoryBytesMax },
        hint: `Let the module keep less, or raise the memory limit: ${howToRaise("memoryBytesMax")}`,
      },
    );
  }
}

function checkOptions(module: ModuleInstance, options: WindowOptions, limits: EngineLimits): void {
  const { name, kind } = module;
  const { sizeMs, slideMs, graceMs } = options;
  const refuse = (why: string, hint: string) =>
    flvError("FLV_ARGUMENT", `SmartModule "${name}" cannot have windows of ${sizeMs} ms every ${slideMs} ms: ${why}`, {
      details: { module: name, ...options },
      hint,
    });
  if (kind !== "aggregate") throw refuse(`it is a ${kind}`, "Windows go around an aggregate");
  const whole = [sizeMs, slideMs, graceMs].every(Number.isSafeInteger);
  if (!whole || slideMs < 1 || slideMs > sizeMs || graceMs < 0) {
    throw refuse("these are no windows", "The slide is from 1 up to the size, the grace period from 0");
  }
  if (Math.ceil(sizeMs / slideMs) > limits.windowsMax) {
    const count = Math.ceil(sizeMs / slideMs);
    throw refuse(`a record falls into ${count} of them, and ${limits.windowsMax} may be open`, "Take a larger slide");
  }
}

function withoutTimestamp(input: CallInput, scan: RecordScan): TransformError {
  const { key, value } = readKeyAndValue(new Reader(input.records.subarray(scan.restStart, scan.pos)));
  return {
    hint: "the record has no timestamp, which the windows of an aggregate go by",
    offset: input.baseOffset + scan.offsetDelta,
    kind: "aggregate",
    key,
    value,
  };
}

function extend(ranges: Range[], scan: RecordScan, index: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.end === scan.start) {
    last.end = scan.pos;
    last.count += 1;
  } else {
    ranges.push({ start: scan.start, end: scan.pos, firstIndex: index, count: 1 });
  }
}

/** Place in the batch of the n-th record of a window. */
function indexOf(ranges: readonly Range[], n: number): number | undefined {
  let left = n;
  for (const { firstIndex, count } of ranges) {
    if (left < count) return firstIndex + left;
    left -= count;
  }
  return undefined;
}
