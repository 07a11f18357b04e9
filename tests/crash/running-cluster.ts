import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Fluvio } from "../../packages/fluvio/src/client/index.ts";

const BINARY = fileURLToPath(new URL("../../packages/fluvio/bin/fluvio.js", import.meta.url));
const START_MS_MAX = 60_000;
/** Whoever asks without a pause takes the time that the start needs. */
const ASK_EVERY_MS = 20;

export interface ClusterPlace {
  readonly folder: string;
  readonly scPort: number;
  readonly spuPort: number;
  readonly spuCount: number;
}

export interface RunningCluster {
  readonly fluvio: Fluvio;
  /** SIGKILL, without any warning. */
  kill(): Promise<void>;
}

/** Starts the product's cluster as a process of its own; resolves when every SPU is online. */
export async function startCluster({ folder, scPort, spuPort, spuCount }: ClusterPlace): Promise<RunningCluster> {
  const address = `127.0.0.1:${scPort}`;
  const args = ["cluster", "run", "--data-dir", join(folder, "data"), "--sc-pub-addr", address];
  const child = spawn(
    process.execPath,
    [
      BINARY,
      ...args,
      "--spu-base-port",
      String(spuPort),
      "--spu",
      String(spuCount),
      "--rust-log",
      "warn",
      "--gateway-addr",
      "off",
    ],
    { env: { ...process.env, FLUVIO_DIR: folder, HOME: folder }, stdio: ["ignore", "ignore", "inherit"] },
  );
  const exited = once(child, "exit");
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      const fluvio = await Fluvio.connect({ address });
      const spus = await fluvio.admin().listSpus();
      if (spus.length < spuCount || spus.some((spu) => spu.status.resolution !== "online")) {
        await fluvio.close();
        throw new Error(`not all of ${spuCount} SPUs are online`);
      }
      return {
        fluvio,
        kill: async () => {
          child.kill("SIGKILL");
          const [, signal] = await exited;
          expect(signal).toBe("SIGKILL");
        },
      };
    } catch (error) {
      if (performance.now() > deadline || child.exitCode !== null) throw error;
      await sleep(ASK_EVERY_MS);
    }
  }
}
