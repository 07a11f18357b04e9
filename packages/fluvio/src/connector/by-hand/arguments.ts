import type { ConnectorDefinition } from "../define.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED } from "../file/config.ts";
import { loadConnectorFile } from "../file/load.ts";
import { canonicalKey, problem } from "../file/problem.ts";
import { COMMON_PARAMETERS } from "../options/common-parameters.ts";
import { fieldMeta } from "../options/fields.ts";
import { parameterList } from "../options/parameter-list.ts";

/** How messages name what was not read from a file. */
export const ARGUMENTS = "arguments";

/** Arguments that are not parameters of the connector: where they belong in a file. */
const SECTIONS: Readonly<Record<string, readonly [section: string, key: string]>> = {
  "producer-linger": ["producer", "linger"],
  "producer-compression": ["producer", "compression"],
  "producer-batch-size": ["producer", "batch-size"],
  "producer-timeout": ["producer", "timeout"],
  "producer-isolation": ["producer", "isolation"],
  "consumer-id": ["consumer", "id"],
  "consumer-max-bytes": ["consumer", "max-bytes"],
};

/** Arguments of a connector that is started by hand, besides its parameters; for its help. */
const ARGUMENT_HELP: readonly (readonly [argument: string, summary: string])[] = [
  ["--fluvio-topic <TOPIC>", "topic that is written or read [required]"],
  ["--connector-name <NAME>", "under which positions are kept [default: TYPE-TOPIC]"],
  ["--producer-linger <DURATION>", "how long a batch waits for more records"],
  ["--producer-compression <NAME>", "none, gzip, snappy, lz4 or zstd"],
  ["--producer-batch-size <SIZE>", "size of a batch that waits no longer"],
  ["--producer-timeout <DURATION>", "how long the cluster may take to commit a batch [default: 1500ms]"],
  ["--producer-isolation <NAME>", "read_uncommitted or read_committed: acknowledged when committed"],
  ["--consumer-id <ID>", "name of a sink's position [default: the connector's name]"],
  ["--consumer-max-bytes <SIZE>", "asked for at once, per partition"],
  ["--consumer-offset <START>", "where a sink begins: beginning or end [default: end]"],
  ["--transform <JSON>", 'a SmartModule, such as {"uses":"my-filter","with":{"key":"value"}}; may be repeated'],
];

/**
 * The configuration that arguments stand for, as containers of connectors take them: `--endpoint=URL` or `--endpoint URL`
 * for each parameter, repeated for lists, `--map-parameter key:value` for maps. Values may refer to variables of the environment
 * as `\${{ secrets.NAME }}`.
 * @param env names of variables that stand in for parameters are looked up here
 * @throws FLV_CONNECTOR_INVALID
 */
export function configOfArguments(
  type: string,
  argv: readonly string[],
  definition: ConnectorDefinition,
  env: Readonly<Record<string, string | undefined>>,
): ConnectorConfig {
  const given = splitArguments(argv);
  const topic = single(given, "fluvio-topic") ?? single(given, "topic");
  if (topic === undefined) {
    throw problem({ file: ARGUMENTS }, "missing `--fluvio-topic`", "Add --fluvio-topic=TOPIC", { key: "topic" });
  }
  const offset = single(given, "consumer-offset");
  const name = single(given, "connector-name") ?? nameOf(type, topic);
  const transforms = (given.get("transform") ?? []).map(transformOf);
  const sections: Record<string, Record<string, unknown>> = {};
  for (const [argument, [section, key]] of Object.entries(SECTIONS)) {
    const value = single(given, argument);
    if (value !== undefined) sections[section] = { ...sections[section], [key]: value };
  }
  if (offset !== undefined) sections.consumer = { ...sections.consumer, offset: { start: offset } };
  for (const taken of [
    "fluvio-topic",
    "topic",
    "connector-name",
    "transform",
    "consumer-offset",
    ...Object.keys(SECTIONS),
  ]) {
    given.delete(taken);
  }
  const parameters = parametersOf(given, definition);
  const document = {
    name,
    type,
    topic,
    ...(type.endsWith("-source") || type.endsWith("-sink") ? {} : { direction: definition.direction }),
    parameters,
    secrets: Object.fromEntries(secretNames(parameters, definition, env).map((secret) => [secret, REDACTED])),
    ...sections,
    ...(transforms.length === 0 ? {} : { transforms }),
  };
  return loadConnectorFile(JSON.stringify(document), ARGUMENTS);
}

