import type { ConsumedPosition, Consumer, FluvioClient, SmartModuleStep } from "../../client/index.ts";
import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { DeliverOptions, GroupOptions, SinkPosition, SinkWrite } from "../define.ts";
import type { SinkOptions } from "../options/sink-options.ts";
import type { RunCounters } from "./counters.ts";
import { firstPositions, type StartMarker } from "./first-positions.ts";
import { OffsetFlusher } from "./offset-flusher.ts";
import { RecordGroups } from "./record-groups.ts";
import { RefusedRecords, stoppedAt } from "./refused-records.ts";
import { SinkClaim } from "./sink-claim.ts";
import { type SinkWork, SinkWriter } from "./sink-writer.ts";

export interface SinkRunOptions {
  readonly client: FluvioClient;
  readonly connector: string;
  readonly topic: string;
  readonly options: SinkOptions;
  /** Applied by the cluster before records come here. */
  readonly smartmodules: readonly SmartModuleStep[];
  readonly logger: Logger;
  readonly counters: RunCounters;
  /** Aborted when the connector is to stop. */
  readonly stop: AbortSignal;
  readonly marker: StartMarker;
  trouble(reason: string): void;
  readonly random: () => number;
}

/** What is kept with an accumulator moves on with it only: a record that a module refuses cannot be passed over. */
const KEPT_STATE_HINT =
  "a chain with a kept state cannot leave a record out: drop it with a filter before, or replace the module, and update the connector";
/** How long the group in hand may take once the connector is told to stop. */
const DRAIN_TIMEOUT_MS = 10_000;
/** How often the cluster is told how far a sink is whose target keeps the position. */
const TOLD_PERIOD_MS = 250;
/** A cluster that is away comes back: a sink waits for it as long as it takes. */
const CONSUMER_RETRY = { timeoutMs: Number.POSITIVE_INFINITY };

