import { BatchBuilder, type BatchCompression, type CompressionType, flvError, type Logger } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { ClientChain } from "./client-chain.ts";
import type { Cluster } from "./cluster.ts";
import { withSignal } from "./cluster.ts";
import { toBytes, toInvocation } from "./invocation.ts";
import { ChainedBatch, PlainBatch } from "./open-batch.ts";
import { PartitionQueue, type QueueSettings } from "./partition-queue.ts";
import { PartitionPicker } from "./partitioner.ts";
import type { Session } from "./session.ts";
import type { Data, ProduceOutput, ProducerOptions, ProducerRecord, SendOptions, TopicProducer } from "./types.ts";

const BATCH_SIZE_BYTES_DEFAULT = 16_384;
const MAX_REQUEST_SIZE_BYTES_DEFAULT = 1_048_576;
const BATCH_QUEUE_SIZE_DEFAULT = 100;
const MAX_IN_FLIGHT_DEFAULT = 8;
const TIMEOUT_MS_DEFAULT = 1500;
const RETRY_DEFAULT = { initialDelayMs: 20, maxDelayMs: 10_000, timeoutMs: 60_000 };
/** A batch buffer begins with room for twice the last batch, within these; it grows when records come. */
const BUFFER_BYTES_MIN = 512;
const BUFFER_BYTES_MAX = 1024 * 1024;
/** Room of a batch for the header and the fields around one record, so that the largest record still fits. */
const BATCH_OVERHEAD_BYTES = 128;

type Sendable = ProducerRecord | readonly [key: Data | null | undefined, value: Data];

/** What is behind a producer: it lives on until what was queued is sent, even when the producer itself is forgotten. */
export class ProducerCore {
  readonly topic: string;
  readonly maxRequestSizeBytes: number;
  readonly #picker: PartitionPicker;
  readonly #settings: QueueSettings;
  readonly #queues: PartitionQueue[] = [];
  readonly #chain: ClientChain | undefined;
  readonly #logger: Logger;
  #failure: { readonly error: unknown } | undefined;
  #full: PartitionQueue | undefined;
  isClosed = false;

