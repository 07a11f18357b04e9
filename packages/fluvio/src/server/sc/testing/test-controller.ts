import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  createApi,
  deleteApi,
  type InputOf,
  listApi,
  type ObjectLabel,
  type Status,
  type TopicSpecInput,
  type UpdateTopicAction,
  updateApi,
  type WatchResponse,
  watchApi,
} from "../../../protocol/index.ts";
import { createSmartEngine, type SmartEngine } from "../../../smartengine/index.ts";
import { type Connection, connect } from "../../../transport/index.ts";
import { type MetadataStore, openMetadataStore } from "../metadata-store.ts";
import type { ObjectWatch } from "../object-store.ts";
import { createSc, type Sc, type ScOptions } from "../sc.ts";
import { ScriptedSpu, type ScriptedSpuOptions } from "./scripted-spu.ts";

export interface TestControllerOptions
  extends Partial<Omit<ScOptions, "metadata" | "engine" | "spus" | "secretsKeyPath">> {
  readonly dataDir?: string;
  readonly spuIds?: readonly number[];
  readonly publicHost?: string;
  readonly spu?: ScriptedSpuOptions;
  /** SPUs that say hello. Default all. */
  readonly onlineIds?: readonly number[];
}

/** A controller on a free port with its metadata in a temporary folder, and a client of it. */
export class TestController implements AsyncDisposable {
  readonly dataDir: string;
  readonly metadata: MetadataStore;
  readonly sc: Sc;
  readonly spus = new Map<number, ScriptedSpu>();
  readonly client: Connection;
  readonly #engine: SmartEngine;
  readonly #connections: Connection[] = [];

  private constructor(dataDir: string, metadata: MetadataStore, engine: SmartEngine, sc: Sc, client: Connection) {
    this.dataDir = dataDir;
    this.metadata = metadata;
    this.#engine = engine;
    this.sc = sc;
    this.client = client;
  }

  static async start(options: TestControllerOptions = {}): Promise<TestController> {
    const {
      dataDir = await mkdtemp(join(tmpdir(), "fluvio-sc-")),
      spuIds = [5001],
      spu,
      onlineIds = spuIds,
      publicHost = "127.0.0.1",
      ...rest
    } = options;
    const metadata = await openMetadataStore(dataDir);
    const engine = createSmartEngine();
    let sc: Sc;
    try {
      sc = await createSc({
        host: "127.0.0.1",
        port: 0,
        ...rest,
        secretsKeyPath: join(dataDir, "secrets.key"),
        metadata,
        engine,
        spus: { ids: spuIds, publicHost },
      });
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      await metadata[Symbol.asyncDispose]();
      throw error;
    }
    const controller = new TestController(
      dataDir,
      metadata,
      engine,
      sc,
      await connect({ host: "127.0.0.1", port: sc.port }),
    );
    for (const id of spuIds) controller.#addSpu(id, { port: 9010 + (id - 5001) * 10, ...spu }, onlineIds.includes(id));
    await controller.online(onlineIds);
    return controller;
  }

  get spu(): ScriptedSpu {
    return [...this.spus.values()][0] as ScriptedSpu;
  }

  #addSpu(id: number, options: ScriptedSpuOptions, online: boolean): void {
    const spu = new ScriptedSpu(id, options);
    this.spus.set(id, spu);
    this.sc.attachSpu(id, spu.scEnd);
    if (online) spu.hello();
  }

  /** Replaces the link of an SPU, as after its restart. */
  reattach(id: number, options: ScriptedSpuOptions = {}): ScriptedSpu {
    this.#addSpu(id, { port: 9010, ...options }, true);
    return this.spus.get(id) as ScriptedSpu;
  }

  /** Resolves when these SPUs are online. */
  async online(ids: readonly number[]): Promise<void> {
    await this.#until(this.sc.stores.spus.watch(), () =>
      ids.every((id) => this.sc.stores.spus.get(`custom-spu-${id}`)?.status.resolution === "online"),
    );
  }

  async partitionBecomes(name: string, resolution: string): Promise<void> {
    await this.#until(
      this.sc.stores.partitions.watch(),
      () => this.sc.stores.partitions.get(name)?.status.resolution === resolution,
    );
  }

  /** Resolves when so many removals are still to be confirmed. */
  async removalsLeft(count: number): Promise<void> {
    while (this.metadata.removals().length !== count) await new Promise((resolve) => setImmediate(resolve));
  }

  async #until<L extends ObjectLabel>(watch: ObjectWatch<L>, reached: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(30_000);
    while (!reached()) await watch.next(signal);
    watch.close();
  }

  async connection(): Promise<Connection> {
    const connection = await connect({ host: "127.0.0.1", port: this.sc.port });
    this.#connections.push(connection);
    return connection;
  }

  createTopic(
    name: string,
    spec: Partial<TopicSpecInput> = {},
    options: { dryRun?: boolean; timeoutMs?: number } = {},
  ): Promise<Status> {
    const { dryRun = false, timeoutMs } = options;
    return this.client.request(createApi, {
      label: "Topic",
      body: { name, dryRun, timeoutMs, spec: { ...computed(1), ...spec } },
    });
  }

  deleteTopic(name: string, force = false): Promise<Status> {
    return this.client.request(deleteApi, { label: "Topic", body: { key: name, force } });
  }

  updateTopic(name: string, action: InputOf<typeof UpdateTopicAction>): Promise<Status> {
    return this.client.request(updateApi, { label: "Topic", body: { key: name, action } });
  }

  async topics(filters: readonly string[] = [], system = false) {
    const reply = await this.client.request(listApi, {
      label: "Topic",
      body: { nameFilters: filters, summary: false, system },
    });
    if (reply.label !== "Topic") throw new Error(`a list of ${reply.label}`);
    return reply.body;
  }

  async partitions(system = false) {
    const reply = await this.client.request(listApi, {
      label: "Partition",
      body: { nameFilters: [], summary: false, system },
    });
    if (reply.label !== "Partition") throw new Error(`a list of ${reply.label}`);
    return reply.body;
  }

  createSmartModule(name: string, payload: Uint8Array = WASM, dryRun = false): Promise<Status> {
    return this.client.request(createApi, {
      label: "SmartModule",
      body: { name, dryRun, spec: { wasm: { format: "binary", payload } } },
    });
  }

  watch(label: WatchedLabel, connection: Connection = this.client): AsyncIterableIterator<WatchResponse> {
    return connection.stream(watchApi, { label, body: { epoch: 0, summary: false } });
  }

  /** Stops the controller, keeps the data. */
  async stop(): Promise<void> {
    this.client.close();
    for (const connection of this.#connections) connection.close();
    await this.sc.close();
    for (const spu of this.spus.values()) spu.close();
    await this.#engine[Symbol.asyncDispose]();
    await this.metadata[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

export type WatchedLabel =
  | "Topic"
  | "Partition"
  | "SPU"
  | "SpuGroup"
  | "SmartModule"
  | "TableFormat"
  | "ManagedConnector";

export function computed(partitions: number, replicationFactor = 1): TopicSpecInput {
  return { replicas: { type: "computed", partitions, replicationFactor, ignoreRackAssignment: false } };
}

export function assigned(
  ...partitions: readonly { readonly id: number; readonly replicas: readonly number[] }[]
): TopicSpecInput {
  return { replicas: { type: "assigned", partitions } };
}

/** The smallest module: magic and version. `WASM` is packed. */
export const WASM_HEADER: Uint8Array = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
export const WASM: Uint8Array = Uint8Array.from(gzipSync(WASM_HEADER));
