import { setTimeout as sleep } from "node:timers/promises";
import { type ConsumerMessages, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { defineSource, field, keepTrying, type Position, type SourceContext } from "fluvio/connector";
import { z } from "zod";
import { connectionFields, connectServers, shownServers } from "./connection.ts";
import { ensureConsumer, type StoredUpTo } from "./consumer.ts";
import { recordValue } from "./output.ts";
import { ensureStream } from "./stream.ts";
import { safeName } from "./subjects.ts";

const config = z.object({
  ...connectionFields,
  stream: field.text({ doc: "name of the stream" }),
  subject: field.texts({
    doc: "subjects that are taken, with `*` and `>`; several need nats-server 2.10",
    aliases: ["subjects", "filter-subject"],
    default: ">",
  }),
  consumer: field.optionalText({
    doc: "name of the durable consumer; by default `fluvio-` and the connector's name",
    aliases: ["durable"],
  }),
  create: field.flag({
    doc: "make the stream, for the subjects, when there is none; the consumer is made in any case",
    default: "false",
  }),
  start: field.oneOf(["all", "new", "last"], { doc: "where the first run begins", default: "all" }),
  "max-ack-pending": field.integer({
    doc: "messages that are in hand at most",
    default: "10000",
    min: 1,
    max: 1_000_000,
  }),
  "ack-wait": field.duration({
    doc: "how long the server waits for an acknowledgement before it gives the message again",
    default: "30s",
    minMs: 1000,
  }),
  "record-key": field.oneOf(["none", "subject"], { doc: "key of the record: none, or the subject", default: "none" }),
  output: field.oneOf(["value", "json"], {
    doc: "form of the record: the message's data, or an object with subject, sequence, timestamp, headers and data",
    default: "value",
  }),
});
type NatsSourceConfig = z.output<typeof config>;
type Context = SourceContext<NatsSourceConfig>;

/** Sends the messages of a JetStream stream. */
export const connector = defineSource({
  name: "nats",
  version: "0.1.0",
  summary: "Sends the messages of a NATS JetStream stream",
  config,
  run: async (context) => {
    const progress = new Progress(context.position);
    await keepTrying(context, `read from ${shownServers(context.config.url)}`, (works) =>
      receive(context, progress, works),
    );
  },
});

/** After the stop and after a cut, what is in hand gets so long to be stored, so that it does not come again. */
const DRAIN_TIMEOUT_MS = 5000;

/** Up to where records are stored; outlives connections. */
class Progress {
  upTo: StoredUpTo | undefined;
  #inHand = 0;
  #emptied: (() => void)[] = [];

  constructor(position: Position | undefined) {
    if (typeof position !== "object" || position === null || !("sequence" in position)) return;
    const { created, sequence } = position;
    if (typeof created === "string" && typeof sequence === "number") this.upTo = { created, sequence };
  }

  took(): void {
    this.#inHand++;
  }

  stored(upTo: StoredUpTo, count: number): void {
    this.upTo = upTo;
    this.#inHand -= count;
    if (this.#inHand === 0) for (const wake of this.#emptied.splice(0)) wake();
  }

  /** Resolves when everything in hand is stored, or after a while. */
  async empty(): Promise<void> {
    if (this.#inHand === 0) return;
    const emptied = new Promise<void>((resolve) => this.#emptied.push(resolve));
    await Promise.race([emptied, sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
  }
}

/** One connection: resolves at the stop, throws when it is lost. */
async function receive(context: Context, progress: Progress, works: () => void): Promise<void> {
  const { config: own, signal, name } = context;
  await progress.empty();
  const connection = await connectServers(own, `fluvio-${name}`);
  try {
    const messages = await consume(connection.client, context, progress);
    const onStop = () => messages.stop();
    signal.addEventListener("abort", onStop, { once: true });
    if (signal.aborted) onStop();
    works();
    let lost: Error | undefined;
    void connection.lost.then((error) => {
      lost = error;
      messages.stop();
    });
    try {
      await handOver(context, progress, messages);
    } finally {
      signal.removeEventListener("abort", onStop);
    }
    if (!signal.aborted) throw lost ?? new Error("the consumer was ended by the server");
    await progress.empty();
    // So that the acknowledgements get there; a connection that is gone by now may never say so.
    await Promise.race([connection.client.flush().catch(() => {}), connection.lost]);
  } finally {
    await connection.close();
  }
}

/** Both are messages that wait in memory: those fetched, and those handed over. */
const FETCHED_MAX = 256;

interface Messages {
  readonly iterable: ConsumerMessages;
  readonly created: string;
  stop(): void;
}

async function consume(client: NatsConnection, context: Context, progress: Progress): Promise<Messages> {
  const { config: own, logger, name, trouble } = context;
  const manager = await jetstreamManager(client, { timeout: own.timeout });
  const filters = own.subject.includes(">") ? [] : own.subject;
  if (own.create) await ensureStream(manager, own.stream, own.subject, logger);
  const durable = safeName(own.consumer ?? `fluvio-${name}`);
  const created = await ensureConsumer(
    manager,
    {
      stream: own.stream,
      durable,
      filters,
      start: own.start,
      ackPendingMax: own["max-ack-pending"],
      ackWaitMs: own["ack-wait"],
    },
    progress.upTo,
  );
  const consumer = await jetstream(client, { timeout: own.timeout }).consumers.get(own.stream, durable);
  const { num_pending: waiting, num_ack_pending: given } = await consumer.info();
  context.lag(waiting + given);
  const iterable = await consumer.consume({ max_messages: FETCHED_MAX, abort_on_missing_resource: true });
  void (async () => {
    for await (const status of iterable.status()) {
      if (status.type === "heartbeats_missed")
        trouble(`${shownServers(own.url)} has missed ${status.count} heartbeats`);
    }
  })();
  logger.info({ stream: own.stream, consumer: durable, after: progress.upTo?.sequence ?? 0 }, "consuming");
  return { iterable, created, stop: () => iterable.stop() };
}

async function handOver(context: Context, progress: Progress, { iterable, created }: Messages): Promise<void> {
  const { config: own, send, signal } = context;
  let handedOver: JsMsg[] = [];
  const checkpoint = () => {
    const messages = handedOver;
    handedOver = [];
    const { streamSequence: sequence, pending } = (messages.at(-1) as JsMsg).info;
    context.lag(pending);
    context.checkpoint({
      position: { created, sequence },
      stored: () => {
        for (const message of messages) message.ack();
        progress.stored({ created, sequence }, messages.length);
      },
    });
  };
  for await (const message of iterable) {
    // After the stop it stays in the stream.
    if (signal.aborted) break;
    await send({
      ...(own["record-key"] === "subject" ? { key: message.subject } : {}),
      value: recordValue(message, own.output),
    });
    progress.took();
    handedOver.push(message);
    // One checkpoint for all messages of a turn of the event loop.
    if (handedOver.length === 1) setImmediate(checkpoint);
  }
}
