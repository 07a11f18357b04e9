import { parseSizeBytes } from "../client/index.ts";
import { COMPRESSIONS, type ConnectorConfig, type ParameterValue, type TransformStep } from "./config.ts";
import { parseDuration } from "./durations.ts";
import { canonicalKey, nearest, type ProblemPlace, problem, unknownKey } from "./problem.ts";
import { mapOf, parseYaml, plain, textOf, type YamlEntry, type YamlMap, type YamlValue } from "./yaml-source.ts";

/** One key of a section: its place and its value. */
type Found = YamlEntry | undefined;

/** The keys of one map, looked up by canonical name; every key must be known. */
interface Section {
  readonly path: string;
  get(key: string): Found;
  text(key: string): string | undefined;
}

/**
 * Loads a connector file of either era (`version: 0.3.0` at the top, or `apiVersion` and `meta`) into one form.
 * @param content YAML or JSON
 * @param file as the user named it, for messages
 * @throws FLV_CONNECTOR_INVALID naming file, line, key and value
 */
export function loadConnectorFile(content: string, file: string): ConnectorConfig {
  const top = parseYaml(content, file);
  const keys = new Set(top.entries.map((entry) => canonicalKey(entry.key)));
  return keys.has("apiversion") || keys.has("meta") ? loadToday(top, { file }) : loadSeed(top, { file });
}

const SEED_KEYS = [
  "version",
  "name",
  "type",
  "topic",
  "direction",
  "create_topic",
  "topic-options",
  "parameters",
  "secrets",
  "producer",
  "consumer",
  "transforms",
];

function loadSeed(top: YamlMap, place: ProblemPlace): ConnectorConfig {
  const keys = section(top, "", SEED_KEYS, place);
  const direction = choice(keys, "direction", ["source", "sink"], place);
  choice(keys, "create_topic", ["true", "false"], place);
  const options = keys.get("topic-options");
  return {
    name: name(keys, "name", place),
    type: required(keys, "type", place),
    topic: name(keys, "topic", place),
    version: version(keys, place),
    ...(direction === undefined ? {} : { direction }),
    ...(options === undefined ? {} : { "topic-options": topicOptionTexts(options, place) }),
    parameters: parameters(keys.get("parameters"), "parameters", place),
    secrets: secretValues(keys.get("secrets"), place),
    ...optionalSection("producer", producer(keys, "producer", place)),
    ...optionalSection("consumer", consumer(keys, "consumer", place)),
    transforms: transforms(keys.get("transforms"), place),
  };
}

const META_KEYS = ["name", "type", "version", "topic", "producer", "consumer", "secrets", "direction"];
const API_VERSIONS = ["0.1.0", "0.2.0"];

function loadToday(top: YamlMap, place: ProblemPlace): ConnectorConfig {
  const find = (key: string): Found => top.entries.find((entry) => canonicalKey(entry.key) === canonicalKey(key));
  const apiVersion = find("apiVersion");
  const given = apiVersion === undefined ? undefined : textOf(apiVersion.value, "apiVersion", place);
  if (given !== undefined && !API_VERSIONS.includes(given)) {
    throw problem(
      { ...place, line: apiVersion?.line },
      `\`apiVersion\` ${given} is not known`,
      `Write one of ${API_VERSIONS.join(", ")}`,
      { key: "apiVersion", value: given },
    );
  }
  const metaEntry = find("meta");
  if (metaEntry === undefined) {
    throw problem(place, "`meta` is missing", "Put name, type, version and topic below `meta:`", { key: "meta" });
  }
  const meta = section(mapOf(metaEntry.value, "meta", place), "meta", META_KEYS, place);
  const direction = choice(meta, "direction", ["source", "sink"], place);
  const topic = meta.get("topic");
  const isObject = topic?.value.kind === "map";
  const type = required(meta, "type", place);
  return {
    name: name(meta, "name", place),
    type,
    topic: isObject ? topicName(topic, place) : name(meta, "topic", place),
    version: version(meta, place),
    ...(direction === undefined ? {} : { direction }),
    ...(isObject ? { "topic-options": topicFileOptions(topic, place) } : {}),
    parameters: customSection(top, type, place),
    // Without an apiVersion the file is of the oldest kind, which knew no secrets.
    secrets: given === undefined ? {} : secretNames(meta.get("secrets"), place),
    ...optionalSection("producer", producer(meta, "meta.producer", place)),
    ...optionalSection("consumer", consumer(meta, "meta.consumer", place)),
    transforms: transforms(find("transforms"), place),
  };
}

