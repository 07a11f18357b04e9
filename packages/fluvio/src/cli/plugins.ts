import { type ChildProcess, spawn } from "node:child_process";
import { access, constants, readdir } from "node:fs/promises";
import { constants as os } from "node:os";
import { delimiter, join } from "node:path";
import { type Io, programDir } from "./io.ts";

const PREFIX = "fluvio-";
/** Longest wait for a plugin to describe itself for the help. */
const METADATA_TIMEOUT_MS = 5000;

/** What `fluvio-x metadata` prints. */
interface PluginMetadata {
  readonly title: string;
  readonly package?: string;
  readonly description: string;
  readonly version: string;
}

export interface Plugin {
  /** The command word: `x` of `fluvio-x`. */
  readonly name: string;
  readonly path: string;
}

export function extensionsDir(io: Io): string {
  return io.env.FLUVIO_EXTENSIONS_DIR ?? join(io.baseDir, "extensions");
}

/** Where plugins are looked for, in this order: beside the program, PATH, the extensions directory. */
function pluginDirs(io: Io): readonly string[] {
  const path = (io.env.PATH ?? "").split(delimiter).filter((dir) => dir !== "");
  return [...new Set([programDir(), ...path, extensionsDir(io)])];
}

export async function findPlugin(io: Io, name: string): Promise<Plugin | undefined> {
  // A name with a separator would leave the directories that are searched.
  if (!/^[\w.-]+$/.test(name)) return undefined;
  for (const dir of pluginDirs(io)) {
    const path = join(dir, `${PREFIX}${name}`);
    if (await isExecutable(path)) return { name, path };
  }
  return undefined;
}

export async function listPlugins(io: Io): Promise<readonly Plugin[]> {
  const found = new Map<string, Plugin>();
  for (const dir of pluginDirs(io)) {
    const files = await readdir(dir).catch((): string[] => []);
    for (const file of files.filter((one) => one.startsWith(PREFIX)).sort()) {
      const name = file.slice(PREFIX.length);
      const path = join(dir, file);
      if (!found.has(name) && (await isExecutable(path))) found.set(name, { name, path });
    }
  }
  return [...found.values()];
}

/** What the plugin says about itself; `undefined` when it does not answer as a plugin should. */
export async function pluginMetadata(io: Io, plugin: Plugin): Promise<PluginMetadata | undefined> {
  const child = spawn(plugin.path, ["metadata"], {
    env: io.env,
    stdio: ["ignore", "pipe", "ignore"],
    timeout: METADATA_TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await ended(child).catch(() => {});
  try {
    const parsed = JSON.parse(Buffer.concat(chunks).toString()) as Partial<PluginMetadata>;
    if (typeof parsed.title !== "string" || typeof parsed.description !== "string") return undefined;
    return { ...parsed, title: parsed.title, description: parsed.description, version: String(parsed.version ?? "") };
  } catch {
    return undefined;
  }
}

/** Runs a plugin with the words as they are; its exit code is ours. */
export async function runPlugin(io: Io, plugin: Plugin, words: readonly string[]): Promise<number> {
  const child = spawn(plugin.path, words, { env: io.env, cwd: io.cwd, stdio: io.ownsProcess ? "inherit" : "pipe" });
  if (child.stdout !== null && child.stderr !== null && child.stdin !== null) {
    child.stdout.on("data", (chunk: Buffer) => io.stdout.write(chunk));
    child.stderr.on("data", (chunk: Buffer) => io.stderr.write(chunk));
    io.stdin.pipe(child.stdin);
  }
  const { code, signal } = await ended(child);
  if (signal === null) return code ?? 1;
  const number = os.signals[signal];
  io.stderr.print(`Extension killed via ${number} signal`);
  return number;
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
