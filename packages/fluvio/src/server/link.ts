import { type FluvioError, type FluvioErrorCode, flvError, isFluvioError } from "../protocol/index.ts";
import type { ModuleTotals } from "../smartengine/index.ts";
import { messageOf } from "./message-of.ts";

/**
 * What the SC and an SPU say to each other. Plain data, so that the same messages pass between objects of one process
 * and, with `--spu N`, over the IPC channel of a child process.
 */

/** One partition as the SC wants it. */
export interface ReplicaAssignment {
  readonly topic: string;
  readonly partition: number;
  readonly retentionSeconds: number | undefined;
  readonly segmentSizeBytes: number;
  readonly maxPartitionSizeBytes: number;
  /** Codec that batches must have, or `any`. */
  readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd" | "any";
  readonly system: boolean;
  /** Repeated records are dropped before they are stored. */
  readonly deduplication?: {
    /** The module that drops them: `name` or `group/name@version`. */
    readonly uses: string;
    readonly count: number;
    readonly ageMs: number | undefined;
    readonly with: Readonly<Record<string, string>>;
  };
}

export interface ReplicaStatus {
  readonly topic: string;
  readonly partition: number;
  readonly online: boolean;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  readonly sizeBytes: number;
  readonly lastTimestampMs: number | undefined;
  /** Why it is not online, or what was found damaged. */
  readonly problem: string | undefined;
}

export interface ConsumerOffsetUpdate {
  readonly consumerId: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Which state of aggregates: of one name, over one partition. */
export interface AggregateStateKey {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
}

/** A state of aggregates as it is kept. */
export interface AggregateStateEntry extends AggregateStateKey {
  /** Offset of the first record that is not in it. */
  readonly offset: number;
  readonly modifiedTimeMs: number;
  /** What the chain's aggregates remember, as `AggregateModule`s of the protocol. */
  readonly modules: Uint8Array;
}

export interface AggregateStateCommit extends Omit<AggregateStateEntry, "modifiedTimeMs"> {
  /** Offset of the state that it follows; `undefined` for the first. Another one is stored: the commit is refused. */
  readonly previousOffset: number | undefined;
}

export type ScToSpu =
  /** Every partition this SPU leads. Partitions on disk that are not listed are kept but not served. */
  | { readonly type: "replicas"; readonly replicas: readonly ReplicaAssignment[] }
  /**
   * Data of these partitions is to be deleted, their streams end with TopicDeleted. Answered by `replicasRemoved`; sent
   * again after a new `hello` until then. A later `replicas` that names one of them means a new, empty partition, so
   * messages are worked off in order.
   */
  | {
      readonly type: "removeReplicas";
      readonly replicas: readonly { readonly topic: string; readonly partition: number }[];
    }
  /**
   * Sent to the leader of the consumer offsets: drop the topic's entries. Answered by `topicForgotten`; sent again after
   * a new `hello` until then.
   */
  | { readonly type: "topicDeleted"; readonly topic: string }
  /** The same for the states of aggregates and their leader, answered by `statesForgotten`. */
  | { readonly type: "statesDeleted"; readonly topic: string }
  /** A module was stored or deleted: compiled copies of it are stale. */
  | { readonly type: "smartModuleChanged"; readonly name: string }
  | { readonly type: "request"; readonly id: number; readonly request: SpuRequest }
  | { readonly type: "reply"; readonly id: number; readonly reply: LinkReply }
  | { readonly type: "shutdown" };

export type SpuToSc =
  | { readonly type: "hello"; readonly spuId: number; readonly publicPort: number; readonly processId: number }
  | { readonly type: "replicaStatus"; readonly statuses: readonly ReplicaStatus[] }
  /** Their data is gone from disk (or never was there). */
  | {
      readonly type: "replicasRemoved";
      readonly replicas: readonly { readonly topic: string; readonly partition: number }[];
    }
  /** The topic's consumer offsets are dropped, durably. */
  | { readonly type: "topicForgotten"; readonly topic: string }
  /** The states of aggregates over the topic are dropped, durably. */
  | { readonly type: "statesForgotten"; readonly topic: string }
  | { readonly type: "request"; readonly id: number; readonly request: ScRequest }
  | { readonly type: "reply"; readonly id: number; readonly reply: LinkReply };

/** What an SPU asks the SC. */
export type ScRequest =
  /** Reply value: {@link StoredModule}, or `undefined` when there is none. `name` may be `group/name@version`. */
  | { readonly kind: "smartModule"; readonly name: string }
  /** Forwarded to the SPU that leads `consumer-offset`-0. Reply value: `undefined`. */
  | { readonly kind: "updateConsumerOffset"; readonly update: ConsumerOffsetUpdate }
  /** Reply value: the stored offset or `undefined`. Forwarded likewise. */
  | {
      readonly kind: "fetchConsumerOffset";
      readonly consumerId: string;
      readonly topic: string;
      readonly partition: number;
    }
  /** Forwarded to the SPU that leads `aggregate-state`-0. Reply value: {@link AggregateStateEntry} or `undefined`. */
  | { readonly kind: "fetchAggregateState"; readonly key: AggregateStateKey }
  /** Forwarded likewise. Reply value: `undefined`, when it is durable. */
  | { readonly kind: "commitAggregateState"; readonly commit: AggregateStateCommit };

/** A SmartModule as the SC stores it. */
export interface StoredModule {
  /** Its key in the metadata. */
  readonly name: string;
  /** gzip of the wasm; empty where there is a problem. */
  readonly payload: Uint8Array;
  /** Why it cannot run. */
  readonly problem?: {
    readonly reason: string;
    readonly hint: string | undefined;
    /** Whether what is stored could be unpacked. */
    readonly isPacked: boolean;
  };
}

/** Requests about consumer offsets, which the SC passes on to the SPU that keeps them. */
export type ConsumerOffsetRequest = Extract<ScRequest, { kind: "updateConsumerOffset" | "fetchConsumerOffset" }>;

/** Requests about states of aggregates, to the SPU that keeps them. */
export type AggregateStateRequest =
  | Extract<ScRequest, { kind: "fetchAggregateState" | "commitAggregateState" }>
  /** Reply value: {@link AggregateStateEntry}s. */
  | { readonly kind: "listAggregateStates"; readonly name: string | undefined; readonly topic: string | undefined }
  /** Reply value: those that were removed, durably. */
  | { readonly kind: "resetAggregateStates"; readonly name: string; readonly topic: string | undefined };

/** What the SC asks an SPU. */
export type SpuRequest =
  | ConsumerOffsetRequest
  | AggregateStateRequest
  /** Reply value: {@link SpuModuleTotals}. */
  | { readonly kind: "moduleTotals" }
  /**
   * Streams that run the stored module `name` (its key in the metadata), or ask for a name that means it now, go on with
   * the code that is stored now, from their next batch. Sent after the module's `smartModuleChanged`. Reply value:
   * {@link ModuleSwitch}.
   */
  | { readonly kind: "switchModule"; readonly name: string };

/** What the SmartModules on an SPU did since `sinceMs`. */
export interface SpuModuleTotals {
  readonly sinceMs: number;
  readonly modules: readonly ModuleTotals[];
}

/** What became of streams or connectors that were to take over new code. */
export interface ModuleSwitch {
  readonly switched: number;
  /** One sentence for each that did not. */
  readonly failures: readonly string[];
}

export type LinkReply =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly message: string;
      /** Only of errors that the client is to know by their code: FLV_AGGREGATE_STATE. */
      readonly error?: {
        readonly code: FluvioErrorCode;
        readonly hint: string | undefined;
        readonly retriable: boolean;
      };
    };

