import { type ConnectorConfig, type ParameterValue, REDACTED } from "./config.ts";
import { nearest, problem } from "./problem.ts";

/**
 * Values of a connector's secrets: those in the file, and for the others (declared only, or hidden) what `lookup` has.
 * @throws FLV_CONNECTOR_INVALID `value not found for secret name X`
 */
export function resolveSecrets(
  config: ConnectorConfig,
  lookup: (name: string) => string | undefined,
  file: string,
): Readonly<Record<string, string>> {
  const found = Object.entries(config.secrets).map(([name, inFile]): [string, string] => {
    const value = inFile === "" || inFile === REDACTED ? lookup(name) : inFile;
    if (value !== undefined) return [name, value];
    const hint = `Give it in a secrets file (--secrets FILE with ${name}=VALUE), or as environment variable ${name}`;
    throw problem({ file }, `value not found for secret name ${name}`, hint, { secret: name });
  });
  return Object.fromEntries(found);
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

/** Puts secrets in: `${{ secrets.NAME }}` inside a text, and `{ secret: { name: NAME } }` in place of one. */
export function fillSecrets(
  parameters: Readonly<Record<string, ParameterValue>>,
  secrets: Readonly<Record<string, string>>,
  file: string,
): Readonly<Record<string, ParameterValue>> {
  const secretValue = (name: string, path: string): string => {
    const value = secrets[name];
    if (value !== undefined) return value;
    const guess = nearest(name, Object.keys(secrets));
    const hint = guess === undefined ? "Declare it below `secrets`" : `Did you mean \`${guess}\`?`;
    throw problem({ file }, `\`${path}\` uses the secret ${name}, which is not declared`, hint, { secret: name });
  };
  const fill = (value: ParameterValue, path: string): ParameterValue => {
    if (typeof value === "string") {
      return value.replace(/\$\{\{\s*secrets\.([A-Za-z_]\w*)\s*\}\}/g, (_, name: string) => secretValue(name, path));
    }
    if (Array.isArray(value)) return value.map((item, index) => fill(item, `${path}[${index}]`));
    const name = secretReference(value as { readonly [key: string]: ParameterValue });
    if (name !== undefined) return secretValue(name, path);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, `${path}.${key}`)]));
  };
  return Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, fill(value, `parameters.${key}`)]));
}

function secretReference(value: { readonly [key: string]: ParameterValue }): string | undefined {
  const inner = value.secret;
  if (Object.keys(value).length !== 1 || typeof inner !== "object" || Array.isArray(inner)) return undefined;
  const name = (inner as { readonly [key: string]: ParameterValue }).name;
  return typeof name === "string" ? name : undefined;
}
