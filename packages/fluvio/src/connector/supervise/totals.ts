import type { ModuleTotals } from "../../client/index.ts";
import type { ConnectorCounters } from "../../server/index.ts";
import { type CountersMessage, countersMessage, newCounters } from "../run/counters.ts";

type Summed = "records" | "recordErrors" | "deadLettered" | "refused" | "recordsIn" | "bytesIn" | "bytesOut";
const SUMMED: readonly Summed[] = [
  "records",
  "recordErrors",
  "deadLettered",
  "refused",
  "recordsIn",
  "bytesIn",
  "bytesOut",
];

/** Counters of a connector over the lives of its process. */
export class ConnectorTotals {
  readonly #sinceMs = Date.now();
  #before: CountersMessage = countersMessage(newCounters());
  #now: CountersMessage = this.#before;
  #lastError: { readonly reason: string; readonly timeMs: number } | undefined;

  /** Counters of the process that runs now, since its start. */
  counted(counters: CountersMessage): void {
    this.#now = counters;
  }

  /** A new process begins at 0. */
  begin(): void {
    const sums = Object.fromEntries(SUMMED.map((key) => [key, this.#sum(key)]));
    const { lag, lagUnit, positions } = this.#now;
    const modules = this.modules(false);
    this.#before = { ...this.#before, ...sums, lag, lagUnit, positions, modules, lastRecordMs: this.#lastRecordMs };
    this.#now = countersMessage(newCounters());
  }

  wentWrong(reason: string): void {
    this.#lastError = { reason, timeMs: Date.now() };
  }

  /** Counters of the SmartModules in the process. Of one that does not run nothing is in memory. */
  modules(isRunning: boolean): readonly ModuleTotals[] {
    const sums = new Map<string, ModuleTotals>();
    for (const module of [...(this.#before.modules ?? []), ...(this.#now.modules ?? [])]) {
      const sum = added(module, sums.get(module.name));
      sums.set(module.name, isRunning ? sum : { ...sum, chains: 0, memoryBytes: 0 });
    }
    return [...sums.values()];
  }

  view(): Omit<ConnectorCounters, "modules" | "name" | "type" | "topic" | "direction" | "restarts" | "nextStartMs"> {
    const positions = this.#now.positions.length > 0 ? this.#now.positions : this.#before.positions;
    return {
      sinceMs: this.#sinceMs,
      recordsIn: this.#sum("recordsIn"),
      bytesIn: this.#sum("bytesIn"),
      recordsOut: this.#sum("records"),
      bytesOut: this.#sum("bytesOut"),
      refused: this.#sum("refused"),
      skipped: this.#sum("recordErrors") - this.#sum("deadLettered"),
      deadLettered: this.#sum("deadLettered"),
      ...this.#lag,
      positions: positions.map(([partition, nextOffset]) => ({ partition, nextOffset })),
      lastRecordMs: this.#lastRecordMs,
      lastError: this.#lastError?.reason,
      lastErrorMs: this.#lastError?.timeMs,
    };
  }

  /** A process that has not told yet has what the one before it said. */
  get #lag(): Pick<ConnectorCounters, "lag" | "lagUnit"> {
    const { lag, lagUnit } = this.#now.lag === undefined ? this.#before : this.#now;
    return { lag, lagUnit };
  }

  get #lastRecordMs(): number | undefined {
    return this.#now.lastRecordMs ?? this.#before.lastRecordMs;
  }

  #sum(key: Summed): number {
    return this.#before[key] + this.#now[key];
  }
}

function added(module: ModuleTotals, to: ModuleTotals | undefined): ModuleTotals {
  if (to === undefined) return module;
  const { name, ...counters } = module;
  const keys = Object.keys(counters) as (keyof typeof counters)[];
  return { ...module, ...Object.fromEntries(keys.map((key) => [key, module[key] + to[key]])) };
}
