import {
  decode,
  flvError,
  type Logger,
  type SmartModuleInvocation,
  type StreamFetchRequest,
  streamFetchApi,
  type WireError,
  Writer,
  wireError,
} from "../../protocol/index.ts";
import type { RequestHeader } from "../../transport/index.ts";
import type { AggregateStates } from "./aggregate-states.ts";
import { planSteps, stateNameOf } from "./chain-steps.ts";
import type { ChainFactory } from "./chains.ts";
import type { ConnectionState } from "./connection-state.ts";
import { ConsumerStream, checkStart } from "./consumer-stream.ts";
import type { SpuLimits } from "./limits.ts";
import type { Replica, ReplicaManager } from "./replica-manager.ts";
import type { RunningChain } from "./running-chain.ts";
import { openStatefulSource } from "./stateful-stream.ts";
import { chainSource, rawSource, type StreamData } from "./stream-source.ts";
import { recordWireError, toWireError } from "./wire-answers.ts";

export interface StreamFetchOptions {
  readonly replicas: ReplicaManager;
  readonly chains: ChainFactory;
  readonly states: AggregateStates;
  readonly limits: SpuLimits;
  readonly logger: Logger;
}

/** `stream_id` of the reply to a stream that never came to be. */
const NO_STREAM = 0;

/** Opens a stream of a connection; everything that goes wrong is said in a reply of the stream. */
export function openStream(
  header: RequestHeader,
  body: Uint8Array,
  state: ConnectionState,
  options: StreamFetchOptions,
): void {
  const request = decode(streamFetchApi.request, body, header.apiVersion);
  const replica = options.replicas.leader(request.topic, request.partition);
  if (replica === undefined) {
    const sending = state.connection.send(errorReply(header, request, NO_STREAM, wireError("NotLeaderForPartition")));
    sending.catch((error: unknown) => options.logger.debug({ error: String(error) }, "a reply was not delivered"));
    return;
  }
  const streamId = state.takeStreamId();
  const logger = options.logger.child({ topic: request.topic, partition: request.partition, streamId });
  const stream = new ConsumerStream({
    streamId,
    replica,
    readCommitted: request.isolation === "readCommitted",
    consumerId: request.consumerId,
    logger,
    sendData: (data) => state.connection.send(dataReply(header, request, streamId, replica, data)),
    sendError: (error) => {
      logger.info({ error: String(error) }, "a stream ends with an error");
      const wire = toWireError(error, request.topic, request.partition);
      return state.connection.send(errorReply(header, request, streamId, wire));
    },
    ended: () => state.streamEnded(streamId),
  });
  state.add(streamId, stream);
  try {
    startStream(request, stream, replica, state, options);
  } catch (error) {
    stream.fail(error);
  }
}

function startStream(
  request: StreamFetchRequest,
  stream: ConsumerStream,
  replica: Replica,
  state: ConnectionState,
  options: StreamFetchOptions,
): void {
  const { limits } = options;
  if (state.streamCount > limits.streamsPerConnectionMax) {
    throw flvError("FLV_INVALID_REQUEST", `more than ${limits.streamsPerConnectionMax} streams on one connection`, {
      details: { streamsPerConnectionMax: limits.streamsPerConnectionMax },
      hint: "open another connection",
    });
  }
  const maxBytes = Math.max(0, Math.min(request.maxBytes, limits.fetchBytesMax));
  const invocations = invocationsOf(request);
  if (invocations.length === 0) {
    checkStart(replica, request.fetchOffset);
    stream.start(request.fetchOffset, rawSource(replica.log, maxBytes));
    return;
  }
  const label = `stream ${stream.options.streamId} of ${request.topic}-${request.partition}`;
  const plan = planSteps(invocations);
  const stateName = stateNameOf(plan);
  const { connection } = state;
  const { fetchOffset } = request;
  const { readsOffsetDeltas: keepsGaps } = state;
  // clients of the original do not expect a reply that says only that the SmartModules run
  const greets = state.readsOffsetDeltas;
  if (stateName !== undefined) {
    openStatefulSource({ stateName, label, plan, replica, fetchOffset, maxBytes, keepsGaps, connection }, options).then(
      ({ offset, source }) => stream.start(offset, source, greets),
      (error: unknown) => stream.fail(error),
    );
    return;
  }
  checkStart(replica, fetchOffset);
  options.chains.open({ label, plan, log: replica.log, signal: connection.signal }).then(
    (chain) => {
      const closed = () => disposeChain(chain, options.logger);
      const source = chainSource(replica.log, chain, { maxBytes, keepsGaps, limits, connection, closed });
      stream.start(fetchOffset, source, greets);
    },
    (error: unknown) => stream.fail(error),
  );
}

/** The modules to apply: a list, or before version 18 the one of that time. */
function invocationsOf(request: StreamFetchRequest): readonly SmartModuleInvocation[] {
  if (request.wasmModule.length > 0 || request.derivedstream !== undefined) {
    throw flvError("FLV_UNSUPPORTED", "wasm_module and derivedstream of old StreamFetch versions are not supported", {
      hint: "send the module in the list of SmartModules (StreamFetch version 18 or later)",
    });
  }
  if (request.smartmodules.length > 0 || request.smartmodule === undefined) return request.smartmodules;
  return [request.smartmodule];
}

function disposeChain(chain: RunningChain, logger: Logger): void {
  Promise.resolve(chain[Symbol.asyncDispose]()).catch((error: unknown) => {
    logger.warn({ error: String(error) }, "a SmartModule chain could not be released");
  });
}

function dataReply(
  header: RequestHeader,
  request: StreamFetchRequest,
  streamId: number,
  replica: Replica,
  data: StreamData,
): Uint8Array[] {
  const { highWatermark, logStartOffset } = replica.log;
  const { nextFilterOffset, pieces: records } = data;
  const errorCode = recordWireError(data.error);
  return encodeReply(header, request, streamId, {
    errorCode,
    highWatermark,
    nextFilterOffset,
    logStartOffset,
    records,
  });
}

function errorReply(
  header: RequestHeader,
  request: StreamFetchRequest,
  streamId: number,
  errorCode: WireError,
): Uint8Array[] {
  const nothing = { highWatermark: 0, nextFilterOffset: 0, logStartOffset: 0, records: [] };
  return encodeReply(header, request, streamId, { errorCode, ...nothing });
}

interface PartitionPart {
  readonly errorCode: WireError;
  readonly highWatermark: number;
  readonly nextFilterOffset: number;
  readonly logStartOffset: number;
  readonly records: readonly Uint8Array[];
}

function encodeReply(
  header: RequestHeader,
  request: StreamFetchRequest,
  streamId: number,
  part: PartitionPart,
): Uint8Array[] {
  const writer = new Writer();
  writer.i32(header.correlationId);
  const answer = { topic: request.topic, streamId, partition: { partitionIndex: request.partition, ...part } };
  streamFetchApi.response.write(writer, answer, header.apiVersion);
  return writer.finish();
}
