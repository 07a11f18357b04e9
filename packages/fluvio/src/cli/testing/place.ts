import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../../../tests/free-port.ts";
import { Program } from "./program.ts";

/** A home with free ports, removed after use; its cluster, if one still runs, is killed. */
export interface Place {
  readonly program: Program;
  readonly options: readonly string[];
  readonly address: string;
  readonly dataDir: string;
  readonly spuPort: number;
  readonly gatewayPort: number;
  processId(): Promise<number>;
  clear(): Promise<void>;
}

export async function newPlace(): Promise<Place> {
  const home = await mkdtemp(join(tmpdir(), "fluvio-cluster-"));
  const address = `127.0.0.1:${await freePort(1)}`;
  const spuPort = await freePort(3);
  const gatewayPort = await freePort(1);
  const dataDir = join(home, ".fluvio", "data");
  const processId = async () => {
    const lock = JSON.parse(await readFile(join(dataDir, "cluster.lock"), "utf8")) as { processId: number };
    return lock.processId;
  };
  return {
    program: new Program(home),
    options: [
      ...["--sc-pub-addr", address, "--spu-base-port", String(spuPort)],
      ...["--gateway-addr", `127.0.0.1:${gatewayPort}`],
    ],
    address,
    dataDir,
    spuPort,
    gatewayPort,
    processId,
    clear: async () => {
      await processId()
        .then((id) => process.kill(id, "SIGKILL"))
        .catch(() => {});
      await rm(home, { recursive: true, force: true });
    },
  };
}
