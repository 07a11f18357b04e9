import { ownManifest, writeNewProject } from "../npm/index.ts";
import type { Answers } from "./templates/answers.ts";
import { projectFiles } from "./templates/common.ts";

/** Release of the crate that a Rust project is generated with. */
const CRATE_VERSION = "0.50";

export interface GenerateOptions extends Omit<Answers, "crate" | "productVersion"> {
  /** Absolute path of the new folder. */
  readonly dir: string;
  /** Other release, or folder, of the crate fluvio-smartmodule. */
  readonly crateVersion?: string | undefined;
  readonly cratePath?: string | undefined;
}

/**
 * Writes a complete project into a new folder.
 * @returns the paths of its files in it
 * @throws FLV_ARGUMENT when the folder exists and is not empty
 */
export async function generateProject(options: GenerateOptions): Promise<readonly string[]> {
  const { dir, crateVersion = CRATE_VERSION, cratePath, ...rest } = options;
  const crate = cratePath === undefined ? JSON.stringify(crateVersion) : `{ path = ${JSON.stringify(cratePath)} }`;
  const files = projectFiles({ ...rest, crate, productVersion: (await ownManifest()).version });
  return await writeNewProject(dir, files, rest.language === "typescript");
}
