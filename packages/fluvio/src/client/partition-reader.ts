import {
  ACKNOWLEDGE_END,
  flvError,
  isFluvioError,
  type SmartModuleInvocationInput,
  type StreamFetchResponse,
  streamFetchApi,
  toFluvioError,
  updateConsumerOffsetApi,
  updateOffsetsApi,
} from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import { Backoff, isConnectionError } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { type DecodedReply, decodeReply } from "./decode-reply.ts";
import type { RecordQueue } from "./record-queue.ts";
import type { Isolation, RetryPolicy } from "./types.ts";

/** What the readers of one consumer have in common. */
export interface ReaderSettings {
  readonly isolation: Isolation;
  readonly maxBytes: number;
  readonly smartmodules: readonly SmartModuleInvocationInput[];
  /** Whether a state is kept with acknowledgements: a reply is then acknowledged when its records were taken. */
  readonly keepsState: boolean;
  readonly consumerId: string | undefined;
  readonly strictOffset: boolean;
  readonly retry: RetryPolicy;
}

/** The stream that was opened last; its id is known from the first reply on. */
interface OpenStream {
  readonly connection: Connection;
  streamId: number | undefined;
}

/** A stream that is lost sooner than this after it was opened, before any reply, may be what the server stumbles over. */
const QUICK_LOSS_MS = 1000;
const QUICK_LOSSES_MAX = 5;

/** How long a cluster may take to say that the SmartModules of a stream run; one of the original never says so. */
const MODULE_CHECK_MS_MAX = 5000;

/** Largest `maxBytes` that is asked for when a batch does not fit. */
const MAX_BYTES_MAX = 0x7fffffff;

/** Reads one partition into the queue, across lost connections, until `endOffset` or without end. */
export class PartitionReader {
  readonly topic: string;
  readonly partition: number;
  readonly #cluster: Cluster;
  readonly #queue: RecordQueue<PartitionReader>;
  readonly #settings: ReaderSettings;
  readonly #endOffset: number | undefined;
  readonly #backoff: Backoff;
  #quickLosses = 0;
  #openedMs = 0;
  #nextOffset: number;
  /** Where a kept state would begin: the cluster knows better once it has one. */
  #startOffset: number;
  #maxBytes: number;
  #stream: OpenStream | undefined;
  /** Offset of the last record given to the user; -1 for none. */
  yieldedOffset = -1;
  #committedOffset = -1;
  #flushedOffset = -1;

  constructor(
    cluster: Cluster,
    queue: RecordQueue<PartitionReader>,
    settings: ReaderSettings,
    position: { topic: string; partition: number; startOffset: number; endOffset: number | undefined },
  ) {
    this.#cluster = cluster;
    this.#queue = queue;
    this.#settings = settings;
    this.topic = position.topic;
    this.partition = position.partition;
    this.#nextOffset = position.startOffset;
    this.#startOffset = position.startOffset;
    this.#endOffset = position.endOffset;
    this.#maxBytes = settings.maxBytes;
    this.#backoff = new Backoff(settings.retry);
  }

