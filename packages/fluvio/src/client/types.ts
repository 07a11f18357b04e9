import type { Logger, StepLimits } from "../protocol/index.ts";
import type { AbortOptions, TlsOptions } from "../transport/index.ts";

/** Text is encoded as UTF-8. */
export type Data = string | Uint8Array | ArrayBuffer;

// ---- connecting --------------------------------------------------------------------------------------------------

/** How long a broken connection is tried again. */
export interface RetryPolicy {
  /** First pause; it doubles up to `maxDelayMs`. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** After this long without success the error is given to the caller. */
  readonly timeoutMs: number;
  /** Told what is tried again, for whoever shows the state of the connection. */
  readonly watch?: RetryWatch;
}

/** Told of what is tried again. `who` tells those apart that try at the same time: partitions, calls. */
export interface RetryWatch {
  /** It failed and is tried again after a pause. */
  failed(who: object, error: unknown): void;
  /** What failed before works again, or is not tried any more. */
  settled(who: object): void;
}

/** Where and how to connect. Without `address` the profile decides; without `profile` the active one. */
export interface FluvioOptions extends AbortOptions {
  /** `host:port` of the cluster (SC); the configuration file is then not read. */
  readonly address?: string;
  readonly profile?: string;
  /** Configuration file. Default: `$FLV_PROFILE_PATH`, else `config` in `$FLUVIO_DIR` or `~/.fluvio`. */
  readonly configPath?: string;
  /** Overrides the profile's TLS. */
  readonly tls?: TlsOptions;
  /** Sent with every request; shows in the cluster's metrics. Default `fluvio`. */
  readonly clientId?: string;
  /** Prefer the SPUs' local endpoints. Default: as the profile says, else false. */
  readonly useSpuLocalAddress?: boolean;
  /** Longest wait for a TCP connection. Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** Longest wait for one reply. Default 60 000. */
  readonly requestTimeoutMs?: number;
  /** Longest wait for metadata that the cluster has announced. Default 60 000. */
  readonly metadataTimeoutMs?: number;
  /** Largest frame accepted, bytes. Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /**
   * For producers and consumers that have none of their own, and for looking up and storing offsets, where the default
   * is 50 ms doubling to 1 s, for 10 s. Connecting the first time is tried once.
   */
  readonly retry?: Partial<RetryPolicy>;
  readonly logger?: Logger;
}

// ---- SmartModules ------------------------------------------------------------------------------------------------

/** One step of a SmartModule chain: a module stored in the cluster (`name`) or sent along (`wasm`). */
export interface SmartModuleStep {
  /** `name` or `group/name@version`; with `wasm` only a label for errors and metrics. */
  readonly name?: string;
  /** The module, not compressed; used instead of a stored one. */
  readonly wasm?: Uint8Array;
  readonly params?: Readonly<Record<string, string>>;
  readonly lookback?: { readonly last: number; readonly ageMs?: number };
  /** First accumulator of an aggregate. Default empty. */
  readonly aggregateInitial?: Data;
  /**
   * Cuts an aggregate into windows by record timestamp: it emits a record for each window that closes. The slide is the
   * size by default, the grace period none. Only in a consumer.
   */
  readonly window?: { readonly sizeMs: number; readonly slideMs?: number; readonly graceMs?: number };
  /** Limits that are lower than those of the cluster. */
  readonly limits?: StepLimits;
  /**
   * Name under which the cluster keeps the accumulator and open windows of an aggregate, together with the offset up to
   * which they have seen the topic, per partition. A consumer that comes back goes on exactly there, wherever else it
   * would start: the stored offset of a `consumerId` does not count. What the cluster sent counts when the caller asks
   * for what follows it; what was given out last before an end may come once more. Only committed records are read.
   * What the module is may change: the accumulator is bytes, and the new module goes on with those of the old one. One
   * consumer at a time. Only in a consumer.
   */
  readonly state?: string;
}

// ---- producing ---------------------------------------------------------------------------------------------------

export type CompressionName = "none" | "gzip" | "snappy" | "lz4" | "zstd";
export type Isolation = "readUncommitted" | "readCommitted";
export type DeliverySemantic = "atMostOnce" | "atLeastOnce";

/** Picks the partition of a record. */
export type Partitioner = (input: {
  readonly topic: string;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly partitionCount: number;
  /** Indexes of partitions that are online, ascending; never empty. */
  readonly online: readonly number[];
}) => number;

