import { type Logger, silentLogger } from "../protocol/index.ts";
import { type BuiltChain, ChainHandle } from "./chain-handle.ts";
import type { ChainWorker } from "./chain-worker.ts";
import { ENGINE_LIMITS_DEFAULT, lowered } from "./limits.ts";
import type { BuildStep, ProbeResult } from "./messages.ts";
import { type CheckedModule, compileModule, contentHash } from "./module-check.ts";
import { type ChainMeter, ModuleLedger } from "./totals.ts";
import type {
  ChainOptions,
  ChainStep,
  EngineLimits,
  ModuleInspection,
  ModuleTotals,
  SmartChain,
  SmartEngine,
} from "./types.ts";
import { workerEntry } from "./worker-entry.ts";
import { closedError, WorkerPool } from "./worker-pool.ts";

const CHAINS_MAX_DEFAULT = 256;
const IDLE_WORKERS_MAX_DEFAULT = 4;
/** Compiled modules that are kept; the longest unused goes first. */
const MODULES_CACHED_MAX = 256;
/** Guest memory that an idle thread may hold on to: it collects garbage only when it works. */
const KEPT_MEMORY_BYTES_MAX = 32 << 20;

export interface SmartEngineOptions {
  readonly limits?: Partial<EngineLimits>;
  /** Chains at the same time; each has a thread of its own. Default 256. */
  readonly chainsMax?: number;
  /** Threads kept ready for the next chain. Default 4. */
  readonly idleWorkersMax?: number;
  /** Gets the lines that modules print, with `smartmodule` and `stream`. */
  readonly logger?: Logger;
  /** Gets the same lines, for tools that show them. */
  readonly onModuleOutput?: (module: string, stream: "stdout" | "stderr", line: string) => void;
}

/** Makes the engine; one per process, shared by every stream. Threads start when they are needed. */
export function createSmartEngine(options: SmartEngineOptions = {}): SmartEngine {
  return new Engine(options);
}

interface KnownModule {
  readonly checked: CheckedModule;
  readonly probe: ProbeResult;
}

type KnownStep = Omit<BuildStep, "usage">;
type MeteredStep = ChainMeter["steps"][number];

class Engine implements SmartEngine {
  private readonly limits: EngineLimits;
  private readonly pool: WorkerPool;
  private readonly modules = new Map<string, Promise<KnownModule>>();
  private readonly ledger = new ModuleLedger();
  private closed = false;

  constructor(options: SmartEngineOptions) {
    const logger = options.logger ?? silentLogger;
    this.limits = { ...ENGINE_LIMITS_DEFAULT, ...options.limits };
    this.pool = new WorkerPool({
      entry: workerEntry(),
      chainsMax: options.chainsMax ?? CHAINS_MAX_DEFAULT,
      idleMax: options.idleWorkersMax ?? IDLE_WORKERS_MAX_DEFAULT,
      onOutput: (module, stream, line) => {
        logger.info({ smartmodule: module, stream }, line);
        options.onModuleOutput?.(module, stream, line);
      },
    });
  }

  async chain(steps: readonly ChainStep[], options: ChainOptions = {}): Promise<SmartChain> {
    const { signal, state } = options;
    const built = await this.build(steps, signal, () => this.pool.takeForChain());
    if (state !== undefined && state.size > 0) {
      await built.worker.request({ op: "restore", state, carriedOver: false }).catch(async (error: unknown) => {
        await this.retire(built);
        throw error;
      });
    }
    const owner = {
      // for the moment of a switch a chain has two threads, whatever the number of chains
      build: (other: readonly ChainStep[], otherSignal: AbortSignal | undefined) =>
        this.build(other, otherSignal, () => this.pool.take()),
      retire: (old: BuiltChain, reason?: Error) => this.retire(old, reason),
    };
    return new ChainHandle(owner, built);
  }

