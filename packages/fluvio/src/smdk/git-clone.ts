import { spawn } from "node:child_process";
import { flvError } from "../protocol/index.ts";

export interface GitSource {
  /** Anything that `git clone` takes: https, ssh, a path. */
  readonly url: string;
  /** Branch or tag; without it what the repository has by default. */
  readonly ref?: string | undefined;
}

export interface GitOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** Last words of git that are kept. */
const KEPT_CHARS = 64 * 1024;

/**
 * Copies the newest state of a repository into a folder, with the user's git and its logins; it never asks for one.
 * @param into absolute, empty or not there
 * @throws FLV_PACKAGE when git is missing, or with what git complains about
 */
export async function cloneRepository({ url, ref }: GitSource, into: string, options: GitOptions): Promise<void> {
  const args = ["clone", "--depth=1", "--quiet", ...(ref === undefined ? [] : [`--branch=${ref}`]), "--", url, into];
  // No helper that runs commands of the address, no question to a terminal that nobody sees.
  const env = { ...options.env, GIT_TERMINAL_PROMPT: "0", GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh", LC_ALL: "C" };
  const child = spawn("git", args, { env, signal: options.signal, stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-KEPT_CHARS);
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? noGit() : error));
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (exitCode === 0) return;
  const reason = /^(?:fatal|error): (.*)$/m.exec(words)?.[1] ?? `exit code ${exitCode}`;
  throw flvError("FLV_PACKAGE", `Template repository "${url}" cannot be fetched: ${reason}`, {
    details: { url, ref, exitCode },
    hint: `See whether git reaches it: \`git ls-remote ${url}\`. A template in a folder is given with --template-path.`,
  });
}

function noGit() {
  return flvError("FLV_PACKAGE", "git is not installed: a template repository is fetched with it", {
    hint: "Install it (https://git-scm.com/downloads), or give a folder with --template-path.",
  });
}
