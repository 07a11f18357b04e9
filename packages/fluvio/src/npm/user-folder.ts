import { homedir } from "node:os";
import { join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** Folder of the user's own: profiles, packages, and the data of a local cluster: `$FLUVIO_DIR`, else `~/.fluvio`. */
export function userFolder(env: Environment = process.env): string {
  const { FLUVIO_DIR = "", HOME = "" } = env;
  if (FLUVIO_DIR !== "") return resolve(FLUVIO_DIR);
  return join(HOME === "" ? homedir() : HOME, ".fluvio");
}

/** The file with the profiles: `$FLV_PROFILE_PATH`, else `config` in {@link userFolder}. */
export function configPath(env: Environment = process.env): string {
  const { FLV_PROFILE_PATH = "" } = env;
  return FLV_PROFILE_PATH === "" ? join(userFolder(env), "config") : resolve(FLV_PROFILE_PATH);
}
