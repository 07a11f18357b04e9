import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { freePort } from "../../../../../tests/free-port.ts";
import { SPU_PORT_STEP } from "../../protocol/index.ts";
import { type Cluster, type ClusterOptions, startCluster } from "../../server/index.ts";
import { Fluvio, type FluvioConnectOptions } from "../fluvio.ts";

/** A real cluster in this process with its data in a temporary folder, for one test file. */
export class TestCluster {
  #cluster: Cluster | undefined;
  #dataDir = "";
  readonly #options: Partial<ClusterOptions>;
  #topics = 0;

  constructor(options: Partial<ClusterOptions>) {
    this.#options = options;
  }

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster is not started");
    return this.#cluster;
  }

  get address(): string {
    return `127.0.0.1:${this.cluster.scPort}`;
  }

  /** @param ports those of {@link stop}, on which it comes back. Default: some that the system gives to nobody else while it is away */
  async start(ports?: { readonly scPort: number; readonly spuBasePort: number }): Promise<void> {
    if (this.#dataDir === "") this.#dataDir = await mkdtemp(join(tmpdir(), "fluvio-client-"));
    const chosen = ports ?? (await clusterPorts(this.#options.spuCount));
    this.#cluster = await startCluster({ flush: "os", ...this.#options, ...chosen, dataDir: this.#dataDir });
  }

  /** Stops the cluster; {@link start} brings it back on the same ports with the same data. */
  async stop(): Promise<{ readonly scPort: number; readonly spuBasePort: number }> {
    const { scPort, spus } = this.cluster;
    const ports = { scPort, spuBasePort: spus[0]?.port ?? 0 };
    await this.cluster.close(0);
    return ports;
  }

  async remove(): Promise<void> {
    await this.#cluster?.close(0);
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  connect(options: FluvioConnectOptions = {}): Promise<Fluvio> {
    return Fluvio.connect({ address: this.address, ...options });
  }

  /** A name that no other test of the file uses. */
  topicName(): string {
    return `topic-${++this.#topics}`;
  }
}

async function clusterPorts(spuCount = 1): Promise<{ readonly scPort: number; readonly spuBasePort: number }> {
  const scPort = await freePort(1 + spuCount);
  return { scPort, spuBasePort: scPort + SPU_PORT_STEP };
}

/** Starts a cluster before the tests of a file and removes it after them. */
export function useTestCluster(options: Partial<ClusterOptions> = {}): TestCluster {
  const cluster = new TestCluster(options);
  beforeAll(() => cluster.start());
  afterAll(() => cluster.remove());
  return cluster;
}

/** Everything that is stored, then the end. */
export async function drain<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

export const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
