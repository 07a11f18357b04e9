import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { installationDir, ownManifest } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
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
  await refuseOccupied(dir);
  const crate = cratePath === undefined ? JSON.stringify(crateVersion) : `{ path = ${JSON.stringify(cratePath)} }`;
  const files = projectFiles({ ...rest, crate, productVersion: (await ownManifest()).version });
  for (const [path, text] of files) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  if (rest.language === "typescript") await linkInstallation(dir);
  return [...files.keys()];
}

async function refuseOccupied(dir: string): Promise<void> {
  const found = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw flvError("FLV_FILE", `cannot write into "${dir}": ${error.message}`, { details: { dir }, cause: error });
  });
  if (found.length === 0) return;
  throw flvError("FLV_ARGUMENT", `The folder "${dir}" exists and is not empty`, {
    details: { dir },
    hint: "Choose another name, or another place with --destination.",
  });
}

/** Editors find the SDK's types before the first `npm install`; where links are not allowed, after it. */
async function linkInstallation(dir: string): Promise<void> {
  const modules = join(dir, "node_modules");
  await mkdir(modules, { recursive: true });
  await symlink(installationDir(), join(modules, "fluvio"), "junction").catch(() => {});
}
