import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  absolutePackageType,
  type ConnectorConfig,
  encodeConfig,
  isModuleParameter,
  loadConnectorFile,
  parseSecretsFile,
  REDACTED,
  secretsElsewhere,
  validateConnector,
  withAbsoluteOptions,
  withLine,
} from "../connector/index.ts";
import { readUserFile } from "./files.ts";
import type { Io } from "./io.ts";

interface ReadOptions {
  /** File of `KEY=VALUE` lines. */
  readonly secretsPath: string | undefined;
  /** An update: hidden values (`[REDACTED]`) stay what they are in the cluster. */
  readonly keepsSecrets: boolean;
  /** Names of the cluster's secrets; asked only when the file needs some. */
  clusterSecrets(): Promise<readonly string[]>;
  /** Checks that only the cluster can make; a key that an error names gets its line. */
  checkMore?(config: ConnectorConfig): Promise<void>;
}

/**
 * Reads and checks a connector file and makes it what the cluster stores: secrets that the file only declares get
 * their values from `secretsPath` or the environment, or are left to the cluster that has them; paths become
 * absolute.
 * @throws FLV_FILE | FLV_CONNECTOR_INVALID with file, line and key
 */
export async function readConnectorFile(
  io: Io,
  path: string,
  options: ReadOptions,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const decode = async (file: string) => new TextDecoder().decode(await readUserFile(io, file));
  const content = await decode(path);
  const loaded = loadConnectorFile(content, path);
  const { secretsPath } = options;
  const given =
    secretsPath === undefined ? new Map<string, string>() : parseSecretsFile(await decode(secretsPath), secretsPath);
  const config = await withAbsolutePaths(withSecrets(loaded, given, io.env), path, io.cwd);
  try {
    await validateConnector(config, path, { lookup: await hiddenSecrets(config, options) });
    await options.checkMore?.(config);
  } catch (error) {
    throw withLine(error, content, path);
  }
  return { name: config.name, bytes: encodeConfig(config) };
}

/** Puts values in: those of the file of secrets, and for secrets that are declared those of the environment. */
function withSecrets(
  config: ConnectorConfig,
  given: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): ConnectorConfig {
  const values = secretsElsewhere(config).map((name): readonly [string, string | undefined] => [
    name,
    given.get(name) ?? (name in config.secrets ? env[name] : undefined),
  ]);
  const found = values.filter((one): one is readonly [string, string] => one[1] !== undefined);
  return { ...config, secrets: { ...config.secrets, ...Object.fromEntries(found) } };
}

/** What stands for the values that only the cluster has. */
async function hiddenSecrets(config: ConnectorConfig, { keepsSecrets, clusterSecrets }: ReadOptions) {
  const isKept = (name: string) => keepsSecrets && config.secrets[name] === REDACTED;
  const inCluster = secretsElsewhere(config).every(isKept) ? [] : await clusterSecrets();
  return (name: string) => (isKept(name) || inCluster.includes(name) ? REDACTED : undefined);
}

/**
 * The connector runs elsewhere than the command: paths are made absolute, which begin in the folder of the connector's
 * file; those of SmartModules and packages also where the user is, of SmartModules only if there is such a file. A folder is no SmartModule: beside
 * the project `catfact-map` the name `catfact-map` means the module that was made of it.
 */
export async function withAbsolutePaths(config: ConnectorConfig, file: string, cwd: string): Promise<ConnectorConfig> {
  const folder = dirname(resolve(cwd, file));
  const type = absoluteType(config.type, [folder, cwd]);
  return await withAbsoluteOptions(withAbsoluteModules({ ...config, type }, [folder, cwd]), folder);
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A package in a folder, or a tarball. */
function absoluteType(type: string, folders: readonly string[]): string {
  const types = folders.map((folder) => absolutePackageType(type, folder));
  const isThere = (one: string) => [one, join(one, "package.json")].some((path) => isFile(path.slice("npm:".length)));
  return types.find(isThere) ?? types[0] ?? type;
}

function withAbsoluteModules(config: ConnectorConfig, folders: readonly string[]): ConnectorConfig {
  const absolute = (given: string): string => folders.map((folder) => resolve(folder, given)).find(isFile) ?? given;
  const parameters = Object.entries(config.parameters).map(([key, value]): [string, typeof value] =>
    isModuleParameter(key) && typeof value === "string" ? [key, absolute(value)] : [key, value],
  );
  const transforms = config.transforms.map((step) =>
    step.uses.endsWith(".wasm") ? { ...step, uses: absolute(step.uses) } : step,
  );
  return { ...config, parameters: Object.fromEntries(parameters), transforms };
}
