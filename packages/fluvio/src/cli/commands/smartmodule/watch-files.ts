import { type FSWatcher, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What builds write and packages bring: changes there are no changes of the sources. */
const IGNORED = new Set(["target", "node_modules", "Cargo.lock"]);
/** Editors write a file in several steps. */
const SETTLE_MS = 50;

/** What to watch: whole folders, and single files. Absolute paths. */
export interface Watched {
  readonly dirs: readonly string[];
  readonly files: readonly string[];
}

export interface FileWatch {
  /** Resolves a moment after the first change since the watch was opened, or when the signal aborts. */
  readonly changed: Promise<void>;
  close(): void;
}

/** Watches sources. Open it before they are read, so that no change in between is missed. */
export async function watchFiles({ dirs, files }: Watched, signal: AbortSignal): Promise<FileWatch> {
  const watchers: FSWatcher[] = [];
  let settle: NodeJS.Timeout | undefined;
  let resolve: () => void = () => {};
  const changed = new Promise<void>((done) => {
    resolve = done;
  });
  const onChange = () => {
    clearTimeout(settle);
    settle = setTimeout(resolve, SETTLE_MS);
  };
  const add = (dir: string, isWatched: (name: string) => boolean) => {
    const watcher = watch(dir, (_event, name) => {
      if (name === null || isWatched(name)) onChange();
    });
    // A folder that is deleted is a change of the one that it was in.
    watcher.on("error", onChange);
    watchers.push(watcher);
  };
  const isSource = (name: string) => !IGNORED.has(name) && !name.startsWith(".");
  for (const dir of (await Promise.all(dirs.map((each) => sourceDirs(each, isSource)))).flat()) add(dir, isSource);
  // A file that is replaced by another of its name is seen by its folder alone.
  for (const file of files) add(dirname(file), (name) => name === basename(file));
  signal.addEventListener("abort", resolve, { once: true });
  if (signal.aborted) resolve();
  return {
    changed,
    close: () => {
      clearTimeout(settle);
      signal.removeEventListener("abort", resolve);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** A folder and those below it that hold sources. */
async function sourceDirs(dir: string, isSource: (name: string) => boolean): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory() && isSource(entry.name));
  return [dir, ...(await Promise.all(below.map(({ name }) => sourceDirs(join(dir, name), isSource)))).flat()];
}