  constructor(
    cluster: Cluster,
    session: Session,
    topic: string,
    options: ProducerOptions,
    compression: BatchCompression,
    chain: ClientChain | undefined,
  ) {
    this.topic = topic;
    this.#logger = cluster.settings.logger;
    this.#chain = chain;
    checkOptions(options);
    this.maxRequestSizeBytes = options.maxRequestSizeBytes ?? MAX_REQUEST_SIZE_BYTES_DEFAULT;
    const batchSizeBytes = Math.min(options.batchSizeBytes ?? BATCH_SIZE_BYTES_DEFAULT, this.maxRequestSizeBytes);
    const sizeBytesMax = batchSizeBytes + BATCH_OVERHEAD_BYTES;
    const bufferBytesMax = Math.min(sizeBytesMax, BUFFER_BYTES_MAX);
    let initialBytes = Math.min(BUFFER_BYTES_MIN, bufferBytesMax);
    const onSeal = (sizeBytes: number) => {
      initialBytes = Math.max(Math.min(2 * sizeBytes, bufferBytesMax), BUFFER_BYTES_MIN);
    };
    const onError = (error: unknown) => {
      options.onError?.(error);
      this.#failure ??= { error };
      this.#logger.warn({ topic, error }, "records were not stored");
    };
    let current = session;
    this.#picker = new PartitionPicker(topic, options.partitioner, () => {
      current = cluster.openSession ?? current;
      return current;
    });
    this.#settings = {
      topic,
      batchSizeBytes,
      lingerMs: options.lingerMs ?? 0,
      maxRequestSizeBytes: this.maxRequestSizeBytes,
      batchQueueSize: options.batchQueueSize ?? BATCH_QUEUE_SIZE_DEFAULT,
      maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT_DEFAULT,
      compression,
      isolation: options.isolation ?? "readUncommitted",
      deliverySemantic: options.deliverySemantic ?? "atLeastOnce",
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
      retry: { ...RETRY_DEFAULT, ...cluster.settings.retry, ...options.retry },
      smartmodules: options.smartmodulesAt === "client" ? [] : (options.smartmodules ?? []).map(toInvocation),
      openBatch: (partition) =>
        chain === undefined
          ? new PlainBatch(partition, new BatchBuilder({ sizeBytesMax, initialBytes }), onSeal)
          : new ChainedBatch(partition, chain.chain, batchSizeBytes, onError),
      leader: (partition) => cluster.leader(topic, partition),
      closed: cluster.closed,
      onError,
      onStored: options.onStored,
    };
  }

  /** @returns `undefined` when the queue of the record's partition is full */
  append(key: Uint8Array | undefined, value: Uint8Array, options: SendOptions | undefined): ProduceOutput | undefined {
    const sizeBytes = value.length + (key === undefined ? 0 : key.length);
    if (sizeBytes > this.maxRequestSizeBytes) throw this.#tooLarge(sizeBytes);
    const nowMs = Date.now();
    const partition = this.#picker.pick(key, value, options?.partition, nowMs);
    let queue = this.#queues[partition];
    if (queue === undefined) {
      queue = new PartitionQueue(partition, this.#settings);
      this.#queues[partition] = queue;
    }
    const output = queue.append(key, value, options?.timestampMs ?? nowMs);
    if (output === undefined) this.#full = queue;
    return output;
  }

  #tooLarge(sizeBytes: number): Error {
    return flvError(
      "FLV_RECORD_TOO_LARGE",
      `record size (${sizeBytes} bytes), exceeded maximum request size (${this.maxRequestSizeBytes} bytes)`,
      {
        details: { topic: this.topic, sizeBytes, maxRequestSizeBytes: this.maxRequestSizeBytes },
        hint: "raise the producer's max request size, or split the record",
      },
    );
  }

  room(): Promise<void> {
    return this.#full?.room() ?? Promise.resolve();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue?.settled()));
  }

  async flush(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue?.flush()));
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  async reloadSmartModules(): Promise<void> {
    await this.#chain?.reload();
  }

  abandon(reason: unknown): void {
    this.isClosed = true;
    for (const queue of this.#queues) queue?.failAll(reason);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    try {
      await this.flush();
    } finally {
      await this.#chain?.chain[Symbol.asyncDispose]();
    }
  }
}

/** The producer as users hold it. */
export class Producer implements TopicProducer {
  readonly #core: ProducerCore;
  readonly #onClose: () => void;
  /** The last of the `send` calls that wait for room: later ones queue behind it. */
  #waiting: Promise<ProduceOutput> | undefined;
  #closing: Promise<void> | undefined;

  /** @param onClose called once when it is closed */
  constructor(core: ProducerCore, onClose: () => void) {
    this.#core = core;
    this.#onClose = onClose;
  }

  get topic(): string {
    return this.#core.topic;
  }

