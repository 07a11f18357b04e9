import {
  linkPair,
  type ReplicaAssignment,
  type ReplicaStatus,
  type ScEnd,
  type ScRequest,
  type ScToSpu,
  type SpuEnd,
  type SpuRequest,
} from "../../link.ts";

export interface ScriptedSpuOptions {
  readonly port?: number;
  /** Report assigned partitions online at once. Default true. */
  readonly serves?: boolean;
  /** Confirm removals at once. Default true. */
  readonly confirms?: boolean;
  /** Answers requests of the SC, its own and those of other SPUs. */
  readonly onRequest?: (request: SpuRequest, spuId: number) => unknown;
}

/** The SPU's side of a link, with answers that a test decides: what a real SPU does, but at a moment of choice. */
export class ScriptedSpu {
  readonly id: number;
  readonly scEnd: ScEnd;
  readonly received: ScToSpu[] = [];
  serves: boolean;
  confirms: boolean;
  readonly #link: SpuEnd;
  readonly #options: ScriptedSpuOptions;
  readonly #replies = new Map<number, (reply: Extract<ScToSpu, { type: "reply" }>["reply"]) => void>();
  readonly #online = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #nextId = 1;
  #assigned: readonly ReplicaAssignment[] = [];

  constructor(id: number, options: ScriptedSpuOptions = {}) {
    this.id = id;
    this.#options = options;
    this.serves = options.serves ?? true;
    this.confirms = options.confirms ?? true;
    const pair = linkPair();
    this.scEnd = pair.sc;
    this.#link = pair.spu;
    this.#link.onMessage((message) => this.#take(message));
  }

  hello(): void {
    this.#link.send({ type: "hello", spuId: this.id, publicPort: this.#options.port ?? 9010, processId: 1 });
  }

  get assigned(): readonly ReplicaAssignment[] {
    return this.#assigned;
  }

  report(...statuses: readonly (Partial<ReplicaStatus> & Pick<ReplicaStatus, "topic" | "partition">)[]): void {
    this.#link.send({ type: "replicaStatus", statuses: statuses.map((status) => ({ ...ONLINE, ...status })) });
  }

  confirm(message: Extract<ScToSpu, { type: "removeReplicas" | "topicDeleted" }>): void {
    if (message.type === "topicDeleted") this.#link.send({ type: "topicForgotten", topic: message.topic });
    else this.#link.send({ type: "replicasRemoved", replicas: message.replicas });
  }

  request(request: ScRequest): Promise<Extract<ScToSpu, { type: "reply" }>["reply"]> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#replies.set(id, resolve);
      this.#link.send({ type: "request", id, request });
    });
  }

  /** Resolves with the first message, received or to come, that `wanted` accepts. */
  async message<T extends ScToSpu["type"]>(
    type: T,
    wanted: (message: Extract<ScToSpu, { type: T }>) => boolean = () => true,
  ) {
    for (;;) {
      for (const message of this.received) {
        if (message.type === type && wanted(message as Extract<ScToSpu, { type: T }>))
          return message as Extract<ScToSpu, { type: T }>;
      }
      await new Promise<void>((resolve) => {
        const listener = () => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  close(): void {
    this.#link.close();
  }

  #take(message: ScToSpu): void {
    this.received.push(message);
    switch (message.type) {
      case "replicas": {
        this.#assigned = message.replicas;
        const fresh = message.replicas.filter(({ topic, partition }) => !this.#online.has(`${topic}-${partition}`));
        if (!this.serves || fresh.length === 0) break;
        for (const { topic, partition } of fresh) this.#online.add(`${topic}-${partition}`);
        this.report(...fresh);
        break;
      }
      case "removeReplicas":
        for (const { topic, partition } of message.replicas) this.#online.delete(`${topic}-${partition}`);
        if (this.confirms) this.confirm(message);
        break;
      case "topicDeleted":
        if (this.confirms) this.confirm(message);
        break;
      case "reply":
        this.#replies.get(message.id)?.(message.reply);
        this.#replies.delete(message.id);
        break;
      case "request":
        this.#link.send({
          type: "reply",
          id: message.id,
          reply: { ok: true, value: this.#options.onRequest?.(message.request, this.id) },
        });
        break;
      default:
        break;
    }
    for (const listener of [...this.#listeners]) listener();
  }
}

const ONLINE = {
  online: true,
  logStartOffset: 0,
  highWatermark: 0,
  logEndOffset: 0,
  sizeBytes: 0,
  lastTimestampMs: undefined,
  problem: undefined,
} as const;
