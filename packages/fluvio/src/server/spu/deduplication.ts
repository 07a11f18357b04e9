import {
  durationFromMs,
  flvError,
  GENERIC_KIND,
  isFluvioError,
  type Logger,
  type SmartModuleInvocation,
} from "../../protocol/index.ts";
import type { RecordError, SmartChain } from "../../smartengine/index.ts";
import type { AppendResult, PartitionLog } from "../../storage/index.ts";
import type { ReplicaAssignment } from "../link.ts";
import { planSteps, refuseStreamOptions } from "./chain-steps.ts";
import type { ChainFactory, Switchable } from "./chains.ts";
import { transformBatches } from "./produce-chain.ts";
import type { Replica } from "./replica-manager.ts";

type Settings = NonNullable<ReplicaAssignment["deduplication"]>;

interface Working {
  readonly chain: SmartChain;
  readonly storedNames: readonly string[];
}

/** The chains of the topics that are deduplicated: one for each partition that this SPU leads. */
export class Deduplications {
  private readonly chains: ChainFactory;
  private readonly logger: Logger;
  private readonly byReplica = new WeakMap<Replica, Deduplication>();

  constructor(chains: ChainFactory, logger: Logger) {
    this.chains = chains;
    this.logger = logger;
  }

  /** To be called before the partition is served. */
  opened(replica: Replica): void {
    const { deduplication } = replica.assignment;
    if (deduplication === undefined) return;
    const { topic, partition } = replica.id;
    const logger = this.logger.child({ topic, partition, smartmodule: deduplication.uses });
    const made = new Deduplication(`${topic}-${partition}`, deduplication, {
      log: replica.log,
      chains: this.chains,
      logger,
    });
    this.byReplica.set(replica, made);
    const unregister = this.chains.register(made);
    replica.onEnd(() => {
      unregister();
      void made.close();
    });
    made.start();
  }

  of(replica: Replica): Deduplication | undefined {
    return this.byReplica.get(replica);
  }
}

interface Parts {
  readonly log: PartitionLog;
  readonly chains: ChainFactory;
  readonly logger: Logger;
}

/**
 * All writes to a partition go through one chain, which drops what it knows. What it knows and what is stored must not
 * part: whenever a write fails behind the chain, it is built anew and shown what is stored.
 */
export class Deduplication implements Switchable {
  readonly label: string;
  private readonly invocations: readonly SmartModuleInvocation[];
  private readonly settings: Settings;
  private readonly parts: Parts;
  private working: Working | undefined;
  /** Writes follow one another up to their append. */
  private tail: Promise<unknown> = Promise.resolve();
  /** All appends so far: what the chain has dropped may repeat a record that is still on its way. */
  private durable: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(partition: string, settings: Settings, parts: Parts) {
    this.label = `the deduplication of ${partition}`;
    this.settings = settings;
    this.parts = parts;
    this.invocations = [invocationOf(settings)];
  }

  get requestedNames(): readonly string[] {
    return [this.settings.uses];
  }

  get storedNames(): readonly string[] {
    return this.working?.storedNames ?? [];
  }

  /** Has the chain ready for the first write. */
  start(): void {
    this.inTurn(() => this.ready()).catch((error: unknown) => {
      this.parts.logger.error({ error: String(error) }, `${this.label} cannot start: writes are refused until it can`);
    });
  }

  /**
   * Stores what is no repetition, in the order of the calls. Resolves when it is durable, with `undefined` when nothing
   * was left to be stored.
   * @throws FLV_STORAGE (the module refused a record) | FLV_SMARTMODULE_RUNTIME (traps and time limits) |
   * FLV_SMARTMODULE_MEMORY_LIMIT | what {@link ChainFactory.make} throws | what the log throws. Nothing is stored then
   */
  async append(batches: readonly Uint8Array[]): Promise<AppendResult | undefined> {
    const { durable } = await this.inTurn(() => this.appendNow(batches));
    return durable;
  }

  /** Goes on with the code that is stored now; with the code it has when that cannot run. @throws why it cannot */
  switchCode(): Promise<void> {
    return this.inTurn(async () => {
      const before = this.working;
      // what failed before is no reason: nothing of it is known any more
      await this.durable.catch(() => {});
      const working = await this.make();
      this.durable = Promise.resolve();
      this.working = working;
      await before?.chain[Symbol.asyncDispose]();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.inTurn(() => this.forget());
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => {});
    return turn;
  }

  private async appendNow(batches: readonly Uint8Array[]): Promise<{ durable: Promise<AppendResult | undefined> }> {
    const working = await this.ready();
    const kept = await this.transform(working, batches);
    const appending = kept.length === 0 ? undefined : this.parts.log.append(kept);
    const durable = Promise.all([appending, this.durable]).then(([result]) => result);
    this.durable = durable;
    durable.catch(() => {
      // the chain has seen what is not stored
      if (this.working === working) this.working = undefined;
      // behind what it is working on
      void this.inTurn(async () => working.chain[Symbol.asyncDispose]());
    });
    return { durable };
  }

  private async transform(working: Working, batches: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    let refused: RecordError | undefined;
    try {
      const output = await transformBatches(working.chain, batches);
      if (output.error === undefined) return output.batches;
      refused = output.error;
    } catch (error) {
      await this.forget();
      const cause = isFluvioError(error) ? error.cause : undefined;
      // clients know the memory limit by a code of its own
      const isMemory = isFluvioError(cause) && cause.code === "FLV_SMARTMODULE_MEMORY_LIMIT";
      throw this.explained(isMemory ? cause : error);
    }
    // records before the refused one are known to the chain, and nothing of them is stored
    await this.forget();
    const { module, hint, offset } = refused;
    this.parts.logger.warn({ module, hint, offset }, `${this.label} refused a record`);
    throw flvError("FLV_STORAGE", `SmartModule ${module} of ${this.label} refused a record: ${hint}`, {
      details: { module },
    });
  }

  private async ready(): Promise<Working> {
    if (this.closed) throw flvError("FLV_NOT_LEADER", `${this.label} has ended`, { retriable: true });
    if (this.working !== undefined) return this.working;
    await this.durable.catch(() => {});
    this.durable = Promise.resolve();
    const working = await this.make();
    this.working = working;
    return working;
  }

  private async make(): Promise<Working> {
    const { chains, log } = this.parts;
    try {
      const plan = planSteps(this.invocations);
      refuseStreamOptions(plan);
      return await chains.make(plan, log, log.logEndOffset);
    } catch (error) {
      throw this.explained(error);
    }
  }

  private async forget(): Promise<void> {
    const { working } = this;
    this.working = undefined;
    await working?.chain[Symbol.asyncDispose]();
  }

  private explained(error: unknown): unknown {
    if (!isFluvioError(error)) return error;
    return flvError(error.code, `${this.label} with SmartModule ${this.settings.uses} failed: ${error.message}`, {
      details: error.details,
      retriable: error.retriable,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** The module of a deduplicated topic, as a request would name it. */
function invocationOf({ uses, count, ageMs, with: given }: Settings): SmartModuleInvocation {
  const params = new Map<string, string>([["count", String(count)]]);
  if (ageMs !== undefined) params.set("age", String(ageMs));
  for (const [name, value] of Object.entries(given)) params.set(name, value);
  return {
    wasm: { type: "predefined", name: uses },
    kind: GENERIC_KIND,
    params,
    lookback: { last: count, age: ageMs === undefined ? undefined : durationFromMs(ageMs) },
    name: undefined,
  };
}
