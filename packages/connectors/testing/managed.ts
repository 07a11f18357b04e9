import { join } from "node:path";
import { afterEach, vi } from "vitest";
import { type ConnectorConfig, encodeConfig } from "../../fluvio/src/connector/file/config.ts";
import { connectorSupervisor } from "../../fluvio/src/connector/supervise/supervisor.ts";
import type { ConnectorHost, ConnectorStatus } from "../../fluvio/src/server/index.ts";
import type { TestConnectors } from "./connectors.ts";

const WAIT = { timeout: 60_000, interval: 50 };

/** Connectors as the cluster runs them: a process each, from the compiled code. */
export interface ManagedConnectors {
  /** Starts a process for the connector; it ends with the test. */
  apply(config: ConnectorConfig): void;
  status(name: string): ConnectorStatus | undefined;
  /** What it has written so far. */
  log(name: string): Promise<string>;
  /** Ends the process without a chance to tidy up; the supervisor starts another. */
  end(name: string): void;
  /** The same; resolves when the other one runs. */
  kill(name: string): Promise<void>;
  /** Ends the connector, as when it is deleted. */
  remove(name: string): Promise<void>;
}

/** @returns the id of the process that the signal was sent to */
export function signalProcess(host: ConnectorHost, name: string, signal: NodeJS.Signals): number {
  const { processId } = host.status(name) ?? {};
  // none would be this one and all that it has started
  if (processId === undefined) throw new Error(`${name} has no process`);
  process.kill(processId, signal);
  return processId;
}

export function useManaged(connectors: TestConnectors): ManagedConnectors {
  const state: { supervisor?: ConnectorHost } = {};
  afterEach(async () => {
    await state.supervisor?.[Symbol.asyncDispose]();
    delete state.supervisor;
  });
  const supervisor = (): ConnectorHost => {
    state.supervisor ??= connectorSupervisor({
      endpoint: () => connectors.endpoint,
      logDirectory: join(connectors.folder, "log"),
      stateDirectory: join(connectors.folder, "state"),
      limits: { restartDelayMs: 5, restartDelayMaxMs: 50 },
      random: () => 0,
    });
    return state.supervisor;
  };
  return {
    apply: (config) => supervisor().apply(config.name, encodeConfig(config)),
    status: (name) => supervisor().status(name),
    remove: (name) => supervisor().remove(name),
    log: async (name) => {
      const { signal } = new AbortController();
      const chunks: Uint8Array[] = [];
      for await (const chunk of supervisor().readLog(name, { fromByte: 0, follow: false, signal })) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
    end: (name) => void signalProcess(supervisor(), name, "SIGKILL"),
    kill: async (name) => {
      const before = signalProcess(supervisor(), name, "SIGKILL");
      await vi.waitFor(() => {
        const now = supervisor().status(name);
        if (now?.processId === before || now?.resolution !== "running") throw new Error(`${name} does not run again`);
      }, WAIT);
    },
  };
}