/** Today's options stand in a section named by the connector (`http:`), or `custom`. */
function customSection(top: YamlMap, type: string, place: ProblemPlace): ConnectorConfig["parameters"] {
  const known = ["apiversion", "meta", "transforms"];
  const sections = top.entries.filter((entry) => !known.includes(canonicalKey(entry.key)));
  const [first, second] = sections;
  if (second !== undefined) {
    const guess = nearest(second.key, ["apiVersion", "meta", "transforms"]);
    throw problem(
      { ...place, line: second.line },
      `there is a second section of options, \`${second.key}\`, besides \`${first?.key}\``,
      guess === undefined ? `Keep the section of ${type}` : `Did you mean \`${guess}\`?`,
      { key: second.key },
    );
  }
  if (first !== undefined && first.value.kind !== "map") {
    throw unknownKey({ ...place, line: first.line }, "", first.key, ["apiVersion", "meta", "transforms"]);
  }
  return parameters(first, first?.key ?? "", place);
}

function section(map: YamlMap, path: string, valid: readonly string[], place: ProblemPlace): Section {
  const byKey = new Map<string, YamlEntry>();
  for (const entry of map.entries) {
    const key = canonicalKey(entry.key);
    if (!valid.some((one) => canonicalKey(one) === key)) {
      throw unknownKey({ ...place, line: entry.line }, path, entry.key, valid);
    }
    byKey.set(key, entry);
  }
  const get = (key: string) => byKey.get(canonicalKey(key));
  return {
    path,
    get,
    text: (key) => {
      const entry = get(key);
      return entry === undefined ? undefined : textOf(entry.value, fullPath(path, key), place);
    },
  };
}

const fullPath = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

function required(keys: Section, key: string, place: ProblemPlace): string {
  const found = keys.text(key);
  if (found !== undefined) return found;
  const path = fullPath(keys.path, key);
  throw problem(place, `missing field \`${path}\``, `Add \`${key}:\` to the file`, { key: path });
}

function version(keys: Section, place: ProblemPlace): string {
  const entry = keys.get("version");
  if (entry === undefined) return "latest";
  const text = textOf(entry.value, fullPath(keys.path, "version"), place);
  return entry.value.kind === "text" ? entry.value.source : text;
}

/** Connector and topic names follow one rule. */
function name(keys: Section, key: string, place: ProblemPlace): string {
  const given = required(keys, key, place);
  return checkedName(given, fullPath(keys.path, key), { ...place, line: keys.get(key)?.line });
}

function checkedName(given: string, path: string, place: ProblemPlace): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(given)) return given;
  throw problem(
    place,
    `\`${path}\` ${JSON.stringify(given)} is not a valid name`,
    "Use 1 to 63 lowercase letters, digits and `-`, beginning and ending with a letter or digit",
    { key: path, value: given },
  );
}

function choice<const W extends string>(
  keys: Section,
  key: string,
  words: readonly W[],
  place: ProblemPlace,
): W | undefined {
  const given = keys.text(key);
  if (given === undefined) return undefined;
  const word = words.find((one) => one === given.toLowerCase());
  if (word !== undefined) return word;
  const guess = nearest(given, words);
  throw problem(
    { ...place, line: keys.get(key)?.line },
    `\`${fullPath(keys.path, key)}\` is ${JSON.stringify(given)}: unknown variant`,
    guess === undefined ? `Write one of ${words.join(", ")}` : `Did you mean \`${guess}\`? Valid: ${words.join(", ")}`,
    { key: fullPath(keys.path, key), value: given },
  );
}

