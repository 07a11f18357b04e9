import { constants } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { flvError, isFluvioError } from "../../protocol/index.ts";
import type { Io } from "../io.ts";
import type { Checklist } from "./checklist.ts";
import { clusterHolder } from "./holder.ts";
import { type ClusterSettings, gatewayEndpoint, scAddress, spuPorts } from "./settings.ts";

/** A killed process is gone for the system before the last of its threads is, and with it its sockets. */
const PORT_RELEASE_MS = 1000;
const PORT_POLL_MS = 20;

/** What was found before a start. */
export interface Findings {
  /** A stopped cluster's data is there, so that this start resumes it. */
  readonly hasData: boolean;
}

interface Check {
  readonly label: string;
  readonly progress: string;
  /** What is said when it is well. @throws FluvioError with the reason */
  run(): Promise<string>;
}

/**
 * The checks before a start, shown as they are done. `unless` leaves checks out.
 * @throws FLV_CLUSTER_START `Preflight check failed`, when the reasons have been shown
 */
export async function preflight(io: Io, settings: ClusterSettings, list: Checklist): Promise<Findings> {
  const findings = { hasData: await hasData(settings.data_dir) };
  let failed = false;
  for (const check of checks(io, settings, findings)) {
    list.progress(`    📝 Checking ${check.progress}`);
    try {
      list.done(`    ✅ ${await check.run()}`);
    } catch (error) {
      if (!isFluvioError(error)) throw error;
      const hint = error.hint === undefined ? "" : `; ${error.hint}`;
      list.headline(`    ❌ Check ${check.label} failed ${error.message}${hint}`);
      failed = true;
      // The other checks would only stumble over the same process.
      if (error.code === "FLV_CLUSTER_RUNNING") break;
    }
  }
  if (!failed) return findings;
  list.headline("💔 Some pre-flight check failed!");
  throw flvError("FLV_CLUSTER_START", "Preflight check failed");
}

function checks(io: Io, settings: ClusterSettings, findings: Findings): readonly Check[] {
  return [
    {
      label: "Fluvio Local Installation",
      progress: "Fluvio Local Installation",
      run: async () => {
        await checkNotRunning(io, settings);
        return "Local Fluvio is not installed";
      },
    },
    {
      label: "Clean Fluvio Local Installation",
      progress: "Clean Fluvio Local Installation",
      run: async () =>
        findings.hasData
          ? "Previous local fluvio installation found: its data is used"
          : "Previous local fluvio installation not found",
    },
    {
      label: "Folders",
      progress: "Folders",
      run: async () => {
        await checkWritable(settings.data_dir, "data", "--data-dir");
        await checkWritable(settings.log_dir, "log", "--log-dir");
        return "Data and log folders are writable";
      },
    },
    {
      label: "Ports",
      progress: "Ports",
      run: async () => {
        await checkPort(settings.sc_host, settings.sc_port, "--sc-pub-addr");
        for (const port of spuPorts(settings)) await checkPort(settings.sc_host, port, "--spu-base-port");
        const gateway = gatewayEndpoint(settings);
        if (gateway !== undefined) await checkPort(gateway.host, gateway.port, "--gateway-addr");
        return "Ports are free";
      },
    },
  ];
}

async function checkNotRunning(io: Io, settings: ClusterSettings): Promise<void> {
  const holder = await clusterHolder(settings);
  if (holder === undefined) return;
  io.stdout.print(`       found existing fluvio-run process. pid: ${holder.processId}`);
  throw flvError(
    "FLV_CLUSTER_RUNNING",
    `the cluster is still running (process ${holder.processId}, ${scAddress(settings)})`,
    {
      hint: "use it as it is, or stop it with `fluvio cluster shutdown`",
      details: { processId: holder.processId },
    },
  );
}

/** Whether a data folder holds a cluster's data. */
export async function hasData(dataDir: string): Promise<boolean> {
  const entries = await readdir(dataDir).catch((): string[] => []);
  return entries.some((name) => name !== "cluster.lock");
}

async function checkWritable(folder: string, what: string, option: string): Promise<void> {
  let path = folder;
  for (;;) {
    try {
      await access(path, constants.W_OK | constants.X_OK);
      return;
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      const parent = dirname(path);
      // A folder that is not there is made later; then the one above it must be writable.
      if (code === "ENOENT" && parent !== path) {
        path = parent;
        continue;
      }
      const reason = code === "ENOTDIR" ? `${path} is below a file` : (cause as Error).message;
      throw flvError("FLV_FILE", `the ${what} folder ${folder} cannot be written: ${reason}`, {
        hint: `give this user write permission, or choose another folder with ${option}`,
        details: { folder },
        cause,
      });
    }
  }
}

async function checkPort(host: string, port: number, option: string): Promise<void> {
  const deadlineMs = performance.now() + PORT_RELEASE_MS;
  let cause = await listenError(host, port);
  while (cause?.code === "EADDRINUSE" && performance.now() < deadlineMs) {
    await sleep(PORT_POLL_MS);
    cause = await listenError(host, port);
  }
  if (cause === undefined) return;
  const address = `${host}:${port}`;
  const inUse = cause.code === "EADDRINUSE";
  throw flvError(
    "FLV_PORT_IN_USE",
    inUse ? `port ${port} is in use (${address})` : `cannot listen on ${address}: ${cause.message}`,
    {
      hint: inUse ? `stop the program that has it, or choose another with ${option}` : `choose another with ${option}`,
      details: { address },
      cause,
    },
  );
}

function listenError(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}
