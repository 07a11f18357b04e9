import { flvError } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import { Backoff, isConnectionError } from "./backoff.ts";
import { type Cluster, withSignal } from "./cluster.ts";
import { toInvocation } from "./invocation.ts";
import { PartitionReader, type ReaderSettings } from "./partition-reader.ts";
import { type Position, selections, startPositions, stateName } from "./positions.ts";
import { RecordQueue } from "./record-queue.ts";
import type { Session } from "./session.ts";
import type {
  ConsumedChunk,
  ConsumedPosition,
  Consumer,
  ConsumerOptions,
  ConsumerRecord,
  OffsetStrategy,
  RetryPolicy,
} from "./types.ts";

const MAX_BYTES_DEFAULT = 1_048_588;
/** The field has 32 bits. */
const MAX_BYTES_MAX = 0x7fffffff;
const OFFSET_FLUSH_PERIOD_MS_DEFAULT = 10_000;
const RETRY_DEFAULT = { initialDelayMs: 100, maxDelayMs: 10_000, timeoutMs: 30 * 60_000 };
/** How long closing may wait for the cluster: for one that is connected, and for one that is away. */
const CLOSE_ANSWER_MS_MAX = 10_000;
const CLOSE_RETRY_MS_MAX = 2000;

/** Looks everything up, then starts reading. @throws FLV_ARGUMENT | FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND */
export async function openConsumer(cluster: Cluster, options: ConsumerOptions): Promise<Consumer> {
  const strategy = offsetStrategy(options);
  const { maxBytes = MAX_BYTES_DEFAULT } = options;
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > MAX_BYTES_MAX) {
    throw flvError("FLV_ARGUMENT", `maxBytes is ${maxBytes}, not a whole number from 1 to ${MAX_BYTES_MAX}`, {
      details: { maxBytes },
      hint: "leave it out for the default",
    });
  }
  const settings: ReaderSettings = {
    isolation: options.isolation ?? "readUncommitted",
    maxBytes,
    smartmodules: (options.smartmodules ?? []).map(toInvocation),
    keepsState: stateName(options) !== undefined,
    consumerId: options.consumerId,
    strictOffset: options.strictOffset ?? false,
    retry: { ...RETRY_DEFAULT, ...cluster.settings.retry, ...options.retry },
  };
  const positions = await startPositions(cluster, options);
  const whole = selections(options).filter(({ partitions }) => partitions === undefined);
  return new StreamConsumer(cluster, positions, settings, {
    followed: options.disableContinuous ? [] : whole.map(({ topic }) => topic),
    strategy,
    flushPeriodMs: options.offsetFlushPeriodMs ?? OFFSET_FLUSH_PERIOD_MS_DEFAULT,
    signal: options.signal,
  });
}

function offsetStrategy(options: ConsumerOptions): OffsetStrategy {
  const strategy = options.offsetStrategy ?? (options.consumerId === undefined ? "none" : "manual");
  if (strategy !== "none" && options.consumerId === undefined) {
    throw flvError("FLV_ARGUMENT", `offset strategy "${strategy}" needs a consumer id`, {
      hint: "name the consumer with consumerId",
    });
  }
  return strategy;
}

interface ConsumerSettings {
  /** Topics of which partitions that are added later are read too. */
  readonly followed: readonly string[];
  readonly strategy: OffsetStrategy;
  readonly flushPeriodMs: number;
  readonly signal: AbortSignal | undefined;
}

const NO_RECORDS: readonly ConsumerRecord[] = [];
const DONE: IteratorResult<never> = { done: true, value: undefined };