type Measure = "duration" | "size";
const EXPECTED: Record<Measure, string> = {
  duration: "expected a duration such as 1ms, 1s or 1m",
  size: "expected a byte size such as 1B, 2KB or 1 MB",
};

/** Text that must be a duration or a size; it stays as it was written. */
function measured(keys: Section, key: string, measure: Measure, place: ProblemPlace): string | undefined {
  const given = keys.text(key);
  if (given === undefined) return undefined;
  try {
    if (measure === "duration") parseDuration(given);
    else parseSizeBytes(given);
    return given;
  } catch (cause) {
    const path = fullPath(keys.path, key);
    const at = { ...place, line: keys.get(key)?.line };
    const sentence = `\`${path}\` is ${JSON.stringify(given)}: ${EXPECTED[measure]}`;
    throw problem(at, sentence, `Write \`${key}: ${measure === "duration" ? "10ms" : "1 MB"}\``, {
      key: path,
      value: given,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
}

function producer(keys: Section, path: string, place: ProblemPlace): ConnectorConfig["producer"] {
  const entry = keys.get("producer");
  if (entry === undefined) return undefined;
  const inner = section(mapOf(entry.value, path, place), path, ["linger", "batch-size", "compression"], place);
  const linger = measured(inner, "linger", "duration", place);
  const batchSize = measured(inner, "batch-size", "size", place);
  const compression = choice(inner, "compression", COMPRESSIONS, place);
  return {
    ...(linger === undefined ? {} : { linger }),
    ...(compression === undefined ? {} : { compression }),
    ...(batchSize === undefined ? {} : { "batch-size": batchSize }),
  };
}

function consumer(keys: Section, path: string, place: ProblemPlace): ConnectorConfig["consumer"] {
  const entry = keys.get("consumer");
  if (entry === undefined) return undefined;
  const map = mapOf(entry.value, path, place);
  const inner = section(map, path, ["partition", "max-bytes", "id", "offset"], place);
  measured(inner, "max-bytes", "size", place);
  const partition = inner.get("partition");
  const list =
    partition?.value.kind === "list" ? partition.value.items : partition === undefined ? [] : [partition.value];
  for (const item of list) {
    const given = textOf(item, `${path}.partition`, place);
    if (/^\d+$/.test(given) || given === "all") continue;
    const at = { ...place, line: item.line };
    throw problem(
      at,
      `\`${path}.partition\` ${JSON.stringify(given)} is not a partition`,
      "Write a number, a list of numbers, or `all`",
    );
  }
  return Object.fromEntries(map.entries.map((one) => [canonicalKey(one.key), plain(one.value)]));
}

function optionalSection<K extends string, V extends object>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined || Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]: V });
}

function parameters(entry: Found, path: string, place: ProblemPlace): ConnectorConfig["parameters"] {
  if (entry === undefined) return {};
  const found = new Map<string, ParameterValue>();
  for (const one of mapOf(entry.value, path, place).entries) {
    const twin = [...found.keys()].find((key) => canonicalKey(key) === canonicalKey(one.key));
    if (twin !== undefined) {
      const sentence = `\`${path}.${one.key}\` and \`${path}.${twin}\` are the same key`;
      throw problem({ ...place, line: one.line }, sentence, "Keep one of them", { key: one.key });
    }
    found.set(one.key, plain(one.value));
  }
  return Object.fromEntries(found);
}

const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkSecretName(given: string, line: number, place: ProblemPlace): string {
  if (SECRET_NAME.test(given)) return given;
  const sentence = `secret name ${JSON.stringify(given)} is not valid`;
  throw problem({ ...place, line }, sentence, "Use letters, digits and `_`, not starting with a digit");
}