  private async build(
    steps: readonly ChainStep[],
    signal: AbortSignal | undefined,
    takeWorker: () => ChainWorker,
  ): Promise<BuiltChain> {
    signal?.throwIfAborted();
    const known = await this.buildSteps(steps).catch((error: unknown) => {
      this.ledger.countFailure(error);
      throw error;
    });
    signal?.throwIfAborted();
    const worker = takeWorker();
    const abort = () => void worker.terminate(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    const meter = this.ledger.open(steps.map((step) => step.name));
    try {
      const { takesHistory } = await worker.request({
        op: "build",
        steps: known.map((step, index) => ({ ...step, usage: (meter.steps[index] as MeteredStep).usage })),
      });
      signal?.throwIfAborted();
      return {
        worker,
        meter,
        lookbacks: steps.map((step, i) => (takesHistory[i] === true ? step.lookback : undefined)),
      };
    } catch (error) {
      meter.countFailure(error);
      this.release(worker, meter);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  private release(worker: ChainWorker, meter: ChainMeter): void {
    meter.close();
    this.pool.give(worker);
  }

  /** Drops the instances and keeps the thread, unless it is dead or holds much memory until it collects. */
  private async retire({ worker, meter }: BuiltChain, reason?: Error): Promise<void> {
    if (reason !== undefined) {
      await worker.terminate(reason);
    } else if (worker.alive) {
      const dropped = await worker.request({ op: "drop" }).catch(() => undefined);
      if (dropped === undefined || dropped.droppedBytes > KEPT_MEMORY_BYTES_MAX) await worker.terminate(closedError());
    }
    this.release(worker, meter);
  }

  private async buildSteps(steps: readonly ChainStep[]): Promise<readonly KnownStep[]> {
    const built: KnownStep[] = [];
    for (const step of steps) {
      const limits = lowered(this.limits, step.limits);
      const { checked, probe } = await this.known(step.name, step.wasm, limits.memoryBytesMax);
      built.push({
        name: step.name,
        module: checked.module,
        traits: probe.traits,
        params: step.params,
        lookback: step.lookback,
        accumulator: step.accumulator,
        window: step.window,
        limits,
      });
    }
    return built;
  }

  totals(): readonly ModuleTotals[] {
    return this.ledger.totals();
  }

  async inspect(name: string, wasm: Uint8Array): Promise<ModuleInspection> {
    const { checked, probe } = await this.known(name, wasm, this.limits.memoryBytesMax);
    return {
      kind: checked.kind,
      exports: checked.exports,
      imports: checked.imports,
      hasInit: checked.exports.includes("init"),
      hasLookBack: checked.exports.includes("look_back"),
      abiVersion: probe.traits.abiVersion,
    };
  }

  /** Compiled once per content; a failure is not kept, as it names the module it was met under. */
  private known(name: string, wasm: Uint8Array, memoryBytesMax: number): Promise<KnownModule> {
    // the limit is compiled into the module
    const hash = `${contentHash(wasm)} ${memoryBytesMax}`;
    const found = this.modules.get(hash);
    // the order of a map is that of insertion: used ones move to its end
    this.modules.delete(hash);
    const known = found ?? this.learn(name, wasm, memoryBytesMax);
    this.modules.set(hash, known);
    if (found === undefined) known.catch(() => this.modules.delete(hash));
    for (const oldest of this.modules.keys()) {
      if (this.modules.size <= MODULES_CACHED_MAX) break;
      this.modules.delete(oldest);
    }
    return known;
  }

  private async learn(name: string, wasm: Uint8Array, memoryBytesMax: number): Promise<KnownModule> {
    if (this.closed) throw closedError();
    const checked = await compileModule(name, wasm, memoryBytesMax);
    const worker = this.pool.take();
    const limits = { ...this.limits, memoryBytesMax };
    try {
      const probe = await worker.request({ op: "probe", name, module: checked.module, limits });
      return { checked, probe };
    } finally {
      this.pool.give(worker);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await this.pool.close();
    this.modules.clear();
  }
}
