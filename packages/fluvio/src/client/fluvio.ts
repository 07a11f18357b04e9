import { deleteConsumerOffsetApi, flvError, toFluvioError } from "../protocol/index.ts";
import type { ModuleTotals, SmartEngine } from "../smartengine/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import { Admin } from "./admin.ts";
import type { FluvioAdmin } from "./admin-types.ts";
import { type ClientChain, openClientChain } from "./client-chain.ts";
import type { FluvioClient, PartitionOffsets } from "./client-types.ts";
import { Cluster } from "./cluster.ts";
import { PartitionConsumer, type TopicProducerConfig, toProducerOptions } from "./compat.ts";
import { openConsumer } from "./consumer.ts";
import type { Platform } from "./platform.ts";
import { agreedCompression, Producer, ProducerCore } from "./producer.ts";
import { resolveSettings } from "./settings.ts";
import { fetchConsumerOffsets, fetchPartitionOffsets } from "./start-offset.ts";
import type {
  Consumer,
  ConsumerOffset,
  ConsumerOptions,
  FluvioOptions,
  ProducerOptions,
  TopicProducer,
} from "./types.ts";

/** Where to connect, also in the words of `@fluvio/client`: `host` and `port` together are an `address`. */
export interface FluvioConnectOptions extends FluvioOptions {
  readonly host?: string;
  readonly port?: number;
  /** What the client runs on. Default: Node. */
  readonly platform?: Platform;
}

/** The name that `@fluvio/client` has for it. */
export type Options = FluvioConnectOptions;

/**
 * The client. `await Fluvio.connect()` uses the active profile; close it when done, or hold it with `await using`.
 *
 * ```ts
 * await using fluvio = await Fluvio.connect();
 * const producer = await fluvio.topicProducer("greetings");
 * await producer.send("en", "hello");
 * await producer.close();
 * for await (const record of await fluvio.consumer({ topic: "greetings", offset: "beginning" })) console.log(record);
 * ```
 */
export class Fluvio implements FluvioClient {
  readonly #options: FluvioConnectOptions;
  #cluster: Cluster | undefined;
  #platform: Platform | undefined;
  #engine: Promise<SmartEngine> | undefined;
  #moduleTotals: () => readonly ModuleTotals[] = () => [];
  readonly #producers = new Set<ProducerCore>();
  readonly #forgotten: FinalizationRegistry<ProducerCore>;

  /** Does not connect yet: see {@link Fluvio.connect}. */
  constructor(options: FluvioConnectOptions = {}) {
    this.#options = options;
    this.#forgotten = new FinalizationRegistry((core) => this.#producerForgotten(core));
  }

  /**
   * Connects and learns topics, partitions and SPUs.
   * @throws FLV_CONNECT | FLV_TLS | FLV_CONFIG | FLV_PROFILE_NOT_FOUND | FLV_VERSION_INCOMPATIBLE | FLV_TIMEOUT
   */
  static async connect(options: FluvioConnectOptions = {}): Promise<Fluvio> {
    const fluvio = new Fluvio(options);
    await fluvio.connect();
    return fluvio;
  }