/** Readers of partitions, their queue, and the iterators over it. */
class StreamConsumer implements Consumer {
  readonly #cluster: Cluster;
  readonly #queue = new RecordQueue<PartitionReader>();
  readonly #readers: PartitionReader[] = [];
  readonly #reading: ReaderSettings;
  #running = 0;
  readonly #settings: ConsumerSettings;
  readonly #stop: AbortController;
  readonly #onAbort: () => void;
  readonly #onClientClosed = () => this.#stop.abort(this.#cluster.closed.reason);
  #flushTimer: ReturnType<typeof setInterval> | undefined;
  #closing: Promise<void> | undefined;
  #isIterated = false;
  /** The chunk that is given out record by record, and the place of the next one. */
  #reader: PartitionReader | undefined;
  #records: readonly ConsumerRecord[] = NO_RECORDS;
  #upToOffset: number | undefined;
  #settleChunk: ((wholly: boolean) => void) | undefined;
  #index = 0;
  /** The call that waits for the next chunk; later calls queue behind it. */
  #refilling: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, positions: readonly Position[], reading: ReaderSettings, settings: ConsumerSettings) {
    this.#cluster = cluster;
    this.#stop = cluster.newController();
    this.#reading = reading;
    this.#settings = settings;
    this.#onAbort = () => {
      this.#queue.abandon({ error: settings.signal?.reason });
      void this.close();
    };
    settings.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (settings.signal?.aborted) this.#onAbort();
    if (settings.strategy === "auto") this.#startFlushing(settings.flushPeriodMs);
    cluster.closed.addEventListener("abort", this.#onClientClosed, { once: true });
    if (settings.followed.length > 0) this.#start(this.#followPartitions());
    for (const position of positions) this.#read(position);
    if (this.#running === 0) this.#end();
  }

  #read(position: Position): void {
    const reader = new PartitionReader(this.#cluster, this.#queue, this.#reading, position);
    this.#readers.push(reader);
    this.#start(reader.run(this.#stop.signal));
  }

  /** The iteration ends when all that was started has ended, or one of it fails. */
  #start(work: Promise<void>): void {
    this.#running++;
    work.then(
      () => {
        this.#running--;
        if (this.#running === 0) this.#end();
      },
      (error: unknown) => this.#end({ error }),
    );
  }

  #end(failure?: { readonly error: unknown }): void {
    this.#queue.end(failure);
    this.#stop.abort(failure?.error);
    this.#cluster.closed.removeEventListener("abort", this.#onClientClosed);
  }

  /** Reads partitions that are added to a topic, from their beginning. */
  async #followPartitions(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(this.#reading.retry);
    while (!signal.aborted) {
      try {
        const session = await this.#cluster.session({ signal });
        backoff.reset();
        const stop = session.topics.onChange(() => this.#readAdded(session));
        this.#readAdded(session);
        await withSignal(session.connection.closed, signal).finally(stop);
      } catch (error) {
        if (signal.aborted) return;
        if (!isConnectionError(error)) throw error;
        await backoff.pause(error, signal).catch((cause: unknown) => {
          if (!signal.aborted) throw cause;
        });
      }
    }
  }

  #readAdded(session: Session): void {
    if (this.#stop.signal.aborted) return;
    for (const topic of this.#settings.followed) {
      const known = this.#readers.filter((reader) => reader.topic === topic).length;
      const count = session.knownPartitionCount(topic) ?? known;
      for (let partition = known; partition < count; partition++) {
        this.#read({ topic, partition, startOffset: 0, endOffset: undefined });
      }
    }
  }

  #startFlushing(periodMs: number): void {
    this.#flushTimer = setInterval(() => {
      this.offsetCommit();
      this.offsetFlush().catch((error: unknown) => {
        this.#cluster.settings.logger.warn({ error }, "consumer offsets were not stored, trying again later");
      });
    }, periodMs);
  }

  // ---- records -----------------------------------------------------------------------------------------------------

  #claim(): void {
    if (this.#isIterated) {
      throw flvError("FLV_ARGUMENT", "a consumer is iterated once", { hint: "make another with consumer()" });
    }
    this.#isIterated = true;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord> {
    this.#claim();
    const iterator: AsyncIterableIterator<ConsumerRecord> = {
      next: () => this.#nextRecord(),
      return: () => this.#leave(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #nextRecord(): Promise<IteratorResult<ConsumerRecord>> {
    const record = this.#records[this.#index];
    if (record === undefined) return this.#nextAfterRefill();
    this.#index++;
    return Promise.resolve({ done: false, value: record });
  }

  #nextAfterRefill(): Promise<IteratorResult<ConsumerRecord>> {
    const turn = this.#refilling.then(async (): Promise<IteratorResult<ConsumerRecord>> => {
      // another call may have refilled in the meantime
      if (this.#index >= this.#records.length && !(await this.#refill())) return DONE;
      return { done: false, value: this.#records[this.#index++] as ConsumerRecord };
    });
    this.#refilling = turn.catch(() => {});
    return turn;
  }

  async #refill(): Promise<boolean> {
    this.#noteYielded();
    this.#records = NO_RECORDS;
    this.#index = 0;
    // who asks for what follows is done with what came before
    this.#settleChunk?.(true);
    this.#settleChunk = undefined;
    try {
      const chunk = await this.#queue.take();
      if (chunk !== undefined) {
        this.#reader = chunk.source;
        this.#records = chunk.records;
        this.#upToOffset = chunk.upToOffset;
        this.#settleChunk = chunk.settled;
        return true;
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    await this.close();
    return false;
  }

  /**
   * Tells the reader of the current chunk how far it was given out. An offset that several records share (array_map
   * made them of one) counts when the last of them was given out: what is left would be lost otherwise.
   */
  #noteYielded(): void {
    const comingOffset = this.#records[this.#index]?.offset;
    let last = this.#index - 1;
    while (last >= 0 && this.#records[last]?.offset === comingOffset) last--;
    const offset = this.#records[last]?.offset;
    if (offset !== undefined && this.#reader !== undefined) this.#reader.yieldedOffset = offset;
  }

  batches(): AsyncIterableIterator<readonly ConsumerRecord[]> {
    this.#claim();
    return this.#iterate(() => this.#records);
  }

  chunks(): AsyncIterableIterator<ConsumedChunk> {
    this.#claim();
    this.#queue.takesEmpty = true;
    return this.#iterate(() => {
      const { topic, partition } = this.#reader as PartitionReader;
      return { topic, partition, records: this.#records, upToOffset: this.#upToOffset };
    });
  }

  /** @param current what there is to give once a chunk has come */
  #iterate<T>(current: () => T): AsyncIterableIterator<T> {
    const next = async (): Promise<IteratorResult<T>> => {
      if (!(await this.#refill())) return DONE;
      this.#index = this.#records.length;
      return { done: false, value: current() };
    };
    const iterator: AsyncIterableIterator<T> = {
      next: () => {
        const turn = this.#refilling.then(next);
        this.#refilling = turn.catch(() => {});
        return turn;
      },
      return: () => this.#leave(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #leave(): Promise<IteratorResult<never>> {
    await this.close();
    return DONE;
  }

  // ---- offsets -----------------------------------------------------------------------------------------------------

  offsetCommit(position?: ConsumedPosition): void {
    if (this.#settings.strategy === "none") {
      throw flvError("FLV_CONSUMER_OFFSET", "this consumer keeps no offsets", {
        hint: "give it a consumerId and an offset strategy",
      });
    }
    if (position !== undefined) {
      this.#readerOf(position).commitUpTo(position.offset);
      return;
    }
    this.#noteYielded();
    for (const reader of this.#readers) reader.commitUpTo(reader.yieldedOffset);
  }

  #readerOf({ topic, partition }: ConsumedPosition): PartitionReader {
    const found = this.#readers.find((reader) => reader.topic === topic && reader.partition === partition);
    if (found !== undefined) return found;
    throw flvError("FLV_CONSUMER_OFFSET", `this consumer does not read ${topic}-${partition}`, {
      details: { topic, partition },
    });
  }

  async offsetFlush(options: AbortOptions = {}): Promise<void> {
    await this.#flush(options, this.#cluster.settings.retry);
  }

  async #flush(options: AbortOptions, retry: Partial<RetryPolicy>): Promise<void> {
    const abort = this.#cluster.following(options);
    await Promise.all(this.#readers.map((reader) => reader.flushOffset(abort, retry)));
  }

  // ---- end ---------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#flushTimer);
    this.#settings.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#settings.strategy !== "none" && !this.#cluster.isClosed) {
      if (this.#settings.strategy === "auto") this.offsetCommit();
      const retry = { ...this.#cluster.settings.retry, timeoutMs: CLOSE_RETRY_MS_MAX };
      await this.#flush({ signal: AbortSignal.timeout(CLOSE_ANSWER_MS_MAX) }, retry).catch((error: unknown) => {
        this.#cluster.settings.logger.warn({ error }, "consumer offsets were not stored at the end");
      });
    }
    this.#stop.abort(flvError("FLV_ABORTED", "the consumer was closed"));
    this.#settleChunk?.(false);
    this.#queue.abandon();
    const released = Promise.all(this.#readers.map((reader) => reader.release()));
    if (!this.#reading.keepsState) return;
    await withSignal(released, AbortSignal.timeout(CLOSE_ANSWER_MS_MAX)).catch((error: unknown) => {
      this.#cluster.settings.logger.warn({ error }, "kept states are free only when the cluster has noticed the end");
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
