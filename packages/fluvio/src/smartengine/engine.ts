import { type Logger, silentLogger } from "../protocol/index.ts";
import { ChainHandle } from "./chain-handle.ts";
import type { BuildStep, ProbeResult } from "./messages.ts";
import { type CheckedModule, compileModule, contentHash } from "./module-check.ts";
import type { ChainStep, EngineLimits, ModuleInspection, SmartChain, SmartEngine } from "./types.ts";
import { workerEntry } from "./worker-entry.ts";
import { closedError, WorkerPool } from "./worker-pool.ts";

export const ENGINE_LIMITS_DEFAULT: EngineLimits = {
  batchTimeoutMs: 5000,
  memoryBytesMax: 1 << 30,
  outputBytesMax: 256 << 20,
};
const CHAINS_MAX_DEFAULT = 256;
const IDLE_WORKERS_MAX_DEFAULT = 4;
/** Compiled modules that are kept; the longest unused goes first. */
const MODULES_CACHED_MAX = 256;

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

class Engine implements SmartEngine {
  private readonly limits: EngineLimits;
  private readonly pool: WorkerPool;
  private readonly modules = new Map<string, Promise<KnownModule>>();
  private closed = false;

  constructor(options: SmartEngineOptions) {
    const logger = options.logger ?? silentLogger;
    this.limits = { ...ENGINE_LIMITS_DEFAULT, ...options.limits };
    this.pool = new WorkerPool({
      entry: workerEntry(),
      batchTimeoutMs: this.limits.batchTimeoutMs,
      chainsMax: options.chainsMax ?? CHAINS_MAX_DEFAULT,
      idleMax: options.idleWorkersMax ?? IDLE_WORKERS_MAX_DEFAULT,
      onOutput: (module, stream, line) => {
        logger.info({ smartmodule: module, stream }, line);
        options.onModuleOutput?.(module, stream, line);
      },
    });
  }

  async chain(steps: readonly ChainStep[], options: { readonly signal?: AbortSignal } = {}): Promise<SmartChain> {
    const { signal } = options;
    signal?.throwIfAborted();
    const known = await this.buildSteps(steps);
    signal?.throwIfAborted();
    const worker = this.pool.takeForChain();
    const abort = () => void worker.terminate(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const built = await worker.request({ op: "build", steps: known, limits: this.limits });
      signal?.throwIfAborted();
      const lookbacks = steps.map((step, index) => (built.takesHistory[index] === true ? step.lookback : undefined));
      return new ChainHandle(worker, this.pool, lookbacks);
    } catch (error) {
      this.pool.give(worker);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  private async buildSteps(steps: readonly ChainStep[]): Promise<readonly BuildStep[]> {
    const built: BuildStep[] = [];
    for (const step of steps) {
      const { checked, probe } = await this.known(step.name, step.wasm);
      built.push({
        name: step.name,
        module: checked.module,
        traits: probe.traits,
        params: step.params,
        lookback: step.lookback,
        accumulator: step.accumulator,
      });
    }
    return built;
  }

  async inspect(name: string, wasm: Uint8Array): Promise<ModuleInspection> {
    const { checked, probe } = await this.known(name, wasm);
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
  private known(name: string, wasm: Uint8Array): Promise<KnownModule> {
    const hash = contentHash(wasm);
    const found = this.modules.get(hash);
    // the order of a map is that of insertion: used ones move to its end
    this.modules.delete(hash);
    const known = found ?? this.learn(name, wasm);
    this.modules.set(hash, known);
    if (found === undefined) known.catch(() => this.modules.delete(hash));
    for (const oldest of this.modules.keys()) {
      if (this.modules.size <= MODULES_CACHED_MAX) break;
      this.modules.delete(oldest);
    }
    return known;
  }

  private async learn(name: string, wasm: Uint8Array): Promise<KnownModule> {
    if (this.closed) throw closedError();
    const checked = await compileModule(name, wasm, this.limits.memoryBytesMax);
    const worker = this.pool.take();
    try {
      const probe = await worker.request({ op: "probe", name, module: checked.module, limits: this.limits });
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
