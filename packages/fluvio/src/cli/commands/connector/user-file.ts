import {
  absolutePackageType,
  type ConnectorConfig,
  loadConnectorFile,
  parseSecretsFile,
} from "../../../connector/index.ts";
import { withAbsolutePaths } from "../../connector-file.ts";
import { readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";

interface UserConnector {
  readonly config: ConnectorConfig;
  /** Text of the file. */
  readonly content: string;
  /** Values of secrets: those of the secrets file, then those of the environment. */
  lookup(name: string): string | undefined;
}

/** A connector file for a connector that runs here: paths in it are relative to where the user is. */
export async function loadUserConnector(io: Io, path: string, secretsPath: string | undefined): Promise<UserConnector> {
  const content = new TextDecoder().decode(await readUserFile(io, path));
  const loaded = loadConnectorFile(content, path);
  const secrets =
    secretsPath === undefined
      ? new Map<string, string>()
      : parseSecretsFile(new TextDecoder().decode(await readUserFile(io, secretsPath)), secretsPath);
  return {
    config: withAbsolutePaths({ ...loaded, type: absolutePackageType(loaded.type, io.cwd) }, io.cwd),
    content,
    lookup: (name) => secrets.get(name) ?? io.env[name],
  };
}