/** Settings of one producer. */
export interface ProducerOptions {
  /** A batch is sent when it reaches this size, bytes before compression. Default 16 384. */
  readonly batchSizeBytes?: number;
  /**
   * How long a batch waits for more records. Default 0: sent at once while nothing is in flight, else with whatever
   * has gathered when the reply comes.
   */
  readonly lingerMs?: number;
  /** Largest record and largest request, bytes. Default 1 048 576. */
  readonly maxRequestSizeBytes?: number;
  /** Batches kept per partition, waiting or in flight, before `send` waits. Default 100. */
  readonly batchQueueSize?: number;
  /** Requests in flight per partition. Default 8. */
  readonly maxInFlight?: number;
  /** Default: what the topic asks for, else `none`. Must agree with the topic when that fixes one. */
  readonly compression?: CompressionName;
  /** `readUncommitted` (default) acks when the leader has the records, `readCommitted` when they are committed. */
  readonly isolation?: Isolation;
  /** `atLeastOnce` (default) sends again after a lost connection; `atMostOnce` never does. */
  readonly deliverySemantic?: DeliverySemantic;
  /** How long the server may take to commit. Default 1500. */
  readonly timeoutMs?: number;
  /** Sending again after a lost connection. Default 20 ms doubling to 10 s, for 60 s. */
  readonly retry?: Partial<RetryPolicy>;
  /** A fixed partition for every record, or a function. Default: SipHash of the key, else round robin. */
  readonly partitioner?: number | Partitioner;
  /** Applied to records before they are stored. */
  readonly smartmodules?: readonly SmartModuleStep[];
  /** Where `smartmodules` run: on the server (default) or in this process, before batching. */
  readonly smartmodulesAt?: "server" | "client";
  /**
   * Told once of each batch that cannot be stored and of each record that a SmartModule of this process refused, before
   * outputs, {@link TopicProducer.settled} and `flush` tell: for callers that wait for no single record.
   */
  readonly onError?: (error: unknown) => void;
  /** Told of each batch that the cluster has acknowledged. */
  readonly onStored?: (batch: StoredBatch) => void;
}

/** What a batch holds. */
export interface StoredBatch {
  /** After the SmartModules of this process. */
  readonly records: number;
  /** With the few bytes that frame each record, before compression. */
  readonly sizeBytes: number;
}

/** Settings of one record. */
export interface SendOptions extends AbortOptions {
  readonly partition?: number;
  /** Milliseconds since epoch. Default now. */
  readonly timestampMs?: number;
}

/** A record to send; `key` undefined is no key, which differs from an empty one. */
export interface ProducerRecord {
  readonly key?: Data | undefined;
  readonly value: Data;
  readonly partition?: number;
  readonly timestampMs?: number;
}

/** Where a record was stored. */
export interface RecordMetadata {
  readonly partition: number;
  /**
   * -1 when SmartModules of this producer made more or fewer records of the batch. With SmartModules on the server it
   * counts from where the batch was stored as if none was dropped; 0 when all were.
   */
  readonly offset: number;
}

/** What became of a queued record. */
export interface ProduceOutput {
  readonly partition: number;
  /**
   * Resolves when the record is acknowledged.
   * @throws the batch's error: FLV_CONNECTION_CLOSED after all retries, or what the cluster answered; the record's own,
   * FLV_SMARTMODULE_RUNTIME with module, place in the batch (`offset`), key and value, when a SmartModule of this process
   * refused it, while the others of the batch are stored
   */
  wait(): Promise<RecordMetadata>;
}

/** Sends records to one topic. Close it: what is queued is sent by `close`, `flush` and `await using`. */
export interface TopicProducer extends AsyncDisposable {
  readonly topic: string;
  /**
   * Queues a record and resolves as soon as there is room for it; the cluster's answer comes with the output.
   * Bytes are copied before it returns.
   * @throws FLV_RECORD_TOO_LARGE | FLV_PARTITION_NOT_FOUND | FLV_CONNECTION_CLOSED (producer closed)
   */
  send(key: Data | null | undefined, value: Data, options?: SendOptions): Promise<ProduceOutput>;
  /** As `send` without a promise: `undefined` means that the queue is full and nothing was taken; await {@link ready}. */
  trySend(key: Data | null | undefined, value: Data, options?: SendOptions): ProduceOutput | undefined;
  /** Resolves when the queue that made {@link trySend} give `undefined` has room. */
  ready(options?: AbortOptions): Promise<void>;
  /** Queues many records, waiting for room where needed: the quickest way to send. */
  sendAll(
    records: Iterable<ProducerRecord | readonly [key: Data | null | undefined, value: Data]>,
    options?: AbortOptions,
  ): Promise<readonly ProduceOutput[]>;
  /** A record without key to a fixed partition. */
  sendRecord(value: Data, partition: number): Promise<ProduceOutput>;
  /** Resolves when everything queued before is acknowledged or has failed. Hurries nothing: batches keep their linger. */
  settled(): Promise<void>;
  /** Sends what is queued and resolves when it is acknowledged; throws the first error since the last flush. */
  flush(options?: AbortOptions): Promise<void>;
  /**
   * Loads the SmartModules that run in this process anew from the cluster and goes on with them from the next batch;
   * aggregates keep their accumulators. Does nothing when the producer has none here.
   * @throws FLV_SMARTMODULE_NOT_FOUND, or why the new ones cannot run; those of before then go on
   */
  reloadSmartModules(): Promise<void>;
  /** Flushes and ends the producer. Idempotent. */
  close(): Promise<void>;
  /** Ends the producer without waiting: what is not acknowledged fails with `reason`, and may be stored or not. */
  abandon(reason: unknown): void;
}

