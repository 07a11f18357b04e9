import { resolve } from "node:path";
import { type ConnectorConfig, loadConnectorFile, parseSecretsFile } from "../../../connector/index.ts";
import { withAbsolutePaths } from "../../connector-file.ts";
import { readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";

export interface UserConnector {
  readonly config: ConnectorConfig;
  /** Text of the file. */
  readonly content: string;
  /** Values of secrets: those of the secrets file, then those of the environment. */
  lookup(name: string): string | undefined;
}

/** A connector file for a connector that runs here, with absolute paths. */
export async function loadUserConnector(io: Io, path: string, secretsPath: string | undefined): Promise<UserConnector> {
  const content = new TextDecoder().decode(await readUserFile(io, path));
  const loaded = loadConnectorFile(content, path);
  const secrets =
    secretsPath === undefined
      ? new Map<string, string>()
      : parseSecretsFile(new TextDecoder().decode(await readUserFile(io, secretsPath)), secretsPath);
  return {
    config: await withAbsolutePaths(loaded, path, io.cwd),
    content,
    lookup: (name) => secrets.get(name) ?? io.env[name],
  };
}

/** The configuration with a package in place of the type. @param tarball as `npm pack` makes it */
export function withPackage(
  config: ConnectorConfig,
  tarball: string | undefined,
  io: Pick<Io, "cwd">,
): ConnectorConfig {
  return tarball === undefined ? config : { ...config, type: `npm:${resolve(io.cwd, tarball)}` };
}
