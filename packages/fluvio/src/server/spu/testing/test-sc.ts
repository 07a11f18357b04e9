import { gzipSync } from "node:zlib";
import type { LinkReply, ReplicaAssignment, ReplicaStatus, ScEnd, ScRequest, ScToSpu, SpuToSc } from "../../link.ts";

const WAIT_MS_MAX = 30_000;

/** The SC's end of a link, for tests of an SPU: assigns partitions, keeps what the SPU says, answers its requests. */
export class TestSc {
  readonly messages: SpuToSc[] = [];
  readonly statuses = new Map<string, ReplicaStatus>();
  /** SmartModules by name: wasm, or whatever stands for a broken payload. */
  readonly modules = new Map<string, Uint8Array>();
  /** Other names of modules. */
  readonly aliases = new Map<string, string>();
  readonly brokenPayloads = new Map<string, Uint8Array>();
  /** Answers forwarded requests when set (another SPU leads the consumer offsets). */
  forward: ((request: ScRequest) => Promise<LinkReply>) | undefined;
  moduleRequests = 0;
  /** Modules are not answered before it resolves. */
  moduleGate: Promise<void> = Promise.resolve();
  private readonly link: ScEnd;
  private readonly replicas = new Map<string, ReplicaAssignment>();
  private readonly waiting = new Set<() => void>();
  private readonly replies = new Map<number, (reply: LinkReply) => void>();
  private nextId = 1;

  constructor(link: ScEnd) {
    this.link = link;
    link.onMessage((message) => this.received(message));
  }

  send(message: ScToSpu): void {
    this.link.send(message);
  }

  close(): void {
    this.link.close();
  }

  /** Assigns partitions of a topic and resolves when all are reported online. */
  async assign(topic: string, partitions = 1, settings: Partial<ReplicaAssignment> = {}): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      this.replicas.set(`${topic}/${partition}`, {
        topic,
        partition,
        retentionSeconds: undefined,
        segmentSizeBytes: 1 << 30,
        maxPartitionSizeBytes: 2 ** 31,
        compression: "any",
        system: false,
        ...settings,
      });
    }
    this.sendReplicas();
    await this.until(() => {
      for (let partition = 0; partition < partitions; partition++) {
        if (this.statuses.get(`${topic}/${partition}`)?.online !== true) return false;
      }
      return true;
    }, `${topic} online`);
  }

  sendReplicas(): void {
    this.link.send({ type: "replicas", replicas: [...this.replicas.values()] });
  }

  /** Takes partition 0 of a topic away without deleting its data. */
  unassign(topic: string): void {
    this.replicas.delete(`${topic}/0`);
    this.sendReplicas();
  }

  /** Deletes partition 0 of a topic; resolves when the SPU confirms. */
  async remove(topic: string): Promise<void> {
    this.replicas.delete(`${topic}/0`);
    this.statuses.delete(`${topic}/0`);
    this.link.send({ type: "removeReplicas", replicas: [{ topic, partition: 0 }] });
    await this.until(
      () => this.messages.some((m) => m.type === "replicasRemoved" && m.replicas.some((id) => id.topic === topic)),
      `${topic} removed`,
    );
  }

  /** Asks the SPU as the SC does for another SPU. */
  request(request: Extract<ScToSpu, { type: "request" }>["request"]): Promise<LinkReply> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      this.replies.set(id, resolve);
      this.link.send({ type: "request", id, request });
    });
  }

  /** Resolves when `condition` holds, looked at after each message. */
  until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        reject(new Error(`not within ${WAIT_MS_MAX} ms: ${what}`));
      }, WAIT_MS_MAX);
      const check = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
    });
  }

  private received(message: SpuToSc): void {
    this.messages.push(message);
    if (message.type === "replicaStatus") {
      for (const status of message.statuses) this.statuses.set(`${status.topic}/${status.partition}`, status);
    } else if (message.type === "request") {
      void this.answer(message.request).then((reply) => this.link.send({ type: "reply", id: message.id, reply }));
    } else if (message.type === "reply") {
      this.replies.get(message.id)?.(message.reply);
    }
    for (const check of [...this.waiting]) check();
  }

  private async answer(request: ScRequest): Promise<LinkReply> {
    if (request.kind !== "smartModule") {
      return this.forward?.(request) ?? { ok: false, message: "consumer-offset-0 has no leader" };
    }
    this.moduleRequests++;
    await this.moduleGate;
    const name = this.aliases.get(request.name) ?? request.name;
    const broken = this.brokenPayloads.get(name);
    if (broken !== undefined) return { ok: true, value: { name, payload: broken } };
    const wasm = this.modules.get(name);
    return { ok: true, value: wasm === undefined ? undefined : { name, payload: gzipSync(wasm) } };
  }
}
