import type { ConnectorConfig } from "./config.ts";
import { moduleParameter } from "./load-transforms.ts";
import { type ProblemPlace, problem } from "./problem.ts";
import { measured, name, required, type Section, section } from "./section.ts";
import { mapOf, type YamlEntry } from "./yaml-source.ts";

type TopicOptions = NonNullable<ConnectorConfig["topic-options"]>;
/** Keys of `topic-options`. */
export const TOPIC_OPTION_KEYS = [
  "partitions",
  "replication",
  "retention",
  "segment-size",
  "max-partition-size",
  "compression",
  "deduplication",
];

/** The topic's options as {@link loadConnectorFile} itself wrote them. */
export function topicOptionTexts(entry: YamlEntry, place: ProblemPlace): TopicOptions {
  const keys = section(mapOf(entry.value, "topic-options", place), "topic-options", TOPIC_OPTION_KEYS, place);
  const found = keys.get("deduplication");
  const path = "topic-options.deduplication";
  const deduplication =
    found === undefined ? undefined : section(mapOf(found.value, path, place), path, DEDUPLICATION_KEYS, place);
  return topicOptions({
    partitions: keys.text("partitions"),
    replication: keys.text("replication"),
    retention: measured(keys, "retention", "duration", place),
    "segment-size": measured(keys, "segment-size", "size", place),
    "max-partition-size": measured(keys, "max-partition-size", "size", place),
    compression: keys.text("compression"),
    deduplication: deduplication === undefined ? undefined : deduplicationOptions(deduplication, deduplication, place),
  });
}

const DEDUPLICATION_KEYS = ["count", "age", "uses", "with"];

/** @param bounds has `count` and `age` @param module has `uses` and `with` */
function deduplicationOptions(
  bounds: Section,
  module: Section,
  place: ProblemPlace,
): NonNullable<TopicOptions["deduplication"]> {
  const count = required(bounds, "count", place);
  if (!/^[1-9]\d{0,8}$/.test(count)) {
    const sentence = `\`${bounds.path}.count\` ${JSON.stringify(count)} is not a number from 1 on`;
    throw problem({ ...place, line: bounds.get("count")?.line }, sentence, "Write `count: 100`");
  }
  const age = measured(bounds, "age", "duration", place);
  const params = module.get("with");
  const entries = params === undefined ? [] : mapOf(params.value, `${module.path}.with`, place).entries;
  return {
    count,
    ...(age === undefined ? {} : { age }),
    uses: required(module, "uses", place),
    ...(entries.length === 0
      ? {}
      : { with: Object.fromEntries(entries.map((one) => [one.key, moduleParameter(one.value)])) }),
  };
}

/** Keys of a topic file. */
export const TOPIC_FILE_KEYS = ["version", "meta", "partition", "retention", "compression", "deduplication"];

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
  const deduplication =
    keys.get("deduplication") === undefined
      ? undefined
      : topicFileDeduplication(sub("deduplication", ["bounds", "filter"]), place);
  const partition = sub("partition", ["count", "replication", "max-size", "ignore-rack-assignment"]);
  const retention = sub("retention", ["time", "segment-size"]);
  return topicOptions({
    partitions: partition.text("count"),
    replication: partition.text("replication"),
    retention: measured(retention, "time", "duration", place),
    "segment-size": measured(retention, "segment-size", "size", place),
    "max-partition-size": measured(partition, "max-size", "size", place),
    compression: sub("compression", ["type"]).text("type")?.toLowerCase(),
    deduplication,
  });
}

function topicFileDeduplication(keys: Section, place: ProblemPlace): TopicOptions["deduplication"] {
  const inner = (outer: Section, key: string, valid: readonly string[]): Section => {
    const found = outer.get(key);
    const full = `${outer.path}.${key}`;
    if (found !== undefined) return section(mapOf(found.value, full, place), full, valid, place);
    throw problem(place, `missing field \`${full}\``, `Write \`${key}:\` below \`${outer.path}:\``, { key: full });
  };
  const bounds = inner(keys, "bounds", ["count", "age"]);
  const transform = inner(inner(keys, "filter", ["transform"]), "transform", ["uses", "with"]);
  return deduplicationOptions(bounds, transform, { ...place, line: keys.get("bounds")?.line ?? place.line });
}

function topicOptions(given: { readonly [K in keyof TopicOptions]-?: TopicOptions[K] | undefined }): TopicOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
