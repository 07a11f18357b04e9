import {
  durationToMs,
  type FluvioError,
  flvError,
  isFluvioError,
  type SmartModuleInvocation,
} from "../../protocol/index.ts";
import type { ChainStep, Lookback, SmartChain, SmartEngine } from "../../smartengine/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { SpuLimits } from "./limits.ts";
import { type ModuleCache, unpackModule } from "./module-cache.ts";

export interface ChainFactoryOptions {
  readonly engine: SmartEngine;
  readonly modules: ModuleCache;
  readonly limits: SpuLimits;
  readonly clock: Clock;
}

/** Name in errors of a module that came with the request and has no label. */
const AD_HOC_NAME = "ad-hoc";

/** Makes the chains that clients ask for. */
export class ChainFactory {
  private readonly options: ChainFactoryOptions;

  constructor(options: ChainFactoryOptions) {
    this.options = options;
  }

  /**
   * Compiles and initialises the modules in order, then lets those that look back see what `log` has committed.
   * @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID | FLV_SMARTMODULE_INIT | FLV_SMARTMODULE_LOOKBACK |
   * FLV_SMARTMODULE_MEMORY_LIMIT | what the link to the SC throws
   */
  async build(
    invocations: readonly SmartModuleInvocation[],
    log: PartitionLog,
    signal: AbortSignal,
  ): Promise<SmartChain> {
    // history ends where the client's request found it, however long the modules take to start
    const historyEnd = log.highWatermark;
    const steps: ChainStep[] = [];
    for (const invocation of invocations) steps.push(await this.step(invocation));
    const chain = await this.options.engine.chain(steps, { signal }).catch((error: unknown) => {
      throw asBuildError(error);
    });
    try {
      for (const [index, lookback] of chain.lookbacks.entries()) {
        if (lookback !== undefined) await this.lookBack(chain, index, lookback, log, historyEnd);
      }
    } catch (error) {
      await chain[Symbol.asyncDispose]();
      throw asLookBackError(error);
    }
    return chain;
  }

  private async step(invocation: SmartModuleInvocation): Promise<ChainStep> {
    const { wasm: source, kind, params, lookback } = invocation;
    const name = invocation.name ?? (source.type === "predefined" ? source.name : AD_HOC_NAME);
    const wasm =
      source.type === "predefined"
        ? await this.options.modules.wasm(source.name)
        : await unpackModule(name, source.payload, this.options.limits.smartModuleBytesMax);
    const accumulator = accumulatorOf(kind);
    return {
      name,
      wasm,
      params,
      ...(lookback === undefined ? {} : { lookback: lookbackOf(lookback) }),
      ...(accumulator === undefined ? {} : { accumulator }),
    };
  }

  private async lookBack(
    chain: SmartChain,
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

function accumulatorOf(kind: SmartModuleInvocation["kind"]): Uint8Array | undefined {
  if (kind.type === "aggregate") return kind.accumulator;
  if (kind.type === "generic" && kind.context.type === "aggregate") return kind.context.accumulator;
  return undefined;
}

function lookbackOf(lookback: NonNullable<SmartModuleInvocation["lookback"]>): Lookback {
  if (lookback.age === undefined) return { last: lookback.last };
  return { last: lookback.last, ageMs: durationToMs(lookback.age) };
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
