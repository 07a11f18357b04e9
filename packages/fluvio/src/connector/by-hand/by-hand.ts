import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { userPackages } from "../../npm/index.ts";
import { flvError } from "../../protocol/index.ts";
import { loadDefinition } from "../catalogue/catalogue.ts";
import type { ConnectorDefinition } from "../define.ts";
import { absoluteOptions } from "../file/absolute-paths.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { parametersSchema } from "../file/json-schema.ts";
import { loadConnectorFile } from "../file/load.ts";
import { parseSecretsFile } from "../file/secrets.ts";
import { ARGUMENTS, argumentHelp, configOfArguments } from "./arguments.ts";
import { type ForegroundOptions, runForeground } from "./foreground.ts";

export interface ByHandOptions extends Pick<ForegroundOptions, "connection" | "baseDir" | "signal"> {
  /** `http`, `http-sink`, `npm:PACKAGE`. */
  readonly type: string;
  /** `--key=value` for each parameter; or `metadata`, or `--help`; or `--config PATH` alone, with `--secrets PATH`. */
  readonly argv: readonly string[];
  /** Values of secrets, and RUST_LOG. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How the line begins, for help. */
  readonly usage: string;
  /** Takes the log, and what help and metadata print. */
  write(text: string): void;
}

/**
 * Runs a connector as its container does: started by hand with arguments in place of a file, on the active profile.
 * @throws FLV_CONNECTOR_INVALID | FLV_FILE | why it cannot go on
 */
export async function runByHand(options: ByHandOptions): Promise<void> {
  const { type, argv, env, usage, write } = options;
  const packages = userPackages(join(options.baseDir, "packages"), (sentence) => write(`${sentence}\n`));
  const definition = await loadDefinition({ type }, ARGUMENTS, packages);
  if (argv.includes("--help") || argv.includes("-h")) {
    write(argumentHelp(definition, usage));
    return;
  }
  if (argv[0] === "metadata") {
    write(`${JSON.stringify(connectorMetadata(definition), null, 2)}\n`);
    return;
  }
  const { file, config, secrets } = await givenConfig(type, argv, definition, env);
  await runForeground({
    ...options,
    config,
    file,
    definition,
    lookup: (name) => secrets.get(name) ?? env[name],
    rustLog: env.RUST_LOG,
  });
}

interface GivenConfig {
  readonly config: ConnectorConfig;
  readonly file: string;
  /** Of the secrets file. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** From a file where one is named, else from the arguments. */
async function givenConfig(
  type: string,
  argv: readonly string[],
  definition: ConnectorDefinition,
  env: ByHandOptions["env"],
): Promise<GivenConfig> {
  const secretsPath = argumentValue(argv, "secrets");
  const secrets = secretsPath === undefined ? new Map() : parseSecretsFile(await readText(secretsPath), secretsPath);
  const file = argumentValue(argv, "config");
  if (file !== undefined) {
    const config = loadConnectorFile(await readText(file), file);
    return { config: absoluteOptions(config, definition.config, dirname(resolve(file))), file, secrets };
  }
  const rest = without(argv, "secrets");
  return {
    config: configOfArguments(type, rest, definition, { ...env, ...Object.fromEntries(secrets) }),
    file: ARGUMENTS,
    secrets,
  };
}

function argumentValue(argv: readonly string[], name: string): string | undefined {
  const attached = argv.find((word) => word.startsWith(`--${name}=`));
  if (attached !== undefined) return attached.slice(name.length + 3);
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
}

function without(argv: readonly string[], name: string): readonly string[] {
  const at = argv.indexOf(`--${name}`);
  return argv.filter((word, index) => !word.startsWith(`--${name}=`) && (at < 0 || (index !== at && index !== at + 1)));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw flvError("FLV_FILE", `cannot read "${path}": ${(cause as Error).message}`, { details: { path }, cause });
  }
}

/** What containers tell of their connector. */
export function connectorMetadata(definition: ConnectorDefinition) {
  const { name, direction, version, summary } = definition;
  return { name, direction, version, description: summary, schema: parametersSchema(definition) };
}
