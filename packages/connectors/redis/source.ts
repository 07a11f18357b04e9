import { setTimeout as sleep } from "node:timers/promises";
import { defineSource, field, keepTrying, type SourceContext } from "fluvio/connector";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Connection } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { whenStopped } from "../shared/stop.ts";
import { connectionFields, connectRedis, shownRedis } from "./connection.ts";
import { asJson, claim, type Entry, ensureGroup, fieldNamed, lagOf, readGroup } from "./entries.ts";

const config = z.object({
  ...connectionFields,
  stream: field.texts({ doc: "streams that are read", aliases: ["streams"] }),
  group: field.text({ doc: "consumer group; it is made, with the stream, when there is none", default: "fluvio" }),
  consumer: field.optionalText({ doc: "name in the group; by default the connector's" }),
  start: field.oneOf(["beginning", "end"], { doc: "where a group begins that is made", default: "beginning" }),
  count: field.integer({ doc: "entries that are asked for at once", default: "500", min: 1, max: 10_000 }),
  block: field.duration({
    doc: "how long the server waits for new entries before it is asked again",
    default: "2s",
    minMs: 1,
  }),
  "claim-after": field.duration({
    doc: "after this time without an acknowledgement, entries of other consumers of the group are taken over; `0s` never",
    default: "60s",
  }),
  output: field.oneOf(["json", "field"], {
    doc: "form of the record: an object of all fields, or the bytes of one field",
    default: "json",
  }),
  field: field.text({ doc: "the field whose value is the record, with `output: field`", default: "value" }),
  "record-key": field.oneOf(["none", "id", "stream", "field"], {
    doc: "key of the record: none, the id of the entry, the name of the stream, or a field's value",
    default: "none",
  }),
  "key-field": field.text({ doc: "the field whose value is the key, with `record-key: field`", default: "key" }),
});
type RedisSourceConfig = z.output<typeof config>;
type Context = SourceContext<RedisSourceConfig> & { readonly stopped: Promise<undefined> };

/** Sends the entries of Redis streams. */
export const connector = defineSource({
  name: "redis",
  version: "0.1.0",
  summary: "Sends the entries of Redis streams",
  config,
  run: async (context) => {
    const inHand = new InHand();
    const stopped = whenStopped(context.signal);
    const what = `read from ${shownRedis(context.config)}`;
    await keepTrying(context, what, (works) => receive({ ...context, stopped }, inHand, works));
  },
});

/** After the stop and after a cut, what is in hand gets so long to be stored, so that it does not come again. */
const DRAIN_TIMEOUT_MS = 5000;

/** Entries that are handed over and not stored, and those that are stored and not acknowledged; outlives connections. */
class InHand {
  #count = 0;
  #emptied: (() => void)[] = [];
  readonly #stored: Entry[] = [];

  took(): void {
    this.#count++;
  }

