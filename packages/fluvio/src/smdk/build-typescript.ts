import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { ownManifest } from "../npm/index.ts";
import { moduleFileName, type Project, TARGET_DIR } from "./project.ts";

interface TypeScriptBuildOptions {
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  onMessage?(text: string): void;
}

/** What a build leaves beside the wasm, to know whether the next one has anything to do. */
const STAMP = ".sources";

/**
 * Compiles the project's AssemblyScript into `target/<name>.wasm`, unless it is there already for these very sources.
 * Several processes may build at the same time.
 */
export async function buildTypeScript(
  project: Project,
  { force = false, signal, onMessage }: TypeScriptBuildOptions,
): Promise<{ readonly path: string; readonly wasm: Uint8Array; readonly rebuilt: boolean }> {
  const path = join(project.dir, TARGET_DIR, moduleFileName(project.metadata.package.name));
  const stampPath = `${path}${STAMP}`;
  const stamp = await sourcesHash(project);
  if (!force && (await readFile(stampPath, "utf8").catch(() => "")) === stamp) {
    const kept = await readFile(path).catch(() => undefined);
    if (kept !== undefined) return { path, wasm: kept, rebuilt: false };
  }
  // loading the compiler takes longer than everything else here
  const { compileSmartModule } = await import("fluvio/smartmodule");
  const { wasm, warnings } = await compileSmartModule({ entry: project.entry, signal });
  for (const { message, file, line, column } of warnings) {
    onMessage?.(`warning: ${file === undefined ? "" : `${file}:${line}:${column}: `}${message}`);
  }
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, wasm);
  await replaceFile(stampPath, stamp);
  return { path, wasm, rebuilt: true };
}

/** Changes whenever a build could give another result. */
async function sourcesHash(project: Project): Promise<string> {
  // the compiler and the SDK are part of the same installation
  const { version } = await ownManifest();
  const hash = createHash("sha256").update(version).update(relative(project.dir, project.entry));
  for (const path of await sourceFiles(project.dir)) {
    hash.update(`\0${relative(project.dir, path)}\0`).update(await readFile(path));
  }
  return hash.digest("hex");
}

/** Source files below a folder, in a fixed order, without those of other packages and of builds. */
async function sourceFiles(dir: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(dir, entry.name);
    const skipped = entry.name === "node_modules" || entry.name === TARGET_DIR || entry.name.startsWith(".");
    if (entry.isDirectory() && !skipped) found.push(...(await sourceFiles(path)));
    else if (entry.isFile() && entry.name.endsWith(".ts")) found.push(path);
  }
  return found;
}

/** Renamed into place: another process must never see half a file. */
async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, content);
  await rename(partial, path);
}
