import {
  type BatchCompression,
  flvError,
  type PartitionProduceResponse,
  produceApi,
  type SmartModuleInvocationInput,
  toFluvioError,
} from "../protocol/index.ts";
import type { Connection } from "../transport/index.ts";
import { Backoff, isConnectionError } from "./backoff.ts";
import type { OpenBatch, SealedBatch } from "./open-batch.ts";
import { type BatchOutcome, RecordOutput } from "./produce-output.ts";
import type { DeliverySemantic, Isolation, RetryPolicy, StoredBatch } from "./types.ts";

/** What all partitions of one producer have in common. */
export interface QueueSettings {
  readonly topic: string;
  readonly batchSizeBytes: number;
  readonly lingerMs: number;
  readonly maxRequestSizeBytes: number;
  readonly batchQueueSize: number;
  readonly maxInFlight: number;
  readonly compression: BatchCompression;
  readonly isolation: Isolation;
  readonly deliverySemantic: DeliverySemantic;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly smartmodules: readonly SmartModuleInvocationInput[];
  openBatch(partition: number): OpenBatch;
  /** The connection to the leader of a partition. */
  leader(partition: number): Promise<Connection>;
  /** Aborted when the client closes: nothing is tried again. */
  readonly closed: AbortSignal;
  onError(error: unknown): void;
  readonly onStored: ((batch: StoredBatch) => void) | undefined;
}

/**
 * The batches of one partition, in order: one open, those sealed, those in flight. A lost connection puts what was in
 * flight back in front, so that order is kept; until the new connection has answered once, one request is in flight.
 */
export class PartitionQueue {
  readonly partition: number;
  readonly #settings: QueueSettings;
  readonly #backoff: Backoff;
  #open: OpenBatch | undefined;
  /** The open batch is to be sent without waiting for more records. */
  #isDue = false;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  #pumpPlanned = false;
  /** A SmartModule works on the batch that was sealed last. */
  #sealing: BatchOutcome | undefined;
  readonly #sealed: SealedBatch[] = [];
  readonly #inFlight: (readonly SealedBatch[])[] = [];
  #inFlightBatches = 0;
  #connection: Connection | undefined;
  #connecting = false;
  #proven = false;
  #roomWaiters: (() => void)[] = [];

  constructor(partition: number, settings: QueueSettings) {
    this.partition = partition;
    this.#settings = settings;
    this.#backoff = new Backoff(settings.retry);
  }

  /** Queues a record; `undefined` when the queue is full. */
  append(key: Uint8Array | undefined, value: Uint8Array, timestampMs: number): RecordOutput | undefined {
    let open = this.#open;
    if (open?.append(key, value, timestampMs)) {
      const output = new RecordOutput(open.outcome, open.count - 1);
      if (open.sizeBytes >= this.#settings.batchSizeBytes) this.#sealAndPump();
      return output;
    }
    if (open !== undefined) this.#sealAndPump();
    if (!this.#hasRoom) return undefined;
    open = this.#settings.openBatch(this.partition);
    this.#open = open;
    open.append(key, value, timestampMs);
    const output = new RecordOutput(open.outcome, 0);
    if (open.sizeBytes >= this.#settings.batchSizeBytes) this.#sealAndPump();
    else this.#plan();
    return output;
  }

  /** Room for one more open batch. */
  get #hasRoom(): boolean {
    return this.#open === undefined && this.#batchCount < this.#settings.batchQueueSize;
  }

  get #batchCount(): number {
    return this.#sealed.length + this.#inFlightBatches + (this.#sealing === undefined ? 0 : 1);
  }

  /** Resolves when a batch has left the queue, or at once when there is room. */
  room(): Promise<void> {
    if (this.#batchCount < this.#settings.batchQueueSize && this.#sealing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  #plan(): void {
    const { lingerMs } = this.#settings;
    if (lingerMs > 0) {
      this.#lingerTimer ??= setTimeout(() => {
        this.#lingerTimer = undefined;
        this.#isDue = true;
        this.#pump();
      }, lingerMs);
    } else if (!this.#pumpPlanned) {
      this.#pumpPlanned = true;
      // records that are queued in this turn of the event loop share a batch
      queueMicrotask(() => {
        this.#pumpPlanned = false;
        this.#pump();
      });
    }
  }

