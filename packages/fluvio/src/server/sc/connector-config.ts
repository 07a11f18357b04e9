import { flvError, isFluvioError } from "../../protocol/index.ts";

/** Stands for a secret's value wherever a configuration leaves the cluster. */
const REDACTED = "[REDACTED]";

/** What the SC reads of a connector's configuration; the rest is the connector host's. */
export interface ConnectorConfigView {
  readonly name: string;
  readonly topic: string;
  /** The connector creates its topic by itself, with these options. */
  readonly hasTopicOptions: boolean;
  readonly secrets: Readonly<Record<string, string>>;
}

/** @throws FLV_CONNECTOR_INVALID */
export function readConnectorConfig(config: Uint8Array): ConnectorConfigView {
  const value = parse(config);
  const { name, topic } = value;
  if (typeof name !== "string" || typeof topic !== "string" || topic === "") {
    throw invalid(`"${typeof name === "string" ? "topic" : "name"}" is missing`);
  }
  return { name, topic, hasTopicOptions: value["topic-options"] !== undefined, secrets: secretsOf(value) };
}

/** The configuration without the values of its secrets. */
export function withoutSecrets(config: Uint8Array): Uint8Array {
  const value = parse(config);
  const secrets = Object.keys(secretsOf(value));
  if (secrets.length === 0) return config;
  return print({ ...value, secrets: Object.fromEntries(secrets.map((name) => [name, REDACTED])) });
}

/** A changed configuration whose secrets may be {@link REDACTED}, as a reader got them: those keep their value. */
export function withKnownSecrets(config: Uint8Array, known: Uint8Array): Uint8Array {
  const value = parse(config);
  const before = secretsOf(parse(known));
  const secrets = Object.entries(secretsOf(value));
  if (!secrets.some(([name, secret]) => secret === REDACTED && before[name] !== undefined)) return config;
  const filled = secrets.map(([name, secret]) => [name, secret === REDACTED ? (before[name] ?? secret) : secret]);
  return print({ ...value, secrets: Object.fromEntries(filled) });
}

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
