import { setTimeout as sleep } from "node:timers/promises";
import { type BaseOptions, type ClusterMetadata, Consumer } from "@platformatic/kafka";
import { keepTrying, type SourceContext, tryLater } from "fluvio/connector";
import { type FetchAnswer, nextOffset, type PartitionAnswer, recordBatches } from "./batches.ts";
import type { ClientOptions } from "./client-options.ts";
import { envelope } from "./envelope.ts";
import { LostHeaders } from "./lost-headers.ts";
import type { Places, TopicPartition } from "./places.ts";
import { hasCode, isOwn, problemText } from "./problems.ts";
import { closeNow, told } from "./requests.ts";
import { startOffsets } from "./start-offsets.ts";
import { provideZstd } from "./zstd.ts";

export interface ReadOptions {
  /** For messages. */
  readonly brokers: string;
  connect(): Promise<BaseOptions>;
  readonly topics: readonly string[];
  /** `undefined`: what the group gives. */
  readonly partitions: readonly number[] | undefined;
  readonly group: string;
  readonly start: "earliest" | "latest";
  readonly hasEnvelope: boolean;
  readonly client: ClientOptions;
}

type Context = Pick<
  SourceContext<unknown>,
  "signal" | "logger" | "trouble" | "send" | "flush" | "checkpoint" | "lag" | "name"
>;
interface SessionContext extends Context {
  readonly lostHeaders: LostHeaders;
}

const FETCH_WAIT_MS = 500;
const FETCH_SIZE_BYTES_MAX = 4 * 1024 * 1024;
const PARTITION_SIZE_BYTES_MAX = 1024 * 1024;
const METADATA_MAX_AGE_MS = 30_000;
/** How soon a member that is gone gives its partitions up. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 2000;
const REBALANCE_TIMEOUT_MS = 60_000;
/** Longer than a broker may take to let members of a group in. */
const REQUEST_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 5000;
const RETRY_DELAY_MAX_MS = 5000;

/** Reads until the connector is to stop; a connection that is lost, a broker that is away: a new session goes on. */
export async function readKafka(context: Context, places: Places, options: ReadOptions): Promise<void> {
  provideZstd();
  const stopped = aborted(context.signal);
  const lostHeaders = new LostHeaders(context);
  const attempt = async (works: () => void) => {
    const session = new Session({ ...context, lostHeaders }, places, options, await newConsumer(context, options));
    try {
      await session.run(works, stopped);
    } catch (error) {
      throw isOwn(error) ? error : tryLater(problemText(error), { cause: error });
    } finally {
      await session.close();
    }
  };
  await keepTrying(context, `read from Kafka at ${options.brokers}`, attempt, { maxDelayMs: RETRY_DELAY_MAX_MS });
}

async function newConsumer(context: Context, { connect, client, group }: ReadOptions): Promise<Consumer> {
  const sessionTimeout = client.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
  return new Consumer({
    ...(await connect()),
    groupId: group,
    // A member that was killed and comes back takes its own place at once.
    groupInstanceId: client.groupInstanceId ?? `fluvio_connector_${context.name}`,
    retries: 0,
    requestTimeout: REQUEST_TIMEOUT_MS,
    sessionTimeout,
    rebalanceTimeout: Math.max(REBALANCE_TIMEOUT_MS, sessionTimeout),
    heartbeatInterval: Math.min(client.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS, sessionTimeout / 3),
    autocommit: false,
    isolationLevel: client.isolation === "read_uncommitted" ? 0 : 1,
  });
}

type TopicRequest = Parameters<Consumer["fetch"]>[0]["topics"][number];
type Committed = Parameters<Consumer["commit"]>[0]["offsets"][number];

interface Answer {
  readonly leader: number;
  readonly answer?: FetchAnswer;
  readonly error?: unknown;
}

/** One membership: from joining until something breaks. */
class Session {
  readonly #context: SessionContext;
  readonly #places: Places;
  readonly #options: ReadOptions;
  readonly #consumer: Consumer;
  readonly #broken: Promise<never>;
  #assigned: readonly TopicPartition[] = [];
  /** The offset behind the last record of Kafka, by place. */
  readonly #ends = new Map<string, bigint>();
  #hasNewAssignment = false;
  #isOpen = true;

