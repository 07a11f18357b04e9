import type { FluvioClient, TopicProducer } from "../client/index.ts";
import { isFluvioError, type Logger } from "../protocol/index.ts";

/** A record that could not be written, with what is known of it. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since epoch; -1 when unknown. */
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  /** `write`: the target refused it; `smartmodule`: a module before the sink did. */
  readonly stage: "write" | "smartmodule";
  readonly reason: string;
}

/**
 * Writes records that cannot be delivered into a topic. Records have no headers, so each becomes a JSON object:
 * `connector`, `topic`, `partition`, `offset`, `timestamp`, `stage`, `reason`, `failedAt`, and the record itself as `key`
 * and `value` where they are UTF-8, else as `keyBase64` and `valueBase64`. Its key is the record's.
 */
export class DeadLetters implements AsyncDisposable {
  readonly #client: FluvioClient;
  readonly #connector: string;
  readonly #topic: string;
  readonly #logger: Logger;
  #producer: Promise<TopicProducer> | undefined;

  constructor(client: FluvioClient, connector: string, topic: string, logger: Logger) {
    this.#client = client;
    this.#connector = connector;
    this.#topic = topic;
    this.#logger = logger;
  }

  /** Resolves when it is stored. The topic is made when it does not exist. */
  async add(letter: DeadLetter): Promise<void> {
    this.#producer ??= this.#open();
    const producer = await this.#producer.catch((error: unknown) => {
      this.#producer = undefined;
      throw error;
    });
    const output = await producer.send(letter.key, JSON.stringify(this.#envelope(letter)));
    await output.wait();
    const { topic, partition, offset, reason } = letter;
    this.#logger.error(
      { topic, partition, offset, deadLetterTopic: this.#topic, reason },
      "record put into the dead-letter topic",
    );
  }

  #envelope({ topic, partition, offset, timestampMs, key, value, stage, reason }: DeadLetter): object {
    return {
      connector: this.#connector,
      topic,
      partition,
      offset,
      timestamp: timestampMs,
      stage,
      reason,
      failedAt: Date.now(),
      ...(key === undefined ? { key: null } : asText("key", key)),
      ...asText("value", value),
    };
  }

  async #open(): Promise<TopicProducer> {
    const admin = this.#client.admin();
    if ((await admin.findTopic(this.#topic)) === undefined) {
      await admin.createTopic(this.#topic, { partitions: 1 }).catch((error: unknown) => {
        if (!isFluvioError(error) || error.code !== "FLV_TOPIC_ALREADY_EXISTS") throw error;
      });
      this.#logger.info({ topic: this.#topic }, "created the dead-letter topic");
    }
    // The record was stored once, so it fits; its envelope is larger, by a third in base64.
    return await this.#client.topicProducer(this.#topic, { maxRequestSizeBytes: ENVELOPE_SIZE_BYTES_MAX });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    await producer?.close();
  }
}

const ENVELOPE_SIZE_BYTES_MAX = 64 * 1024 * 1024;

function asText(name: "key" | "value", bytes: Uint8Array): object {
  try {
    return { [name]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") };
  }
}
