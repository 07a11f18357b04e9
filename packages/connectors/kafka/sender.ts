import { Admin, type BaseOptions, type MessageToProduce, murmur2, Producer } from "@platformatic/kafka";
import { recordsRefused, type SinkContext, type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import type { ClientOptions } from "./client-options.ts";
import { hasCode, isOwn, problemText } from "./problems.ts";
import { closeNow, cut, told } from "./requests.ts";
import { provideZstd } from "./zstd.ts";

export interface SendOptions {
  /** For messages. */
  readonly brokers: string;
  connect(): Promise<BaseOptions>;
  readonly topic: string;
  /** `key`: by the key of each record. */
  readonly partition: number | "key";
  readonly createsTopic: boolean;
  readonly newPartitions: number;
  readonly hasPlaceHeaders: boolean;
  readonly client: ClientOptions;
}

/** What the broker will not take, however often it is asked. */
const REFUSALS = [
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "CORRUPT_MESSAGE",
  "INVALID_TIMESTAMP",
];
/** The broker has lost track of this producer: only a new one goes on. */
const LOST = [
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "DUPLICATE_SEQUENCE_NUMBER",
  "INVALID_PRODUCER_EPOCH",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_ID_MAPPING",
  "PRODUCER_FENCED",
];
/** The producer's own repetitions, which keep the sequence, so that nothing is there twice. */
const RETRIES = 3;
const RETRY_DELAY_MS = 300;
/** Never: the driver cannot read on after an answer that is late; a connection that is silent is cut instead. */
const REQUEST_TIMEOUT_MS = 2 ** 31 - 1;
const WRITE_TIMEOUT_MS = 15_000;
const METADATA_MAX_AGE_MS = 30_000;
const POSITIVE = 0x7fff_ffff;

type Context = Pick<SinkContext<unknown>, "logger" | "trouble">;

/** Writes groups with an idempotent producer, whose answers come when all replicas in sync have the records. */
export class Sender implements AsyncDisposable {
  readonly #context: Context;
  readonly #options: SendOptions;
  #producer: Producer | undefined;
  /**
   * What a group that failed has got into Kafka nevertheless: it is left out when the group comes again, which has the same
   * record objects then. Offsets would not do: array_map makes several records of one, for several partitions.
   */
  readonly #done = new WeakSet<SinkRecord>();
  #turn = 0;
  #hasWarned = false;

  constructor(context: Context, options: SendOptions) {
    this.#context = context;
    this.#options = options;
  }

  async write(group: SinkGroup, signal: AbortSignal): Promise<void> {
    const giveUp = () => {
      if (this.#producer !== undefined) cut(this.#producer);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      const producer = await this.#open();
      const partitions = await this.#partitionCount(producer);
      const records = group.records.filter((record) => !this.#done.has(record));
      const messages = records.map((record) => this.#message(record, partitions));
      if (messages.length > 0) await this.#send(producer, messages, records);
    } catch (error) {
      throw await this.#meaning(error);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async #send(producer: Producer, messages: MessageToProduce[], records: readonly SinkRecord[]): Promise<void> {
    const { compression } = this.#options.client;
    const sent = producer.send({ messages, ...(compression === undefined ? {} : { compression }) });
    try {
      await told(sent, this.#context, this.#options.brokers, () => cut(producer));
    } catch (error) {
      const { produced } = error as {
        readonly produced?: { readonly offsets?: readonly { readonly partition: number }[] };
      };
      const written = new Set((produced?.offsets ?? []).map(({ partition }) => partition));
      for (const [index, { partition = -1 }] of messages.entries()) {
        const record = records[index];
        if (record !== undefined && written.has(partition)) this.#done.add(record);
      }
      throw error;
    }
  }

  async #open(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer;
    const { connect, client } = this.#options;
    provideZstd();
    const producer = new Producer({
      ...(await connect()),
      idempotent: client.isIdempotent ?? true,
      acks: client.acks ?? -1,
      retries: RETRIES,
      retryDelay: RETRY_DELAY_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      timeout: WRITE_TIMEOUT_MS,
      metadataMaxAge: client.metadataMaxAgeMs ?? METADATA_MAX_AGE_MS,
      autocreateTopics: false,
    });
    this.#producer = producer;
    return producer;
  }

  async #partitionCount(producer: Producer): Promise<number> {
    const { topic, partition, brokers } = this.#options;
    const ask = () => told(producer.metadata({ topics: [topic] }), this.#context, brokers, () => cut(producer));
    const metadata = await ask().catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      await this.#createTopic();
      return await ask();
    });
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    if (partition !== "key" && partition >= count) {
      throw tryLater(`topic ${topic} of Kafka has ${count} partitions, and \`kafka-partition\` is ${partition}`);
    }
    if (partition !== "key" && count > 1 && !this.#hasWarned) {
      this.#hasWarned = true;
      const details = { topic, partitions: count, partition };
      this.#context.logger.warn(details, "all records go into one partition: `kafka-partition: key` spreads them");
    }
    return count;
  }

  async #createTopic(): Promise<void> {
    const { topic, createsTopic, newPartitions, connect, brokers } = this.#options;
    if (!createsTopic) {
      throw tryLater(`Kafka at ${brokers} has no topic ${topic}: create it, or set \`create-kafka-topic: true\``);
    }
    const admin = new Admin({ ...(await connect()), retries: RETRIES, retryDelay: RETRY_DELAY_MS });
    try {
      await admin.createTopics({ topics: [topic], partitions: newPartitions, replicas: -1 });
      this.#context.logger.info({ topic, partitions: newPartitions }, "topic made in Kafka");
    } catch (error) {
      if (!hasCode(error, "TOPIC_ALREADY_EXISTS")) throw error;
    } finally {
      await admin.close();
    }
  }

  #message(record: SinkRecord, partitions: number): MessageToProduce {
    const { topic, partition, hasPlaceHeaders } = this.#options;
    const key = record.key === undefined ? undefined : view(record.key);
    return {
      topic,
      value: view(record.value),
      partition: partition === "key" ? this.#partitionOf(key, partitions) : partition,
      timestamp: BigInt(record.timestampMs > 0 ? record.timestampMs : Date.now()),
      ...(key === undefined ? {} : { key }),
      ...(hasPlaceHeaders ? { headers: placeHeaders(record) } : {}),
    };
  }

  #partitionOf(key: Buffer | undefined, partitions: number): number {
    return (key === undefined ? this.#turn++ : murmur2(key) & POSITIVE) % partitions;
  }

  /** What a failed write means to the framework. */
  async #meaning(error: unknown): Promise<unknown> {
    if (isOwn(error)) return error;
    const text = problemText(error);
    if (hasCode(error, ...REFUSALS)) {
      // The sequence of the refused batch is not taken up by the broker.
      return recordsRefused(`Kafka refused it: ${text}`, { cause: error });
    }
    if (hasCode(error, ...LOST)) await this[Symbol.asyncDispose]();
    this.#producer?.clearMetadata();
    return tryLater(`Kafka at ${this.#options.brokers}: ${text}`, { cause: error });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer !== undefined) await closeNow(producer);
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, "UNKNOWN_TOPIC_OR_PARTITION") || /^Unknown topic/.test(problemText(error));
}

function placeHeaders({ topic, partition, offset }: SinkRecord): Map<Buffer, Buffer> {
  const pairs = Object.entries({ topic, partition, offset });
  return new Map(pairs.map(([name, value]) => [Buffer.from(`fluvio.${name}`), Buffer.from(String(value))]));
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
