import { isFluvioError } from "../protocol/index.ts";
import type { StepUsage } from "./messages.ts";
import type { ModuleTotals } from "./types.ts";

/** Names counted apart; a cluster that makes up names without end must not fill the memory. */
const NAMES_MAX = 1000;
const OTHER_NAMES = "(other)";

type Entry = { -readonly [Field in keyof ModuleTotals]: ModuleTotals[Field] };

/** Counters of all modules by name, since the engine started. */
export class ModuleLedger {
  private readonly entries = new Map<string, Entry>();

  /** Counts a chain with one step for each name. */
  open(names: readonly string[]): ChainMeter {
    return new ChainMeter(names.map((name) => this.entry(name)));
  }

  /** Counts a module that was stopped before its chain ran. */
  countFailure(error: unknown): void {
    const name = stoppedModule(error);
    if (name !== undefined) this.entry(name).failures += 1;
  }

  totals(): readonly ModuleTotals[] {
    return [...this.entries.values()].map((entry) => ({ ...entry }));
  }

  private entry(name: string): Entry {
    const known = this.entries.get(name);
    if (known !== undefined) return known;
    if (this.entries.size >= NAMES_MAX && name !== OTHER_NAMES) return this.entry(OTHER_NAMES);
    const entry = newEntry(name);
    this.entries.set(name, entry);
    return entry;
  }
}

/** The share of one running chain in the counters. */
export class ChainMeter {
  private readonly steps: readonly { readonly entry: Entry; memoryBytes: number }[];
  private closed = false;

  constructor(entries: readonly Entry[]) {
    this.steps = entries.map((entry) => ({ entry, memoryBytes: 0 }));
    for (const entry of new Set(entries)) entry.chains += 1;
  }

  /** Adds what the steps did since the last time. */
  add(usage: readonly StepUsage[]): void {
    if (this.closed) return;
    for (const [index, step] of this.steps.entries()) {
      const used = usage[index];
      if (used === undefined) continue;
      const { entry } = step;
      entry.invocations += used.invocations;
      entry.recordsIn += used.recordsIn;
      entry.recordsOut += used.recordsOut;
      entry.bytesIn += used.bytesIn;
      entry.bytesOut += used.bytesOut;
      entry.recordErrors += used.recordErrors;
      entry.lateRecords += used.lateRecords;
      entry.timeMs += used.timeMs;
      entry.memoryBytes += used.memoryBytes - step.memoryBytes;
      step.memoryBytes = used.memoryBytes;
    }
  }

  /** Counts the module that broke the chain, if one did. */
  countFailure(error: unknown): void {
    const name = stoppedModule(error);
    const step = this.steps.find(({ entry }) => entry.name === name) ?? this.steps[0];
    if (name !== undefined && step !== undefined) step.entry.failures += 1;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const { entry, memoryBytes } of this.steps) entry.memoryBytes -= memoryBytes;
    for (const entry of new Set(this.steps.map((step) => step.entry))) entry.chains -= 1;
  }
}

const STOPPED: readonly string[] = [
  "FLV_SMARTMODULE_RUNTIME",
  "FLV_SMARTMODULE_TIME_LIMIT",
  "FLV_SMARTMODULE_MEMORY_LIMIT",
];

/** The module that an error is about, when it says that one was stopped. */
export function stoppedModule(error: unknown): string | undefined {
  if (!isFluvioError(error) || !STOPPED.includes(error.code)) return undefined;
  const { module } = error.details;
  return typeof module === "string" ? module : undefined;
}

function newEntry(name: string): Entry {
  return {
    name,
    chains: 0,
    invocations: 0,
    recordsIn: 0,
    recordsOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    recordErrors: 0,
    failures: 0,
    lateRecords: 0,
    timeMs: 0,
    memoryBytes: 0,
  };
}