  constructor(context: SessionContext, places: Places, options: ReadOptions, consumer: Consumer) {
    this.#context = context;
    this.#places = places;
    this.#options = options;
    this.#consumer = consumer;
    this.#broken = new Promise((_, reject) => {
      consumer.on("error", reject);
      consumer.on("consumer:heartbeat:error", ({ error }) => reject(error));
    });
    this.#broken.catch(() => {});
  }

  async run(works: () => void, stopped: Promise<undefined>): Promise<void> {
    const { signal } = this.#context;
    for (const topic of this.#options.topics) this.#consumer.topics.track(topic);
    let metadata = await told(this.#metadata(), this.#context, this.#options.brokers);
    await this.#join(metadata);
    works();
    const asked = new Map<number, Promise<Answer>>();
    const maxAgeMs = this.#options.client.metadataMaxAgeMs ?? METADATA_MAX_AGE_MS;
    let refreshAtMs = performance.now() + maxAgeMs;
    while (!signal.aborted) {
      if (performance.now() > refreshAtMs) {
        metadata = await this.#refresh(metadata);
        refreshAtMs = performance.now() + maxAgeMs;
      }
      if (this.#hasNewAssignment) await this.#takePartitions();
      this.#ask(metadata, asked);
      const idle = asked.size === 0 ? [sleep(FETCH_WAIT_MS, undefined, { signal }).catch(() => undefined)] : [];
      const answer = await Promise.race([...asked.values(), ...idle, this.#broken, stopped]);
      if (answer === undefined) continue;
      asked.delete(answer.leader);
      await this.#take(answer);
    }
    await this.#commitLast();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await closeNow(this.#consumer);
  }

  async #metadata(): Promise<ClusterMetadata> {
    const metadata = await this.#consumer.metadata({ topics: [...this.#options.topics], forceUpdate: true });
    for (const [topic, { id, partitionsCount }] of metadata.topics) {
      const known = this.#places.idOf(topic);
      if (known !== undefined && known !== id) {
        this.#context.logger.warn(
          { topic },
          "the topic was deleted and made again in Kafka: it is read from its beginning",
        );
      }
      this.#places.setId(topic, id);
      for (const partition of this.#options.partitions ?? []) {
        if (partition >= partitionsCount) {
          throw new Error(
            `topic ${topic} of Kafka has ${partitionsCount} partitions, and \`kafka-partition\` has ${partition}`,
          );
        }
      }
    }
    return metadata;
  }

  async #join(metadata: ClusterMetadata): Promise<void> {
    const { topics, partitions } = this.#options;
    const consumer = this.#consumer;
    this.#hasNewAssignment = true;
    if (partitions === undefined) {
      consumer.on("consumer:group:join", () => {
        this.#hasNewAssignment = true;
      });
      // It may take long: the group waits for its other members.
      await told(consumer.joinGroup({}), this.#context, this.#options.brokers, () => {});
      return;
    }
    for (const topic of topics) {
      const { partitionsCount = 0 } = metadata.topics.get(topic) ?? {};
      if (partitionsCount > partitions.length) {
        const details = { topic, partitions: partitionsCount, read: partitions };
        this.#context.logger.warn(
          details,
          "not all partitions of the topic are read: `kafka-partition: all` reads them",
        );
      }
    }
    // How Kafka knows commits of somebody who is no member of the group.
    consumer.generationId = -1;
    consumer.memberId = "";
    consumer.assignments = topics.map((topic) => ({ topic, partitions: [...partitions] }));
  }

  /** Finds what was added or made anew. */
  async #refresh(before: ClusterMetadata): Promise<ClusterMetadata> {
    const now = await this.#metadata();
    for (const [topic, { id, partitionsCount }] of now.topics) {
      const old = before.topics.get(topic);
      if (old?.id !== id) throw new Error(`topic ${topic} of Kafka was made anew`);
      if (old.partitionsCount === partitionsCount || this.#options.partitions !== undefined) continue;
      this.#context.logger.info({ topic, partitions: partitionsCount }, "the topic has more partitions now");
      await this.#consumer.joinGroup({});
    }
    return now;
  }

  /** Takes over what the group gave to this member. */
  async #takePartitions(): Promise<void> {
    this.#hasNewAssignment = false;
    const { logger } = this.#context;
    const given = this.#consumer.assignments ?? [];
    this.#assigned = given.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
    const asked = startOffsets(this.#consumer, given, this.#places, this.#options.start);
    const starts = await told(asked, this.#context, this.#options.brokers);
    for (const { at, next } of starts) this.#places.set(at, next);
    logger.info(
      { group: this.#options.group, partitions: this.#assigned.map(({ topic, partition }) => `${topic}/${partition}`) },
      "reading from Kafka",
    );
    if (this.#assigned.length > 0) this.#checkpoint();
  }

  /** Asks every broker that is not asked already for what its partitions have. */
  #ask(metadata: ClusterMetadata, asked: Map<number, Promise<Answer>>): void {
    const requests = new Map<number, TopicRequest[]>();
    for (const at of this.#assigned) {
      const topic = metadata.topics.get(at.topic);
      const leader = topic?.partitions[at.partition]?.leader;
      const next = this.#places.get(at);
      if (topic === undefined || leader === undefined || next === undefined || asked.has(leader)) continue;
      const ofLeader = requests.get(leader) ?? [];
      ofLeader.push({ topicId: topic.id, partitions: [this.#request(at.partition, next)] });
      requests.set(leader, ofLeader);
    }
    const { client, brokers } = this.#options;
    for (const [leader, topics] of requests) {
      const fetched = this.#consumer.fetch({
        node: leader,
        topics,
        maxWaitTime: client.fetchWaitMs ?? FETCH_WAIT_MS,
        minBytes: client.fetchSizeBytesMin ?? 1,
        maxBytes: client.fetchSizeBytesMax ?? FETCH_SIZE_BYTES_MAX,
      });
      asked.set(
        leader,
        told(fetched, this.#context, brokers).then(
          (answer) => ({ leader, answer }),
          (error: unknown) => ({ leader, error }),
        ),
      );
    }
  }

  #request(partition: number, fetchOffset: bigint): TopicRequest["partitions"][number] {
    const partitionMaxBytes = this.#options.client.partitionSizeBytesMax ?? PARTITION_SIZE_BYTES_MAX;
    return { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
  }

  async #take({ answer, error }: Answer): Promise<void> {
    if (answer === undefined) {
      if (!hasCode(error, "OFFSET_OUT_OF_RANGE")) throw error;
      await this.#findRange();
      return;
    }
    const found = answer.responses.flatMap(({ topicId, partitions }) => {
      const topic = this.#options.topics.find((one) => this.#places.idOf(one) === topicId);
      return topic === undefined
        ? []
        : partitions.map((one) => ({ at: { topic, partition: one.partitionIndex }, one }));
    });
    for (const { at, one } of found) this.#ends.set(endKey(at), one.highWatermark);
    this.#tellLag();
    let moved = false;
    for (const { at, one } of found) moved = (await this.#send(at, one)) || moved;
    if (moved) this.#checkpoint();
  }

  /** What is in hand counts as well: it is not sent yet. Told when Kafka has answered for every partition. */
  #tellLag(): void {
    let lag = 0n;
    for (const at of this.#assigned) {
      const [end, next] = [this.#ends.get(endKey(at)), this.#places.get(at)];
      if (end === undefined || next === undefined) return;
      if (end > next) lag += end - next;
    }
    this.#context.lag(Number(lag));
  }

  /** Hands the records of one partition over. Those of an answer that came too late are left out. */
  async #send(at: TopicPartition, answer: PartitionAnswer): Promise<boolean> {
    const end = nextOffset(answer);
    const from = this.#places.get(at);
    const isMine = this.#assigned.some((one) => one.topic === at.topic && one.partition === at.partition);
    if (end === undefined || from === undefined || !isMine || end <= from) return false;
    for (const batch of recordBatches(answer)) {
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset < from) continue;
        const { key, value, headers } = record;
        const timestamp = Number(batch.firstTimestamp + record.timestampDelta);
        const whole = () => envelope({ key, value, headers, ...at, offset: Number(offset), timestamp });
        const { hasEnvelope } = this.#options;
        if (!hasEnvelope && headers.length > 0) this.#context.lostHeaders.tell(at, offset, headers);
        await this.#context.send({
          ...(key === null ? {} : { key }),
          value: hasEnvelope ? whole() : (value ?? new Uint8Array()),
        });
      }
    }
    this.#places.set(at, end);
    return true;
  }

  /** What is kept is not in Kafka any more (retention), or not yet (a log that was cut). */
  async #findRange(): Promise<void> {
    const { logger } = this.#context;
    const topics = [...this.#options.topics];
    const ends = await this.#consumer.listOffsets({ topics, timestamp: -1n });
    const starts = await this.#consumer.listOffsets({ topics, timestamp: -2n });
    for (const at of this.#assigned) {
      const next = this.#places.get(at) ?? 0n;
      const first = starts.get(at.topic)?.[at.partition] ?? 0n;
      const end = ends.get(at.topic)?.[at.partition] ?? 0n;
      if (next >= first && next <= end) continue;
      const to = next < first || this.#options.start === "earliest" ? first : end;
      const details = { ...at, wanted: Number(next), first: Number(first), end: Number(end), from: Number(to) };
      logger.error(details, "the offset is not in Kafka any more: records may have been deleted before they were read");
      this.#places.set(at, to);
    }
  }

  #checkpoint(): void {
    const offsets = this.#offsets();
    this.#context.checkpoint({ position: this.#places.position(), stored: () => this.#commit(offsets) });
  }

  #offsets(): Committed[] {
    return this.#assigned.map((at) => ({ ...at, offset: this.#places.get(at) ?? 0n, leaderEpoch: -1 }));
  }

  /** Commits of a session that is over, or of partitions that went to another, are left out: the next one makes up for it. */
  async #commit(offsets: readonly Committed[]): Promise<void> {
    const mine = offsets.filter(({ topic, partition }) =>
      this.#assigned.some((one) => one.topic === topic && one.partition === partition),
    );
    if (!this.#isOpen || this.#hasNewAssignment || mine.length === 0) return;
    try {
      await this.#consumer.commit({ offsets: mine });
    } catch (error) {
      this.#context.logger.warn({ problem: problemText(error) }, "offsets could not be committed to Kafka");
    }
  }

  /** Told to stop: what was handed over counts as read. */
  async #commitLast(): Promise<void> {
    const offsets = this.#offsets();
    const late = AbortSignal.timeout(STOP_TIMEOUT_MS);
    await Promise.race([this.#context.flush().then(() => this.#commit(offsets)), aborted(late)]);
  }
}

const endKey = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
