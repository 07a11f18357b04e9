import { decompress, fetchApi, flvError, readBatchHeader, splitBatches, toFluvioError } from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import type { FluvioObject } from "./admin-types.ts";
import type { FluvioClient } from "./client-types.ts";
import { Offset, SmartModuleType } from "./compat-values.ts";
import { decodeReply } from "./decode-reply.ts";
import { fetchStart } from "./start-offset.ts";
import type { CompressionName, Consumer, ConsumerRecord, Data, ProducerOptions, SmartModuleStep } from "./types.ts";

/*
 * The classes and methods of the npm package `@fluvio/client`, as thin functions over this client. Both sets of names
 * live in one export: where a name exists in both (Fluvio, TopicProducer, FluvioAdmin) it is one class with the methods
 * of both; the others are here.
 */

const WASM_BYTES_MAX = 512 * 1024 * 1024;
const FETCH_BYTES = 1_048_576;
const DECODER = new TextDecoder();

/** A record to send. */
export type KeyValue = readonly [key: Data | null, value: Data];

/** A topic as `findTopic` gives it. */
export type Topic = FluvioObject<"Topic">;

/** Settings of a producer. */
export interface TopicProducerConfig {
  /** Bytes. Default 16 384. */
  readonly batchSize?: number;
  readonly timeoutMs?: number;
  /** Batches. Default 100. */
  readonly batchQueueSize?: number;
  readonly lingerMs?: number;
  readonly compression?: CompressionName;
  /** Bytes. Default 1 048 576. */
  readonly maxRequestSize?: number;
}

export function toProducerOptions(config: TopicProducerConfig): ProducerOptions {
  const { batchSize, maxRequestSize, ...rest } = config;
  return {
    ...rest,
    ...(batchSize === undefined ? {} : { batchSizeBytes: batchSize }),
    ...(maxRequestSize === undefined ? {} : { maxRequestSizeBytes: maxRequestSize }),
  };
}

/** Settings of a consumer. Of the three ways to give a SmartModule, one at most. */
export interface ConsumerConfig {
  readonly maxBytes?: number;
  readonly smartmoduleType?: SmartModuleType;
  /** Path of a wasm file. */
  readonly smartmoduleFile?: string;
  /** A wasm file as gzip in base64. */
  readonly smartmoduleData?: string;
  /** Name of a module stored in the cluster. */
  readonly smartmoduleName?: string;
  readonly smartmoduleParams?: Readonly<globalThis.Record<string, string>>;
  /** First accumulator of an aggregate. */
  readonly aggregate?: string;
}

/** A stored record with the accessors of `@fluvio/client`. */
export class Record {
  readonly #record: ConsumerRecord;

  constructor(record: ConsumerRecord) {
    this.#record = record;
  }

