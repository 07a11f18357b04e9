import type { FluvioClient, SmartModuleStep, TopicProducer } from "../../client/index.ts";
import { type FluvioError, flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import type { Checkpoint, Position, SourceRecord } from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import type { ErrorOptions } from "../options/error-options.ts";
import { producerOptions } from "../options/producer-options.ts";
import { Checkpoints } from "./checkpoints.ts";
import { cameIn, type RunCounters, wentOut } from "./counters.ts";
import type { DeadLetter } from "./dead-letters.ts";
import type { EndTimeouts } from "./end-timeouts.ts";
import { KeptPosition } from "./kept-position.ts";
import { RefusedRecords } from "./refused-records.ts";

export interface SourceRunOptions {
  readonly client: FluvioClient;
  readonly config: ConnectorConfig;
  readonly errors: ErrorOptions;
  /** Applied here, before records are sent. */
  readonly smartmodules: readonly SmartModuleStep[];
  readonly logger: Logger;
  readonly counters: RunCounters;
  /** Aborted when the connector is to stop. */
  readonly stop: AbortSignal;
  /** What keeps positions from being kept just now; empty when nothing does any more. */
  trouble(reason: string): void;
  /** Called when records cannot be delivered: the connector has to end. */
  fail(error: unknown): void;
  readonly timeouts: Pick<EndTimeouts, "drainMs" | "drainAfterStopMs">;
}

/** Positions are kept four times a second at most. */
const POSITION_INTERVAL_MS = 250;
/** So many refused records may be on their way to the dead-letter topic. */
const REFUSALS_MAX = 1000;
/** Most records find room at once: what they wait for is then always the same. */
const DONE = Promise.resolve();

/** Sends what a source hands over, deals with what is refused as `on-error` says, and keeps the position. */
export class SourceRunner {
  readonly #run: SourceRunOptions;
  readonly #producer: TopicProducer;
  readonly #kept: KeptPosition;
  readonly #refused: RefusedRecords;
  readonly #checkpoints: Checkpoints;
  readonly #giveUp = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  /** Refused records that are not dealt with yet, and when all of them are. */
  #refusals = 0;
  #refusalsDone: Promise<void> = DONE;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #onStop = () => this.#giveUpAfter(this.#run.timeouts.drainAfterStopMs);

  private constructor(run: SourceRunOptions, producer: TopicProducer, kept: KeptPosition) {
    this.#run = run;
    this.#producer = producer;
    this.#kept = kept;
    this.#refused = new RefusedRecords({ ...run, connector: run.config.name }, run.errors);
    const context = { signal: this.#giveUp.signal, logger: run.logger, trouble: run.trouble };
    this.#checkpoints = new Checkpoints({
      settled: () => this.#settled(),
      keep: (position) => kept.keep(position, context),
      intervalMs: POSITION_INTERVAL_MS,
      fail: (error) => this.#fail(error),
    });
    if (run.stop.aborted) this.#onStop();
    run.stop.addEventListener("abort", this.#onStop, { once: true });
  }

  static async open(run: SourceRunOptions): Promise<SourceRunner> {
    const { client, config, smartmodules, logger } = run;
    const kept = await KeptPosition.open(client, config.name, logger);
    const segmentSizeBytes = (await client.admin().findTopic(config.topic))?.spec.storage?.segmentSize;
    // the producer is there first, and tells nothing before there is something to send
    let runner: SourceRunner | undefined;
    const producer = await client.topicProducer(config.topic, {
      ...producerOptions(config, smartmodules, segmentSizeBytes),
      onStored: ({ records, sizeBytes }) => wentOut(run.counters, records, sizeBytes),
      onError: (error) => {
        if (runner !== undefined) runner.#batchFailed(error);
      },
    });
    runner = new SourceRunner(run, producer, kept);
    return runner;
  }

  get position(): Position | undefined {
    return this.#kept.position;
  }

  /** {@link SourceContext.send}. Not an async function: most records find room, and then there is nothing to wait for. */
  send({ key, value }: SourceRecord): Promise<void> {
    cameIn(this.#run.counters, key, value);
    try {
      if (this.#producer.trySend(key, value) === undefined) return this.#sendInTurn(key, value);
    } catch (error) {
      return this.#notTaken(error, key, value);
    }
    return this.#hasRoom ? DONE : this.#room();
  }

  async #sendInTurn(key: SourceRecord["key"], value: SourceRecord["value"]): Promise<void> {
    try {
      await this.#producer.send(key, value, { signal: this.#giveUp.signal });
    } catch (error) {
      await this.#notTaken(error, key, value);
    }
    await this.#room();
  }

  get #hasRoom(): boolean {
    return this.#refusals < REFUSALS_MAX && this.#checkpoints.hasRoom;
  }

  async #room(): Promise<void> {
    while (!this.#hasRoom && this.#failure === undefined) {
      if (this.#refusals >= REFUSALS_MAX) await this.#refusalsDone;
      else await this.#checkpoints.room();
    }
  }

  /** {@link SourceContext.flush} */
  async flush(): Promise<void> {
    await this.#flush();
    await this.#settled();
  }

  /** {@link SourceContext.checkpoint} */
  checkpoint(place: Checkpoint): void {
    this.#checkpoints.add(place);
  }

  /** Loads the SmartModules of the cluster anew. @throws why they cannot run; then those of before go on */
  reloadModules(): Promise<void> {
    return this.#producer.reloadSmartModules();
  }

  /** Sends what is queued, keeps the last position and ends. @throws what kept it from being delivered */
  async drain(): Promise<void> {
    const { logger, stop, timeouts } = this.#run;
    this.#giveUpAfter(timeouts.drainMs);
    try {
      await this.#untilGivenUp(this.#finish());
    } catch (error) {
      logger.error({ error }, "what was in hand could not be delivered");
      throw error;
    } finally {
      stop.removeEventListener("abort", this.#onStop);
      for (const timer of this.#timers) clearTimeout(timer);
      if (this.#giveUp.signal.aborted) this.#producer.abandon(this.#giveUp.signal.reason);
      await this.#producer.close().catch(() => {
        // The failures were told one by one.
      });
      await this.#refused[Symbol.asyncDispose]();
    }
  }

  #giveUpAfter(timeoutMs: number): void {
    const late = flvError("FLV_TIMEOUT", `the cluster did not take what was in hand within ${timeoutMs} ms`);
    this.#timers.push(setTimeout(() => this.#giveUp.abort(late), timeoutMs));
  }

  async #finish(): Promise<void> {
    await this.#flush();
    await this.#checkpoints.finish();
    await this.#settled();
  }

  /** A failed batch was told to {@link #batchFailed} already. */
  async #flush(): Promise<void> {
    await this.#producer.flush({ signal: this.#giveUp.signal }).catch((error: unknown) => {
      if (this.#giveUp.signal.aborted) throw error;
    });
  }

  async #untilGivenUp(work: Promise<void>): Promise<void> {
    const { signal } = this.#giveUp;
    let stopWaiting = (): void => {};
    const givenUp = new Promise<never>((_, reject) => {
      stopWaiting = () => reject(signal.reason);
      if (signal.aborted) stopWaiting();
      else signal.addEventListener("abort", stopWaiting, { once: true });
    });
    await Promise.race([work, givenUp]).finally(() => signal.removeEventListener("abort", stopWaiting));
  }

  /** Resolves when everything handed over so far is acknowledged or dealt with. @throws what ends the connector */
  async #settled(): Promise<void> {
    await this.#producer.settled();
    await this.#refusalsDone;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#run.fail(error);
  }

  #batchFailed(error: unknown): void {
    if (!isRecordError(error)) {
      this.#fail(error);
      return;
    }
    const { key, value } = error.details;
    const keyBytes = key instanceof Uint8Array ? key : undefined;
    void this.#refuse({ key: keyBytes, value: value as Uint8Array, stage: "smartmodule", reason: error.message });
  }

  /** The producer took no record. Resolves when it is dealt with. @throws what ends the connector */
  async #notTaken(error: unknown, key: SourceRecord["key"], value: SourceRecord["value"]): Promise<void> {
    if (!isFluvioError(error) || error.code !== "FLV_RECORD_TOO_LARGE") {
      if (!this.#giveUp.signal.aborted) this.#fail(error);
      throw error;
    }
    const keyBytes = key === undefined ? undefined : bytesOf(key);
    await this.#refuse({ key: keyBytes, value: bytesOf(value), stage: "send", reason: error.message });
  }

  #refuse(record: Pick<DeadLetter, "key" | "value" | "stage" | "reason">): Promise<void> {
    const place = { topic: this.#run.config.topic, partition: undefined, offset: undefined, timestampMs: Date.now() };
    this.#refusals++;
    const handled = this.#refused
      .handle({ ...place, ...record })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#refusals--);
    const before = this.#refusalsDone;
    this.#refusalsDone = handled.then(() => before);
    return handled;
  }
}

const bytesOf = (data: Uint8Array | string) => (typeof data === "string" ? new TextEncoder().encode(data) : data);

/** A module's own error on one record, which carries that record; a trap or a crossed limit carries none. */
function isRecordError(error: unknown): error is FluvioError {
  return isFluvioError(error) && error.code === "FLV_SMARTMODULE_RUNTIME" && error.details.value instanceof Uint8Array;
}
