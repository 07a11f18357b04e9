import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runNpm } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import { type ConnectorProject, isFile } from "./project.ts";

export interface ConnectorBuildOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Told what takes time, and what the compiler says, line by line. */
  onMessage(line: string): void;
  /** Further arguments of the project's build script. */
  readonly args?: readonly string[];
}

/** Errors of the compiler that are shown. */
const KEPT_CHARS = 64 * 1024;

/**
 * Builds a connector's project: its `build` script, else its TypeScript compiler. What the project needs is installed first
 * where nothing is yet.
 * @throws FLV_CONNECTOR_BUILD with the compiler's first error | FLV_PACKAGE with npm's complaint
 */
export async function buildConnector(project: ConnectorProject, options: ConnectorBuildOptions): Promise<void> {
  const { env, signal, onMessage, args = [] } = options;
  await installNeeds(project, options);
  const hasScript = project.scripts.build !== undefined;
  const words = hasScript ? ["run", "--silent", "build", "--", ...args] : ["exec", "--", "tsc", "-p", ".", ...args];
  const { exitCode, text } = await run(words, { cwd: project.dir, env, signal, onMessage });
  if (exitCode !== 0) throw buildFailed(text, exitCode);
  if (await isFile(join(project.dir, project.module))) return;
  throw flvError("FLV_CONNECTOR_BUILD", `The build did not write ${project.module}`, {
    details: { dir: project.dir },
    hint: "package.json names it below `fluvio`: correct the path, or the compiler's outDir.",
  });
}

async function installNeeds({ dir, manifest }: ConnectorProject, options: ConnectorBuildOptions): Promise<void> {
  const needed = Object.keys({
    ...(manifest.dependencies as Record<string, string> | undefined),
    ...(manifest.devDependencies as Record<string, string> | undefined),
  });
  const missing = needed.filter((name) => !existsSync(join(dir, "node_modules", name, "package.json")));
  if (missing.length === 0) return;
  options.onMessage(`installing ${missing.join(", ")} with npm`);
  await runNpm(["install", "--no-audit", "--no-fund"], { cwd: dir, env: options.env, signal: options.signal });
}

async function run(
  words: readonly string[],
  { cwd, env, signal, onMessage }: Omit<ConnectorBuildOptions, "args"> & { readonly cwd: string },
): Promise<{ readonly exitCode: number; readonly text: string }> {
  const child = spawn("npm", words, {
    cwd,
    env,
    signal,
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let open = "";
  const take = (data: Buffer): void => {
    text = (text + data.toString()).slice(-KEPT_CHARS);
    const lines = (open + data.toString()).split("\n");
    open = lines.pop() ?? "";
    for (const line of lines) onMessage(line);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (open !== "") onMessage(open);
  return { exitCode, text };
}

function buildFailed(text: string, exitCode: number) {
  const first = /^\S+\.ts[(:].*error.*$/m.exec(text)?.[0] ?? /^.*error.*$/im.exec(text)?.[0];
  return flvError("FLV_CONNECTOR_BUILD", first ?? `the build ended with ${exitCode}`, { details: { exitCode } });
}
