import {
  ACKNOWLEDGE_END,
  type Api,
  apiVersionsApi,
  decode,
  deleteConsumerOffsetApi,
  fetchApi,
  fetchConsumerOffsetsApi,
  fetchOffsetsApi,
  flvError,
  type Logger,
  NO_ERROR,
  produceApi,
  readsOffsetDeltas,
  SPU_API_VERSIONS,
  streamFetchApi,
  updateConsumerOffsetApi,
  updateOffsetsApi,
  type WireErrorInput,
  Writer,
  wireError,
} from "../../protocol/index.ts";
import type { RequestHeader, ServerConnection } from "../../transport/index.ts";
import type { Clock } from "../clock.ts";
import type { ModuleSwitch } from "../link.ts";
import { messageOf } from "../message-of.ts";
import type { AggregateStates } from "./aggregate-states.ts";
import type { ChainFactory } from "./chains.ts";
import { ConnectionState } from "./connection-state.ts";
import type { ConsumerOffsets } from "./consumer-offsets.ts";
import type { ConsumerStream } from "./consumer-stream.ts";
import type { Deduplications } from "./deduplication.ts";
import { fetchOffsets, fetchOnce } from "./fetch.ts";
import type { SpuLimits } from "./limits.ts";
import { produce } from "./produce.ts";
import type { ReplicaManager } from "./replica-manager.ts";
import { openStream } from "./stream-fetch.ts";
import { toWireError } from "./wire-answers.ts";

export interface ServiceOptions {
  readonly replicas: ReplicaManager;
  readonly chains: ChainFactory;
  readonly deduplications: Deduplications;
  readonly consumerOffsets: ConsumerOffsets;
  readonly states: AggregateStates;
  readonly limits: SpuLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What an SPU says its platform is; clients parse it and compare nothing. */
const SPU_PLATFORM_VERSION = "0.0.0";
/** Highest StreamFetch version told to a client that does not name its own version. */
const STREAM_FETCH_VERSION_UNNAMED = 15;

type Handler = (header: RequestHeader, body: Uint8Array, state: ConnectionState) => Promise<void> | void;

/** Answers the public APIs of an SPU. */
export class SpuService {
  private readonly options: ServiceOptions;
  private readonly connections = new Map<ServerConnection, ConnectionState>();
  private readonly handlers: ReadonlyMap<number, Handler>;

  constructor(options: ServiceOptions) {
    this.options = options;
    this.handlers = new Map<number, Handler>([
      [apiVersionsApi.key, (header, body, state) => this.apiVersions(header, body, state)],
      [produceApi.key, (header, body, state) => this.produce(header, body, state)],
      [fetchApi.key, (header, body, state) => this.fetch(header, body, state)],
      [fetchOffsetsApi.key, (header, body, state) => this.fetchOffsets(header, body, state)],
      [streamFetchApi.key, (header, body, state) => openStream(header, body, state, this.options)],
      [updateOffsetsApi.key, (header, body, state) => this.updateOffsets(header, body, state)],
      [updateConsumerOffsetApi.key, (header, body, state) => this.updateConsumerOffset(header, body, state)],
      [deleteConsumerOffsetApi.key, (header, body, state) => this.deleteConsumerOffset(header, body, state)],
      [fetchConsumerOffsetsApi.key, (header, body, state) => this.fetchConsumerOffsets(header, body, state)],
    ]);
  }

  /** Takes one frame; a throw closes its connection, as every undecodable request and unknown API must. */
  handle(header: RequestHeader, body: Uint8Array, connection: ServerConnection): Promise<void> | void {
    const handler = this.handlers.get(header.apiKey);
    if (handler === undefined) {
      throw flvError("FLV_UNSUPPORTED", `API ${header.apiKey} is not served by an SPU`, {
        details: { apiKey: header.apiKey, apiVersion: header.apiVersion },
      });
    }
    return handler(header, body, this.stateOf(connection));
  }

  /**
   * Streams and deduplicated topics that run the stored module go on with the code that is stored now, from their next
   * batch; aggregates keep their accumulators. Where the new code cannot run the old one goes on, and why is reported.
   * @throws FLV_SMARTMODULE_NOT_FOUND
   */
  switchModule(name: string): Promise<ModuleSwitch> {
    return this.options.chains.switchModule(name);
  }

  private stateOf(connection: ServerConnection): ConnectionState {
    let state = this.connections.get(connection);
    if (state === undefined) {
      const created = new ConnectionState(connection);
      state = created;
      this.connections.set(connection, created);
      const gone = () => {
        this.connections.delete(connection);
        created.close();
      };
      if (connection.signal.aborted) gone();
      else connection.signal.addEventListener("abort", gone, { once: true });
    }
    return state;
  }

  private apiVersions(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const { clientVersion } = decode(apiVersionsApi.request, body, header.apiVersion);
    state.readsOffsetDeltas = readsOffsetDeltas(clientVersion);
    const apiKeys = SPU_API_VERSIONS.map((entry) =>
      clientVersion === "" && entry.apiKey === streamFetchApi.key
        ? { ...entry, maxVersion: STREAM_FETCH_VERSION_UNNAMED }
        : entry,
    );
    const answer = { errorCode: NO_ERROR, apiKeys, platformVersion: SPU_PLATFORM_VERSION };
    return reply(apiVersionsApi, header, state, answer);
  }

