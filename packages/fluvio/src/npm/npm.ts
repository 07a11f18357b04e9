import { spawn } from "node:child_process";
import { flvError } from "../protocol/index.ts";

export interface NpmOptions {
  readonly cwd: string;
  /** Decides registry and login, as for any npm of the user. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** npm talks to the terminal itself, for a one-time password; nothing is captured then. */
  readonly terminal?: boolean;
}

/** Largest answer of npm that is kept. */
const KEPT_CHARS = 1024 * 1024;

/**
 * Runs the user's npm and gives what it wrote to standard output.
 * @throws FLV_PACKAGE with npm's own complaint
 */
export async function runNpm(args: readonly string[], options: NpmOptions): Promise<string> {
  const { cwd, env, signal, terminal = false } = options;
  // On Windows npm is a script, which only a shell starts.
  const shell = process.platform === "win32";
  const child = spawn("npm", args, {
    cwd,
    env,
    signal,
    shell,
    stdio: terminal ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  // a pipe may cut a letter in two
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout = (stdout + text).slice(0, KEPT_CHARS);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-KEPT_CHARS);
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? noNpm() : error));
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (exitCode === 0) return stdout;
  throw flvError("FLV_PACKAGE", `npm ${args[0]} failed: ${complaint(stderr, exitCode)}`, {
    details: { args, exitCode, npmCode: /^npm (?:error|ERR!) code (\S+)/m.exec(stderr)?.[1] },
  });
}

function noNpm() {
  return flvError("FLV_PACKAGE", "npm is not installed", { hint: "It comes with Node: https://nodejs.org." });
}

/** The first lines of npm's errors, without its prefixes and the place of its log. */
function complaint(stderr: string, exitCode: number): string {
  const lines = stderr
    .split("\n")
    .map((line) => /^npm (?:error|ERR!) ?(.*)$/.exec(line)?.[1]?.trim() ?? "")
    .filter((line) => line !== "" && !line.startsWith("A complete log") && !line.startsWith("code "));
  return lines.length === 0 ? `exit code ${exitCode}` : lines.slice(0, 2).join("; ");
}