  /** `null` for no key, which differs from an empty one. */
  key(): ArrayBuffer | null {
    return this.#record.key === undefined ? null : toArrayBuffer(this.#record.key);
  }
  value(): ArrayBuffer {
    return toArrayBuffer(this.#record.value);
  }
  hasKey(): boolean {
    return this.#record.key !== undefined;
  }
  keyString(): string | null {
    return this.#record.key === undefined ? null : DECODER.decode(this.#record.key);
  }
  valueString(): string {
    return DECODER.decode(this.#record.value);
  }
  offset(): number {
    return this.#record.offset;
  }
  /** Milliseconds since epoch, -1 for none. */
  timestamp(): number {
    return this.#record.timestampMs;
  }
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

/** One batch of {@link FetchablePartitionResponse}. */
export interface Batch {
  readonly baseOffset: number;
  readonly batchLength: number;
  readonly header: BatchHeader;
  readonly records: readonly DefaultRecord[];
}
export interface BatchHeader {
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: number;
  readonly maxTimeStamp: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}
export interface DefaultRecord {
  readonly key: string | undefined;
  readonly value: string;
  readonly headers: number;
}
export interface RecordSet {
  readonly batches: readonly Batch[];
}
/** The answer to one fetch. */
export interface FetchablePartitionResponse {
  readonly partitionIndex: number;
  readonly errorCode: string;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly records: RecordSet;
  /** The values as text. */
  toRecords(): string[];
}

/** What {@link PartitionConsumer} offers. */
export type PartitionConsumerJS = Pick<
  PartitionConsumer,
  "fetch" | "stream" | "createStream" | "streamWithConfig" | "endStream"
>;

/** Consumes one partition. */
export class PartitionConsumer {
  readonly #source: Pick<FluvioClient, "consumer">;
  readonly #leader: (options: AbortOptions) => Promise<Connection>;
  readonly #topic: string;
  readonly #partition: number;
  readonly #streams = new Set<Consumer>();

  constructor(
    source: Pick<FluvioClient, "consumer">,
    leader: (options: AbortOptions) => Promise<Connection>,
    topic: string,
    partition: number,
  ) {
    this.#source = source;
    this.#leader = leader;
    this.#topic = topic;
    this.#partition = partition;
  }

  /** What is stored at an offset, once. @throws what the cluster answered */
  async fetch(offset: Offset = new Offset()): Promise<FetchablePartitionResponse> {
    const connection = await this.#leader({});
    const fetchOffset = await fetchStart(connection, this.#topic, this.#partition, offset.toStartOffset());
    const reply = await connection.request(fetchApi, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: FETCH_BYTES,
      isolation: "readUncommitted",
      topics: [
        {
          name: this.#topic,
          partitions: [
            {
              partitionIndex: this.#partition,
              currentLeaderEpoch: -1,
              fetchOffset,
              logStartOffset: -1,
              maxBytes: FETCH_BYTES,
            },
          ],
        },
      ],
      forgotten: [],
    });
    const found = reply.topics[0]?.partitions[0];
    if (found === undefined) throw flvError("FLV_DECODE", "the cluster answered for no partition");
    if (found.errorCode.name !== "None") {
      throw toFluvioError(found.errorCode, { topic: this.#topic, partition: this.#partition });
    }
    const batches = splitBatches(found.records).batches.map(toBatch);
    return {
      partitionIndex: found.partitionIndex,
      errorCode: found.errorCode.name,
      highWatermark: found.highWatermark,
      lastStableOffset: found.highWatermark,
      logStartOffset: found.logStartOffset,
      records: { batches },
      toRecords: () => batches.flatMap((batch) => batch.records.map((record) => record.value)),
    };
  }

  /** Calls `callback` for each record until {@link endStream} or an error. */
  async stream(offset: Offset, callback: (record: Record) => void): Promise<void> {
    for await (const record of await this.createStream(offset)) callback(record);
  }

  createStream(offset: Offset): Promise<AsyncIterable<Record>> {
    return this.streamWithConfig(offset, {});
  }

  /** @throws FLV_ARGUMENT (more than one SmartModule, or an unknown type) | FLV_FILE */
  async streamWithConfig(offset: Offset, config: ConsumerConfig): Promise<AsyncIterable<Record>> {
    const step = await toStep(config);
    const consumer = await this.#source.consumer({
      topic: this.#topic,
      partitions: this.#partition,
      offset: offset.toStartOffset(),
      ...(config.maxBytes === undefined ? {} : { maxBytes: config.maxBytes }),
      smartmodules: step === undefined ? [] : [step],
    });
    this.#streams.add(consumer);
    return wrapped(consumer, () => this.#streams.delete(consumer));
  }

  /** Ends every stream of this consumer. */
  async endStream(): Promise<void> {
    await Promise.all([...this.#streams].map((consumer) => consumer.close()));
    this.#streams.clear();
  }
}

async function* wrapped(consumer: Consumer, onEnd: () => void): AsyncGenerator<Record> {
  try {
    for await (const record of consumer) yield new Record(record);
  } finally {
    onEnd();
  }
}

function toBatch(bytes: Uint8Array): Batch {
  const header = readBatchHeader(bytes);
  const source = { topic: "", partition: 0, fromOffset: 0, isFiltered: false };
  return {
    baseOffset: header.baseOffset,
    batchLength: header.sizeBytes,
    header: {
      partitionLeaderEpoch: header.leaderEpoch,
      magic: header.magic,
      crc: header.crc,
      attributes: header.attributes,
      lastOffsetDelta: header.lastOffsetDelta,
      firstTimestamp: header.firstTimestampMs,
      maxTimeStamp: header.maxTimestampMs,
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      firstSequence: header.firstSequence,
    },
    records: decodeReply(bytes, source).records.map(({ key, value }) => ({
      key: key === undefined ? undefined : DECODER.decode(key),
      value: DECODER.decode(value),
      headers: 0,
    })),
  };
}

const MODULE_TYPES: readonly string[] = Object.values(SmartModuleType);

async function toStep(config: ConsumerConfig): Promise<SmartModuleStep | undefined> {
  const { smartmoduleType, smartmoduleFile, smartmoduleData, smartmoduleName } = config;
  if (smartmoduleType !== undefined && !MODULE_TYPES.includes(smartmoduleType)) {
    throw flvError("FLV_ARGUMENT", `Provided SmartModule type: "${smartmoduleType}" is not valid`, {
      hint: `types are ${MODULE_TYPES.join(", ")}`,
    });
  }
  const given = [smartmoduleFile, smartmoduleData, smartmoduleName].filter((source) => source !== undefined).length;
  if (given === 0 && smartmoduleType === undefined) return undefined;
  if (given !== 1) {
    throw flvError(
      "FLV_ARGUMENT",
      "You must provide one of smartmoduleFile, smartmoduleData and smartmoduleName, and not more",
      { details: { given }, hint: "leave out all but one" },
    );
  }
  const extra = {
    ...(config.smartmoduleParams === undefined ? {} : { params: config.smartmoduleParams }),
    ...(config.aggregate === undefined ? {} : { aggregateInitial: config.aggregate }),
  };
  if (smartmoduleName !== undefined) return { name: smartmoduleName, ...extra };
  if (smartmoduleData !== undefined) return { wasm: unpack(smartmoduleData), ...extra };
  const { readFileBytes } = await import("./node/read-file.ts");
  return { wasm: await readFileBytes(smartmoduleFile as string), ...extra };
}

function unpack(base64: string): Uint8Array {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return decompress("gzip", packed, WASM_BYTES_MAX);
}