  stored(entries: readonly Entry[], handedOver: number): void {
    this.#stored.push(...entries);
    this.#count -= handedOver;
    if (this.#count === 0) for (const wake of this.#emptied.splice(0)) wake();
  }

  /** Resolves when everything in hand is stored, or after a while. */
  async empty(): Promise<void> {
    if (this.#count === 0) return;
    const emptied = new Promise<void>((resolve) => this.#emptied.push(resolve));
    await Promise.race([emptied, sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /** Acknowledges what is stored; what fails is acknowledged with the next. */
  async acknowledge(client: Redis, group: string): Promise<void> {
    const entries = this.#stored.splice(0);
    const byStream = new Map<string, string[]>();
    for (const { stream, id } of entries) {
      const ids = byStream.get(stream);
      if (ids === undefined) byStream.set(stream, [id]);
      else ids.push(id);
    }
    try {
      await Promise.all([...byStream].map(([stream, ids]) => client.xack(stream, group, ...ids)));
    } catch (error) {
      this.#stored.unshift(...entries);
      throw error;
    }
  }
}

/** The connections of a run: one waits for entries, the other acknowledges them. */
async function receive(context: Context, inHand: InHand, works: () => void): Promise<void> {
  const { config: own, stopped, name, logger } = context;
  await inHand.empty();
  const reading = await connectRedis(own, `fluvio-${name}`);
  let other: Connection<Redis> | undefined;
  try {
    other = await connectRedis(own, `fluvio-${name}-acks`);
    const acks = other.client;
    for (const stream of own.stream) await ensureGroup(acks, stream, own.group, own.start === "end" ? "$" : "0");
    await inHand.acknowledge(acks, own.group);
    logger.info({ streams: own.stream, group: own.group }, "reading");
    works();
    const intake = new Intake(context, inHand, acks);
    await Promise.race([read(context, reading.client, intake), intake.failed, lost(reading), lost(other), stopped]);
    await inHand.empty();
    await inHand.acknowledge(acks, own.group);
  } finally {
    await reading.close();
    await other?.close();
  }
}

async function lost(connection: Connection<Redis>): Promise<never> {
  throw new Error(reasonOf(await connection.lost));
}

/** A server that does not answer a read this long after it should have is taken for frozen. */
const LATE_MS = 2000;

/** First what this consumer was given before, then what nobody was given; now and then what others left. */
async function read(context: Context, client: Redis, intake: Intake): Promise<void> {
  const { config: own, signal, name } = context;
  const options = { group: own.group, consumer: own.consumer ?? name, countMax: own.count };
  for (const stream of own.stream) {
    let after = "0";
    while (!signal.aborted) {
      const entries = await inTime(context, LATE_MS, readGroup(client, new Map([[stream, after]]), options));
      if (entries.length === 0) break;
      after = entries.at(-1)?.id ?? after;
      await intake.take(entries);
    }
  }
  const news = new Map(own.stream.map((stream) => [stream, ">"]));
  const idleMs = own["claim-after"];
  let claimedAt = Number.NEGATIVE_INFINITY;
  let lagAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (performance.now() - lagAt >= LAG_INTERVAL_MS) {
      await tellLag(context, client);
      lagAt = performance.now();
    }
    if (idleMs > 0 && performance.now() - claimedAt >= idleMs / 2) {
      for (const stream of own.stream) await claimAll(context, client, intake, { stream, ...options });
      claimedAt = performance.now();
    }
    const blockMs = Math.max(1, Math.min(own.block, idleMs > 0 ? idleMs / 2 : own.block));
    await intake.take(
      await inTime(context, blockMs + LATE_MS, readGroup(client, news, { ...options, blockMs: Math.round(blockMs) })),
    );
  }
}

/** How often the lag is asked for, at most. */
const LAG_INTERVAL_MS = 2000;

async function tellLag({ config: own, lag }: Context, client: Redis): Promise<void> {
  const lags = await Promise.all(own.stream.map((stream) => lagOf(client, stream, own.group)));
  if (lags.every((one) => one !== undefined)) lag(lags.reduce((sum, one) => sum + one, 0));
}

async function claimAll(
  context: Context,
  client: Redis,
  intake: Intake,
  options: { readonly stream: string; readonly group: string; readonly consumer: string; readonly countMax: number },
): Promise<void> {
  const { config: own, logger, signal } = context;
  let from = "0-0";
  do {
    const { next, entries } = await claim(client, options.stream, { ...options, idleMs: own["claim-after"], from });
    const others = entries.filter((one) => !intake.has(one));
    if (others.length > 0)
      logger.info({ stream: options.stream, entries: others.length }, "took over entries of the group");
    await intake.take(others);
    from = next;
  } while (from !== "0-0" && !signal.aborted);
}

/** Says so when the server is late; its own timeout ends the wait. */
async function inTime<T>(context: Context, lateMs: number, work: Promise<T>): Promise<T> {
  const { trouble, config: own } = context;
  let wasLate = false;
  const timer = setTimeout(() => {
    wasLate = true;
    trouble(`${shownRedis(own)} does not answer`);
  }, lateMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (wasLate) trouble("");
  }
}

/** Hands entries over and acknowledges them when they are stored. */
class Intake {
  readonly #context: Context;
  readonly #inHand: InHand;
  readonly #acks: Redis;
  readonly #taken = new Set<string>();
  #fail: (error: unknown) => void = () => {};
  /** Rejects when acknowledgements fail. */
  readonly failed: Promise<never>;

  constructor(context: Context, inHand: InHand, acks: Redis) {
    this.#context = context;
    this.#inHand = inHand;
    this.#acks = acks;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Whether it is in hand. */
  has(entry: Entry): boolean {
    return this.#taken.has(nameOf(entry));
  }

  async take(entries: readonly Entry[]): Promise<void> {
    const { config: own, send, signal, logger } = this.#context;
    const taken: Entry[] = [];
    let handedOver = 0;
    for (const entry of entries) {
      // After the stop it stays pending.
      if (signal.aborted) break;
      const value = recordValue(entry, own);
      const key = keyOf(entry, own);
      if (value === undefined) {
        const sentence =
          entry.fields === undefined ? "entry was deleted while it was pending" : "entry has no such field";
        logger.warn({ stream: entry.stream, id: entry.id, field: own.field }, sentence);
      } else {
        await send({ value, ...(key === undefined ? {} : { key }) });
        this.#inHand.took();
        handedOver++;
      }
      this.#taken.add(nameOf(entry));
      taken.push(entry);
    }
    if (taken.length === 0) return;
    this.#context.checkpoint({
      stored: async () => {
        this.#inHand.stored(taken, handedOver);
        for (const entry of taken) this.#taken.delete(nameOf(entry));
        await this.#inHand.acknowledge(this.#acks, own.group).catch((error: unknown) => this.#fail(error));
      },
    });
  }
}

const nameOf = ({ stream, id }: Entry): string => `${id} ${stream}`;

function recordValue({ fields }: Entry, own: RedisSourceConfig): Uint8Array | string | undefined {
  if (fields === undefined) return undefined;
  return own.output === "json" ? asJson(fields) : fieldNamed(fields, own.field);
}

function keyOf({ stream, id, fields }: Entry, own: RedisSourceConfig): Uint8Array | string | undefined {
  switch (own["record-key"]) {
    case "id":
      return id;
    case "stream":
      return stream;
    case "field":
      return fields === undefined ? undefined : fieldNamed(fields, own["key-field"]);
    case "none":
      return undefined;
  }
}
