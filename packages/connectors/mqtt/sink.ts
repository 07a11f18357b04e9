import { randomUUID } from "node:crypto";
import { defineSink, field, type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import { z } from "zod";
import { Link } from "../shared/link.ts";
import { reasonOf, shownUrl } from "../shared/reason.ts";
import { template } from "../shared/template.ts";
import { type BrokerConnection, connectBroker, connectionFields } from "./connection.ts";
import { Suspects } from "./suspects.ts";

const config = z.object({
  ...connectionFields,
  topic: template({ doc: "MQTT topic of a record, such as `orders/{{key}}`", aliases: ["mqtt-topic"] }),
  qos: field.oneOf(["0", "1", "2"], { doc: "quality of service", default: "1" }),
  retain: field.flag({ doc: "have the broker keep the last message of a topic", default: "false" }),
  client_id: field.optionalText({
    doc: "name of this client at the broker, which must be no other's; random by default",
  }),
  "batch-size": field.integer({
    doc: "records that are on their way to the broker at once",
    default: "100",
    min: 1,
    max: 10_000,
  }),
});
type MqttSinkConfig = z.output<typeof config>;

/**
 * Records of a group, in numbers of `batch-size`. The last answers of a group have nothing to travel with: brokers that
 * gather what is small send them 40 ms later.
 */
const WINDOWS_PER_GROUP = 10;

/** Publishes the records of a topic at an MQTT broker. */
export const connector = defineSink({
  name: "mqtt",
  version: "0.1.0",
  summary: "Publishes the records of a topic at an MQTT broker",
  config,
  run: async (context) => {
    const { config: own, deliver } = context;
    const clientId = own.client_id ?? `fluvio-${randomUUID()}`;
    await using link = new Link<BrokerConnection>(context, `connect to ${shownUrl(own.url)}`, async () => {
      const broker = await connectBroker(own, { clientId, clean: true });
      return { client: broker, lost: broker.lost, close: broker.close };
    });
    const suspects = new Suspects();
    await deliver(async (group) => publishAll(await link.use(), own, group, suspects), {
      recordsMax: own["batch-size"] * WINDOWS_PER_GROUP,
    });
  },
});

async function publishAll(
  broker: BrokerConnection,
  own: MqttSinkConfig,
  group: SinkGroup,
  suspects: Suspects,
): Promise<void> {
  const waiting = group.records.values();
  let failure: { readonly error: unknown } | undefined;
  // Each takes the next record when its last one is acknowledged: so many are on their way, begun in order.
  const lane = async (): Promise<void> => {
    for (const record of waiting) {
      if (failure !== undefined) return;
      try {
        await publish(broker, own, group, record, suspects);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  const lanes = suspects.isCareful ? 1 : Math.min(own["batch-size"], broker.receiveMaximum, group.records.length);
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failure === undefined) {
    suspects.succeeded();
    return;
  }
  suspects.failed(!broker.client.connected);
  throw failure.error;
}

/** Bytes of a publish packet beside topic and payload: header, length, message id and properties. */
const PACKET_OVERHEAD_BYTES = 16;

async function publish(
  broker: BrokerConnection,
  own: MqttSinkConfig,
  group: SinkGroup,
  record: SinkRecord,
  suspects: Suspects,
): Promise<void> {
  if (suspects.isDelivered(record)) return;
  const filled = own.topic.fill(record);
  if ("missing" in filled) {
    group.refuse(record, `the topic ${own.topic.source} cannot be made: the record has ${filled.missing}`);
    return;
  }
  const topic = filled.text;
  const problem = topicProblem(topic);
  if (problem !== undefined) {
    group.refuse(record, `${JSON.stringify(topic)} is no MQTT topic: it ${problem}`);
    return;
  }
  const sizeBytes = record.value.length + Buffer.byteLength(topic) + PACKET_OVERHEAD_BYTES;
  if (sizeBytes > broker.packetSizeBytesMax) {
    group.refuse(record, `the broker takes no packets above ${broker.packetSizeBytesMax} bytes`);
    return;
  }
  const refusal = suspects.refusal(record);
  if (refusal !== undefined) {
    group.refuse(record, `${shownUrl(own.url)} refused the message for ${topic}: ${refusal}`);
    return;
  }
  if (!broker.client.connected) throw tryLater(`${shownUrl(own.url)} has closed the connection`);
  try {
    const { buffer, byteOffset, byteLength } = record.value;
    const options = { qos: Number(own.qos) as 0 | 1 | 2, retain: own.retain };
    // Resolves when the broker has acknowledged the message, with QoS 0 when it is sent.
    await broker.answered(broker.client.publishAsync(topic, Buffer.from(buffer, byteOffset, byteLength), options));
    suspects.delivered(record);
  } catch (error) {
    if (!broker.client.connected) suspects.cut(record);
    if (!isRefusal(error)) throw tryLater(`${shownUrl(own.url)} did not take a message: ${reasonOf(error)}`);
    suspects.refused(record, reasonOf(error));
    group.refuse(record, `${shownUrl(own.url)} refused the message for ${topic}: ${reasonOf(error)}`);
  }
}

const TOPIC_SIZE_BYTES_MAX = 65_535;

function topicProblem(topic: string): string | undefined {
  if (topic === "") return "is empty";
  if (/[+#]/.test(topic)) return "has a wildcard";
  if (topic.includes("\0")) return "has a zero character";
  return Buffer.byteLength(topic) > TOPIC_SIZE_BYTES_MAX ? "is too long" : undefined;
}

const QUOTA_EXCEEDED = 0x97;

/** MQTT 5 says of a message why it is not taken; only a quota is a matter of time. */
function isRefusal(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return typeof error.code === "number" && error.code >= 0x80 && error.code !== QUOTA_EXCEEDED;
}
