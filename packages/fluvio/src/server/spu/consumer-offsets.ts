import { CONSUMER_OFFSET_TOPIC, flvError, type Logger } from "../../protocol/index.ts";
import type { PartitionId } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { ConsumerOffsetRequest, ConsumerOffsetUpdate } from "../link.ts";
import { ConsumerOffsetStore } from "./consumer-offset-store.ts";
import type { Replica } from "./replica-manager.ts";
import type { ScClient } from "./sc-client.ts";

export interface ConsumerOffsetsOptions {
  readonly sc: ScClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells the SC that a deleted topic's offsets are gone. */
  forgotten(topic: string): void;
}

/** Consumer offsets as any SPU sees them: kept here when it leads their partition, else asked for through the SC. */
export class ConsumerOffsets {
  /** Set while this SPU leads partition 0 of the offsets' topic. */
  local: ConsumerOffsetStore | undefined;
  private readonly options: ConsumerOffsetsOptions;
  private readonly toForget = new Set<string>();

  constructor(options: ConsumerOffsetsOptions) {
    this.options = options;
  }

  /** @throws what the store or the link throws */
  async update(update: ConsumerOffsetUpdate): Promise<void> {
    if (this.local !== undefined) await this.local.update(update);
    else await this.options.sc.request({ kind: "updateConsumerOffset", update });
  }

  /** The stored offset of the last record worked off. */
  async stored(consumerId: string, topic: string, partition: number): Promise<number | undefined> {
    if (this.local !== undefined) return this.local.get(consumerId, topic, partition)?.offset;
    const value = await this.options.sc.request({ kind: "fetchConsumerOffset", consumerId, topic, partition });
    return typeof value === "number" ? value : undefined;
  }

  /** Another SPU asks, through the SC. */
  async answer(request: ConsumerOffsetRequest): Promise<unknown> {
    const { local } = this;
    if (local === undefined) {
      throw flvError("FLV_NOT_LEADER", `${CONSUMER_OFFSET_TOPIC}-0 is not led by this SPU`, { retriable: true });
    }
    if (request.kind === "updateConsumerOffset") {
      await local.update(request.update);
      return undefined;
    }
    return local.get(request.consumerId, request.topic, request.partition)?.offset;
  }

  /** Loads the offsets when the partition is theirs. */
  async opened({ id, log }: Replica): Promise<void> {
    if (!isOffsets(id)) return;
    this.local = await ConsumerOffsetStore.load(log, this.options.clock, this.options.logger);
    for (const topic of this.toForget) this.forget(topic);
  }

  ended(id: PartitionId): void {
    if (isOffsets(id)) this.local = undefined;
  }

  /** Drops a deleted topic's offsets, when they are loaded. */
  topicDeleted(topic: string): void {
    this.toForget.add(topic);
    this.forget(topic);
  }

  /** Keeps retention from dropping offsets that nobody changes. */
  async beforeRetention({ id, log, assignment }: Replica): Promise<void> {
    if (!isOffsets(id) || this.local === undefined || this.local.size === 0) return;
    const { retentionSeconds } = assignment;
    if (retentionSeconds === undefined || log.lastTimestampMs === undefined) return;
    const ageMs = this.options.clock.nowMs() - log.lastTimestampMs;
    if (ageMs > (retentionSeconds * 1000) / 2) await this.local.checkpoint();
  }

  private forget(topic: string): void {
    const { local } = this;
    if (local === undefined) return;
    local.deleteTopic(topic).then(
      () => {
        this.toForget.delete(topic);
        this.options.forgotten(topic);
      },
      (error: unknown) => {
        this.options.logger.error({ topic, error: String(error) }, "offsets of a deleted topic were not dropped");
      },
    );
  }
}

function isOffsets(id: PartitionId): boolean {
  return id.topic === CONSUMER_OFFSET_TOPIC && id.partition === 0;
}
