import { setTimeout as sleep } from "node:timers/promises";
import {
  defineSource,
  field,
  keepTrying,
  type Position,
  type SourceContext,
  type SourceRecord,
} from "fluvio/connector";
import type { IPublishPacket, MqttClient } from "mqtt";
import { z } from "zod";
import { shownUrl } from "../shared/reason.ts";
import { whenStopped } from "../shared/stop.ts";
import { Acknowledgements, HELD_BACK } from "./acknowledgements.ts";
import { type BrokerConnection, connectBroker, connectionFields } from "./connection.ts";

const config = z.object({
  ...connectionFields,
  topic: field.texts({ doc: "topic filters, with `+` and `#`", aliases: ["mqtt-topic", "topics"] }),
  qos: field.oneOf(["0", "1", "2"], { doc: "quality of service that is asked for", default: "1" }),
  client_id: field.optionalText({
    doc: "name of the session at the broker, which must be no other client's; by default `fluvio-` and the connector's name",
  }),
  "clean-session": field.flag({
    doc: "have the broker forget the session at the end of each connection: what is published in between is lost",
    default: "false",
  }),
  "session-expiry": field.duration({
    doc: "how long the broker keeps the session of a connector that is away (MQTT 5)",
    default: "7d",
  }),
  "receive-maximum": field.integer({
    doc: "messages of QoS 1 and 2 in hand at most (MQTT 5; the broker's own limit in 3.1.1)",
    default: "1000",
    min: 1,
    max: 65_535,
  }),
  payload_output_type: field.oneOf(["binary", "json", "raw"], {
    doc: "form of the record: an object with the payload as bytes or as JSON, or the payload alone",
    default: "binary",
  }),
  "record-key": field.oneOf(["none", "topic"], { doc: "key of the record: none, or the MQTT topic", default: "none" }),
});
type MqttSourceConfig = z.output<typeof config>;
type Context = SourceContext<MqttSourceConfig> & { readonly stopped: Promise<undefined> };

/** Sends what is published to topics of an MQTT broker. */
export const connector = defineSource({
  name: "mqtt",
  version: "0.6.0",
  summary: "Sends what is published to topics of an MQTT broker",
  config,
  run: async (context) => {
    const acknowledgements = new Acknowledgements();
    const subscribed: Subscribed = { filters: keptFilters(context.position), isNew: true };
    const stopped = whenStopped(context.signal);
    await keepTrying(context, `connect to ${shownUrl(context.config.url)}`, (works) =>
      receive({ ...context, stopped }, acknowledgements, subscribed, works),
    );
  },
});

/** What is known of the session's subscriptions. */
interface Subscribed {
  filters: readonly string[];
  /** Whether this run has not subscribed yet. */
  isNew: boolean;
}

/** After the stop, what is in hand gets so long to be stored, so that it does not come again. */
const DRAIN_TIMEOUT_MS = 5000;

/** One connection: resolves at the stop, throws when it is lost. */
async function receive(
  context: Context,
  acknowledgements: Acknowledgements,
  subscribed: Subscribed,
  works: () => void,
): Promise<void> {
  const { config: own, signal, stopped, name } = context;
  const intake = new Intake(context, acknowledgements);
  const session = {
    clientId: own.client_id ?? `fluvio-${name}`,
    clean: own["clean-session"],
    ...(own["protocol-version"] === "5" ? { properties: sessionProperties(own) } : {}),
  };
  const connection = await connectBroker(own, session, (client) => {
    // As an option of the connection it would count with MQTT 5 alone.
    client.options.customHandleAcks = (topic, payload, packet: IPublishPacket, done) => {
      void intake.acknowledged(topic, payload, packet).finally(() => done(HELD_BACK));
    };
    client.handleMessage = (packet, done) => void intake.unacknowledged(packet).finally(() => done());
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "pubrel" && packet.messageId !== undefined) acknowledgements.released(packet.messageId);
    });
    client.once("connect", ({ sessionPresent }) => acknowledgements.connected(client.stream, sessionPresent));
  });
  try {
    await Promise.race([subscribe(context, connection, subscribed), stopped]);
    if (!signal.aborted) works();
    const lost = await Promise.race([connection.lost, intake.failed, stopped]);
    if (lost !== undefined) throw lost;
    await Promise.race([acknowledgements.empty(), sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false })]);
  } finally {
    acknowledgements.disconnected();
    await connection.close();
  }
}

function sessionProperties(own: MqttSourceConfig) {
  const expirySeconds = Math.min(Math.ceil(own["session-expiry"] / 1000), 0xffff_ffff);
  return {
    sessionExpiryInterval: own["clean-session"] ? 0 : expirySeconds,
    receiveMaximum: own["receive-maximum"],
  };
}

