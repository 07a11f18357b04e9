import type { FluvioClient, TopicProducer } from "../../client/index.ts";
import { isFluvioError, type Logger } from "../../protocol/index.ts";

/** A record that could not be delivered, with what is known of it. */
export interface DeadLetter {
  readonly topic: string;
  /** `undefined` in a source: it is in no topic yet. */
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Milliseconds since epoch; -1 when unknown. */
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  /** `write`: the target of a sink refused it; `smartmodule`: a module did; `send`: it is larger than a source may send. */
  readonly stage: "write" | "smartmodule" | "send";
  readonly reason: string;
}

/**
 * Writes records that cannot be delivered into a topic. Records have no headers, so each becomes a JSON object:
 * `connector`, `topic`, `partition`, `offset` (both null when it was in no topic), `timestamp` (null when it is not known),
 * `stage`, `reason`, `failedAt`, and the record itself as `key` and `value` where they are UTF-8, else as `keyBase64` and
 * `valueBase64`. Its key is the record's. Of a value that is too large for a record the beginning is there, and
 * `valueSizeBytes`.
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
    const output = await producer.send(letter.key, this.#text(letter));
    await output.wait();
    const { topic, partition, offset, reason } = letter;
    this.#logger.error(
      { topic, ...(offset === undefined ? {} : { partition, offset }), deadLetterTopic: this.#topic, reason },
      "record put into the dead-letter topic",
    );
  }

  #text(letter: DeadLetter): string {
    const { value } = letter;
    if (value.length <= VALUE_SIZE_BYTES_MAX) {
      const whole = JSON.stringify(this.#envelope(letter));
      if (Buffer.byteLength(whole) <= WHOLE_SIZE_BYTES_MAX) return whole;
    }
    const beginning = { ...letter, value: value.subarray(0, CUT_VALUE_SIZE_BYTES) };
    return JSON.stringify({ ...this.#envelope(beginning), valueSizeBytes: value.length });
  }

  #envelope({ topic, partition, offset, timestampMs, key, value, stage, reason }: DeadLetter): object {
    return {
      connector: this.#connector,
      topic,
      partition: partition ?? null,
      offset: offset ?? null,
      timestamp: timestampMs < 0 ? null : timestampMs,
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
    // An envelope is larger than its record, by a third in base64.
    return await this.#client.topicProducer(this.#topic, { maxRequestSizeBytes: ENVELOPE_SIZE_BYTES_MAX });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    await producer?.close();
  }
}

const ENVELOPE_SIZE_BYTES_MAX = 64 * 1024 * 1024;
/** A batch holds 32 MiB. */
const WHOLE_SIZE_BYTES_MAX = 30 * 1024 * 1024;
/** A larger value is cut without looking. */
const VALUE_SIZE_BYTES_MAX = 24 * 1024 * 1024;
const CUT_VALUE_SIZE_BYTES = 1024 * 1024;

function asText(name: "key" | "value", bytes: Uint8Array): object {
  try {
    return { [name]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64") };
  }
}
