import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { create as createTar } from "tar";

/** A package for tests: its files by path, besides package.json. */
export interface TestPackage {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  /** Further fields of its package.json. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Writes it as a folder below `home` and gives the folder. */
export async function writePackage(home: string, { name, version, files, fields }: TestPackage): Promise<string> {
  const dir = join(home, `${name.replaceAll("/", "-")}-${version}`);
  const manifest = { name, version, type: "module", exports: "./index.js", ...fields };
  for (const [path, text] of Object.entries({ "package.json": JSON.stringify(manifest), ...files })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  return dir;
}

/** Packs a folder as `npm pack` does. */
export async function packFolder(dir: string): Promise<{ readonly path: string; readonly content: Uint8Array }> {
  const path = `${dir}.tgz`;
  await createTar({ gzip: true, file: path, cwd: dir, prefix: "package" }, ["."]);
  return { path, content: await readFile(path) };
}
