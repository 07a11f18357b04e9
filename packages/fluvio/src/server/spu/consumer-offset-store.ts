import type { FetchConsumerOffsetsRequest } from "../../protocol/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { ConsumerOffsetUpdate } from "../link.ts";
import { CONSUMER_OFFSET_RECORDS, type ConsumerOffsetEntry, type ConsumerOffsetKey } from "./consumer-offset-record.ts";
import { KeyedLog, type KeyedLogOptions } from "./keyed-log.ts";

/** The consumer offsets, as the leader of their system topic keeps them, in the original's records. */
export class ConsumerOffsetStore {
  private readonly entries: KeyedLog<ConsumerOffsetKey, ConsumerOffsetEntry>;
  private readonly options: KeyedLogOptions;

  private constructor(entries: KeyedLog<ConsumerOffsetKey, ConsumerOffsetEntry>, options: KeyedLogOptions) {
    this.entries = entries;
    this.options = options;
  }

  /** @throws FLV_DECODE | FLV_STORAGE */
  static async load(log: PartitionLog, options: KeyedLogOptions): Promise<ConsumerOffsetStore> {
    return new ConsumerOffsetStore(await KeyedLog.load(log, CONSUMER_OFFSET_RECORDS, options), options);
  }

  get(consumerId: string, topic: string, partition: number): ConsumerOffsetEntry | undefined {
    return this.entries.get({ topic, partition, consumerId });
  }

  /** Entries in order of topic, partition and consumer. */
  list(filter: FetchConsumerOffsetsRequest["filter"]): ConsumerOffsetEntry[] {
    const found = [...this.entries.entries()].filter(
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
    const modifiedTimeSeconds = Math.floor(this.options.clock.nowMs() / 1000);
    return this.entries.put({ consumerId, topic, partition, offset, modifiedTimeSeconds });
  }

  /** Resolves when it is durably gone, also if there was none. */
  delete(consumerId: string, topic: string, partition: number): Promise<void> {
    return this.entries.delete({ topic, partition, consumerId });
  }

  /** Drops every offset of a topic that is no more. */
  deleteTopic(topic: string): Promise<void> {
    return this.entries.deleteTopic(topic);
  }

  /** Writes all entries anew, so that retention may drop what is older. */
  checkpoint(): Promise<void> {
    return this.entries.checkpoint();
  }

  get writtenSinceMs(): number | undefined {
    return this.entries.writtenSinceMs;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
