import type {
  SmartModuleStatsInput,
  SmartModuleStatsResponseInput,
  SwitchSmartModuleResponseInput,
} from "../../protocol/index.ts";
import { type ModuleTotals, sumTotals } from "../../smartengine/index.ts";
import type { ModuleSwitch, SpuModuleTotals } from "../link.ts";
import { messageOf } from "../message-of.ts";
import type { ConnectorHost } from "./connector-host.ts";
import { matchesName } from "./qualified-name.ts";
import { refusal } from "./refusal.ts";
import type { SmartModules } from "./smartmodules.ts";
import type { SpuLinks } from "./spu-links.ts";

/** An SPU has its counters at hand; whoever reads metrics does not wait longer than that for all of them. */
const TOTALS_TIMEOUT_MS = 5000;

/** What one SPU says of the SmartModules it ran, or why it says nothing. */
export interface SpuTotals {
  readonly spu: number;
  readonly totals: SpuModuleTotals | undefined;
  readonly problem: string | undefined;
}

export interface SmartModuleRunsParts {
  readonly spuIds: readonly number[];
  readonly links: SpuLinks;
  readonly smartModules: SmartModules;
  readonly connectorHost: ConnectorHost | undefined;
}

/** SmartModules at work: on every SPU of the cluster, and in its connectors. */
export class SmartModuleRuns {
  readonly #parts: SmartModuleRunsParts;

  constructor(parts: SmartModuleRunsParts) {
    this.#parts = parts;
  }

  /** Counters of every SPU since it started. */
  totals(): Promise<readonly SpuTotals[]> {
    return Promise.all(
      this.#parts.spuIds.map(async (spu) => {
        try {
          const reply = await this.#parts.links.ask(spu, { kind: "moduleTotals" }, TOTALS_TIMEOUT_MS);
          return { spu, totals: reply as SpuModuleTotals, problem: undefined };
        } catch (error) {
          return { spu, totals: undefined, problem: messageOf(error) };
        }
      }),
    );
  }

  /**
   * The sums over all SPUs and managed connectors, by the name under which a module was used; with names, those they stand for.
   * @throws a refusal when a name is neither stored nor was used
   */
  async stats(names: readonly string[]): Promise<Omit<SmartModuleStatsResponseInput, "error">> {
    const sources = await this.totals();
    const inConnectors = this.#parts.connectorHost?.counters() ?? [];
    const parts = new Map<string, ModuleTotals[]>();
    const modules = [...sources.map(({ totals }) => totals), ...inConnectors].flatMap((ran) => ran?.modules ?? []);
    for (const module of modules) {
      const known = parts.get(module.name);
      if (known === undefined) parts.set(module.name, [module]);
      else known.push(module);
    }
    const sums = [...parts].map(([name, modules]) => onTheWire(sumTotals(name, modules)));
    const spus = sources.map(({ spu, totals, problem }) => ({ spu, sinceMs: totals?.sinceMs, problem }));
    if (names.length === 0) return { modules: sums.sort(byName), spus };
    const wanted = new Map<string, SmartModuleStatsInput>();
    for (const name of names) {
      const found = sums.filter((module) => matchesName(module.name, name));
      // stored and never used: its counters are 0
      if (found.length === 0) found.push(onTheWire(sumTotals(this.#parts.smartModules.keyOf(name), [])));
      for (const module of found) wanted.set(module.name, module);
    }
    return { modules: [...wanted.values()].sort(byName), spus };
  }

  /** Has running streams and connectors go on with what is stored now. @throws a refusal when that cannot run, or is absent */
  async switchTo(name: string): Promise<Omit<SwitchSmartModuleResponseInput, "error">> {
    const { smartModules, spuIds, links, connectorHost } = this.#parts;
    const key = smartModules.keyOf(name);
    const { problem } = smartModules.inspection(key);
    if (problem !== undefined) {
      const { reason: error } = problem;
      throw refusal({ name: "SmartModuleInvalid", error, smartmodule: key }, `SmartModule ${key} is invalid: ${error}`);
    }
    const onSpus = await Promise.all(
      // on an SPU that is away no stream runs
      spuIds
        .filter((spu) => links.isOnline(spu))
        .map((spu) => outcome(`SPU ${spu}`, () => links.ask(spu, { kind: "switchModule", name: key }))),
    );
    const inConnectors = await outcome("connectors", async () => connectorHost?.smartModuleSwitched?.(key));
    return {
      streams: onSpus.reduce((count, { switched }) => count + switched, 0),
      connectors: inConnectors.switched,
      failures: [...onSpus, inConnectors].flatMap(({ failures }) => failures),
    };
  }
}

async function outcome(where: string, work: () => Promise<unknown>): Promise<ModuleSwitch> {
  try {
    return ((await work()) as ModuleSwitch | undefined) ?? { switched: 0, failures: [] };
  } catch (error) {
    return { switched: 0, failures: [`${where}: ${messageOf(error)}`] };
  }
}

function onTheWire({ timeMs, ...counters }: ModuleTotals): SmartModuleStatsInput {
  return { ...counters, timeMicros: Math.round(timeMs * 1000) };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
