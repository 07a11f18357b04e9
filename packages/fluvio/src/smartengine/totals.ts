import { isFluvioError } from "../protocol/index.ts";
import { USAGE } from "./messages.ts";
import type { ModuleTotals } from "./types.ts";

/** Names counted apart; a cluster that makes up names without end must not fill the memory. */
const NAMES_MAX = 1000;
const OTHER_NAMES = "(other)";

type Entry = { -readonly [Field in keyof ModuleTotals]: ModuleTotals[Field] };

/** The counters of a module that never ran. */
const NO_COUNTS: Omit<ModuleTotals, "name"> = {
  chains: 0,
  invocations: 0,
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  recordErrors: 0,
  failures: 0,
  timeLimitFailures: 0,
  memoryLimitFailures: 0,
  outputLimitFailures: 0,
  lateRecords: 0,
  timeMs: 0,
  memoryBytes: 0,
};
const COUNTERS = Object.keys(NO_COUNTS) as (keyof typeof NO_COUNTS)[];

/** The counters of several engines for one module as one; all are 0 when there are none. */
export function sumTotals(name: string, parts: readonly ModuleTotals[]): ModuleTotals {
  const sum: Entry = { name, ...NO_COUNTS };
  for (const part of parts) {
    for (const counter of COUNTERS) sum[counter] += part[counter];
  }
  return sum;
}

/** Counters of all modules by name, since the engine started. */
export class ModuleLedger {
  private readonly entries = new Map<string, Entry>();
  private readonly running = new Set<ChainMeter>();

  /** Counts a chain with one step for each name. */
  open(names: readonly string[]): ChainMeter {
    const meter = new ChainMeter(
      names.map((name) => this.entry(name)),
      () => this.running.delete(meter),
    );
    this.running.add(meter);
    return meter;
  }

  /** Counts a module that was stopped before its chain ran. */
  countFailure(error: unknown): void {
    const name = stoppedModule(error);
    if (name !== undefined) addFailure(this.entry(name), error);
  }

  totals(): readonly ModuleTotals[] {
    const totals = new Map([...this.entries.values()].map((entry) => [entry, { ...entry }]));
    for (const meter of this.running) {
      for (const { entry, usage } of meter.steps) add(usage, totals.get(entry) as Entry);
    }
    return [...totals.values()];
  }

  private entry(name: string): Entry {
    const known = this.entries.get(name);
    if (known !== undefined) return known;
    if (this.entries.size >= NAMES_MAX && name !== OTHER_NAMES) return this.entry(OTHER_NAMES);
    const entry = { name, ...NO_COUNTS };
    this.entries.set(name, entry);
    return entry;
  }
}

/** The share of one running chain in the counters. */
export class ChainMeter {
  readonly steps: readonly { readonly entry: Entry; readonly usage: Float64Array }[];
  private readonly onClose: () => void;
  private closed = false;

  constructor(entries: readonly Entry[], onClose: () => void) {
    this.steps = entries.map((entry) => {
      return { entry, usage: new Float64Array(new SharedArrayBuffer(USAGE.length * Float64Array.BYTES_PER_ELEMENT)) };
    });
    this.onClose = onClose;
    for (const entry of new Set(entries)) entry.chains += 1;
  }

  /** Counts the module that broke the chain, if one did. */
  countFailure(error: unknown): void {
    const name = stoppedModule(error);
    const step = this.steps.find(({ entry }) => entry.name === name) ?? this.steps[0];
    if (name !== undefined && step !== undefined) addFailure(step.entry, error);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.onClose();
    for (const { entry, usage } of this.steps) {
      usage[USAGE.memoryBytes] = 0;
      add(usage, entry);
    }
    for (const entry of new Set(this.steps.map((step) => step.entry))) entry.chains -= 1;
  }
}

function add(usage: Float64Array, entry: Entry): void {
  for (const [field, at] of Object.entries(USAGE) as [keyof typeof USAGE, number][]) {
    if (field !== "length") entry[field] += usage[at] as number;
  }
}

type FailureCounter = "timeLimitFailures" | "memoryLimitFailures" | "outputLimitFailures";

/** What stops a module, and where it counts apart from all failures. */
const STOPPED: ReadonlyMap<string, FailureCounter | undefined> = new Map([
  ["FLV_SMARTMODULE_RUNTIME", undefined],
  ["FLV_SMARTMODULE_TIME_LIMIT", "timeLimitFailures"],
  ["FLV_SMARTMODULE_MEMORY_LIMIT", "memoryLimitFailures"],
  ["FLV_SMARTMODULE_OUTPUT_LIMIT", "outputLimitFailures"],
]);

function addFailure(entry: Entry, error: unknown): void {
  entry.failures += 1;
  const counter = isFluvioError(error) ? STOPPED.get(error.code) : undefined;
  if (counter !== undefined) entry[counter] += 1;
}

/** The module that an error is about, when it says that one was stopped. */
export function stoppedModule(error: unknown): string | undefined {
  if (!isFluvioError(error) || !STOPPED.has(error.code)) return undefined;
  const { module } = error.details;
  return typeof module === "string" ? module : undefined;
}
