import { type FluvioError, flvError, isFluvioError, type SmartModuleInvocation } from "../../protocol/index.ts";
import type { ChainState, HistoryTaker, Lookback, SmartChain, SmartEngine } from "../../smartengine/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { ModuleSwitch } from "../link.ts";
import { messageOf } from "../message-of.ts";
import {
  type LoadedStep,
  loadStep,
  noStateToKeep,
  type PlannedStep,
  planSteps,
  refuseStreamOptions,
} from "./chain-steps.ts";
import type { SpuLimits } from "./limits.ts";
import type { ModuleCache } from "./module-cache.ts";
import { RunningChain } from "./running-chain.ts";

export interface ChainFactoryOptions {
  readonly engine: SmartEngine;
  readonly modules: ModuleCache;
  readonly limits: SpuLimits;
  readonly clock: Clock;
}

/** A chain that lives longer than one request. */
export interface ChainRequest {
  /** Names it in reports, such as `stream 3 of orders-0`. */
  readonly label: string;
  readonly plan: readonly PlannedStep[];
  readonly log: PartitionLog;
  readonly signal: AbortSignal;
  /** State of the aggregates to go on with. */
  readonly state?: ChainState | undefined;
}

/** Something that runs stored modules and can take over new code. */
export interface Switchable {
  readonly label: string;
  /** Names that it asks the cluster for. */
  readonly requestedNames: readonly string[];
  /** Keys of the stored modules whose code it runs. */
  readonly storedNames: readonly string[];
  /** @throws why it goes on with the code it has */
  switchCode(): Promise<void>;
}

/** Makes the chains that clients ask for, and gives running ones new code. */
export class ChainFactory {
  private readonly options: ChainFactoryOptions;
  private readonly running = new Set<Switchable>();
  /** Chains that are being made: what they fetched may be replaced while they start. */
  private readonly opening = new Set<Promise<unknown>>();

  constructor(options: ChainFactoryOptions) {
    this.options = options;
  }

  /**
   * A chain for one request: compiles and initialises the modules in order, then lets those that look back see what
   * `log` has committed.
   * @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID | FLV_SMARTMODULE_INIT | FLV_SMARTMODULE_LOOKBACK |
   * FLV_SMARTMODULE_MEMORY_LIMIT | FLV_ARGUMENT (options that need a stream) | what the link to the SC throws
   */
  async build(
    invocations: readonly SmartModuleInvocation[],
    log: PartitionLog,
    signal?: AbortSignal,
  ): Promise<SmartChain> {
    const plan = planSteps(invocations);
    refuseStreamOptions(plan);
    const historyEnd = log.highWatermark;
    return this.complete(await this.load(plan), log, historyEnd, { signal });
  }

  /**
   * A chain that the caller keeps and replaces. Modules that look back are shown what is stored before `historyEnd`.
   * @throws as {@link build}
   */
  async make(
    plan: readonly PlannedStep[],
    log: PartitionLog,
    historyEnd: number,
  ): Promise<{ readonly chain: SmartChain; readonly storedNames: readonly string[] }> {
    const steps = await this.load(plan);
    const chain = await this.complete(steps, log, historyEnd, {});
    return { chain, storedNames: steps.flatMap(({ storedName }) => (storedName === undefined ? [] : [storedName])) };
  }

  /** A chain for a stream, which takes over new code of its stored modules. @throws as {@link build} */
  open(request: ChainRequest): Promise<RunningChain> {
    const opening = this.openNow(request);
    this.opening.add(opening);
    const done = () => this.opening.delete(opening);
    opening.then(done, done);
    return opening;
  }

  private async openNow({ label, plan, log, signal, state }: ChainRequest): Promise<RunningChain> {
    // history ends where the client's request found it, however long the modules take to start
    const historyEnd = log.highWatermark;
    const steps = await this.load(plan);
    const running = new RunningChain(await this.complete(steps, log, historyEnd, { signal, state }), {
      label,
      plan,
      steps,
      historyEnd,
      load: () => this.load(plan),
      replace: async (chain, next, end) => {
        await this.requireKept(plan, next);
        await this.replace(chain, next, log, end);
      },
      closed: (closed) => this.running.delete(closed),
    });
    this.running.add(running);
    return running;
  }

  /** From now on it takes part in {@link switchModule}. Returns the way to end that. */
  register(switchable: Switchable): () => void {
    this.running.add(switchable);
    return () => this.running.delete(switchable);
  }

  /**
   * Everything that runs the stored module goes on with the code that is stored now; what cannot goes on with the code
   * it has and is reported. To be called after {@link ModuleCache.invalidate}.
   * @throws FLV_SMARTMODULE_NOT_FOUND
   */
  async switchModule(name: string): Promise<ModuleSwitch> {
    const stored = (await this.options.modules.module(name)).name;
    await Promise.allSettled([...this.opening]);
    let switched = 0;
    const failures: string[] = [];
    await Promise.all(
      [...this.running].map(async (chain) => {
        if (!(await this.uses(chain, stored))) return;
        try {
          await chain.switchCode();
          switched++;
        } catch (error) {
          const why = messageOf(error);
          if (this.running.has(chain)) failures.push(`${chain.label} goes on with the code it has: ${why}`);
        }
      }),
    );
    return { switched, failures };
  }