  #append(key: Data | null | undefined, value: Data, options: SendOptions | undefined): ProduceOutput | undefined {
    if (this.#core.isClosed) {
      throw flvError("FLV_CONNECTION_CLOSED", `the producer of topic "${this.topic}" is closed`, {
        hint: "make another with topicProducer()",
      });
    }
    const keyBytes = key === undefined || key === null ? undefined : toBytes(key);
    return this.#core.append(keyBytes, toBytes(value), options);
  }

  trySend(key: Data | null | undefined, value: Data, options?: SendOptions): ProduceOutput | undefined {
    return this.#waiting === undefined ? this.#append(key, value, options) : undefined;
  }

  async ready(options: AbortOptions = {}): Promise<void> {
    await withSignal(this.#waiting?.then(() => {}) ?? this.#core.room(), options.signal);
  }

  /** Not an async function: most calls find room, and then a promise that is resolved already is all there is to do. */
  send(key: Data | null | undefined, value: Data, options?: SendOptions): Promise<ProduceOutput> {
    try {
      options?.signal?.throwIfAborted();
      const output = this.trySend(key, value, options);
      return output === undefined ? this.#sendInTurn(key, value, options) : Promise.resolve(output);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #sendInTurn(key: Data | null | undefined, value: Data, options: SendOptions | undefined): Promise<ProduceOutput> {
    // the caller may change its bytes as soon as the call has returned
    const keyCopy = key instanceof Uint8Array ? key.slice() : key;
    const valueCopy = value instanceof Uint8Array ? value.slice() : value;
    const turn = this.#sendLater(this.#waiting, keyCopy, valueCopy, options);
    this.#waiting = turn;
    const done = () => {
      if (this.#waiting === turn) this.#waiting = undefined;
    };
    turn.then(done, done);
    return turn;
  }

  async #sendLater(
    before: Promise<ProduceOutput> | undefined,
    key: Data | null | undefined,
    value: Data,
    options: SendOptions | undefined,
  ): Promise<ProduceOutput> {
    await before?.catch(() => {});
    for (;;) {
      const output = this.#append(key, value, options);
      if (output !== undefined) return output;
      await withSignal(this.#core.room(), options?.signal);
    }
  }

  async sendAll(records: Iterable<Sendable>, options: AbortOptions = {}): Promise<readonly ProduceOutput[]> {
    const outputs: ProduceOutput[] = [];
    for (const record of records) {
      let key: Data | null | undefined;
      let value: Data;
      let settings: ProducerRecord | undefined;
      if (isPair(record)) {
        [key, value] = record;
      } else {
        ({ key, value } = record);
        settings = record;
      }
      outputs.push(this.trySend(key, value, settings) ?? (await this.send(key, value, { ...settings, ...options })));
    }
    return outputs;
  }

  sendRecord(value: Data, partition: number): Promise<ProduceOutput> {
    return this.send(undefined, value, { partition });
  }

  async settled(): Promise<void> {
    await this.#waiting?.catch(() => {});
    await this.#core.settled();
  }

  async flush(options: AbortOptions = {}): Promise<void> {
    await this.#waiting?.catch(() => {});
    await withSignal(this.#core.flush(), options.signal);
  }

  reloadSmartModules(): Promise<void> {
    return this.#core.reloadSmartModules();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#waiting?.catch(() => {});
      this.#onClose();
      await this.#core.close();
    })();
    return this.#closing;
  }

  abandon(reason: unknown): void {
    this.#core.abandon(reason);
    this.close().catch(() => {
      // `reason` was told to whoever waits for a record
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** @throws FLV_ARGUMENT */
function checkOptions(options: ProducerOptions): void {
  const { batchSizeBytes, maxRequestSizeBytes, batchQueueSize, maxInFlight, lingerMs, timeoutMs } = options;
  const atLeastOne = { batchSizeBytes, maxRequestSizeBytes, batchQueueSize, maxInFlight };
  const check = (name: string, value: number | undefined, smallest: number) => {
    if (value === undefined || (Number.isInteger(value) && value >= smallest)) return;
    throw flvError("FLV_ARGUMENT", `${name} is ${value}, not a whole number from ${smallest} on`, {
      details: { [name]: value },
      hint: "leave it out for the default",
    });
  };
  for (const [name, value] of Object.entries(atLeastOne)) check(name, value, 1);
  check("lingerMs", lingerMs, 0);
  check("timeoutMs", timeoutMs, 0);
}

function isPair(record: Sendable): record is readonly [key: Data | null | undefined, value: Data] {
  return Array.isArray(record);
}

/** The codec to use. @throws FLV_COMPRESSION when topic and producer name different ones */
export function agreedCompression(
  topic: string,
  asked: BatchCompression | undefined,
  topicLevel: CompressionType,
): BatchCompression {
  if (topicLevel === "any") return asked ?? "none";
  if (asked === undefined || asked === topicLevel) return topicLevel;
  throw flvError(
    "FLV_COMPRESSION",
    `Producer error: Invalid configuration in producer: Compression in the producer (${asked}) does not match with topic level compression (${topicLevel})`,
    { details: { topic, producer: asked, topicLevel }, hint: `leave the compression out, or use ${topicLevel}` },
  );
}
