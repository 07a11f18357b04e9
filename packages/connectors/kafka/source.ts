import { defineSource, field } from "fluvio/connector";
import { z } from "zod";
import { clientOptions, optionsField } from "./client-options.ts";
import { CONNECTION_FIELDS, connectionOptions, shownBrokers } from "./connection.ts";
import { Places } from "./places.ts";

/** `all`, or numbers with commas between them. */
function partitions(text: string): readonly number[] | "all" | undefined {
  if (text.trim() === "all") return "all";
  return /^\s*\d{1,6}(\s*,\s*\d{1,6})*\s*$/.test(text) ? [...new Set(text.split(",").map(Number))] : undefined;
}

const config = z.object({
  ...CONNECTION_FIELDS,
  "kafka-topic": field.optionalTexts({
    doc: "topic of Kafka, or several; by default of the name of the connector's topic",
    aliases: ["topic", "kafka-topics", "topics"],
  }),
  "kafka-partition": field.parsed("a partition such as 0, several such as 0,1,2, or all", partitions, {
    doc: "partition, or several, or `all`: the members of the group share them",
    kind: "partitions",
    aliases: ["partition", "kafka-partitions", "partitions"],
    default: "0",
  }),
  "kafka-group": field.text({
    doc: "consumer group under which offsets are committed",
    aliases: ["group"],
    default: "fluvio-kafka-source",
  }),
  start: field.oneOf(["earliest", "latest"], {
    doc: "where a partition begins that has no offset yet",
    default: "earliest",
  }),
  headers: field.oneOf(["drop", "envelope"], {
    doc: "records here have no headers: they are dropped, or the value is a JSON object with key, value, headers and place",
    default: "drop",
  }),
  "kafka-option": optionsField("source"),
});

/** Reads topics of Kafka. */
export const connector = defineSource({
  name: "kafka",
  version: "0.4.0",
  summary: "Reads topics of Kafka",
  config,
  run: async (context) => {
    const { config: own, name } = context;
    const options = clientOptions(own["kafka-option"]);
    const given = own["kafka-partition"];
    // The driver is only needed by a connector that runs.
    const { readKafka } = await import("./session.ts");
    await readKafka(context, new Places(context.position), {
      brokers: shownBrokers(own),
      connect: () => connectionOptions(own, options, name),
      topics: own["kafka-topic"] ?? [context.topic],
      partitions: given === "all" ? undefined : given,
      group: own["kafka-group"],
      start: options.start ?? own.start,
      hasEnvelope: own.headers === "envelope",
      client: options,
    });
  },
});
