import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { glob } from "tinyglobby";

/** A regular file as it was found. */
export interface FoundFile {
  readonly path: string;
  /** Device and inode: stays when the file is renamed. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface FindOptions {
  readonly path: string;
  /** Patterns of paths, or of names when they have no slash. */
  readonly exclude: readonly string[] | undefined;
  readonly order: "name" | "modified";
}

const MAGIC = /[*?[\]{}]/;
/** Files are asked about so many at a time. */
const STATS_AT_ONCE = 64;

/** The folder in which changes show that there may be new files, and whether a single file is meant. */
export async function watchedFolder(path: string): Promise<string> {
  const full = resolve(path);
  if (MAGIC.test(full)) return globBase(full);
  const found = await stat(full).catch(() => undefined);
  return found?.isDirectory() === true ? full : dirname(full);
}

/**
 * Files of a path, a folder or a pattern, in the order asked for. Names with a dot at the beginning are left out of folders
 * and patterns.
 * @throws the system's error when the file, the folder or the pattern's folder cannot be read
 */
export async function findFiles({ path, exclude = [], order }: FindOptions): Promise<FoundFile[]> {
  const full = resolve(path);
  const isPattern = MAGIC.test(full);
  const stats = await stat(isPattern ? globBase(full) : full, { bigint: true });
  if (!isPattern && stats.isFile()) return [foundFile(full, stats)];
  if (!stats.isDirectory()) throw new Error(`${isPattern ? globBase(full) : full} is no regular file and no folder`);
  // The pattern matcher passes over folders that it cannot read.
  if (!isPattern) await readdir(full);
  const ignore = exclude.map((one) => (one.includes("/") ? resolve(one) : `**/${one}`));
  const options = { absolute: true, expandDirectories: false, onlyFiles: true, ignore } as const;
  const cwd = isPattern ? globBase(full) : full;
  const pattern = isPattern ? full.slice(cwd === "/" ? 1 : cwd.length + 1) : "*";
  const found = await statAll(await glob(pattern, { ...options, cwd }));
  const byName = (a: FoundFile, b: FoundFile) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  return found.sort(order === "name" ? byName : (a, b) => a.modifiedMs - b.modifiedMs || byName(a, b));
}

/** The file of an identity among those of a folder: where it went when it was renamed. */
export async function findById(id: string, folder: string): Promise<FoundFile | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
  return (await statAll(files)).find((file) => file.id === id);
}

/** What can be told of a file; a name that has gone meanwhile is left out. */
async function statAll(paths: readonly string[]): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (let at = 0; at < paths.length; at += STATS_AT_ONCE) {
    const some = paths.slice(at, at + STATS_AT_ONCE).map(async (path) => {
      const stats = await stat(path, { bigint: true }).catch(() => undefined);
      return stats?.isFile() === true ? foundFile(path, stats) : undefined;
    });
    for (const file of await Promise.all(some)) if (file !== undefined) found.push(file);
  }
  return found;
}

export function foundFile(path: string, stats: BigIntStats): FoundFile {
  return {
    path,
    id: `${stats.dev}:${stats.ino}`,
    sizeBytes: Number(stats.size),
    modifiedMs: Number(stats.mtimeNs) / 1e6,
  };
}

/** The folder that a pattern begins with. */
function globBase(pattern: string): string {
  const parts = pattern.split("/");
  const magic = parts.findIndex((part) => MAGIC.test(part));
  return parts.slice(0, magic).join("/") || "/";
}