/** Seed form: name and value. */
function secretValues(entry: Found, place: ProblemPlace): Readonly<Record<string, string>> {
  if (entry === undefined) return {};
  const pairs = mapOf(entry.value, "secrets", place).entries.map((one): [string, string] => {
    const value = textOf(one.value, `secrets.${one.key}`, place);
    return [checkSecretName(one.key, one.line, place), one.value.kind === "text" ? one.value.source : value];
  });
  return Object.fromEntries(pairs);
}

/** Today's form: declared names; the values come from a secrets file or the environment. */
function secretNames(entry: Found, place: ProblemPlace): Readonly<Record<string, string>> {
  if (entry === undefined) return {};
  if (entry.value.kind !== "list") {
    throw problem(
      { ...place, line: entry.line },
      "`meta.secrets` is not a list",
      "Write `- name: SECRET_NAME` below it",
    );
  }
  const names = entry.value.items.map((item) => {
    const keys = section(mapOf(item, "meta.secrets[]", place), "meta.secrets[]", ["name"], place);
    return checkSecretName(required(keys, "name", { ...place, line: item.line }), item.line, place);
  });
  return Object.fromEntries(names.map((one) => [one, ""]));
}

function transforms(entry: Found, place: ProblemPlace): readonly TransformStep[] {
  if (entry === undefined) return [];
  if (entry.value.kind !== "list") {
    throw problem({ ...place, line: entry.line }, "`transforms` is not a list", "Write `- uses: SMARTMODULE` below it");
  }
  return entry.value.items.map((item, index) => transformStep(item, `transforms[${index}]`, place));
}

function transformStep(item: YamlValue, path: string, place: ProblemPlace): TransformStep {
  const keys = section(mapOf(item, path, place), path, ["uses", "with", "lookback"], place);
  const uses = required(keys, "uses", { ...place, line: item.line });
  const withEntry = keys.get("with");
  const params = withEntry === undefined ? [] : mapOf(withEntry.value, `${path}.with`, place).entries;
  const lookback = keys.get("lookback");
  return {
    uses,
    with: Object.fromEntries(params.map((one) => [one.key, moduleParameter(one.value)])),
    ...(lookback === undefined ? {} : { lookback: lookbackOf(lookback, `${path}.lookback`, place) }),
  };
}

/** Lists and maps reach a module as JSON text. */
function moduleParameter(value: YamlValue): string {
  return value.kind === "text" ? value.text : JSON.stringify(plain(value));
}

function lookbackOf(entry: YamlEntry, path: string, place: ProblemPlace): NonNullable<TransformStep["lookback"]> {
  const keys = section(mapOf(entry.value, path, place), path, ["last", "age"], place);
  const last = keys.text("last") ?? "0";
  if (!/^\d+$/.test(last)) {
    throw problem(
      { ...place, line: entry.line },
      `\`${path}.last\` ${JSON.stringify(last)} is not a number`,
      "Write `last: 10`",
    );
  }
  const age = measured(keys, "age", "duration", place);
  return { last: Number(last), ...(age === undefined ? {} : { age }) };
}

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
function topicOptionTexts(entry: YamlEntry, place: ProblemPlace): TopicOptions {
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

function topicName(entry: YamlEntry, place: ProblemPlace): string {
  const keys = section(mapOf(entry.value, "meta.topic", place), "meta.topic", TOPIC_FILE_KEYS, place);
  const meta = keys.get("meta");
  if (meta === undefined)
    throw problem(place, "missing field `meta.topic.meta.name`", "Name the topic: `meta: { name: my-topic }`");
  return name(section(mapOf(meta.value, "meta.topic.meta", place), "meta.topic.meta", ["name"], place), "name", place);
}

/** `meta.topic` as an object (apiVersion 0.2.0): the fields of a topic file. */
function topicFileOptions(entry: YamlEntry, place: ProblemPlace): TopicOptions {
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
