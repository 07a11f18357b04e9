import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";
import type { ConnectorHost, ConnectorResolution, ConnectorStatus } from "../../server/index.ts";
import { type ConnectorConfig, encodeConfig } from "../file/config.ts";
import { type ConnectorSupervisorOptions, connectorSupervisor } from "../supervise/supervisor.ts";

/** A process that does what its configuration's `behaviour` says. */
export const CHILD = fileURLToPath(new URL("./child.mjs", import.meta.url));
export const DEADLINE_MS = 30_000;
export const WAIT = { timeout: DEADLINE_MS, interval: 5 };

/** A supervisor of its own for each test, with short limits. */
export class SupervisorStage {
  folder = "";
  supervisor!: ConnectorHost;
  /** Every status that it said, in order. */
  heard: { readonly name: string; readonly status: ConnectorStatus }[] = [];
  #wake = (): void => {};

  /** Starts a supervisor; one of before is to be disposed. */
  open(more: Partial<ConnectorSupervisorOptions>): void {
    this.heard = [];
    this.supervisor = connectorSupervisor({
      endpoint: () => "127.0.0.1:9003",
      logDirectory: join(this.folder, "log"),
      stateDirectory: join(this.folder, "state"),
      runnerPath: CHILD,
      random: () => 0,
      ...more,
      limits: {
        restartDelayMs: 2,
        restartDelayMaxMs: 8,
        // nothing is said to be silent, or killed, that is only slow
        silentAfterMs: DEADLINE_MS,
        heartbeatTimeoutMs: DEADLINE_MS,
        stopTimeoutMs: DEADLINE_MS,
        ...more.limits,
      },
    });
    this.supervisor.onStatus((name, status) => {
      this.heard.push({ name, status });
      this.#wake();
    });
  }

  config(behaviour: string, more: Partial<ConnectorConfig> = {}): Uint8Array {
    return encodeConfig({
      name: "c",
      type: "http",
      topic: "t",
      version: "latest",
      parameters: { behaviour, pidFile: join(this.folder, "pid") },
      secrets: {},
      transforms: [],
      ...more,
    });
  }

  /** Resolves with the first status, heard or to come, that fits. */
  async until(fits: (status: ConnectorStatus) => boolean, name = "c"): Promise<ConnectorStatus> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const found = this.heard.find((one) => one.name === name && fits(one.status));
      if (found !== undefined) return found.status;
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        const late = () => reject(new Error(`only heard ${JSON.stringify(this.heard)}`));
        deadline.addEventListener("abort", late, { once: true });
      });
    }
  }

  reached(resolution: ConnectorResolution): Promise<ConnectorStatus> {
    return this.until((status) => status.resolution === resolution);
  }

  async log(name = "c"): Promise<string> {
    let text = "";
    const signal = new AbortController().signal;
    for await (const chunk of this.supervisor.readLog(name, { fromByte: 0, follow: false, signal })) {
      text += Buffer.from(chunk);
    }
    return text;
  }
}

export function useSupervisor(): SupervisorStage {
  const stage = new SupervisorStage();
  beforeEach(async () => {
    stage.folder = await mkdtemp(join(tmpdir(), "fluvio-supervisor-"));
    stage.open({});
  });
  afterEach(async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    await rm(stage.folder, { recursive: true, force: true });
  });
  return stage;
}

export function exists(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
