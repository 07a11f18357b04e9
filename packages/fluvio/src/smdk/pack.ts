import { copyFile, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type NpmOptions, runNpm } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import type { Built } from "./build.ts";
import { moduleFileName, PACKAGE_FILE, type Project } from "./project.ts";

/** Where packages are made, below the project. */
export const PACK_DIR = ".hub";

export interface Packed {
  /** The npm package's name: the group is its scope. */
  readonly packageName: string;
  readonly version: string;
  /** The folder that was packed. */
  readonly dir: string;
  readonly tarball: string;
}

/** Makes a npm package of a built module: the wasm, its SmartModule.toml and its README. */
export async function packProject(
  project: Project,
  built: Built,
  { readme, ...npm }: Omit<NpmOptions, "cwd" | "terminal"> & { readonly readme?: string },
): Promise<Packed> {
  const { name, group, version, description, license, repository, visibility } = project.metadata.package;
  if (group === "") throw noGroup();
  const packageName = `@${group}/${name}`;
  const dir = join(project.dir, PACK_DIR, name);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const wasm = moduleFileName(name);
  await writeFile(join(dir, wasm), built.wasm);
  await copyFile(join(project.dir, PACKAGE_FILE), join(dir, PACKAGE_FILE));
  const readmePath = readme ?? join(project.dir, "README.md");
  const hasReadme = await stat(readmePath).then(
    (found) => found.isFile(),
    () => false,
  );
  if (hasReadme) await copyFile(readmePath, join(dir, "README.md"));
  else if (readme !== undefined)
    throw flvError("FLV_FILE", `cannot read "${readme}": No such file or directory (os error 2)`);
  const manifest = {
    name: packageName,
    version,
    description,
    license,
    repository,
    keywords: ["fluvio", "smartmodule", built.inspection.kind],
    publishConfig: { access: visibility === "public" ? "public" : "restricted" },
    fluvio: { smartmodules: { [name]: { wasm, toml: PACKAGE_FILE } } },
  };
  await writeFile(join(dir, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const home = join(project.dir, PACK_DIR);
  await runNpm(["pack", "--ignore-scripts", "--pack-destination", home], { ...npm, cwd: dir });
  const tarball = `${group}-${name}-${version}.tgz`;
  const made = (await readdir(home)).find((file) => file === tarball);
  if (made === undefined) throw flvError("FLV_PACKAGE", `npm did not write ${tarball}`, { details: { home } });
  return { packageName, version, dir, tarball: join(home, made) };
}

export function noGroup() {
  return flvError("FLV_ARGUMENT", `${PACKAGE_FILE} names no group`, {
    hint: `Give it one: group = "your-organisation" below [package].`,
  });
}
