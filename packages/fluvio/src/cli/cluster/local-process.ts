import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { flvError } from "../../protocol/index.ts";
import type { DataDirHolder } from "../../server/index.ts";
import type { Io } from "../io.ts";
import { engineArguments } from "./engine-limits.ts";
import { isRunning } from "./holder.ts";
import { failureError, isStartMessage, type StartMessage } from "./messages.ts";
import { type ClusterSettings, clusterLogPath, scAddress } from "./settings.ts";
import { tlsArguments } from "./tls.ts";

/** Longest wait for a cluster to become ready. Recovering a large log after a crash takes its time. */
const READY_TIMEOUT_MS = 120_000;
/** Longest wait for a cluster to end in good order. */
const STOP_TIMEOUT_MS = 40_000;
const POLL_MS = 25;
/** A log that is larger when the cluster starts is put aside. */
const LOG_SIZE_BYTES_MAX = 16 * 1024 * 1024;
/** Lines of the log that a failed start shows. */
const LOG_LINES_SHOWN = 10;

export interface Started {
  readonly processId: number;
  readonly scPort: number;
  readonly spus: number;
}

/**
 * Starts `fluvio cluster run` as a process of its own that outlives this one, and waits until it is ready.
 * @throws what the cluster reported, else FLV_CLUSTER_START with the end of its log
 */
export async function startInBackground(io: Io, settings: ClusterSettings): Promise<Started> {
  const logPath = clusterLogPath(settings);
  const log = await openLog(settings);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [program(), "cluster", "run", ...runArguments(settings)], {
      detached: true,
      cwd: io.baseDir,
      env: io.env,
      stdio: ["ignore", log.fd, log.fd, "ipc"],
    });
  } finally {
    await log.close();
  }
  try {
    const ready = await readiness(
      child,
      io.signal,
      logPath,
      `SC at ${scAddress(settings)} and ${settings.spus} SPU(s)`,
    );
    return { processId: child.pid ?? 0, scPort: ready.scPort, spus: ready.spus };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

const program = (): string => fileURLToPath(new URL("../../../bin/fluvio.js", import.meta.url));

function runArguments(settings: ClusterSettings): readonly string[] {
  return [
    ["--data-dir", settings.data_dir],
    ["--log-dir", settings.log_dir],
    ["--sc-pub-addr", addressText(settings)],
    ["--spu", String(settings.spus)],
    ["--spu-base-port", String(settings.spu_base_port)],
    ["--flush", settings.flush],
    ["--rust-log", settings.rust_log],
    ["--gateway-addr", settings.gateway_addr],
    engineArguments(settings),
    tlsArguments(settings.tls),
  ].flat();
}

function addressText(settings: ClusterSettings): string {
  return settings.sc_host.includes(":") ? `[${settings.sc_host}]:${settings.sc_port}` : scAddress(settings);
}

async function openLog(settings: ClusterSettings) {
  const path = clusterLogPath(settings);
  try {
    await mkdir(settings.log_dir, { recursive: true });
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && found.size > LOG_SIZE_BYTES_MAX) await rename(path, `${path}.1`);
    return await open(path, "a", 0o640);
  } catch (cause) {
    throw flvError("FLV_FILE", `The log folder ${settings.log_dir} cannot be written: ${(cause as Error).message}`, {
      hint: "give this user write permission, or choose another folder with --log-dir",
      details: { logDir: settings.log_dir },
      cause,
    });
  }
}

function readiness(
  child: ChildProcess,
  signal: AbortSignal,
  logPath: string,
  waitsFor: string,
): Promise<Extract<StartMessage, { type: "ready" }>> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      void failure(reason, logPath).then(reject, reject);
    };
    const timer = setTimeout(
      () => fail(`it is not ready after ${READY_TIMEOUT_MS / 1000} s; still waiting for ${waitsFor}`),
      READY_TIMEOUT_MS,
    );
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
    };
    child.once("error", (error) => {
      settled();
      fail(`its process could not be started: ${error.message}`);
    });
    child.once("exit", (code, by) => {
      settled();
      fail(by === null ? `its process ended with code ${code}` : `its process was ended by ${by}`);
    });
    child.on("message", (message: unknown) => {
      if (!isStartMessage(message)) return;
      settled();
      if (message.type === "ready") resolve(message);
      else reject(failureError(message, logPath));
    });
  });
}

async function failure(reason: string, logPath: string): Promise<Error> {
  const lines = await lastLines(logPath, LOG_LINES_SHOWN);
  const shown = lines.length === 0 ? "its log is empty" : `the end of its log: ${lines.join(" ⏎ ")}`;
  return flvError("FLV_CLUSTER_START", `The cluster did not start: ${reason}; ${shown}`, {
    hint: `the whole log is in ${logPath}`,
    details: { log: logPath },
  });
}

async function lastLines(path: string, count: number): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count);
}

export type StopOutcome = "ended" | "killed";

/**
 * Ends a cluster process: SIGTERM, it drains; SIGKILL when it does not end in time. Resolves when it is gone.
 * @throws FLV_PERMISSION_DENIED when it belongs to another user
 */
export async function stopProcess(holder: DataDirHolder, signal: AbortSignal): Promise<StopOutcome> {
  send(holder, "SIGTERM");
  if (await gone(holder, signal)) return "ended";
  send(holder, "SIGKILL");
  await gone(holder, signal);
  return "killed";
}

/** Waits until the process is gone; false when it still is there after the longest wait. */
async function gone(holder: DataDirHolder, signal: AbortSignal): Promise<boolean> {
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  while (await isRunning(holder)) {
    if (performance.now() > deadlineMs) return false;
    await sleep(POLL_MS, undefined, { signal });
  }
  return true;
}

function send(holder: DataDirHolder, signal: NodeJS.Signals): void {
  try {
    process.kill(holder.processId, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
    throw flvError("FLV_PERMISSION_DENIED", `Process ${holder.processId} of the cluster belongs to another user`, {
      hint: "stop it as the user who started it",
      details: { processId: holder.processId },
      cause: error,
    });
  }
}