// ---- consuming ---------------------------------------------------------------------------------------------------

/**
 * Where to start. Relative positions are clamped to what is stored. The stored offset of a named consumer takes the
 * place of `beginning` and `end`, not of `absolute`.
 */
export type StartOffset =
  | "beginning"
  | "end"
  | { readonly absolute: number }
  | { readonly fromBeginning: number }
  | { readonly fromEnd: number };

export type OffsetStrategy = "none" | "manual" | "auto";

/** A topic, with all its partitions or some. */
export interface TopicSelection {
  readonly topic: string;
  /** Default: all, and those added later. */
  readonly partitions?: readonly number[];
}

/** Settings of one consumer. */
export interface ConsumerOptions extends AbortOptions {
  /** One topic, or several. */
  readonly topic: string | readonly (string | TopicSelection)[];
  /** Partitions of the one `topic`. Default all. */
  readonly partitions?: number | readonly number[];
  /** Default `end`: new records only. */
  readonly offset?: StartOffset;
  readonly isolation?: Isolation;
  /** Bytes asked for at once, per partition. Default 1 048 588. A larger batch still comes whole. */
  readonly maxBytes?: number;
  /** End at what was stored when the consumer started. */
  readonly disableContinuous?: boolean;
  /** Applied on the server, in order. */
  readonly smartmodules?: readonly SmartModuleStep[];
  /**
   * What is known elsewhere to be worked off: these partitions are read from behind it, whatever is stored under
   * `consumerId` and `offset` says.
   */
  readonly startBehind?: readonly ConsumedPosition[];
  /** Name under which the position is kept in the cluster. */
  readonly consumerId?: string;
  /** Who commits: with `manual` the caller, with `auto` whatever was yielded. Default `none`, with a `consumerId` `manual`. */
  readonly offsetStrategy?: OffsetStrategy;
  /** How often `auto` stores the position. Default 10 000. */
  readonly offsetFlushPeriodMs?: number;
  /** Records were deleted before they were read: true throws FLV_OFFSET_EVICTED, false (default) goes on at the oldest with a warning. */
  readonly strictOffset?: boolean;
  /** Reconnecting when the cluster is away. Default 100 ms doubling to 10 s, for 30 minutes. */
  readonly retry?: Partial<RetryPolicy>;
}

/** A stored record. `key` and `value` are views of the received frame: copy them to keep them long. */
export interface ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since epoch; -1 when the record carries none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

/** Up to where a consumer has worked off a partition. */
export interface ConsumedPosition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the last record that was worked off. */
  readonly offset: number;
}

/** What a reply brought of one partition. */
export interface ConsumedChunk {
  readonly topic: string;
  readonly partition: number;
  /** In order; none when SmartModules dropped all that was read. */
  readonly records: readonly ConsumerRecord[];
  /** Up to where the partition is worked off with them, with what was dropped behind the last; absent when not known. */
  readonly upToOffset: number | undefined;
}

/**
 * Records as they come. Iterate once, over records, `batches()` or `chunks()`; leaving the loop closes the consumer.
 * Iterating throws what the cluster answered (FLV_SMARTMODULE_NOT_FOUND, FLV_TOPIC_DELETED, …).
 */
export interface Consumer extends AsyncIterable<ConsumerRecord>, AsyncDisposable {
  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord>;
  /** The same records in groups of one partition, in order: no promise per record. Groups are never empty. */
  batches(): AsyncIterableIterator<readonly ConsumerRecord[]>;
  /** The same with up to where each leads, also those of which SmartModules left nothing: for callers that commit positions. */
  chunks(): AsyncIterableIterator<ConsumedChunk>;
  /**
   * Marks everything yielded so far as processed (`manual`), or with `position` only what came of one partition up to
   * and with an offset: for callers that read ahead of what they have worked off.
   * @throws FLV_CONSUMER_OFFSET when the consumer keeps no offsets or does not read that partition
   */
  offsetCommit(position?: ConsumedPosition): void;
  /**
   * Stores what was committed in the cluster. Resolves when stored; nothing is sent when nothing is new. Tried again
   * while the cluster restarts, within the client's `retry`.
   */
  offsetFlush(options?: AbortOptions): Promise<void>;
  /** Stores what was committed, with `auto` what was yielded, and ends the iteration. Idempotent. */
  close(): Promise<void>;
}

/** The stored position of a named consumer. */
export interface ConsumerOffset {
  readonly consumerId: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset of the last processed record. */
  readonly offset: number;
  /** Milliseconds since epoch. */
  readonly modifiedTimeMs: number;
}
