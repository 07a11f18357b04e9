import type { ModuleTotals } from "../smartengine/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { FluvioAdmin } from "./admin-types.ts";
import type { Consumer, ConsumerOffset, ConsumerOptions, ProducerOptions, TopicProducer } from "./types.ts";

/** A partition and what is stored of it. */
export interface PartitionOffsets {
  readonly partition: number;
  /** Oldest offset that can be read. */
  readonly startOffset: number;
  /** Offset after the newest committed record. */
  readonly endOffset: number;
}

/**
 * A connection to a cluster, made by `Fluvio.connect()`: one TCP connection to the SC, one to each SPU that is used,
 * shared by all producers and consumers. Lost connections are made anew.
 */
export interface FluvioClient extends AsyncDisposable {
  /** `host:port` of the SC. */
  readonly address: string;
  /** Version of the cluster. */
  readonly platformVersion: string;

  admin(): FluvioAdmin;
  /** @throws FLV_TOPIC_NOT_FOUND | FLV_COMPRESSION (the topic fixes another one) */
  topicProducer(topic: string, options?: ProducerOptions): Promise<TopicProducer>;
  /** @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND | FLV_OFFSET_OUT_OF_RANGE */
  consumer(options: ConsumerOptions): Promise<Consumer>;

  /** Partitions of a topic with what is stored. @throws FLV_TOPIC_NOT_FOUND */
  partitionOffsets(topic: string, options?: AbortOptions): Promise<readonly PartitionOffsets[]>;
  /** Stored positions of named consumers, all or those of one. */
  consumerOffsets(options?: AbortOptions & { readonly consumerId?: string }): Promise<readonly ConsumerOffset[]>;
  deleteConsumerOffset(consumerId: string, topic: string, partition: number, options?: AbortOptions): Promise<void>;
  /**
   * What SmartModules did in this process: those of producers with `smartmodulesAt: "client"`, by name, since the client
   * connected and also after it is closed. The cluster does not know of them; what it runs itself is in
   * {@link FluvioAdmin.smartModuleStats}.
   */
  smartModuleTotals(): readonly ModuleTotals[];
  /** Closes every connection; producers are flushed and consumers end. Idempotent. */
  close(): Promise<void>;
}
