import type { ConnectorConfig } from "./config.ts";
import { type ProblemPlace, problem } from "./problem.ts";
import { measured, name, type Section, section } from "./section.ts";
import { mapOf, type YamlEntry } from "./yaml-source.ts";

type TopicOptions = NonNullable<ConnectorConfig["topic-options"]>;
const TOPIC_OPTION_KEYS = [
  "partitions",
  "replication",
  "retention",
  "segment-size",
  "max-partition-size",
  "compression",
];

/** The topic's options as {@link loadConnectorFile} itself wrote them. */
export function topicOptionTexts(entry: YamlEntry, place: ProblemPlace): TopicOptions {
  const keys = section(mapOf(entry.value, "topic-options", place), "topic-options", TOPIC_OPTION_KEYS, place);
  return topicOptions({
    partitions: keys.text("partitions"),
    replication: keys.text("replication"),
    retention: measured(keys, "retention", "duration", place),
    "segment-size": measured(keys, "segment-size", "size", place),
    "max-partition-size": measured(keys, "max-partition-size", "size", place),
    compression: keys.text("compression"),
  });
}

const TOPIC_FILE_KEYS = ["version", "meta", "partition", "retention", "compression", "deduplication"];

export function topicName(entry: YamlEntry, place: ProblemPlace): string {
  const keys = section(mapOf(entry.value, "meta.topic", place), "meta.topic", TOPIC_FILE_KEYS, place);
  const meta = keys.get("meta");
  if (meta === undefined)
    throw problem(place, "missing field `meta.topic.meta.name`", "Name the topic: `meta: { name: my-topic }`");
  return name(section(mapOf(meta.value, "meta.topic.meta", place), "meta.topic.meta", ["name"], place), "name", place);
}

/** `meta.topic` as an object (apiVersion 0.2.0): the fields of a topic file. */
export function topicFileOptions(entry: YamlEntry, place: ProblemPlace): TopicOptions {
  const path = "meta.topic";
  const keys = section(mapOf(entry.value, path, place), path, TOPIC_FILE_KEYS, place);
  const sub = (key: string, valid: readonly string[]): Section => {
    const found = keys.get(key);
    const map = found === undefined ? { kind: "map" as const, entries: [], line: entry.line } : found.value;
    return section(mapOf(map, `${path}.${key}`, place), `${path}.${key}`, valid, place);
  };
  const deduplication = keys.get("deduplication");
  if (deduplication !== undefined) {
    const at = { ...place, line: deduplication.line };
    throw problem(at, `\`${path}.deduplication\` is not supported yet`, "Remove it");
  }
  const partition = sub("partition", ["count", "replication", "max-size", "ignore-rack-assignment"]);
  const retention = sub("retention", ["time", "segment-size"]);
  return topicOptions({
    partitions: partition.text("count"),
    replication: partition.text("replication"),
    retention: measured(retention, "time", "duration", place),
    "segment-size": measured(retention, "segment-size", "size", place),
    "max-partition-size": measured(partition, "max-size", "size", place),
    compression: sub("compression", ["type"]).text("type")?.toLowerCase(),
  });
}

function topicOptions(given: { readonly [K in keyof TopicOptions]-?: string | undefined }): TopicOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