function keptFilters(position: Position | undefined): readonly string[] {
  const filters = typeof position === "object" && position !== null && "filters" in position ? position.filters : [];
  return Array.isArray(filters) ? filters.filter((one) => typeof one === "string") : [];
}

/** Subscribes to what the session does not have yet, and out of what is not wanted any more. */
async function subscribe(context: Context, connection: BrokerConnection, subscribed: Subscribed): Promise<void> {
  const { config: own, logger } = context;
  const { client, hasSession } = connection;
  if (hasSession && !subscribed.isNew) return;
  const unwanted = hasSession ? subscribed.filters.filter((one) => !own.topic.includes(one)) : [];
  if (unwanted.length > 0) await connection.answered(client.unsubscribeAsync([...unwanted]));
  const qos = Number(own.qos) as 0 | 1 | 2;
  const granted = await connection.answered(subscribeAll(client, own, qos));
  for (const one of granted) {
    if (one.qos === 128) throw new Error(`the broker refuses the subscription to ${one.topic}`);
    if (one.qos < qos) logger.warn({ topic: one.topic, qos: one.qos }, "the broker grants a lower QoS");
  }
  subscribed.filters = own.topic;
  subscribed.isNew = false;
  context.checkpoint({ position: { filters: own.topic } });
  logger.info({ topics: own.topic, qos, session: hasSession ? "resumed" : "new" }, "subscribed");
}

/** In MQTT 5 retained messages come only with a new subscription, so that a restart does not repeat them. */
async function subscribeAll(client: MqttClient, own: MqttSourceConfig, qos: 0 | 1 | 2) {
  const isFive = own["protocol-version"] === "5";
  return await client.subscribeAsync([...own.topic], { qos, ...(isFive ? { rh: 1 } : {}) });
}

/** Takes messages over, one after the other: the next is read from the connection when there is room for it. */
class Intake {
  readonly #context: Context;
  readonly #acknowledgements: Acknowledgements;
  /** Handed over since the last checkpoint. */
  #handedOver: (() => void)[] = [];
  #fail: (error: Error) => void = () => {};
  /** Resolves with what keeps records from being handed over. */
  readonly failed: Promise<Error>;

  constructor(context: Context, acknowledgements: Acknowledgements) {
    this.#context = context;
    this.#acknowledgements = acknowledgements;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** A message of QoS 1 or 2: acknowledged once its record is stored. */
  async acknowledged(topic: string, payload: Uint8Array, packet: IPublishPacket): Promise<void> {
    // After the stop it stays with the broker.
    if (this.#context.signal.aborted) return;
    const { messageId = 0, dup } = packet;
    const stored = this.#acknowledgements.take({ qos: packet.qos === 2 ? 2 : 1, messageId, dup });
    if (stored === undefined) return;
    if (await this.#send(topic, payload)) this.#acknowledgeWhenStored(stored);
  }

  /** A message of QoS 0; those of the others come here too and are done with. */
  async unacknowledged(packet: IPublishPacket): Promise<void> {
    if (packet.qos !== 0) return;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    await this.#send(packet.topic, payload);
  }

  async #send(topic: string, payload: Uint8Array): Promise<boolean> {
    const { send, config: own, logger } = this.#context;
    const value = recordValue(topic, payload, own.payload_output_type);
    if (value === undefined) {
      logger.warn({ topic, payload }, "message dropped: its payload is not JSON");
      return true;
    }
    const record: SourceRecord = own["record-key"] === "topic" ? { key: topic, value } : { value };
    try {
      await send(record);
      return true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  /** One checkpoint for all messages of a turn of the event loop. */
  #acknowledgeWhenStored(stored: () => void): void {
    this.#handedOver.push(stored);
    if (this.#handedOver.length > 1) return;
    setImmediate(() => {
      const handedOver = this.#handedOver;
      this.#handedOver = [];
      this.#context.checkpoint({
        stored: () => {
          for (const one of handedOver) one();
        },
      });
    });
  }
}

/** @returns `undefined` for a payload that is to be JSON and is not */
function recordValue(
  topic: string,
  payload: Uint8Array,
  type: "binary" | "json" | "raw",
): Uint8Array | string | undefined {
  if (type === "raw") return payload;
  if (type === "binary") return `{"mqtt_topic":${JSON.stringify(topic)},"payload":[${payload.join(",")}]}`;
  const text = new TextDecoder().decode(payload);
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return `{"mqtt_topic":${JSON.stringify(topic)},"payload":${text}}`;
}
