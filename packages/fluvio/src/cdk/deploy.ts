import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "smol-toml";
import { z } from "zod";
import { installationDir } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";

/** A connector that was started in the background on this machine. */
export interface Deployment {
  readonly name: string;
  readonly processId: number;
  readonly logFile: string;
  /** Absolute. */
  readonly configFile: string;
  readonly isRunning: boolean;
}

/** Where it is written down which connectors run; shared by all projects of a user. */
const INDEX_FILE = "fluvio_cdk_deploy_index.toml";

const Index = z.object({
  connector: z
    .array(z.object({ name: z.string(), process_id: z.number(), log_file: z.string(), config_file: z.string() }))
    .default([]),
});
type Entry = z.output<typeof Index>["connector"][number];

/** Those that are written down, running or not. @param indexDir the folder for temporary files */
export async function deployments(indexDir: string): Promise<readonly Deployment[]> {
  const entries = await readIndex(indexDir);
  return await Promise.all(
    entries.map(async (entry) => ({
      name: entry.name,
      processId: entry.process_id,
      logFile: entry.log_file,
      configFile: entry.config_file,
      isRunning: await isOurs(entry),
    })),
  );
}

export interface NewDeployment {
  readonly name: string;
  /** Absolute. */
  readonly configFile: string;
  readonly logFile: string;
  /** Folder that the connector runs in. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Words of `fluvio` that run it. */
  readonly argv: readonly string[];
}

/**
 * Starts a connector as a process of its own that outlives this one.
 * @throws FLV_CONNECTOR_ALREADY_EXISTS when one of this name runs
 */
export async function startDeployment(indexDir: string, deployment: NewDeployment): Promise<Deployment> {
  const { name, configFile, logFile, cwd, env, argv } = deployment;
  const known = (await deployments(indexDir)).find((one) => one.name === name);
  if (known?.isRunning === true) {
    throw flvError("FLV_CONNECTOR_ALREADY_EXISTS", `Connector with name ${name} already exists`, {
      details: { name, processId: known.processId },
      hint: `End it with \`cdk deploy shutdown --name ${name}\``,
    });
  }
  await using log = await open(logFile, "w", 0o640);
  const program = join(installationDir(), "bin", "fluvio.js");
  const child = spawn(process.execPath, [program, ...argv], {
    detached: true,
    cwd,
    env,
    stdio: ["ignore", log.fd, log.fd],
  });
  await once(child, "spawn");
  child.unref();
  const processId = child.pid ?? 0;
  const entry = { name, process_id: processId, log_file: logFile, config_file: configFile };
  await writeIndex(indexDir, [...(await readIndex(indexDir)).filter((one) => one.name !== name), entry]);
  return { name, processId, logFile, configFile, isRunning: true };
}

const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 25;

/** Ends a connector (SIGTERM, it drains; SIGKILL when it does not) and forgets it. */
export async function shutdownDeployment(indexDir: string, { name, processId, isRunning }: Deployment): Promise<void> {
  if (isRunning) {
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    let isAlive = signalled(processId, "SIGTERM");
    while (isAlive) {
      await sleep(POLL_MS);
      isAlive = signalled(processId, performance.now() > deadline ? "SIGKILL" : 0);
    }
  }
  await writeIndex(
    indexDir,
    (await readIndex(indexDir)).filter((one) => one.name !== name),
  );
}

async function readIndex(indexDir: string): Promise<readonly Entry[]> {
  const path = join(indexDir, INDEX_FILE);
  const text = await readFile(path, "utf8").catch(() => "");
  try {
    return Index.parse(parse(text)).connector;
  } catch (cause) {
    throw flvError("FLV_FILE", `cannot read "${path}": it is not an index of connectors`, {
      details: { path },
      hint: "Delete it: connectors that run go on, but are not listed any more",
      cause,
    });
  }
}

async function writeIndex(indexDir: string, connector: readonly Entry[]): Promise<void> {
  const path = join(indexDir, INDEX_FILE);
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, stringify({ connector: [...connector] }), { mode: 0o600 });
  await rename(partial, path);
}

/** Whether the process was there to be told; 0 tells it nothing. */
function signalled(processId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(processId, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether the process is still the one that was started: numbers are given out again. */
async function isOurs({ process_id: processId, config_file: configFile }: Entry): Promise<boolean> {
  if (!signalled(processId, 0)) return false;
  const line = await readFile(`/proc/${processId}/cmdline`, "utf8").catch(() => undefined);
  return line === undefined || line.split("\0").includes(configFile);
}