/** Reads the topic for a sink, hands its records over and keeps the position. */
export class SinkRunner implements AsyncDisposable {
  readonly #run: SinkRunOptions;
  readonly #refused: RefusedRecords;
  readonly #giveUp = new AbortController();
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #onStop = () => {
    this.#drainTimer = setTimeout(() => this.#giveUp.abort(this.#run.stop.reason), DRAIN_TIMEOUT_MS);
  };

  constructor(run: SinkRunOptions) {
    this.#run = run;
    this.#refused = new RefusedRecords(run, run.options);
    if (run.stop.aborted) this.#onStop();
    run.stop.addEventListener("abort", this.#onStop, { once: true });
  }

  /** {@link SinkContext.deliver} */
  async deliver(write: SinkWrite, group: DeliverOptions = {}): Promise<void> {
    // A target that keeps the positions itself sees who moves them; where none is stored, there is nothing to be moved.
    if (group.positions !== undefined || this.#run.options.strategy === "none") {
      await this.#deliver(write, group, undefined);
      return;
    }
    const claim = await SinkClaim.open(this.#run);
    const onLost = () => this.#giveUp.abort(claim?.lost.reason);
    claim?.lost.addEventListener("abort", onLost, { once: true });
    try {
      await this.#deliver(write, group, claim);
    } catch (error) {
      throw claim?.lost.aborted === true ? claim.lost.reason : error;
    } finally {
      await claim?.[Symbol.asyncDispose]();
    }
    claim?.lost.throwIfAborted();
  }

  async #deliver(write: SinkWrite, group: DeliverOptions, claim: SinkClaim | undefined): Promise<void> {
    const { options, logger, counters, random } = this.#run;
    const stop = claim === undefined ? this.#run.stop : AbortSignal.any([this.#run.stop, claim.lost]);
    const writer = new SinkWriter(write, {
      options,
      logger,
      counters,
      stop,
      giveUp: this.#giveUp.signal,
      trouble: (reason) => this.#run.trouble(reason),
      refused: this.#refused,
      random,
    });
    const positions = await firstPositions(this.#run);
    for (const { partition, offset } of positions.known) counters.positions.set(partition, offset + 1);
    let start = positions.start;
    const workedOff = new WorkedOff(this.#run.topic, group.positions ?? []);
    const mayStore = async () => (await claim?.isHeld()) ?? true;
    // Where the target's own position counts, the cluster is told now and then.
    const flushPeriodMs = options.flushPeriodMs ?? (group.positions === undefined ? 0 : TOLD_PERIOD_MS);
    const flushing = { strategy: options.strategy, flushPeriodMs };
    let refusedAgain = 0;
    while (!stop.aborted) {
      const consumer = await this.#open(start, workedOff.positions);
      const flusher = new OffsetFlusher(consumer, { options: flushing, logger, mayStore });
      const toStore = positions.toStore.filter((position) => !workedOff.has(position));
      if (toStore.length > 0) await flusher.now(toStore);
      await this.#run.marker.set();
      const recordsBefore = counters.records;
      try {
        await this.#consume(consumer, { writer, group, stop }, (done) => {
          workedOff.note(done);
          flusher.workedOff(done);
          for (const { partition, offset } of done) counters.positions.set(partition, offset + 1);
        });
      } catch (error) {
        refusedAgain = counters.records > recordsBefore ? 1 : refusedAgain + 1;
        const passed = await this.#moduleFailed(error, refusedAgain, writer);
        if (group.positions !== undefined && passed.length > 0) await writer.write(movedOn(passed));
        workedOff.note(passed);
        flusher.workedOff(passed);
      } finally {
        await flusher.finish();
        await consumer.close();
      }
      // Partitions of which nothing is worked off have not been read yet.
      start = "beginning";
    }
  }

  async #open(offset: SinkOptions["start"], startBehind: readonly ConsumedPosition[]): Promise<Consumer> {
    const { client, topic, options, smartmodules } = this.#run;
    const { partitions, maxBytes, strategy, consumerId } = options;
    return await client.consumer({
      topic,
      offset,
      startBehind,
      smartmodules,
      retry: CONSUMER_RETRY,
      ...(partitions === undefined ? {} : { partitions }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(strategy === "none" ? {} : { consumerId, offsetStrategy: "manual" as const }),
    });
  }

  async #consume(
    consumer: Consumer,
    { writer, group, stop }: { readonly writer: SinkWriter; readonly group: GroupOptions; readonly stop: AbortSignal },
    workedOff: (positions: readonly ConsumedPosition[]) => void,
  ): Promise<void> {
    const { counters } = this.#run;
    // A kept accumulator is stored with the acknowledgement of a reply, which must wait for the write.
    const groups = new RecordGroups(consumer.chunks(), { group, mayReadAhead: !this.#keepsState, stop });
    const following = () => groups.following();
    for (let next = await groups.next(); next !== undefined; next = await groups.next()) {
      counters.recordsIn += next.records.length;
      counters.bytesIn += next.sizeBytes;
      if (next.records.length > 0) await writer.write({ ...next, following });
      workedOff(next.positions);
    }
    await groups.workedOff();
  }

  get #keepsState(): boolean {
    return this.#run.smartmodules.some(({ state }) => state !== undefined);
  }

  /** A record on which a SmartModule reports an error ends the stream; what `on_error` says happens to it, and reading goes on. */
  async #moduleFailed(error: unknown, attempt: number, writer: SinkWriter): Promise<readonly ConsumedPosition[]> {
    const { topic, options, stop } = this.#run;
    const failed = refusedByModule(error);
    if (failed === undefined || options.strategy === "none" || stop.aborted) throw error;
    const letter = { topic, ...failed, stage: "smartmodule" as const };
    if (this.#keepsState) throw stoppedAt(letter, KEPT_STATE_HINT);
    if (options.onError === "retry") {
      await writer.pause(attempt, error);
      return [];
    }
    await this.#refused.handle(letter);
    return [{ topic, partition: failed.partition, offset: failed.offset }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#drainTimer);
    this.#run.stop.removeEventListener("abort", this.#onStop);
    await this.#refused[Symbol.asyncDispose]();
  }
}

/** Up to where this run has worked the topic off, by partition. */
class WorkedOff {
  readonly #topic: string;
  readonly #offsets: Map<number, number>;

  /** @param known what the target has already */
  constructor(topic: string, known: readonly SinkPosition[]) {
    this.#topic = topic;
    this.#offsets = new Map(known.map(({ partition, offset }) => [partition, offset]));
  }

  get positions(): readonly ConsumedPosition[] {
    return [...this.#offsets].map(([partition, offset]) => ({ topic: this.#topic, partition, offset }));
  }

  has({ partition }: SinkPosition): boolean {
    return this.#offsets.has(partition);
  }

  note(positions: readonly SinkPosition[]): void {
    for (const { partition, offset } of positions) this.#offsets.set(partition, offset);
  }
}

/** What a target that keeps the positions itself is told of records that never come to it: else the next run met them again. */
function movedOn(positions: readonly SinkPosition[]): SinkWork {
  return { records: [], positions, following: async () => [] };
}

/** The record of a module's own error; a trap or a crossed limit has none. */
function refusedByModule(error: unknown) {
  if (!isFluvioError(error) || error.code !== "FLV_SMARTMODULE_RUNTIME") return undefined;
  const { partition, offset, recordKey, recordValue } = error.details;
  if (typeof partition !== "number" || typeof offset !== "number" || !(recordValue instanceof Uint8Array)) {
    return undefined;
  }
  const key = recordKey instanceof Uint8Array ? recordKey : undefined;
  return { partition, offset, timestampMs: -1, key, value: recordValue, reason: error.message };
}