  /** As the static form, for a client made with `new`. Connecting twice does nothing. */
  async connect(): Promise<this> {
    if (this.#cluster !== undefined) return this;
    const { host, port, signal } = this.#options;
    const platform = this.#options.platform ?? (await import("./node/platform.ts")).nodePlatform;
    const address = host !== undefined && port !== undefined ? { address: `${host}:${port}` } : {};
    const settings = await resolveSettings({ ...this.#options, ...address }, platform);
    const cluster = new Cluster(settings, platform);
    try {
      await cluster.session(signal === undefined ? {} : { signal });
    } catch (error) {
      await cluster.close();
      throw error;
    }
    this.#platform = platform;
    this.#cluster = cluster;
    return this;
  }

  get #connected(): Cluster {
    if (this.#cluster !== undefined) return this.#cluster;
    throw flvError("FLV_CONNECTION_CLOSED", "Failed to find socket; must call fluvio.connect() first", {
      hint: "use `await Fluvio.connect()`",
    });
  }

  get address(): string {
    const { host, port } = this.#connected.settings;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  get platformVersion(): string {
    return this.#connected.platformVersion;
  }

  admin(): FluvioAdmin {
    return new Admin(this.#connected);
  }

  async topicProducer(topic: string, options: ProducerOptions = {}): Promise<TopicProducer> {
    const cluster = this.#connected;
    const { session, object } = await cluster.tryAgain(async () => {
      const session = await cluster.session();
      const { topic: object } = await session.topic(topic);
      await session.partition(topic, 0);
      return { session, object };
    });
    const compression = agreedCompression(topic, options.compression, object.spec.compressionType);
    const chain = await this.#clientChain(topic, options);
    const core = new ProducerCore(cluster, session, topic, options, compression, chain);
    this.#producers.add(core);
    const producer: Producer = new Producer(core, () => {
      this.#producers.delete(core);
      this.#forgotten.unregister(core);
    });
    this.#forgotten.register(producer, core, core);
    return producer;
  }

  /** {@link Fluvio.topicProducer} with the settings' names of `@fluvio/client`. */
  topicProducerWithConfig(topic: string, config: TopicProducerConfig): Promise<TopicProducer> {
    return this.topicProducer(topic, toProducerOptions(config));
  }

  #producerForgotten(core: ProducerCore): void {
    this.#producers.delete(core);
    const sentence = `a producer of topic "${core.topic}" was not closed; close() or \`await using\` sends what is queued`;
    this.#connected.settings.logger.warn({ topic: core.topic }, sentence);
    this.#platform?.warn(sentence);
    core.close().catch((error: unknown) => {
      this.#connected.settings.logger.warn({ topic: core.topic, error }, "its last records were not stored");
    });
  }

  async #clientChain(topic: string, options: ProducerOptions): Promise<ClientChain | undefined> {
    const { smartmodules = [], smartmodulesAt = "server" } = options;
    if (smartmodulesAt === "server" || smartmodules.length === 0) return undefined;
    this.#engine ??= (this.#platform as Platform).smartEngine();
    const engine = await this.#engine;
    this.#moduleTotals = () => engine.totals();
    return openClientChain(this, engine, topic, smartmodules);
  }

  smartModuleTotals(): readonly ModuleTotals[] {
    return this.#moduleTotals();
  }

  consumer(options: ConsumerOptions): Promise<Consumer> {
    return openConsumer(this.#connected, options);
  }

  /** Another name of {@link Fluvio.consumer}. */
  consumerWithConfig(options: ConsumerOptions): Promise<Consumer> {
    return this.consumer(options);
  }

  /** A consumer of one partition with the methods of `@fluvio/client`. @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND */
  async partitionConsumer(topic: string, partition: number): Promise<PartitionConsumer> {
    const cluster = this.#connected;
    await cluster.tryAgain(async () => (await cluster.session()).partition(topic, partition));
    return new PartitionConsumer(this, (options) => cluster.leader(topic, partition, options), topic, partition);
  }

  async partitionOffsets(topic: string, options: AbortOptions = {}): Promise<readonly PartitionOffsets[]> {
    const cluster = this.#connected;
    const { partitionCount } = await cluster.tryAgain(
      async () => (await cluster.session(options)).topic(topic, options),
      options,
    );
    const partitions = Array.from({ length: partitionCount }, (_, index) => index);
    const abort = cluster.following(options);
    return Promise.all(partitions.map((partition) => fetchPartitionOffsets(cluster, topic, partition, abort)));
  }

  consumerOffsets(options: AbortOptions & { readonly consumerId?: string } = {}): Promise<readonly ConsumerOffset[]> {
    const { consumerId, ...abort } = options;
    return fetchConsumerOffsets(this.#connected, consumerId, abort);
  }

  async deleteConsumerOffset(
    consumerId: string,
    topic: string,
    partition: number,
    options: AbortOptions = {},
  ): Promise<void> {
    const cluster = this.#connected;
    const request = { replica: { topic, partition }, consumerId };
    await cluster.tryAgain(async () => {
      const connection = await cluster.offsetsLeader(options);
      const { errorCode } = await connection.request(deleteConsumerOffsetApi, request, options);
      if (errorCode.name !== "None") throw toFluvioError(errorCode, { topic, partition });
    }, options);
  }

  async close(): Promise<void> {
    const cluster = this.#cluster;
    if (cluster === undefined || cluster.isClosed) return;
    const flushed = await Promise.allSettled([...this.#producers].map((core) => core.close()));
    this.#producers.clear();
    await cluster.close();
    await (await this.#engine)?.[Symbol.asyncDispose]();
    for (const result of flushed) if (result.status === "rejected") throw result.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
