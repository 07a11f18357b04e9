import type { ServerConnection } from "../../transport/index.ts";
import type { ConsumerStream } from "./consumer-stream.ts";
import type { Replica } from "./replica-manager.ts";

/** Whose consumer offset a stream stores. */
export interface StreamConsumer {
  readonly replica: Replica;
  readonly consumerId: string | undefined;
}

/** Ended streams whose consumer may still store its last offset. */
const ENDED_STREAMS_MAX = 1024;

/** What an SPU knows of one client connection. */
export class ConnectionState {
  readonly connection: ServerConnection;
  /** The client takes offsets from offset deltas: gaps need no batch of their own. */
  readsOffsetDeltas = false;
  /**
   * Produce work per partition that later requests of this connection wait for; empty unless SmartModules are at
   * work on a produce.
   */
  readonly produceTails = new Map<string, Promise<unknown>>();
  private readonly streams = new Map<number, ConsumerStream>();
  private readonly endedConsumers = new Map<number, StreamConsumer>();
  private nextStreamId = 1;

  constructor(connection: ServerConnection) {
    this.connection = connection;
  }

  get streamCount(): number {
    return this.streams.size;
  }

  takeStreamId(): number {
    return this.nextStreamId++;
  }

  add(streamId: number, stream: ConsumerStream): void {
    this.streams.set(streamId, stream);
  }

  stream(streamId: number): ConsumerStream | undefined {
    return this.streams.get(streamId);
  }

  /** A consumer commits what it has worked off also after its stream has ended. */
  consumer(streamId: number): StreamConsumer | undefined {
    const stream = this.streams.get(streamId);
    return stream === undefined ? this.endedConsumers.get(streamId) : consumerOf(stream);
  }

  streamEnded(streamId: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.streams.delete(streamId);
    if (stream.options.consumerId === undefined) return;
    this.endedConsumers.set(streamId, consumerOf(stream));
    for (const oldest of this.endedConsumers.keys()) {
      if (this.endedConsumers.size <= ENDED_STREAMS_MAX) break;
      this.endedConsumers.delete(oldest);
    }
  }

  /** The connection is gone. */
  close(): void {
    for (const stream of [...this.streams.values()]) stream.end();
  }
}

function consumerOf(stream: ConsumerStream): StreamConsumer {
  const { replica, consumerId } = stream.options;
  return { replica, consumerId };
}
