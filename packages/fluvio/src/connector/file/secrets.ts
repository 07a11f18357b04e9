import { type ConnectorConfig, type ParameterValue, REDACTED } from "./config.ts";
import { nearest, problem } from "./problem.ts";

const REFERENCE = /\$\{\{\s*secrets\.([A-Za-z_]\w*)\s*\}\}/g;

/** Names of the secrets that a configuration uses: those it declares, then those it only mentions. */
function usedSecrets(config: ConnectorConfig): readonly string[] {
  const names = new Set(Object.keys(config.secrets));
  const look = (value: ParameterValue): void => {
    if (typeof value === "string") for (const [, name] of value.matchAll(REFERENCE)) names.add(name as string);
    else if (Array.isArray(value)) for (const item of value) look(item);
    else {
      const name = secretReference(value as { readonly [key: string]: ParameterValue });
      if (name !== undefined) names.add(name);
      else for (const inner of Object.values(value)) look(inner as ParameterValue);
    }
  };
  look(config.parameters);
  for (const step of config.transforms) look(step.with);
  return [...names];
}

/** Names of the secrets that a configuration uses and has no value of: the cluster's, or those of the environment. */
export function secretsElsewhere(config: ConnectorConfig): readonly string[] {
  return usedSecrets(config).filter((name) => [undefined, "", REDACTED].includes(config.secrets[name]));
}

/**
 * Values of a connector's secrets: those in the file, and for the others (declared only, hidden, or not even declared)
 * what `lookup` has.
 * @param place where the connector runs: one that is run by hand does not have the secrets of the cluster
 * @throws FLV_CONNECTOR_INVALID `value not found for secret name X`
 */
export function resolveSecrets(
  config: ConnectorConfig,
  lookup: (name: string) => string | undefined,
  file: string,
  place: "cluster" | "here" = "cluster",
): Readonly<Record<string, string>> {
  const elsewhere = secretsElsewhere(config);
  const found = usedSecrets(config).map((name): [string, string] => {
    const value = elsewhere.includes(name) ? lookup(name) : config.secrets[name];
    if (value === undefined) throw missingSecret(name, config, file, place);
    return [name, value];
  });
  return Object.fromEntries(found);
}

function missingSecret(name: string, config: ConnectorConfig, file: string, place: "cluster" | "here"): Error {
  const guess = nearest(
    name,
    Object.keys(config.secrets).filter((declared) => declared !== name),
  );
  const hint =
    (guess === undefined ? "" : `Did you mean \`${guess}\`? `) +
    (place === "cluster"
      ? `Set it in the cluster with \`fluvio secret set ${name}\`, or give it when the connector is created: `
      : "A connector that is run by hand is given the values of its secrets, as those of the cluster never leave it: ") +
    `--secrets FILE with ${name}=VALUE, or environment variable ${name}`;
  return problem({ file }, `value not found for secret name ${name}`, hint, { secret: name });
}

/** Reads `KEY=VALUE` lines; empty lines and lines that begin with `#` are skipped. @throws FLV_CONNECTOR_INVALID */
export function parseSecretsFile(content: string, file: string): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const equals = line.indexOf("=");
    // The line itself is not shown: it may hold a secret.
    if (equals <= 0) throw problem({ file, line: index + 1 }, "not a `KEY=VALUE` line", "Write one secret per line");
    secrets.set(line.slice(0, equals).trim(), line.slice(equals + 1));
  }
  return secrets;
}

/**
 * The configuration with its secrets put in, in parameters and in the parameters of SmartModules: `${{ secrets.NAME }}`
 * inside a text, and `{ secret: { name: NAME } }` in place of one.
 * @param secrets of all that it uses, as {@link resolveSecrets} gives them
 */
export function withSecrets(config: ConnectorConfig, secrets: Readonly<Record<string, string>>): ConnectorConfig {
  const text = (value: string): string =>
    value.replace(REFERENCE, (reference, name: string) => secrets[name] ?? reference);
  const fill = (value: ParameterValue): ParameterValue => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(fill);
    const fields = value as { readonly [key: string]: ParameterValue };
    const name = secretReference(fields);
    return name === undefined ? fillAll(fields) : (secrets[name] ?? fields);
  };
  const fillAll = (fields: { readonly [key: string]: ParameterValue }) =>
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fill(value)]));
  return {
    ...config,
    parameters: fillAll(config.parameters),
    transforms: config.transforms.map((step) => ({
      ...step,
      with: Object.fromEntries(Object.entries(step.with).map(([key, value]) => [key, text(value)])),
    })),
  };
}

/** Whether a value says where its secret is, and so is none itself. */
export function refersToSecret(value: ParameterValue): boolean {
  if (typeof value === "string") return new RegExp(REFERENCE.source).test(value);
  return !Array.isArray(value) && secretReference(value as { readonly [key: string]: ParameterValue }) !== undefined;
}

function secretReference(value: { readonly [key: string]: ParameterValue }): string | undefined {
  const inner = value.secret;
  if (Object.keys(value).length !== 1 || typeof inner !== "object" || Array.isArray(inner)) return undefined;
  const name = (inner as { readonly [key: string]: ParameterValue }).name;
  return typeof name === "string" ? name : undefined;
}
