import {
  flvError,
  listApi,
  type MetadataOf,
  PLATFORM_VERSION_MIN,
  partitionCount,
  partitionName,
} from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import type { WatchLabel } from "./admin-types.ts";
import { ObjectStore } from "./object-store.ts";
import type { Settings } from "./settings.ts";
import { nearestName } from "./suggest.ts";
import { watchObjects } from "./watch.ts";

/** Partitions of one topic and who leads them. */
export interface TopicView {
  readonly topic: MetadataOf<"Topic">;
  readonly partitionCount: number;
}

/**
 * One connection to the SC with the watches of SPUs, partitions and topics. It ends with the connection; what it knows
 * is never older than that.
 */
export class Session {
  readonly connection: Connection;
  readonly spus = new ObjectStore<"SPU">();
  readonly partitions = new ObjectStore<"Partition">();
  readonly topics = new ObjectStore<"Topic">();
  readonly #settings: Settings;

  constructor(connection: Connection, settings: Settings) {
    this.connection = connection;
    this.#settings = settings;
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  /** Starts the watches; resolves when each has reported. @throws FLV_VERSION_INCOMPATIBLE | FLV_TIMEOUT */
  async start(): Promise<void> {
    checkPlatform(this.connection.platformVersion);
    const deadline = AbortSignal.timeout(this.#settings.metadataTimeoutMs);
    await Promise.all([
      this.#follow("SPU", this.spus, deadline),
      this.#follow("Partition", this.partitions, deadline),
      this.#follow("Topic", this.topics, deadline),
    ]);
  }

  #follow<L extends WatchLabel>(label: L, store: ObjectStore<L>, deadline: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => {
        const error = flvError("FLV_TIMEOUT", `no ${label} metadata within ${this.#settings.metadataTimeoutMs} ms`, {
          hint: "check the cluster with `fluvio cluster status`",
          retriable: true,
        });
        reject(error);
        this.connection.close(error);
      };
      deadline.addEventListener("abort", late, { once: true });
      const run = async () => {
        for await (const event of watchObjects(this.connection, label)) {
          store.apply(event);
          deadline.removeEventListener("abort", late);
          resolve();
        }
      };
      run().catch((error: unknown) => {
        deadline.removeEventListener("abort", late);
        reject(error);
        this.connection.close(error instanceof Error ? error : undefined);
      });
    });
  }

  /**
   * A topic. One that the watch has not reported is looked up in the cluster, so that a name that does not exist is an
   * error at once and one that was just created is waited for.
   * @throws FLV_TOPIC_NOT_FOUND with the nearest name
   */
  async topic(name: string, options: AbortOptions = {}): Promise<TopicView> {
    const known = this.topics.get(name);
    if (known === undefined && !(await this.#exists(name, options))) throw this.#topicNotFound(name);
    const topic = known ?? (await this.#waitFor(this.topics, `topic ${name}`, () => this.topics.get(name), options));
    return { topic, partitionCount: partitionCount(topic.spec) };
  }

  async #exists(name: string, options: AbortOptions): Promise<boolean> {
    const list = async (system: boolean) => {
      const body = { nameFilters: [name], summary: false, system };
      const reply = await this.connection.request(listApi, { label: "Topic", body }, options);
      return reply.label === "Topic" && reply.body.some((topic) => topic.name === name);
    };
    return (await list(false)) || (await list(true));
  }

  #topicNotFound(name: string): Error {
    const nearest = nearestName(name, this.topics.names);
    return flvError("FLV_TOPIC_NOT_FOUND", `Topic not found: ${name}`, {
      details: { topic: name, ...(nearest === undefined ? {} : { nearest }) },
      hint:
        nearest === undefined
          ? `create it with \`fluvio topic create ${name}\`, or see the topics with \`fluvio topic list\``
          : `did you mean "${nearest}"? See the topics with \`fluvio topic list\``,
    });
  }

  /** @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND */
  async partition(topic: string, partition: number, options: AbortOptions = {}): Promise<MetadataOf<"Partition">> {
    const name = partitionName(topic, partition);
    const known = this.partitions.get(name);
    if (known !== undefined && known.spec.leader >= 0) return known;
    const view = await this.topic(topic, options);
    if (!Number.isInteger(partition) || partition < 0 || partition >= view.partitionCount) {
      throw partitionNotFound(topic, partition, view.partitionCount);
    }
    const led = () => {
      const found = this.partitions.get(name);
      return found !== undefined && found.spec.leader >= 0 ? found : undefined;
    };
    return this.#waitFor(this.partitions, `partition ${name}`, led, options);
  }

  /** As far as it is reported. */
  knownPartitionCount(topic: string): number | undefined {
    const known = this.topics.get(topic);
    return known === undefined ? undefined : partitionCount(known.spec);
  }

  /** Indexes of partitions that are online; all of them when none is known to be. */
  onlinePartitions(topic: string, count: number): readonly number[] {
    const all = Array.from({ length: count }, (_, index) => index);
    const online = all.filter((i) => this.partitions.get(partitionName(topic, i))?.status.resolution === "online");
    return online.length > 0 ? online : all;
  }

  /** @throws FLV_SPU_NOT_FOUND */
  async spu(id: number, options: AbortOptions = {}): Promise<MetadataOf<"SPU">> {
    const find = () => {
      for (const spu of this.spus.objects) if (spu.spec.id === id) return spu;
      return undefined;
    };
    return find() ?? this.#waitFor(this.spus, `SPU ${id}`, find, options);
  }

  #waitFor<L extends WatchLabel, T>(
    store: ObjectStore<L>,
    what: string,
    find: () => T | undefined,
    options: AbortOptions,
  ): Promise<T> {
    const { signal } = options;
    const timeoutMs = this.#settings.metadataTimeoutMs;
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find();
        if (found === undefined) return;
        settle();
        resolve(found);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      const onAbort = () => fail(signal?.reason);
      const timer = setTimeout(() => {
        fail(
          flvError("FLV_TIMEOUT", `the cluster did not report ${what} within ${timeoutMs} ms`, {
            details: { what, timeoutMs },
            hint: "check the cluster with `fluvio cluster status`",
            retriable: true,
          }),
        );
      }, timeoutMs);
      const stop = store.onChange(check);
      const settle = () => {
        clearTimeout(timer);
        stop();
        signal?.removeEventListener("abort", onAbort);
      };
      void this.connection.closed.then(() =>
        fail(
          flvError("FLV_CONNECTION_CLOSED", `the connection to the cluster closed while waiting for ${what}`, {
            retriable: true,
          }),
        ),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted) onAbort();
      else check();
    });
  }
}

export function partitionNotFound(topic: string, partition: number, count: number): Error {
  const range = count === 1 ? "only partition 0" : `partitions 0 to ${count - 1}`;
  return flvError("FLV_PARTITION_NOT_FOUND", `Partition not found: ${topic}-${partition}`, {
    details: { topic, partition, partitionCount: count },
    hint: `topic "${topic}" has ${range}; add more with \`fluvio topic add-partition ${topic}\``,
  });
}

function checkPlatform(version: string): void {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  const minimum = PLATFORM_VERSION_MIN.split(".").map(Number);
  const isOlder = numbers === undefined || compareVersions(numbers, minimum) < 0;
  if (!isOlder) return;
  throw flvError(
    "FLV_VERSION_INCOMPATIBLE",
    `Fluvio Client and Cluster ${version} versions are not compatible: the client needs a cluster of at least ${PLATFORM_VERSION_MIN}`,
    {
      details: { cluster: version, minimum: PLATFORM_VERSION_MIN },
      hint: "upgrade the cluster, or use an older client",
    },
  );
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
