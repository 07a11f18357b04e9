import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  absolutePackageType,
  type ConnectorConfig,
  encodeConfig,
  isModuleParameter,
  loadConnectorFile,
  parseSecretsFile,
  REDACTED,
  validateConnector,
  withLine,
} from "../connector/index.ts";
import { readUserFile } from "./files.ts";
import type { Io } from "./io.ts";

/**
 * Reads and checks a connector file and makes it what the cluster stores: secrets that the file only declares get
 * their values from `secretsPath` or the environment, paths of SmartModules become absolute.
 * @param keepsSecrets an update: hidden values (`[REDACTED]`) stay what they are in the cluster
 * @throws FLV_FILE | FLV_CONNECTOR_INVALID with file, line and key
 */
export async function readConnectorFile(
  io: Io,
  path: string,
  secretsPath: string | undefined,
  keepsSecrets: boolean,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const decode = async (file: string) => new TextDecoder().decode(await readUserFile(io, file));
  const content = await decode(path);
  const loaded = loadConnectorFile(content, path);
  const given =
    secretsPath === undefined ? new Map<string, string>() : parseSecretsFile(await decode(secretsPath), secretsPath);
  const config = withAbsolutePaths(
    withSecrets(
      { ...loaded, type: absolutePackageType(loaded.type, io.cwd) },
      (name) => given.get(name) ?? io.env[name],
    ),
    io.cwd,
  );
  const kept = (name: string) => (keepsSecrets && config.secrets[name] === REDACTED ? REDACTED : undefined);
  try {
    await validateConnector(config, path, { lookup: kept });
  } catch (error) {
    throw withLine(error, content, path);
  }
  return { name: config.name, bytes: encodeConfig(config) };
}

function withSecrets(config: ConnectorConfig, lookup: (name: string) => string | undefined): ConnectorConfig {
  const secrets = Object.entries(config.secrets).map(([name, value]): [string, string] => [
    name,
    value === "" || value === REDACTED ? (lookup(name) ?? value) : value,
  ]);
  return { ...config, secrets: Object.fromEntries(secrets) };
}

/** The connector runs elsewhere than the command: a path that names a file here is made absolute. */
export function withAbsolutePaths(config: ConnectorConfig, cwd: string): ConnectorConfig {
  const absolute = (given: string): string => {
    const path = resolve(cwd, given);
    return existsSync(path) ? path : given;
  };
  const parameters = Object.entries(config.parameters).map(([key, value]): [string, typeof value] =>
    isModuleParameter(key) && typeof value === "string" ? [key, absolute(value)] : [key, value],
  );
  const transforms = config.transforms.map((step) =>
    step.uses.endsWith(".wasm") ? { ...step, uses: absolute(step.uses) } : step,
  );
  return { ...config, parameters: Object.fromEntries(parameters), transforms };
}
