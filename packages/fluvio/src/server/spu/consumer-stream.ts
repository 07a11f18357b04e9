import { ACKNOWLEDGE_END, ACKNOWLEDGE_NOTHING, flvError, type Logger } from "../../protocol/index.ts";
import type { Replica, ReplicaEnd } from "./replica-manager.ts";
import { acknowledge, moveLimit, nothingRead, type StreamFlow, sendDone, startFlow, takeSend } from "./stream-flow.ts";
import type { StreamData, StreamSource } from "./stream-source.ts";

export interface ConsumerStreamOptions {
  readonly streamId: number;
  readonly replica: Replica;
  readonly readCommitted: boolean;
  /** Whose offsets the stream's connection may store. */
  readonly consumerId: string | undefined;
  readonly logger: Logger;
  /** Writes one reply; resolves when the socket has room again. */
  sendData(data: StreamData): Promise<void>;
  sendError(error: unknown): Promise<void>;
  /** Called once, when nothing more will be sent. */
  ended(): void;
}

/**
 * One stream: wakes when its partition's log advances or the client acknowledges, sends one reply and waits for its
 * acknowledgement. A slow consumer costs one reply's memory at most. Nothing polls.
 */
export class ConsumerStream {
  readonly options: ConsumerStreamOptions;
  private flow: StreamFlow | undefined;
  private source: StreamSource | undefined;
  private isEnded = false;
  private readonly stopEnd: () => void;
  private stopAdvance: (() => void) | undefined;

  /** The stream is known from now on; nothing is sent before {@link start}. */
  constructor(options: ConsumerStreamOptions) {
    this.options = options;
    this.stopEnd = options.replica.onEnd((why) => this.partitionEnded(why));
  }

  /**
   * Begins at `offset`, of which {@link checkStart} has no complaint.
   * @param greets whether a client that has to wait for records is told once that the source is there
   */
  start(offset: number, source: StreamSource, greets = false): void {
    if (this.isEnded) {
      source.close();
      return;
    }
    this.source = source;
    this.flow = startFlow(offset, this.limit());
    this.stopAdvance = this.options.replica.log.onAdvance(() => this.advanced());
    this.pump();
    if (greets && !this.flow.sending) this.greet();
  }

  /** An empty reply that nobody acknowledges: who reads up to an end that is reached already gets no other. */
  private greet(): void {
    this.options.sendData({ pieces: [], nextFilterOffset: 0, error: undefined }).catch((cause: unknown) => {
      this.options.logger.debug({ cause: String(cause) }, "a stream's first reply was not delivered");
    });
  }

  /**
   * The client wants `offset` next. Gives a promise when something is kept with it: it resolves when that is durable,
   * a failure ends the stream.
   * @throws FLV_AGGREGATE_STATE for an offset that cannot be acknowledged
   */
  acknowledge(offset: number): Promise<void> | undefined {
    if (this.flow === undefined || this.isEnded || offset === ACKNOWLEDGE_NOTHING) return undefined;
    if (offset === ACKNOWLEDGE_END) {
      this.end();
      return undefined;
    }
    const kept = this.source?.acknowledged?.(offset);
    kept?.catch((error: unknown) => this.fail(error));
    acknowledge(this.flow, offset);
    this.pump();
    return kept;
  }

  /** Says why in one last reply, then ends. */
  fail(error: unknown): void {
    if (this.isEnded) return;
    this.end();
    this.options.sendError(error).catch((cause: unknown) => {
      this.options.logger.debug({ cause: String(cause) }, "a stream's error was not delivered");
    });
  }

  /** Ends without a word: the client is gone, or wants no more. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.stopEnd();
    this.stopAdvance?.();
    this.source?.close();
    this.options.ended();
  }

  private limit(): number {
    const { log } = this.options.replica;
    const committedOnly = this.options.readCommitted || this.source?.committedOnly === true;
    return committedOnly ? log.highWatermark : log.logEndOffset;
  }

  private advanced(): void {
    if (this.flow === undefined) return;
    moveLimit(this.flow, this.limit());
    this.pump();
  }

  private pump(): void {
    if (this.flow === undefined || this.source === undefined || this.isEnded) return;
    const from = takeSend(this.flow);
    if (from === undefined) return;
    this.sendFrom(this.flow, this.source, from, this.flow.limit).then(
      () => this.pump(),
      (error: unknown) => this.fail(error),
    );
  }

  private async sendFrom(flow: StreamFlow, source: StreamSource, from: number, limit: number): Promise<void> {
    const data = await source.next(from, limit);
    if (this.isEnded) return;
    if (data === undefined) {
      nothingRead(flow, from, limit);
      return;
    }
    await this.options.sendData(data);
    sendDone(flow);
  }

  private partitionEnded(why: ReplicaEnd): void {
    const { id } = this.options.replica;
    if (why === "deleted") this.fail(topicDeleted(id.topic));
    else this.fail(flvError("FLV_NOT_LEADER", `${id.topic}-${id.partition} is no longer led by this SPU`));
  }
}

function topicDeleted(topic: string): Error {
  return flvError("FLV_TOPIC_DELETED", `Topic deleted: ${topic}`, { details: { topic } });
}

/** @throws FLV_OFFSET_EVICTED below the oldest offset (details.nextAvailable) | FLV_OFFSET_OUT_OF_RANGE beyond the log end */
export function checkStart(replica: Replica, offset: number): void {
  const { logStartOffset, logEndOffset } = replica.log;
  const { topic, partition } = replica.id;
  if (offset < logStartOffset) {
    throw flvError("FLV_OFFSET_EVICTED", `offset ${offset} of ${topic}-${partition} is gone`, {
      details: { topic, partition, offset, nextAvailable: logStartOffset },
      hint: `the oldest offset is ${logStartOffset}`,
    });
  }
  if (offset > logEndOffset) {
    throw flvError("FLV_OFFSET_OUT_OF_RANGE", `offset ${offset} is beyond the end of ${topic}-${partition}`, {
      details: { topic, partition, offset, logEndOffset },
      hint: `the next offset to be written is ${logEndOffset}`,
    });
  }
}
