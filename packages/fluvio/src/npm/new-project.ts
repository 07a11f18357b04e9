import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { flvError } from "../protocol/index.ts";
import { installationDir } from "./installation.ts";

/** Text, or bytes, of each file of a project by its path in it. */
export type ProjectFiles = ReadonlyMap<string, string | Uint8Array>;

/**
 * Writes a project into a new folder.
 * @param linked whether the project imports `fluvio`: editors then find its types before the first `npm install`
 * @returns the paths of its files in it
 * @throws FLV_ARGUMENT when the folder exists and is not empty | FLV_FILE
 */
export async function writeNewProject(dir: string, files: ProjectFiles, linked: boolean): Promise<readonly string[]> {
  await refuseOccupied(dir);
  for (const [path, text] of files) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  if (linked) await linkInstallation(dir);
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

/** Where links are not allowed, `npm install` does it. */
async function linkInstallation(dir: string): Promise<void> {
  const modules = join(dir, "node_modules");
  await mkdir(modules, { recursive: true });
  await symlink(installationDir(), join(modules, "fluvio"), "junction").catch(() => {});
}