/** The reply to a request that threw. */
export function failedReply(error: unknown): Extract<LinkReply, { ok: false }> {
  const message = messageOf(error);
  if (!isFluvioError(error) || error.code !== "FLV_AGGREGATE_STATE") return { ok: false, message };
  const { code, hint, retriable } = error;
  return { ok: false, message, error: { code, hint, retriable } };
}

/** What {@link failedReply} was made of; FLV_SERVER where the reply has no code. */
export function errorOfReply({ message, error }: Extract<LinkReply, { ok: false }>): FluvioError {
  if (error === undefined) return flvError("FLV_SERVER", message);
  const { code, hint, retriable } = error;
  return flvError(code, message, { retriable, ...(hint === undefined ? {} : { hint }) });
}

/** One end of the channel. */
export interface LinkEnd<Out, In> {
  send(message: Out): void;
  onMessage(listener: (message: In) => void): void;
  /** Called once when the other end is gone. */
  onClose(listener: () => void): void;
  close(): void;
}

export type ScEnd = LinkEnd<ScToSpu, SpuToSc>;
export type SpuEnd = LinkEnd<SpuToSc, ScToSpu>;

/** Two ends in one process; messages are delivered in order, never synchronously inside `send`. */
export function linkPair(): { readonly sc: ScEnd; readonly spu: SpuEnd } {
  const sc = end<ScToSpu, SpuToSc>();
  const spu = end<SpuToSc, ScToSpu>();
  sc.connect(spu);
  spu.connect(sc);
  return { sc, spu };
}

interface Deliverable<In> {
  deliver(message: In): void;
  closedByPeer(): void;
}

function end<Out, In>(): LinkEnd<Out, In> & Deliverable<In> & { connect(peer: Deliverable<Out>): void } {
  let peer: Deliverable<Out> | undefined;
  const waiting: In[] = [];
  let listener: ((message: In) => void) | undefined;
  const closeListeners: (() => void)[] = [];
  let closed = false;
  return {
    connect: (other) => {
      peer = other;
    },
    send: (message) => {
      const target = peer;
      if (!closed && target !== undefined) queueMicrotask(() => target.deliver(message));
    },
    deliver: (message) => {
      if (closed) return;
      if (listener === undefined) waiting.push(message);
      else listener(message);
    },
    onMessage: (next) => {
      listener = next;
      for (const message of waiting.splice(0)) next(message);
    },
    onClose: (next) => closeListeners.push(next),
    closedByPeer: () => {
      if (closed) return;
      closed = true;
      for (const next of closeListeners) next();
    },
    close: () => {
      if (closed) return;
      closed = true;
      const target = peer;
      if (target !== undefined) queueMicrotask(() => target.closedByPeer());
    },
  };
}
