import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApi, deleteApi, fetchOffsetsApi, listApi, type Status } from "../../protocol/index.ts";
import { type Connection, connect } from "../../transport/index.ts";
import { type Cluster, type ClusterOptions, startCluster } from "../cluster.ts";
import { batchOf, produceTo, readUntil, streamFrom } from "../spu/testing/harness.ts";

/** A cluster on free ports in a temporary folder, with the few calls that tests make. */
export class TemporaryCluster implements AsyncDisposable {
  readonly dataDir: string;
  readonly #options: Partial<ClusterOptions>;
  readonly #connections = new Map<number, Connection>();
  cluster: Cluster;

  private constructor(dataDir: string, options: Partial<ClusterOptions>, cluster: Cluster) {
    this.dataDir = dataDir;
    this.#options = options;
    this.cluster = cluster;
  }

  static async start(options: Partial<ClusterOptions> = {}): Promise<TemporaryCluster> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "fluvio-cluster-")));
    const all = { scPort: 0, spuBasePort: 0, spuLogLevel: "error", ...options, dataDir };
    return new TemporaryCluster(dataDir, all, await startCluster(all));
  }

  async restart(changes: Partial<ClusterOptions> = {}): Promise<void> {
    await this.stop();
    this.cluster = await startCluster({ ...this.#options, ...changes, dataDir: this.dataDir });
  }

  async createTopic(name: string, partitions = 1): Promise<Status> {
    const spec = {
      replicas: { type: "computed", partitions, replicationFactor: 1, ignoreRackAssignment: false },
    } as const;
    return (await this.#sc()).request(createApi, { label: "Topic", body: { name, dryRun: false, spec } });
  }

  async deleteTopic(key: string): Promise<Status> {
    return (await this.#sc()).request(deleteApi, { label: "Topic", body: { key, force: false } });
  }

  /** Ids of the SPUs that lead a topic's partitions, in order. */
  async leaders(topic: string): Promise<readonly number[]> {
    const reply = await (await this.#sc()).request(listApi, {
      label: "Partition",
      body: { nameFilters: [], summary: false, system: false },
    });
    if (reply.label !== "Partition") throw new Error(reply.label);
    return reply.body.filter(({ name }) => name.startsWith(`${topic}-`)).map(({ spec }) => spec.leader);
  }

  /** Produces one record; gives its offset, or the name of the error. */
  async produce(topic: string, value: string, partition = 0): Promise<number | string> {
    const [result] = await produceTo(await this.#spuOf(topic, partition), {
      topic,
      partition,
      entries: [batchOf([value])],
    });
    return result?.errorCode.name === "None" ? result.baseOffset : (result?.errorCode.name ?? "no result");
  }

  /** Values of the first `count` records. */
  async read(topic: string, count: number, partition = 0): Promise<readonly string[]> {
    const connection = await this.#spuOf(topic, partition);
    const records = await readUntil(connection, streamFrom(connection, { topic, partition }), count);
    return records.map(({ value }) => value);
  }

  async highWatermark(topic: string, partition = 0): Promise<number | undefined> {
    const reply = await (await this.#spuOf(topic, partition)).request(fetchOffsetsApi, {
      topics: [{ name: topic, partitions: [{ partitionIndex: partition }] }],
    });
    return reply.topics[0]?.partitions[0]?.lastStableOffset;
  }

  async spuBecomes(id: number, resolution: "online" | "offline"): Promise<void> {
    const { spus } = this.cluster.sc.stores;
    const watch = spus.watch();
    while (spus.get(`custom-spu-${id}`)?.status.resolution !== resolution)
      await watch.next(AbortSignal.timeout(40_000));
    watch.close();
  }

  async partitionBecomes(name: string, resolution: string): Promise<void> {
    const { partitions } = this.cluster.sc.stores;
    const watch = partitions.watch();
    while (partitions.get(name)?.status.resolution !== resolution) await watch.next(AbortSignal.timeout(40_000));
    watch.close();
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
    await this.cluster.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  #sc(): Promise<Connection> {
    return this.#connect(this.cluster.scPort);
  }

  async #spuOf(topic: string, partition: number): Promise<Connection> {
    const leader = this.cluster.sc.stores.partitions.get(`${topic}-${partition}`)?.spec.leader ?? 5001;
    return this.#connect(this.cluster.spus.find(({ id }) => id === leader)?.port ?? 0);
  }

  async #connect(port: number): Promise<Connection> {
    const known = this.#connections.get(port);
    if (known?.isOpen === true) return known;
    const connection = await connect({ host: "127.0.0.1", port });
    this.#connections.set(port, connection);
    return connection;
  }
}
