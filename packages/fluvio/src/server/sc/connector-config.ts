import { flvError, isFluvioError } from "../../protocol/index.ts";

/** Stands for a secret's value wherever a configuration leaves the cluster. */
const REDACTED = "[REDACTED]";

/** What the SC reads of a connector's configuration; the rest is the connector host's. */
export interface ConnectorConfigView {
  readonly name: string;
  readonly topic: string;
  /** The connector creates its topic by itself, with these options. */
  readonly hasTopicOptions: boolean;
}

/** @throws FLV_CONNECTOR_INVALID */
export function readConnectorConfig(config: Uint8Array): ConnectorConfigView {
  const value = parse(config);
  const { name, topic } = value;
  if (typeof name !== "string" || typeof topic !== "string" || topic === "") {
    throw invalid(`"${typeof name === "string" ? "topic" : "name"}" is missing`);
  }
  return { name, topic, hasTopicOptions: value["topic-options"] !== undefined };
}

/** The configuration without the values of its section of secrets. */
export function withoutSecrets(config: Uint8Array): Uint8Array {
  const value = parse(config);
  const secrets = Object.keys(secretsOf(value));
  if (secrets.length === 0) return config;
  return print({ ...value, secrets: Object.fromEntries(secrets.map((name) => [name, REDACTED])) });
}

/**
 * A changed configuration in which secrets may be {@link REDACTED}, as a reader got them: those keep what they are in
 * `known`. Entries of lists are recognised by what is shown of them.
 */
export function withKnownSecrets(
  config: Uint8Array,
  known: { readonly config: Uint8Array; readonly shown: Uint8Array },
) {
  if (!new TextDecoder().decode(config).includes(REDACTED)) return config;
  return print(filled(parse(config), parse(known.config), parse(known.shown)) as object);
}

function filled(value: unknown, known: unknown, shown: unknown): unknown {
  if (typeof value === "string") return value.includes(REDACTED) && value === shown ? known : value;
  if (Array.isArray(value)) {
    const [knownItems, shownItems] = [asList(known), asList(shown)];
    return value.map((item) => {
      const at = shownItems.indexOf(item);
      return at < 0 ? item : filled(item, knownItems[at], shownItems[at]);
    });
  }
  if (typeof value !== "object" || value === null) return value;
  const [knownFields, shownFields] = [asFields(known), asFields(shown)];
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, filled(inner, knownFields[key], shownFields[key])]),
  );
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const asFields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function parse(config: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(config));
  } catch (cause) {
    if (isFluvioError(cause)) throw cause;
    throw invalid("it is not JSON in UTF-8", cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("it is no JSON object");
  return value as Readonly<Record<string, unknown>>;
}

function print(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function secretsOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const { secrets } = value;
  if (typeof secrets !== "object" || secrets === null) return {};
  return Object.fromEntries(
    Object.entries(secrets).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function invalid(reason: string, cause?: unknown): Error {
  return flvError("FLV_CONNECTOR_INVALID", `The connector configuration cannot be used: ${reason}`, {
    hint: "Create it from a file with `fluvio connector create --config FILE`",
    cause,
  });
}