/** By canonical key, in the order of their first occurrence. @throws FLV_CONNECTOR_INVALID */
function splitArguments(argv: readonly string[]): Map<string, string[]> {
  const given = new Map<string, string[]>();
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    const [, written, attached] = /^--([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (written === undefined) {
      throw problem({ file: ARGUMENTS }, `unexpected argument \`${word}\``, "Write --key=value", { key: word });
    }
    const next = argv[index + 1];
    const takesNext = attached === undefined && next !== undefined && !next.startsWith("--");
    if (takesNext) index++;
    const key = canonicalKey(written);
    const values = given.get(key) ?? [];
    // An option without a value is a switch.
    values.push(attached ?? (takesNext ? next : "true"));
    given.set(key, values);
  }
  return given;
}

function single(given: ReadonlyMap<string, readonly string[]>, key: string): string | undefined {
  const values = given.get(key);
  if (values === undefined || values.length === 1) return values?.[0];
  throw problem({ file: ARGUMENTS }, `\`--${key}\` is given ${values.length} times`, "Keep one of them", { key });
}

function transformOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw problem({ file: ARGUMENTS }, `\`--transform\` ${JSON.stringify(text)} is not JSON`, 'Write {"uses":"NAME"}', {
      key: "transforms",
      value: text,
    });
  }
}

/** Names of connectors have lowercase letters, digits and hyphens, 63 at most. */
function nameOf(type: string, topic: string): string {
  const plain = `${type}-${topic}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return plain.slice(0, 63).replace(/^-|-$/g, "");
}

/** Options of which the file has a map. */
function mapKeys({ config }: ConnectorDefinition): ReadonlySet<string> {
  const own = Object.entries(config.shape).filter(([, schema]) => fieldMeta(schema).fields !== undefined);
  return new Set([...own.map(([name]) => canonicalKey(name)), "retry"]);
}

function parametersOf(
  given: ReadonlyMap<string, readonly string[]>,
  definition: ConnectorDefinition,
): Record<string, ParameterValue> {
  const maps = mapKeys(definition);
  const parameters: Record<string, ParameterValue> = {};
  for (const [key, values] of given) {
    if (maps.has(key)) parameters[key] = Object.fromEntries(values.map((value) => pairOf(key, value)));
    else parameters[key] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return parameters;
}

function pairOf(key: string, value: string): readonly [string, string] {
  const colon = value.indexOf(":");
  if (colon > 0) return [value.slice(0, colon).trim(), value.slice(colon + 1).trim()];
  const sentence = `\`--${key}\` ${JSON.stringify(value)} is not \`key:value\``;
  throw problem({ file: ARGUMENTS }, sentence, `Write --${key} key:value, once for each key`, { key, value });
}

/** Secrets that the arguments refer to, and those that stand in for options that are not given. */
function secretNames(
  parameters: Readonly<Record<string, ParameterValue>>,
  { config }: ConnectorDefinition,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const referred = [...JSON.stringify(parameters).matchAll(/\$\{\{\s*secrets\.([A-Za-z_]\w*)\s*\}\}/g)];
  const standIns = Object.values(config.shape).map((schema) => fieldMeta(schema).secret);
  const inEnvironment = standIns.flatMap((name) => (name !== undefined && env[name] !== undefined ? [name] : []));
  return [...new Set([...referred.map((match) => match[1] ?? ""), ...inEnvironment])];
}

/** Help of a connector that is started by hand. @param usage how the line begins */
export function argumentHelp(definition: ConnectorDefinition, usage: string): string {
  const own = parameterList(definition)
    .filter(({ name }) => !name.includes("."))
    .map(({ name, type, description, default: fallback, required }): [string, string] => {
      const note = required ? " [required]" : fallback === undefined ? "" : ` [default: ${fallback}]`;
      return [`--${name} <${type}>`, `${description}${note}`];
    });
  const common = [...COMMON_PARAMETERS]
    .filter(([, { only }]) => only === undefined || only === definition.direction)
    .map(([name, { doc }]): [string, string] => [`--${name} <value>`, doc]);
  const parts = [
    `${definition.summary} (${definition.name} ${definition.direction} ${definition.version})`,
    `Usage: ${usage} --fluvio-topic=TOPIC [--key=value …]\n       ${usage} metadata`,
    rows("Parameters", own),
    rows("Topic and delivery", ARGUMENT_HELP),
    rows("SmartModules and log", common),
  ];
  return `${parts.join("\n\n")}\n`;
}

function rows(title: string, lines: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...lines.map(([left]) => left.length)));
  const text = lines.map(([left, right]) =>
    left.length > width ? `  ${left}\n${" ".repeat(width + 4)}${right}` : `  ${left.padEnd(width)}  ${right}`,
  );
  return `${title}:\n${text.join("\n")}`;
}
