import type { ConsumerOffsetRequest, ConsumerOffsetUpdate } from "../link.ts";
import type { ConsumerOffsetStore } from "./consumer-offset-store.ts";
import type { ScClient } from "./sc-client.ts";
import type { SystemTopic } from "./system-topic.ts";

/** Consumer offsets as any SPU sees them: kept here when it leads their partition, else asked for through the SC. */
export class ConsumerOffsets {
  private readonly topic: SystemTopic<ConsumerOffsetStore>;
  private readonly sc: ScClient;

  constructor(topic: SystemTopic<ConsumerOffsetStore>, sc: ScClient) {
    this.topic = topic;
    this.sc = sc;
  }

  /** Set while this SPU leads partition 0 of the offsets' topic. */
  get local(): ConsumerOffsetStore | undefined {
    return this.topic.local;
  }

  /** @throws what the store or the link throws */
  async update(update: ConsumerOffsetUpdate): Promise<void> {
    if (this.local !== undefined) await this.local.update(update);
    else await this.sc.request({ kind: "updateConsumerOffset", update });
  }

  /** The stored offset of the last record worked off. */
  async stored(consumerId: string, topic: string, partition: number): Promise<number | undefined> {
    if (this.local !== undefined) return this.local.get(consumerId, topic, partition)?.offset;
    const value = await this.sc.request({ kind: "fetchConsumerOffset", consumerId, topic, partition });
    return typeof value === "number" ? value : undefined;
  }

  /** Another SPU asks, through the SC. @throws FLV_NOT_LEADER | what the store throws */
  async answer(request: ConsumerOffsetRequest): Promise<unknown> {
    const store = this.topic.leader();
    if (request.kind === "updateConsumerOffset") {
      await store.update(request.update);
      return undefined;
    }
    return store.get(request.consumerId, request.topic, request.partition)?.offset;
  }
}
