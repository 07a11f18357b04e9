import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../../bin/fluvio.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

export interface ProgramResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built `fluvio` program in a process of its own, with a home of its own. */
export class Program {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;

  /** @param home an empty folder; stands for the user's home */
  constructor(home: string, env: Readonly<Record<string, string>> = {}) {
    if (!existsSync(BUILT)) throw new Error(`${BUILT} is missing: run npm run build`);
    this.home = home;
    const { CI: _, FLV_PROFILE_PATH: __, ...inherited } = process.env;
    this.env = { ...inherited, HOME: home, FLUVIO_DIR: `${home}/.fluvio`, ...env };
  }

  /** Starts a command line without waiting for its end. */
  start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(process.execPath, [PROGRAM, ...argv], { cwd: this.home, env: { ...this.env, ...env } });
  }

  async run(argv: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Promise<ProgramResult> {
    const child = this.start(argv, env);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (data) => {
      stdout += data;
    });
    child.stderr?.on("data", (data) => {
      stderr += data;
    });
    child.stdin?.end(input);
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    });
  }
}
