import { COMPRESSIONS, type ConnectorConfig, ISOLATIONS, RUNTIMES } from "./config.ts";
import { consumerSection } from "./load-consumer.ts";
import { optionSection, parameters } from "./load-options.ts";
import { topicFileOptions, topicName, topicOptionTexts } from "./load-topic.ts";
import { transformSteps } from "./load-transforms.ts";
import { canonicalKey, type ProblemPlace, problem } from "./problem.ts";
import { choice, type Found, fullPath, measured, name, required, type Section, section } from "./section.ts";
import { mapOf, parseYaml, textOf, type YamlMap } from "./yaml-source.ts";

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

/** Keys of a file of the older kind. */
export const SEED_KEYS = [
  "version",
  "name",
  "type",
  "topic",
  "direction",
  "runtime",
  "image",
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
    ...runtime(keys, place),
    ...(options === undefined ? {} : { "topic-options": topicOptionTexts(options, place) }),
    parameters: parameters(keys.get("parameters"), "parameters", place),
    secrets: secretValues(keys.get("secrets"), place),
    ...optionalSection("producer", producer(keys, "producer", place)),
    ...optionalSection("consumer", consumerSection(keys, "consumer", place)),
    transforms: transformSteps(keys.get("transforms"), place),
  };
}

/** Keys of `meta` in a file of the newer kind. */
export const META_KEYS = [
  "name",
  "type",
  "version",
  "topic",
  "producer",
  "consumer",
  "secrets",
  "direction",
  "runtime",
  "image",
];
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
    ...runtime(meta, place),
    ...(isObject ? { "topic-options": topicFileOptions(topic, place) } : {}),
    parameters: optionSection(top, type, place),
    // Without an apiVersion the file is of the oldest kind, which knew no secrets.
    secrets: given === undefined ? {} : secretNames(meta.get("secrets"), place),
    ...optionalSection("producer", producer(meta, "meta.producer", place)),
    ...optionalSection("consumer", consumerSection(meta, "meta.consumer", place)),
    transforms: transformSteps(find("transforms"), place),
  };
}

/** A process or a container, and its image. */
function runtime(keys: Section, place: ProblemPlace): Pick<ConnectorConfig, "runtime" | "image"> {
  const chosen = choice(keys, "runtime", RUNTIMES, place);
  const entry = keys.get("image");
  if (entry === undefined) return chosen === undefined ? {} : { runtime: chosen };
  const path = fullPath(keys.path, "image");
  const image = textOf(entry.value, path, place);
  if (chosen !== "container") {
    throw problem(
      { ...place, line: entry.line },
      `\`${path}\` has no effect without \`runtime: container\``,
      "Write `runtime: container`, or remove it",
      { key: path, value: image },
    );
  }
  return { runtime: chosen, image };
}

function version(keys: Section, place: ProblemPlace): string {
  const entry = keys.get("version");
  if (entry === undefined) return "latest";
  const text = textOf(entry.value, fullPath(keys.path, "version"), place);
  return entry.value.kind === "text" ? entry.value.source : text;
}

/** Keys of the `producer` section. */
export const PRODUCER_KEYS = ["linger", "batch-size", "compression", "timeout", "isolation"];

function producer(keys: Section, path: string, place: ProblemPlace): ConnectorConfig["producer"] {
  const entry = keys.get("producer");
  if (entry === undefined) return undefined;
  const inner = section(mapOf(entry.value, path, place), path, PRODUCER_KEYS, place);
  const linger = measured(inner, "linger", "duration", place);
  const batchSize = measured(inner, "batch-size", "size", place);
  const compression = choice(inner, "compression", COMPRESSIONS, place);
  const timeout = measured(inner, "timeout", "duration", place);
  const isolation = choice(inner, "isolation", ISOLATIONS, place);
  return {
    ...(linger === undefined ? {} : { linger }),
    ...(compression === undefined ? {} : { compression }),
    ...(batchSize === undefined ? {} : { "batch-size": batchSize }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(isolation === undefined ? {} : { isolation }),
  };
}

function optionalSection<K extends string, V extends object>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined || Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]: V });
}

const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkSecretName(given: string, line: number, place: ProblemPlace): string {
  if (SECRET_NAME.test(given)) return given;
  const sentence = `secret name ${JSON.stringify(given)} is not valid`;
  throw problem({ ...place, line }, sentence, "Use letters, digits and `_`, not starting with a digit");
}

/** Seed form: name and value. An empty text stands for a value that is elsewhere: so a secret that is only declared is stored. */
function secretValues(entry: Found, place: ProblemPlace): Readonly<Record<string, string>> {
  if (entry === undefined) return {};
  const pairs = mapOf(entry.value, "secrets", place).entries.map((one): [string, string] => {
    const name = checkSecretName(one.key, one.line, place);
    if (one.value.kind === "text" && !one.value.isNull) return [name, one.value.source];
    return [name, textOf(one.value, `secrets.${one.key}`, place)];
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
