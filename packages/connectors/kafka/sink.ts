import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { clientOptions, optionsField } from "./client-options.ts";
import { CONNECTION_FIELDS, connectionOptions, shownBrokers } from "./connection.ts";

/** `key`, or a number. */
function partition(text: string): number | "key" | undefined {
  if (text.trim() === "key") return "key";
  return /^\s*\d{1,6}\s*$/.test(text) ? Number(text) : undefined;
}

const config = z.object({
  ...CONNECTION_FIELDS,
  "kafka-topic": field.optionalText({
    doc: "topic of Kafka; by default of the name of the connector's topic",
    aliases: ["topic"],
  }),
  "kafka-partition": field.parsed("a partition such as 0, or key", partition, {
    doc: "partition of Kafka, or `key`: records of one key go into one, as Kafka's own clients do it; others take turns",
    kind: "partition or key",
    aliases: ["partition"],
    default: "0",
  }),
  "create-kafka-topic": field.flag({
    doc: "makes the topic when it is missing",
    aliases: ["create-topic"],
    default: "false",
  }),
  "kafka-topic-partitions": field.integer({
    doc: "partitions of a topic that is made",
    default: "1",
    min: 1,
    max: 10_000,
  }),
  headers: field.oneOf(["none", "place"], {
    doc: "`place`: each record has the headers `fluvio.topic`, `fluvio.partition` and `fluvio.offset`",
    default: "none",
  }),
  batch: field.map(
    {
      size: field.integer({ doc: "records in one request at most", default: "1000", min: 1, max: 100_000 }),
      "size-bytes": field.byteSize({ doc: "keys and values in one request at most", default: "900KB" }),
      linger: field.duration({ doc: "how long a request waits for more records", default: "5ms" }),
    },
    { doc: "how records are put together" },
  ),
  "kafka-option": optionsField("sink"),
});

const BATCH = { size: 1000, "size-bytes": 900_000, linger: 5 };

/** Sends the records of a topic to a topic of Kafka. */
export const connector = defineSink({
  name: "kafka",
  version: "0.4.0",
  summary: "Sends the records of a topic to a topic of Kafka",
  config,
  run: async (context) => {
    const { config: own, name, deliver } = context;
    const options = clientOptions(own["kafka-option"]);
    const batch = own.batch ?? BATCH;
    // The driver is only needed by a connector that runs.
    const { Sender } = await import("./sender.ts");
    await using sender = new Sender(context, {
      brokers: shownBrokers(own),
      connect: () => connectionOptions(own, options, name),
      topic: own["kafka-topic"] ?? context.topic,
      partition: own["kafka-partition"],
      createsTopic: own["create-kafka-topic"],
      newPartitions: own["kafka-topic-partitions"],
      hasPlaceHeaders: own.headers === "place",
      client: options,
    });
    await deliver((group, signal) => sender.write(group, signal), {
      recordsMax: options.batchRecordsMax ?? batch.size,
      sizeBytesMax: options.batchSizeBytes ?? batch["size-bytes"],
      lingerMs: options.lingerMs ?? batch.linger,
    });
  },
});