  /** Whether it runs that module, or asks for a name that means it now. */
  private async uses(chain: Switchable, stored: string): Promise<boolean> {
    if (chain.storedNames.includes(stored)) return true;
    for (const name of chain.requestedNames) {
      const found = await this.options.modules.module(name).catch(() => undefined);
      if (found?.name === stored) return true;
    }
    return false;
  }

  private async load(plan: readonly PlannedStep[]): Promise<readonly LoadedStep[]> {
    const { modules, limits } = this.options;
    const steps: LoadedStep[] = [];
    for (const planned of plan) steps.push(await loadStep(planned, modules, limits.smartModuleBytesMax));
    return steps;
  }

  private async complete(
    steps: readonly LoadedStep[],
    log: PartitionLog,
    historyEnd: number,
    options: { readonly signal?: AbortSignal | undefined; readonly state?: ChainState | undefined },
  ): Promise<SmartChain> {
    const { signal, state } = options;
    const chain = await this.options.engine
      .chain(
        steps.map(({ step }) => step),
        { ...(signal === undefined ? {} : { signal }), ...(state === undefined ? {} : { state }) },
      )
      .catch((error: unknown) => {
        throw asBuildError(error);
      });
    try {
      await this.lookBackAll(chain, log, historyEnd);
      return chain;
    } catch (error) {
      await chain[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Code of another kind would leave the kept state behind, which is all that is known of the records before it. */
  private async requireKept(plan: readonly PlannedStep[], steps: readonly LoadedStep[]): Promise<void> {
    for (const [index, planned] of plan.entries()) {
      const step = steps[index]?.step;
      if (planned.options.stateName === undefined || step === undefined) continue;
      const { kind } = await this.options.engine.inspect(step.name, step.wasm);
      if (kind !== "aggregate") throw noStateToKeep(planned);
    }
  }

  private async replace(
    chain: SmartChain,
    steps: readonly LoadedStep[],
    log: PartitionLog,
    historyEnd: () => number,
  ): Promise<void> {
    try {
      await chain.replace(
        steps.map(({ step }) => step),
        { feedHistory: (modules) => this.lookBackAll(modules, log, historyEnd()) },
      );
    } catch (error) {
      throw asBuildError(error);
    }
  }

  private async lookBackAll(chain: HistoryTaker, log: PartitionLog, historyEnd: number): Promise<void> {
    try {
      for (const [index, lookback] of chain.lookbacks.entries()) {
        if (lookback !== undefined) await this.lookBack(chain, index, lookback, log, historyEnd);
      }
    } catch (error) {
      throw asLookBackError(error);
    }
  }

  private async lookBack(
    chain: HistoryTaker,
    index: number,
    lookback: Lookback,
    log: PartitionLog,
    end: number,
  ): Promise<void> {
    const notBeforeMs = lookback.ageMs === undefined ? undefined : this.options.clock.nowMs() - lookback.ageMs;
    let from = log.logStartOffset;
    // an age alone leaves the number of records open
    if (lookback.last > 0 || notBeforeMs === undefined) from = Math.max(from, end - lookback.last);
    if (notBeforeMs !== undefined) from = Math.max(from, await log.offsetForTimestamp(notBeforeMs));
    const batches = await this.history(log, Math.min(from, end), end);
    await chain.lookBack(index, batches, from, notBeforeMs);
  }

  private async history(log: PartitionLog, from: number, end: number): Promise<readonly Uint8Array[]> {
    const { lookbackBytesMax } = this.options.limits;
    const batches: Uint8Array[] = [];
    let sizeBytes = 0;
    for (let at = from; at < end; ) {
      const slice = await log.read(at, { maxBytes: lookbackBytesMax, upToOffset: end });
      if (slice.sizeBytes === 0) break;
      sizeBytes += slice.sizeBytes;
      if (sizeBytes > lookbackBytesMax) {
        throw flvError("FLV_SMARTMODULE_LOOKBACK", `look_back would read more than ${lookbackBytesMax} stored bytes`, {
          details: { from, end, lookbackBytesMax },
          hint: "look back on fewer records or a shorter age",
        });
      }
      batches.push(...slice.pieces);
      at = slice.nextOffset;
    }
    return batches;
  }
}

/** Whatever keeps a chain from being built is an error of building: a trap in init is none of a record. */
function asBuildError(error: unknown): unknown {
  return retagged(error, ["FLV_SMARTMODULE_RUNTIME", "FLV_SMARTMODULE_TIME_LIMIT"], "FLV_SMARTMODULE_INIT");
}

function asLookBackError(error: unknown): unknown {
  const codes: FluvioError["code"][] = [
    "FLV_SMARTMODULE_RUNTIME",
    "FLV_SMARTMODULE_TIME_LIMIT",
    "FLV_SMARTMODULE_MEMORY_LIMIT",
  ];
  return retagged(error, codes, "FLV_SMARTMODULE_LOOKBACK");
}

function retagged(error: unknown, from: readonly FluvioError["code"][], to: FluvioError["code"]): unknown {
  if (!isFluvioError(error) || !from.includes(error.code)) return error;
  return flvError(to, error.message, {
    details: error.details,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