  private async produce(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const request = decode(produceApi.request, body, header.apiVersion);
    return reply(produceApi, header, state, await produce(request, state, this.options));
  }

  private async fetch(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const request = decode(fetchApi.request, body, header.apiVersion);
    return reply(fetchApi, header, state, await fetchOnce(request, this.options.replicas, this.options.limits));
  }

  private async fetchOffsets(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const request = decode(fetchOffsetsApi.request, body, header.apiVersion);
    const { replicas, consumerOffsets } = this.options;
    const answer = await fetchOffsets(request, replicas, (consumerId, topic, partition) =>
      consumerOffsets.stored(consumerId, topic, partition),
    );
    return reply(fetchOffsetsApi, header, state, answer);
  }

  private async updateOffsets(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const { offsets } = decode(updateOffsetsApi.request, body, header.apiVersion);
    const status: { readonly sessionId: number; readonly error: WireErrorInput }[] = [];
    const errors = offsets.map(({ offset, sessionId }) => acknowledge(state.stream(sessionId), offset));
    for (const [index, { sessionId }] of offsets.entries()) status.push({ sessionId, error: await errors[index]! });
    return reply(updateOffsetsApi, header, state, { status });
  }

  private async updateConsumerOffset(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const { offset, sessionId } = decode(updateConsumerOffsetApi.request, body, header.apiVersion);
    const errorCode = await this.storeConsumerOffset(state, sessionId, offset);
    return reply(updateConsumerOffsetApi, header, state, { offset, errorCode });
  }

  private async storeConsumerOffset(
    state: ConnectionState,
    sessionId: number,
    offset: number,
  ): Promise<WireErrorInput> {
    const consumer = state.consumer(sessionId);
    if (consumer === undefined) return wireError("FetchSessionNotFoud");
    const { replica, consumerId } = consumer;
    const { topic, partition } = replica.id;
    if (consumerId === undefined) {
      return wireError("Other", { message: `stream ${sessionId} has no consumer id: its offset cannot be stored` });
    }
    // A topic that was deleted may be there again by now, and begins at 0: an offset of the old one must not outlive it.
    if (this.options.replicas.leader(topic, partition) !== replica) return wireError("NotLeaderForPartition");
    try {
      await this.options.consumerOffsets.update({ consumerId, topic, partition, offset });
      return NO_ERROR;
    } catch (error) {
      const message = messageOf(error);
      this.options.logger.warn({ consumerId, topic, partition, offset, error: message }, "consumer offset not stored");
      return wireError("OffsetFlushRequestError", { message });
    }
  }

  private async deleteConsumerOffset(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const { replica, consumerId } = decode(deleteConsumerOffsetApi.request, body, header.apiVersion);
    const { local } = this.options.consumerOffsets;
    let errorCode: WireErrorInput = NO_ERROR;
    try {
      if (local === undefined) errorCode = wireError("PartitionNotLeader");
      else await local.delete(consumerId, replica.topic, replica.partition);
    } catch (error) {
      errorCode = wireError("OffsetFlushRequestError", { message: error instanceof Error ? error.message : "" });
    }
    return reply(deleteConsumerOffsetApi, header, state, { errorCode });
  }

  private fetchConsumerOffsets(header: RequestHeader, body: Uint8Array, state: ConnectionState): Promise<void> {
    const { filter } = decode(fetchConsumerOffsetsApi.request, body, header.apiVersion);
    const { local } = this.options.consumerOffsets;
    if (local === undefined) {
      const errorCode = wireError("PartitionNotLeader");
      return reply(fetchConsumerOffsetsApi, header, state, { errorCode, consumers: [] });
    }
    return reply(fetchConsumerOffsetsApi, header, state, { errorCode: NO_ERROR, consumers: local.list(filter) });
  }
}

/** The error to answer, at once unless something is kept with the offset. */
function acknowledge(stream: ConsumerStream | undefined, offset: number): WireErrorInput | Promise<WireErrorInput> {
  if (stream === undefined) return wireError("FetchSessionNotFoud");
  if (offset < ACKNOWLEDGE_END) return wireError("OffsetOutOfRange");
  const { topic, partition } = stream.options.replica.id;
  try {
    const kept = stream.acknowledge(offset);
    if (kept === undefined) return NO_ERROR;
    return kept.then(
      () => NO_ERROR,
      (error: unknown) => toWireError(error, topic, partition),
    );
  } catch (error) {
    return toWireError(error, topic, partition);
  }
}

function reply<Req, ReqIn, Res, ResIn>(
  api: Api<Req, ReqIn, Res, ResIn>,
  header: RequestHeader,
  state: ConnectionState,
  answer: ResIn,
): Promise<void> {
  const writer = new Writer();
  writer.i32(header.correlationId);
  api.response.write(writer, answer, header.apiVersion);
  return state.connection.send(writer.finish());
}
