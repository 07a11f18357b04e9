import {
  AGGREGATE_STATE_TOPIC,
  flvError,
  type Logger,
  parsePartitionName,
  partitionName,
} from "../../protocol/index.ts";
import type {
  AggregateStateRequest,
  ConsumerOffsetRequest,
  LinkReply,
  ReplicaAssignment,
  ScEnd,
  ScRequest,
  ScToSpu,
  SpuRequest,
  SpuToSc,
  StoredModule,
} from "../link.ts";
import { errorOfReply, failedReply } from "../link.ts";
import type { PartitionTracker } from "./partition-tracker.ts";
import type { Removals } from "./removals.ts";
import type { SpuRegistry } from "./spus.ts";
import type { ScContext } from "./stores.ts";
import { assignmentOf, OFFSETS_PARTITION, OFFSETS_TOPIC } from "./topic-objects.ts";

/** Longest wait for the answer of an SPU. */
const REPLY_TIMEOUT_MS = 30_000;

export interface SpuLinkParts {
  readonly context: ScContext;
  readonly spus: SpuRegistry;
  readonly partitions: PartitionTracker;
  readonly removals: Removals;
  /** A module by `name` or `group/name@version`. */
  findSmartModule(name: string): StoredModule | undefined;
  /** Has the SPU that keeps the states of aggregates answer. */
  aggregateState(request: AggregateStateRequest): Promise<unknown>;
}

interface Attached {
  readonly link: ScEnd;
  readonly pending: Map<number, (reply: LinkReply) => void>;
  ready: boolean;
  syncScheduled: boolean;
}

/** The links to the cluster's SPUs: tells them what to lead, takes their reports, passes requests between them. */
export class SpuLinks {
  readonly #parts: SpuLinkParts;
  readonly #logger: Logger;
  readonly #attached = new Map<number, Attached>();
  #nextRequestId = 1;

  constructor(parts: SpuLinkParts) {
    this.#parts = parts;
    this.#logger = parts.context.logger;
  }

