import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, vi } from "vitest";
import { type Cluster, type ClusterOptions, startCluster } from "../../server/index.ts";
import { type CliResult, type RunOptions, runCli } from "./run.ts";

/** A real cluster in this process, and command lines that talk to it from a folder of their own. */
export interface TestCli {
  readonly dir: string;
  readonly address: string;
  run(argv: readonly string[], options?: RunOptions): Promise<CliResult>;
  /** Runs and expects exit code 0; gives standard output. */
  ok(...argv: string[]): Promise<string>;
  /** Pipes lines into `produce`. */
  produce(topic: string, input: string, ...flags: string[]): Promise<void>;
  /** Writes a file into the folder and gives its name. */
  file(name: string, content: string | Uint8Array): Promise<string>;
}

/** Starts the cluster before the tests of a file and removes it after them. */
export function useTestCli(clusterOptions: Partial<ClusterOptions> = {}): TestCli {
  let cluster: Cluster | undefined;
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "fluvio-cli-"));
    cluster = await startCluster({
      flush: "os",
      scPort: 0,
      spuBasePort: 0,
      ...clusterOptions,
      dataDir: join(dir, "data"),
    });
    // The partition of the consumers' positions opens a moment after the SPU is online.
    await vi.waitFor(() => ok("consumer", "list"), { timeout: 25_000 });
  });
  afterAll(async () => {
    await cluster?.close(0);
    await rm(dir, { recursive: true, force: true });
  });
  const address = () => `127.0.0.1:${cluster?.scPort}`;
  const run: TestCli["run"] = (argv, options = {}) => runCli(["-c", address(), ...argv], { cwd: dir, ...options });
  const ok: TestCli["ok"] = async (...argv) => {
    const result = await run(argv);
    if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${result.exitCode}: ${result.stderr}`);
    return result.stdout;
  };
  return {
    get dir() {
      return dir;
    },
    get address() {
      return address();
    },
    run,
    ok,
    produce: async (topic, input, ...flags) => {
      const result = await run(["produce", topic, ...flags], { input });
      if (result.exitCode !== 0) throw new Error(`produce ${topic}: ${result.stderr}`);
    },
    file: async (name, content) => {
      await writeFile(join(dir, name), content);
      return name;
    },
  };
}
