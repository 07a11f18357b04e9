import { flvError, type Logger } from "../../protocol/index.ts";
import type { PartitionId } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { KeyedLogOptions } from "./keyed-log.ts";
import type { Replica } from "./replica-manager.ts";

/** What is kept in a system topic, by topics of users. */
export interface TopicEntries {
  /** No entry is in a record from before this time; `undefined` when there are none. */
  readonly writtenSinceMs: number | undefined;
  checkpoint(): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
}

export interface SystemTopicOptions<Store extends TopicEntries> {
  readonly topic: string;
  /** For the log's lines, such as `consumer offsets`. */
  readonly what: string;
  readonly clock: Clock;
  readonly logger: Logger;
  load(log: Replica["log"], options: KeyedLogOptions): Promise<Store>;
  /** Tells the SC that a deleted topic's entries are gone. */
  forgotten(topic: string): void;
}

/** A store whose entries are kept in partition 0 of a system topic, while this SPU leads that partition. */
export class SystemTopic<Store extends TopicEntries> {
  /** Set while this SPU leads the partition. */
  local: Store | undefined;
  private readonly options: SystemTopicOptions<Store>;
  private readonly toForget = new Set<string>();

  constructor(options: SystemTopicOptions<Store>) {
    this.options = options;
  }

  /** @throws FLV_NOT_LEADER */
  leader(): Store {
    if (this.local !== undefined) return this.local;
    throw flvError("FLV_NOT_LEADER", `${this.options.topic}-0 is not led by this SPU`, { retriable: true });
  }

  /** Loads the entries when the partition is theirs. */
  async opened({ id, log }: Replica): Promise<void> {
    if (!this.isPartition(id)) return;
    const { clock, logger } = this.options;
    this.local = await this.options.load(log, { clock, logger });
    for (const topic of this.toForget) this.forget(topic);
  }

  ended(id: PartitionId): void {
    if (this.isPartition(id)) this.local = undefined;
  }

  /** Drops a deleted topic's entries, when they are loaded. */
  topicDeleted(topic: string): void {
    this.toForget.add(topic);
    this.forget(topic);
  }

  /** Keeps retention from dropping entries that nobody changes, whatever happens to others. */
  async beforeRetention({ id, assignment }: Replica): Promise<void> {
    if (!this.isPartition(id)) return;
    const { retentionSeconds } = assignment;
    const sinceMs = this.local?.writtenSinceMs;
    if (retentionSeconds === undefined || sinceMs === undefined) return;
    if (this.options.clock.nowMs() - sinceMs > (retentionSeconds * 1000) / 2) await this.local?.checkpoint();
  }

  private forget(topic: string): void {
    const { local, options } = this;
    if (local === undefined) return;
    local.deleteTopic(topic).then(
      () => {
        this.toForget.delete(topic);
        options.forgotten(topic);
      },
      (error: unknown) => {
        options.logger.error({ topic, error: String(error) }, `${options.what} of a deleted topic were not dropped`);
      },
    );
  }

  private isPartition(id: PartitionId): boolean {
    return id.topic === this.options.topic && id.partition === 0;
  }
}