  get #isDone(): boolean {
    return this.#endOffset !== undefined && this.#nextOffset >= this.#endOffset;
  }

  /** Resolves at the end; throws what cannot be helped by trying again. */
  async run(signal: AbortSignal): Promise<void> {
    // where nothing is left to read, SmartModules that are missing or broken must not pass in silence
    let isChecked = !this.#isDone || this.#settings.smartmodules.length === 0;
    const reading = isChecked ? signal : AbortSignal.any([signal, AbortSignal.timeout(MODULE_CHECK_MS_MAX)]);
    while (!(isChecked && this.#isDone) && !reading.aborted) {
      try {
        await this.#readStream(reading);
        isChecked = true;
      } catch (error) {
        // the stream itself goes on until it is released
        if (reading.aborted) return;
        const lost = this.#stream;
        this.#stream = undefined;
        if (lost !== undefined) this.#noteLoss(lost, error);
        // whoever cannot be connected to is away, and did not close the connection for what it was asked
        else if (isConnectionError(error)) this.#quickLosses = 0;
        await this.#handle(error, reading);
      }
    }
  }

  /**
   * The protocol has no answer for a request that a server cannot take: it closes the connection. With modules in the
   * request that is not tried again for ever.
   */
  #noteLoss(lost: OpenStream, error: unknown): void {
    const isQuick =
      this.#settings.smartmodules.length > 0 &&
      lost.streamId === undefined &&
      isConnectionError(error) &&
      performance.now() - this.#openedMs < QUICK_LOSS_MS;
    this.#quickLosses = isQuick ? this.#quickLosses + 1 : 0;
    if (this.#quickLosses < QUICK_LOSSES_MAX) return;
    const { host, port } = lost.connection;
    throw flvError(
      "FLV_CONNECTION_CLOSED",
      `${host}:${port} closes the connection whenever ${this.topic}-${this.partition} is read with these SmartModules`,
      {
        cause: error,
        details: { topic: this.topic, partition: this.partition, attempts: this.#quickLosses },
        hint: "look into the cluster's log; a module that is sent along may be too large",
      },
    );
  }

  async #handle(error: unknown, signal: AbortSignal): Promise<void> {
    const { topic, partition } = this;
    const { logger } = this.#cluster.settings;
    if (isConnectionError(error)) {
      logger.warn({ topic, partition, error, nextOffset: this.#nextOffset }, "stream lost, connecting again");
      await this.#backoff.pause(error, signal);
      return;
    }
    if (!isFluvioError(error) || error.code !== "FLV_OFFSET_EVICTED" || this.#settings.strictOffset) throw error;
    const { nextAvailable } = error.details;
    // an offset that does not lead on would be asked for again and again
    const asked = this.#settings.keepsState ? this.#startOffset : this.#nextOffset;
    if (typeof nextAvailable !== "number" || nextAvailable <= asked) throw error;
    logger.warn(
      { topic, partition, offset: asked, nextAvailable },
      "records were deleted before they were read: going on at the oldest stored",
    );
    this.#startOffset = nextAvailable;
    this.#nextOffset = Math.max(this.#nextOffset, nextAvailable);
  }

  /** One stream on one connection. Returns at the end, or when it has to be opened anew with other settings. */
  async #readStream(signal: AbortSignal): Promise<void> {
    const connection = await this.#cluster.leader(this.topic, this.partition, { signal });
    // the first reply may be long in coming: there may be nothing to read
    this.#backoff.settled();
    const open: OpenStream = { connection, streamId: undefined };
    this.#stream = open;
    this.#openedMs = performance.now();
    const { isolation, smartmodules, keepsState, consumerId } = this.#settings;
    const replies = connection.stream(
      streamFetchApi,
      {
        topic: this.topic,
        partition: this.partition,
        fetchOffset: keepsState ? this.#startOffset : this.#nextOffset,
        maxBytes: this.#maxBytes,
        isolation,
        smartmodules,
        consumerId,
      },
      { signal },
    );
    for await (const reply of replies) {
      if (reply.streamId > 0) open.streamId ??= reply.streamId;
      if (!(await this.#take(open, reply))) return;
      this.#backoff.reset();
      if (this.#isDone) return;
    }
  }

  /** @returns false when the stream has to be opened anew */
  async #take(open: OpenStream, reply: StreamFetchResponse): Promise<boolean> {
    const { errorCode, nextFilterOffset, records: recordSet } = reply.partition;
    const failed = errorCode.name !== "None";
    if (failed && errorCode.name !== "SmartModuleRuntimeError") {
      throw toFluvioError(errorCode, { topic: this.topic, partition: this.partition });
    }
    const decoded = decodeReply(recordSet, {
      topic: this.topic,
      partition: this.partition,
      fromOffset: this.#nextOffset,
      isFiltered: nextFilterOffset > 0,
    });
    if (decoded.neededBytes !== undefined) return this.#enlarge(decoded.neededBytes);
    if (this.#settings.keepsState) {
      return this.#takeAll(open, reply, decoded);
    }
    await this.#queue.room(this);
    const records = beforeOffset(decoded.records, this.#endOffset);
    const next = nextFilterOffset > 0 ? nextFilterOffset : decoded.endOffset;
    const leadsOn = !failed && next !== undefined && next > this.#nextOffset;
    const upToOffset = leadsOn ? Math.min(next, this.#endOffset ?? next) - 1 : undefined;
    if (records.length > 0 || (leadsOn && this.#queue.takesEmpty)) {
      this.#queue.put({ source: this, records, upToOffset });
    }
    if (failed) throw toFluvioError(errorCode, { topic: this.topic, partition: this.partition });
    if (next === undefined) return true;
    this.#nextOffset = Math.max(this.#nextOffset, next);
    if (!this.#isDone) void this.#acknowledge(open, reply.streamId, next);
    return true;
  }

  /**
   * Gives out a whole reply, also what lies behind the end, and acknowledges it when all of it was taken: what is kept
   * with the acknowledgement has seen all of it.
   */
  async #takeAll(open: OpenStream, reply: StreamFetchResponse, decoded: DecodedReply): Promise<boolean> {
    const { topic, partition } = this;
    const { errorCode, nextFilterOffset, highWatermark } = reply.partition;
    const { records } = decoded;
    const wholly = records.length === 0 || (await this.#givenOut(records));
    if (errorCode.name !== "None") throw toFluvioError(errorCode, { topic, partition });
    const next = nextFilterOffset > 0 ? nextFilterOffset : decoded.endOffset;
    if (!wholly) return true;
    // without an offset it is the word that the modules run: nothing is left from where the state is, which may have been
    // stored since this consumer asked where to begin
    this.#nextOffset = Math.max(this.#nextOffset, next ?? highWatermark);
    if (next === undefined) return true;
    const request = { offsets: [{ offset: next, sessionId: reply.streamId }] };
    const { status } = await open.connection.request(updateOffsetsApi, request);
    const refused = status.find(({ error }) => error.name !== "None");
    if (refused !== undefined) throw toFluvioError(refused.error, { topic, partition });
    return true;
  }

  #givenOut(records: DecodedReply["records"]): Promise<boolean> {
    return new Promise((settled) => this.#queue.put({ source: this, records, upToOffset: undefined, settled }));
  }

  /** The reply of the acknowledgement carries nothing; a lost connection is noticed by the stream itself. */
  async #acknowledge(
    { connection }: { connection: Connection },
    sessionId: number,
    offset: number,
    options: AbortOptions = {},
  ): Promise<void> {
    await connection
      .request(updateOffsetsApi, { offsets: [{ offset, sessionId }] }, options)
      .catch((error: unknown) => {
        this.#cluster.settings.logger.debug({ topic: this.topic, partition: this.partition, error }, "lost an ack");
      });
  }

  /**
   * Frees what the server keeps for the stream; without this it would until the connection closes. Resolves when a kept
   * state is free for the next consumer.
   */
  async release(): Promise<void> {
    const named = this.#namedStream();
    this.#stream = undefined;
    if (named === undefined) return;
    await this.#acknowledge(named, named.streamId, ACKNOWLEDGE_END);
  }

  #enlarge(neededBytes: number): boolean {
    const maxBytes = Math.min(Math.max(neededBytes, this.#maxBytes * 2), MAX_BYTES_MAX);
    if (maxBytes <= this.#maxBytes) {
      throw flvError("FLV_BATCH_TOO_LARGE", `a batch of ${this.topic}-${this.partition} does not come whole`, {
        details: { topic: this.topic, partition: this.partition, offset: this.#nextOffset, neededBytes },
      });
    }
    this.#maxBytes = maxBytes;
    return false;
  }

  /** Marks everything up to and with an offset as processed. */
  commitUpTo(offset: number): void {
    this.#committedOffset = Math.max(this.#committedOffset, offset);
  }

  /**
   * Stores the committed offset; sends nothing when nothing is new. Tried again while the SPU or the cluster restarts.
   * @throws FLV_CONSUMER_OFFSET | FLV_CONNECT | FLV_CONNECTION_CLOSED
   */
  async flushOffset(options: AbortOptions, retry: Partial<RetryPolicy>): Promise<void> {
    const offset = this.#committedOffset;
    if (offset <= this.#flushedOffset) return;
    const store = () => this.#store(offset, options);
    await this.#cluster.tryAgain(store, options, retry).catch((cause: unknown) => {
      if (!isFluvioError(cause) || isConnectionError(cause)) throw cause;
      throw flvError(
        "FLV_CONSUMER_OFFSET",
        `offset ${offset} of ${this.topic}-${this.partition} was not stored: ${cause.message}`,
        {
          cause,
          details: { topic: this.topic, partition: this.partition, offset, consumerId: this.#settings.consumerId },
          retriable: cause.retriable,
        },
      );
    });
    this.#flushedOffset = Math.max(this.#flushedOffset, offset);
  }

  async #store(offset: number, options: AbortOptions): Promise<void> {
    const ownStream = this.#namedStream();
    const { connection, streamId } = ownStream ?? (await this.#nameStream(offset, options));
    const { errorCode } = await connection.request(updateConsumerOffsetApi, { offset, sessionId: streamId }, options);
    if (ownStream === undefined) void this.#acknowledge({ connection }, streamId, ACKNOWLEDGE_END);
    if (errorCode.name !== "None") throw toFluvioError(errorCode, { topic: this.topic, partition: this.partition });
  }

  #namedStream(): { readonly connection: Connection; readonly streamId: number } | undefined {
    const { connection, streamId } = this.#stream ?? {};
    return connection?.isOpen && streamId !== undefined ? { connection, streamId } : undefined;
  }

  /**
   * The request to store an offset names a stream of its connection. One that was opened anew after a restart has no
   * name before there is something new to read, so another is opened where something is: at the offset itself.
   */
  async #nameStream(offset: number, options: AbortOptions): Promise<{ connection: Connection; streamId: number }> {
    const { topic, partition } = this;
    const { isolation, consumerId, maxBytes } = this.#settings;
    const connection = await this.#cluster.leader(topic, partition, options);
    const request = { topic, partition, fetchOffset: offset, maxBytes, isolation, smartmodules: [], consumerId };
    for await (const { streamId, partition: answer } of connection.stream(streamFetchApi, request, options)) {
      if (streamId > 0) return { connection, streamId };
      throw toFluvioError(answer.errorCode, { topic, partition });
    }
    throw flvError("FLV_CONNECTION_CLOSED", `the stream of ${topic}-${partition} ended at once`, { retriable: true });
  }
}

function beforeOffset<T extends { readonly offset: number }>(
  records: readonly T[],
  endOffset: number | undefined,
): readonly T[] {
  const last = records.at(-1);
  if (endOffset === undefined || last === undefined || last.offset < endOffset) return records;
  return records.filter((record) => record.offset < endOffset);
}