  /** Sends the open batch without delay; resolves when everything queued so far is settled. */
  flush(): Promise<void> {
    const last = this.#last;
    if (last === undefined) return Promise.resolve();
    this.#isDue = this.#open !== undefined;
    this.#pump();
    return last.settled();
  }

  /** Resolves when everything queued so far is settled, and hurries nothing. */
  settled(): Promise<void> {
    return this.#last?.settled() ?? Promise.resolve();
  }

  /** The outcome that is settled last. */
  get #last(): BatchOutcome | undefined {
    return (
      this.#open?.outcome ?? this.#sealing ?? this.#sealed.at(-1)?.outcome ?? this.#inFlight.at(-1)?.at(-1)?.outcome
    );
  }

  #sealAndPump(): void {
    this.#sealOpen();
    this.#pump();
  }

  #sealOpen(): void {
    const open = this.#open;
    // one SmartModule call at a time keeps the order
    if (open === undefined || this.#sealing !== undefined) return;
    this.#open = undefined;
    this.#isDue = false;
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = undefined;
    try {
      const sealed = open.seal(this.#settings.compression);
      if (sealed instanceof Promise) {
        this.#sealing = open.outcome;
        sealed.then(
          (batch) => this.#sealedLate(batch),
          (error: unknown) => {
            this.#fail(open.outcome, error);
            this.#sealedLate(undefined);
          },
        );
        return;
      }
      this.#sealed.push(sealed);
    } catch (error) {
      this.#fail(open.outcome, error);
    }
  }

  #sealedLate(batch: SealedBatch | undefined): void {
    this.#sealing = undefined;
    if (batch?.bytes === undefined) batch?.outcome.store(-1);
    else this.#sealed.push(batch);
    this.#freeRoom();
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const connection = this.#connection;
      if (connection === undefined) {
        if (this.#sealed.length > 0 || this.#open !== undefined) this.#connect();
        return;
      }
      if (this.#inFlight.length >= (this.#proven ? this.#settings.maxInFlight : 1)) return;
      if (this.#sealed.length === 0) {
        if (this.#open !== undefined && this.#mayLeave(this.#open)) this.#sealOpen();
        if (this.#sealed.length === 0) return;
      }
      this.#send(connection, this.#takeGroup());
    }
  }

  /** An open batch goes when it is due; without linger it waits only while something is in flight. */
  #mayLeave(open: OpenBatch): boolean {
    const { lingerMs, batchSizeBytes } = this.#settings;
    return this.#isDue || open.sizeBytes >= batchSizeBytes || (lingerMs === 0 && this.#inFlight.length === 0);
  }

  #takeGroup(): readonly SealedBatch[] {
    const { maxRequestSizeBytes } = this.#settings;
    let count = 0;
    let sizeBytes = 0;
    for (const { bytes } of this.#sealed) {
      sizeBytes += bytes?.length ?? 0;
      if (count > 0 && sizeBytes > maxRequestSizeBytes) break;
      count++;
    }
    return this.#sealed.splice(0, count);
  }

  #send(connection: Connection, group: readonly SealedBatch[]): void {
    const { topic, isolation, timeoutMs, smartmodules } = this.#settings;
    this.#inFlight.push(group);
    this.#inFlightBatches += group.length;
    const partitions = group.map(({ bytes }) => ({ partitionIndex: this.partition, records: bytes as Uint8Array }));
    connection.request(produceApi, { isolation, timeoutMs, topics: [{ name: topic, partitions }], smartmodules }).then(
      (reply) => this.#answered(group, reply.responses[0]?.partitions ?? []),
      (error: unknown) => this.#failed(connection, group, error),
    );
  }

  #remove(group: readonly SealedBatch[]): boolean {
    const at = this.#inFlight.indexOf(group);
    if (at < 0) return false;
    this.#inFlight.splice(at, 1);
    this.#inFlightBatches -= group.length;
    return true;
  }

  #answered(group: readonly SealedBatch[], results: readonly PartitionProduceResponse[]): void {
    if (this.#moved(group, results)) return;
    if (!this.#remove(group)) return;
    for (const [i, batch] of group.entries()) {
      const result = results[i];
      if (result === undefined) {
        this.#fail(batch.outcome, flvError("FLV_DECODE", "the cluster answered for fewer batches than were sent"));
      } else if (result.errorCode.name === "None") {
        this.#settings.onStored?.(batch.content);
        batch.outcome.store(batch.keepsPlaces ? result.baseOffset : -1);
      } else {
        this.#fail(batch.outcome, this.#produceError(result));
      }
    }
    this.#proven = true;
    this.#backoff.reset();
    this.#freeRoom();
    this.#pump();
  }

  /** The partition is led elsewhere, or not yet again: nothing was written, so the batches can be sent once more. */
  #moved(group: readonly SealedBatch[], results: readonly PartitionProduceResponse[]): boolean {
    if (this.#proven || this.#inFlight.length !== 1) return false;
    const first = results[0];
    if (first?.errorCode.name !== "NotLeaderForPartition") return false;
    this.#recover(toFluvioError(first.errorCode, { topic: this.#settings.topic, partition: this.partition }));
    return group.length > 0;
  }

  #produceError(result: PartitionProduceResponse): Error {
    const { topic } = this.#settings;
    const error = toFluvioError(result.errorCode, { topic, partition: this.partition });
    return flvError(error.code, `Producer error: Producer received an error code: ${error.message}`, {
      cause: error,
      details: { ...error.details, topic, partition: this.partition },
      retriable: error.retriable,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }

  #failed(connection: Connection, group: readonly SealedBatch[], error: unknown): void {
    // a failure of the connection fails every request on it; the first one puts all of them back
    if (!this.#inFlight.includes(group)) return;
    if (connection.isOpen || this.#settings.deliverySemantic === "atMostOnce") {
      this.#remove(group);
      for (const batch of group) this.#fail(batch.outcome, error);
      if (!connection.isOpen && this.#connection === connection) this.#connection = undefined;
      this.#freeRoom();
      this.#pump();
      return;
    }
    this.#recover(error);
  }

  #recover(error: unknown): void {
    this.#sealed.unshift(...this.#inFlight.flat());
    this.#inFlight.length = 0;
    this.#inFlightBatches = 0;
    this.#connection = undefined;
    this.#connect(error);
  }

  /** @param lost why the connection before was lost: then a pause comes first */
  #connect(lost?: unknown): void {
    if (this.#connecting) return;
    this.#connecting = true;
    const attempt = async () => {
      let error = lost;
      for (;;) {
        if (error !== undefined) await this.#backoff.pause(error, this.#settings.closed);
        try {
          return await this.#settings.leader(this.partition);
        } catch (cause) {
          if (!isConnectionError(cause) || this.#settings.closed.aborted) throw cause;
          error = cause;
        }
      }
    };
    attempt().then(
      (connection) => {
        this.#connecting = false;
        this.#connection = connection;
        this.#proven = false;
        this.#pump();
      },
      (error: unknown) => {
        this.#connecting = false;
        this.#backoff.reset();
        this.failAll(error);
      },
    );
  }

  /** Gives up everything that is not acknowledged. */
  failAll(error: unknown): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = undefined;
    const batches = [...this.#inFlight.flat(), ...this.#sealed];
    this.#inFlight.length = 0;
    this.#inFlightBatches = 0;
    this.#sealed.length = 0;
    for (const batch of batches) this.#fail(batch.outcome, error);
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#fail(open.outcome, error);
    this.#freeRoom();
  }

  #fail(outcome: BatchOutcome, error: unknown): void {
    outcome.fail(error);
    this.#settings.onError(error);
  }

  #freeRoom(): void {
    if (this.#roomWaiters.length === 0 || this.#batchCount >= this.#settings.batchQueueSize) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