  /** Takes over the link to an SPU; an older link to the same SPU is closed. */
  attach(spuId: number, link: ScEnd): void {
    this.#attached.get(spuId)?.link.close();
    const attached: Attached = { link, pending: new Map(), ready: false, syncScheduled: false };
    this.#attached.set(spuId, attached);
    link.onClose(() => this.#closed(spuId, attached));
    link.onMessage((message) => {
      if (this.#attached.get(spuId) === attached) this.#received(spuId, attached, message);
    });
  }

  /** Sends an SPU its partitions; several changes in a row are told once. */
  syncReplicas(spuId: number): void {
    const attached = this.#attached.get(spuId);
    if (attached === undefined || !attached.ready || attached.syncScheduled) return;
    attached.syncScheduled = true;
    setImmediate(() => {
      attached.syncScheduled = false;
      attached.link.send({ type: "replicas", replicas: this.#assignments(spuId) });
    });
  }

  /** Has the open removals done by the SPUs that are there; the others get them when they come. */
  sendRemovals(topic: string): void {
    for (const [spuId, attached] of this.#attached) {
      if (attached.ready) this.#sendRemovals(spuId, attached, topic);
    }
  }

  /** Whether these SPUs and the one that keeps consumer offsets are there, so that removals are confirmed soon. */
  canConfirm(spuIds: Iterable<number>): boolean {
    for (const id of [...spuIds, this.#offsetsLeader(), this.#statesLeader()]) {
      if (id === undefined) continue;
      if (this.#attached.get(id)?.ready !== true) return false;
    }
    return true;
  }

  broadcast(message: ScToSpu): void {
    for (const { link, ready } of this.#attached.values()) if (ready) link.send(message);
  }

  #received(spuId: number, attached: Attached, message: SpuToSc): void {
    switch (message.type) {
      case "hello":
        this.#hello(spuId, attached, message);
        break;
      case "replicaStatus":
        this.#parts.partitions.report(spuId, message.statuses);
        break;
      case "replicasRemoved":
        this.#confirmed(message.replicas.map((replica) => ({ kind: "replica", ...replica, spuId })));
        break;
      case "topicForgotten":
        this.#confirmed([{ kind: "offsets", topic: message.topic }]);
        break;
      case "statesForgotten":
        this.#confirmed([{ kind: "states", topic: message.topic }]);
        break;
      case "request":
        void this.#answer(attached, message.id, message.request);
        break;
      case "reply":
        attached.pending.get(message.id)?.(message.reply);
        break;
    }
  }

  #hello(spuId: number, attached: Attached, hello: Extract<SpuToSc, { type: "hello" }>): void {
    attached.ready = true;
    this.#logger.info({ spuId, port: hello.publicPort, processId: hello.processId }, "SPU online");
    this.#parts.spus.online(spuId, hello.publicPort);
    this.#sendRemovals(spuId, attached, undefined);
    attached.link.send({ type: "replicas", replicas: this.#assignments(spuId) });
  }

  #sendRemovals(spuId: number, attached: Attached, topic: string | undefined): void {
    const wanted = (of: string) => topic === undefined || of === topic;
    const replicas = this.#parts.removals.replicasOf(spuId).filter((replica) => wanted(replica.topic));
    if (replicas.length > 0) attached.link.send({ type: "removeReplicas", replicas });
    if (spuId === this.#offsetsLeader()) {
      for (const forgotten of this.#parts.removals.forgottenTopics("offsets")) {
        if (wanted(forgotten)) attached.link.send({ type: "topicDeleted", topic: forgotten });
      }
    }
    if (spuId === this.#statesLeader()) {
      for (const forgotten of this.#parts.removals.forgottenTopics("states")) {
        if (wanted(forgotten)) attached.link.send({ type: "statesDeleted", topic: forgotten });
      }
    }
  }

  #confirmed(removals: Parameters<Removals["confirmed"]>[0]): void {
    this.#parts.removals.confirmed(removals).catch((error: unknown) => {
      // it stays open and is sent again when the SPU comes back; doing it twice does no harm
      this.#logger.error({ error, removals }, "a finished removal could not be recorded");
    });
  }

  #closed(spuId: number, attached: Attached): void {
    for (const settle of [...attached.pending.values()]) settle({ ok: false, message: `SPU ${spuId} went away` });
    if (this.#attached.get(spuId) !== attached) return;
    this.#attached.delete(spuId);
    this.#logger.info({ spuId }, "SPU offline");
    this.#parts.spus.offline(spuId);
    this.#parts.partitions.spuOffline(spuId);
  }

  #assignments(spuId: number): readonly ReplicaAssignment[] {
    const assignments: ReplicaAssignment[] = [];
    for (const { name, spec, status } of this.#parts.context.stores.partitions.values()) {
      if (spec.leader !== spuId || status.isBeingDeleted) continue;
      const id = parsePartitionName(name);
      if (id !== undefined) assignments.push(assignmentOf(id.topic, id.partition, spec));
    }
    return assignments;
  }

  async #answer(attached: Attached, id: number, request: ScRequest): Promise<void> {
    let reply: LinkReply;
    try {
      reply = { ok: true, value: await this.#serve(request) };
    } catch (error) {
      reply = failedReply(error);
    }
    attached.link.send({ type: "reply", id, reply });
  }

  async #serve(request: ScRequest): Promise<unknown> {
    if (request.kind === "smartModule") return this.#parts.findSmartModule(request.name);
    if (request.kind === "fetchAggregateState" || request.kind === "commitAggregateState") {
      return this.#parts.aggregateState(request);
    }
    return this.#forward(request);
  }

  /** Has the SPU that keeps the consumer offsets answer. */
  #forward(request: ConsumerOffsetRequest): Promise<unknown> {
    const leader = this.#offsetsLeader();
    if (leader === undefined || !this.isOnline(leader)) {
      throw flvError("FLV_CONSUMER_OFFSET", `SPU ${leader ?? "?"}, which keeps the consumer offsets, is not online`, {
        retriable: true,
      });
    }
    return this.ask(leader, request);
  }

  isOnline(spuId: number): boolean {
    return this.#attached.get(spuId)?.ready === true;
  }

  /** Has an SPU answer. @throws FLV_SERVER with its words, or because it is away or did not answer in time */
  ask(spuId: number, request: SpuRequest, timeoutMs: number = REPLY_TIMEOUT_MS): Promise<unknown> {
    const attached = this.#attached.get(spuId);
    const id = this.#nextRequestId++;
    return new Promise((resolve, reject) => {
      if (attached?.ready !== true) {
        reject(flvError("FLV_SERVER", `SPU ${spuId} is not online`, { retriable: true }));
        return;
      }
      const settle = (reply: LinkReply) => {
        cancel();
        attached.pending.delete(id);
        if (reply.ok) resolve(reply.value);
        else reject(errorOfReply(reply));
      };
      const cancel = this.#parts.context.clock.after(timeoutMs, () =>
        settle({ ok: false, message: `SPU ${spuId} did not answer within ${timeoutMs} ms` }),
      );
      attached.pending.set(id, settle);
      attached.link.send({ type: "request", id, request });
    });
  }

  #offsetsLeader(): number | undefined {
    return this.#leader(OFFSETS_TOPIC, OFFSETS_PARTITION);
  }

  #statesLeader(): number | undefined {
    return this.#leader(AGGREGATE_STATE_TOPIC, 0);
  }

  #leader(topic: string, partition: number): number | undefined {
    return this.#parts.context.stores.partitions.get(partitionName(topic, partition))?.spec.leader;
  }
}
