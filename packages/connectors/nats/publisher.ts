import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection, PermissionViolationError, RequestError } from "@nats-io/transport-node";
import { type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import { reasonOf } from "../shared/reason.ts";
import type { Template } from "../shared/template.ts";
import { MessageIds } from "./message-ids.ts";
import { type SentMessage, StreamOrder } from "./stream-order.ts";
import { subjectProblem } from "./subjects.ts";

export interface PublishOptions {
  /** Servers, for messages. */
  readonly shown: string;
  readonly subject: Template;
  readonly "message-id": Template;
  readonly headers: readonly (readonly [string, string])[];
  readonly "key-header": string | undefined;
  readonly timeout: number;
}

/** A connection that can publish. */
export interface PublishTarget {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly publisher: JetStreamClient;
}

interface Message extends SentMessage {
  readonly record: SinkRecord;
}

/** The last message of the stream is not the one that a message was to follow: by its number, by its id. */
const WRONG_LAST_SEQUENCE = 10_071;
const WRONG_LAST_ID = 10_070;
/** Errors of the stream that are about this message: too large, or not what the stream expects. */
const REFUSALS: readonly number[] = [10_054, 10_060, WRONG_LAST_ID, WRONG_LAST_SEQUENCE];

/**
 * Publishes groups in their order: many messages are on their way at once, and each names the one that it follows, so that
 * the stream takes none behind one that it did not take.
 */
export class Publisher {
  readonly #options: PublishOptions;
  readonly #ids: MessageIds;
  readonly #order = new StreamOrder();
  /** What a group that failed has got into a stream nevertheless: a repeated group has the same record objects. */
  readonly #done = new WeakSet<SinkRecord>();

  constructor(options: PublishOptions) {
    this.#options = options;
    this.#ids = new MessageIds(options["message-id"]);
  }

  /** @throws `tryLater` at the first message that no stream has acknowledged; none behind it in its stream is stored then */
  async publish(target: PublishTarget, group: SinkGroup): Promise<void> {
    const messages = group.records.flatMap((record) => this.#message(target, group, record) ?? []);
    for (let from = 0; from < messages.length; ) {
      const sent = this.#order.next(messages, from);
      const errors = await Promise.all(sent.map(({ message, follows }) => this.#send(target, message, follows)));
      const index = errors.findIndex((error) => error !== undefined);
      this.#order.heard(sent.length, index === -1 ? sent.length : index);
      const failed = sent[index];
      if (failed === undefined) {
        from += sent.length;
        continue;
      }
      from += index;
      // Another writer came between, or what it follows is in another stream: it is sent again, following none.
      if (failed.follows !== undefined && isCode(errors[index], WRONG_LAST_ID)) continue;
      await this.#giveUp(target, group, failed.message, errors[index]);
      from += 1;
    }
  }

  /** The record as a message; `undefined` when it is refused, or stored already. */
  #message({ connection }: PublishTarget, group: SinkGroup, record: SinkRecord): Message | undefined {
    const id = this.#ids.of(record);
    if (this.#done.has(record)) return undefined;
    const filled = this.#options.subject.fill(record);
    const missing = "missing" in filled ? filled.missing : "missing" in id ? id.missing : undefined;
    if ("missing" in filled || "missing" in id) {
      group.refuse(record, `subject or message id cannot be made: the record has ${missing}`);
      return undefined;
    }
    const subject = filled.text;
    const problem = subjectProblem(subject);
    if (problem !== undefined) {
      group.refuse(record, `${JSON.stringify(subject)} is no subject: it ${problem}`);
      return undefined;
    }
    const sizeBytesMax = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (record.value.length > sizeBytesMax) {
      group.refuse(record, `the server takes no messages above ${sizeBytesMax} bytes`);
      return undefined;
    }
    return { record, subject, id: id.text };
  }

  /** @returns what kept the message from being stored */
  async #send({ publisher }: PublishTarget, message: Message, follows: string | undefined): Promise<unknown> {
    const { record, subject, id } = message;
    try {
      const { stream } = await publisher.publish(subject, record.value, {
        msgID: id,
        timeout: this.#options.timeout,
        headers: this.#headers(record),
        ...(follows === undefined ? {} : { expect: { lastMsgID: follows } }),
      });
      this.#done.add(record);
      this.#order.learn(subject, stream);
      return undefined;
    } catch (error) {
      return error ?? new Error("no reason");
    }
  }

  #headers({ key }: SinkRecord) {
    const found = headers();
    for (const [name, value] of this.#options.headers) found.append(name, value);
    const keyHeader = this.#options["key-header"];
    // Line breaks would end the header.
    if (keyHeader !== undefined && key !== undefined) {
      found.set(keyHeader, new TextDecoder().decode(key).replaceAll(/[\r\n]+/g, " "));
    }
    return found;
  }

  /** Refuses a message that will never be stored. @throws for any other that it is to be tried again */
  async #giveUp(target: PublishTarget, group: SinkGroup, message: Message, error: unknown): Promise<void> {
    const { record, subject } = message;
    const sentence = `${this.#options.shown} did not store a message for ${subject}: ${reasonOf(error)}`;
    if (!(await isRefusal(error, target, subject))) throw tryLater(sentence, { cause: error });
    group.refuse(record, sentence);
  }
}

function isCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof JetStreamApiError && codes.includes(error.code);
}

async function isRefusal(error: unknown, { manager }: PublishTarget, subject: string): Promise<boolean> {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof PermissionViolationError || cause instanceof PermissionViolationError) return true;
  if (error instanceof JetStreamApiError) return isCode(error, ...REFUSALS);
  const noStream = error instanceof RequestError && error.isNoResponders();
  if (!noStream && !isNoResponders(error)) return false;
  // Nobody answers: because no stream has the subject, or because JetStream is away for a moment.
  try {
    for await (const _ of manager.streams.names(subject)) return false;
    return true;
  } catch {
    return false;
  }
}

function isNoResponders(error: unknown): boolean {
  return error instanceof Error && (error.name === "NoRespondersError" || error.name === "JetStreamNotEnabled");
}
