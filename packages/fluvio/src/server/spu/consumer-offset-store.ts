import {
  BatchBuilder,
  decodeBatch,
  type FetchConsumerOffsetsRequest,
  isFluvioError,
  type Logger,
  splitBatches,
} from "../../protocol/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { ConsumerOffsetUpdate } from "../link.ts";
import {
  type ConsumerOffsetChange,
  type ConsumerOffsetEntry,
  type ConsumerOffsetKey,
  decodeChange,
  encodeChange,
} from "./consumer-offset-record.ts";

/** A checkpoint is written after this many changes. */
const CHANGES_PER_CHECKPOINT = 100;
/** Changes that are written as one batch. */
const CHANGES_PER_BATCH_MAX = 4096;
const LOAD_READ_BYTES = 1024 * 1024;

interface Waiting {
  readonly change: ConsumerOffsetChange;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The consumer offsets, as the leader of their system topic keeps them: in memory, and durably in the topic's log, in
 * the original's records. Changes that come while others are written go out together as one batch.
 */
export class ConsumerOffsetStore {
  private readonly log: PartitionLog;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly entries = new Map<string, ConsumerOffsetEntry>();
  private readonly waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private checkpointWanted = false;
  private changesSinceCheckpoint = 0;

  private constructor(log: PartitionLog, clock: Clock, logger: Logger) {
    this.log = log;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * Replays the log. Where it is corrupt, it goes on behind: an offset that is lost or old makes a consumer see
   * records again, no offsets at all would stop every consumer.
   * @throws FLV_DECODE | FLV_STORAGE
   */
  static async load(log: PartitionLog, clock: Clock, logger: Logger): Promise<ConsumerOffsetStore> {
    const store = new ConsumerOffsetStore(log, clock, logger);
    const limit = { maxBytes: LOAD_READ_BYTES, upToOffset: log.logEndOffset };
    for (let at = log.logStartOffset; at < log.logEndOffset; ) {
      const slice = await log.read(at, limit).catch((error: unknown) => behindDamage(error, at, logger));
      if (typeof slice === "number") {
        at = slice;
        continue;
      }
      if (slice.sizeBytes === 0) break;
      for (const piece of slice.pieces) store.replay(piece);
      at = slice.nextOffset;
    }
    return store;
  }

  get(consumerId: string, topic: string, partition: number): ConsumerOffsetEntry | undefined {
    return this.entries.get(keyText({ topic, partition, consumerId }));
  }

  /** Entries in order of topic, partition and consumer. */
  list(filter: FetchConsumerOffsetsRequest["filter"]): ConsumerOffsetEntry[] {
    const found = [...this.entries.values()].filter(
      ({ topic, partition, consumerId }) =>
        (filter?.replica === undefined || (filter.replica.topic === topic && filter.replica.partition === partition)) &&
        (filter?.consumerId === undefined || filter.consumerId === consumerId),
    );
    return found.sort(
      (a, b) => compare(a.topic, b.topic) || a.partition - b.partition || compare(a.consumerId, b.consumerId),
    );
  }

  /** Resolves when the offset is durable. @throws FLV_STORAGE | FLV_DISK_FULL */
  update({ consumerId, topic, partition, offset }: ConsumerOffsetUpdate): Promise<void> {
    const modifiedTimeSeconds = Math.floor(this.clock.nowMs() / 1000);
    return this.write({ type: "update", entry: { consumerId, topic, partition, offset, modifiedTimeSeconds } });
  }

  /** Resolves when it is durably gone, also if there was none. */
  delete(consumerId: string, topic: string, partition: number): Promise<void> {
    return this.write({ type: "delete", key: { topic, partition, consumerId } });
  }

  /** Drops every offset of a topic that is no more. */
  async deleteTopic(topic: string): Promise<void> {
    const keys = [...this.entries.values()].filter((entry) => entry.topic === topic);
    await Promise.all(keys.map(({ consumerId, partition }) => this.delete(consumerId, topic, partition)));
  }

  /** Writes all entries anew, so that retention may drop what is older. */
  async checkpoint(): Promise<void> {
    this.checkpointWanted = true;
    this.writing ??= this.writeWaiting();
    await this.writing;
  }

  get size(): number {
    return this.entries.size;
  }

  private write(change: ConsumerOffsetChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ change, resolve, reject });
      this.writing ??= this.writeWaiting();
    });
  }

  /** The only writer, so that a checkpoint never leaves out a change that is on its way. */
  private async writeWaiting(): Promise<void> {
    // changes that are made in the same turn go out together
    await Promise.resolve();
    while (this.waiting.length > 0 || this.checkpointWanted) {
      if (this.checkpointWanted) await this.writeCheckpoint();
      else await this.writeGroup(this.waiting.splice(0, CHANGES_PER_BATCH_MAX));
    }
    this.writing = undefined;
  }

  private async writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await this.append(group.map(({ change }) => change));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { change } of group) this.apply(change);
    for (const { resolve } of group) resolve();
    this.changesSinceCheckpoint += group.length;
    this.checkpointWanted ||= this.changesSinceCheckpoint > CHANGES_PER_CHECKPOINT;
  }

  private async writeCheckpoint(): Promise<void> {
    this.checkpointWanted = false;
    const changes: ConsumerOffsetChange[] = [{ type: "checkpoint" }];
    for (const entry of this.entries.values()) changes.push({ type: "update", entry });
    try {
      // one batch, so that a crash leaves all of it or nothing
      await this.append(changes);
      this.changesSinceCheckpoint = 0;
    } catch (error) {
      this.logger.warn({ error: String(error) }, "a checkpoint of the consumer offsets could not be written");
    }
  }

  private async append(changes: readonly ConsumerOffsetChange[]): Promise<void> {
    const builder = new BatchBuilder();
    const batches: Uint8Array[] = [];
    const nowMs = this.clock.nowMs();
    for (const change of changes) {
      const value = encodeChange(change);
      if (builder.append(undefined, value, nowMs)) continue;
      batches.push(builder.build());
      builder.append(undefined, value, nowMs);
    }
    batches.push(builder.build());
    await this.log.append(batches);
  }

  private replay(batches: Uint8Array): void {
    for (const batch of splitBatches(batches).batches) {
      for (const record of decodeBatch(batch)) {
        const change = decodeChange(record.value);
        this.changesSinceCheckpoint = change.type === "checkpoint" ? 0 : this.changesSinceCheckpoint + 1;
        this.apply(change);
      }
    }
  }

  private apply(change: ConsumerOffsetChange): void {
    if (change.type === "update") this.entries.set(keyText(change.entry), change.entry);
    else if (change.type === "delete") this.entries.delete(keyText(change.key));
    else this.entries.clear();
  }
}

/** Where to read on after corrupt records. @throws any other error */
function behindDamage(error: unknown, at: number, logger: Logger): number {
  const next = isFluvioError(error) && error.code === "FLV_BATCH_CORRUPT" ? error.details.nextIntact : undefined;
  if (typeof next !== "number" || next <= at) throw error;
  logger.error({ error: String(error), at, next }, "some consumer offsets are lost: their records are corrupt");
  return next;
}

function keyText({ topic, partition, consumerId }: ConsumerOffsetKey): string {
  return `${topic}/${partition}/${consumerId}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
