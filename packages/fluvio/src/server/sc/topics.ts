import {
  AGGREGATE_STATE_TOPIC,
  isFluvioError,
  type MetadataOf,
  parsePartitionName,
  partitionName,
  type StatusInput,
  stepOptionsFromParams,
  type TopicSpec,
  topicNameProblem,
  type UpdateTopicAction,
} from "../../protocol/index.ts";
import type { StoredModule } from "../link.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import type { MetadataChange, Removal } from "./metadata-store.ts";
import { didYouMean } from "./names.ts";
import type { OnlineOutcome, PartitionTracker } from "./partition-tracker.ts";
import { okStatus, refusal } from "./refusal.ts";
import type { Removals } from "./removals.ts";
import { LeaderScheduler } from "./scheduler.ts";
import type { SpuLinks } from "./spu-links.ts";
import type { SpuRegistry } from "./spus.ts";
import type { ScContext } from "./stores.ts";
import {
  OFFSETS_PARTITION,
  OFFSETS_TOPIC,
  OFFSETS_TOPIC_SPEC,
  partitionNames,
  partitionObject,
  STATES_TOPIC_SPEC,
  topicObject,
} from "./topic-objects.ts";
import { configured, withMorePartitions } from "./topic-updates.ts";
import { limitsProblem, replicasProblem } from "./topic-validation.ts";

/** Longest wait for an SPU to delete the data of a topic; afterwards it is done later, and the name is free only then. */
const REMOVAL_TIMEOUT_MS = 10_000;

/** Timers go no further than 2^31 ms; no client waits for a day. */
const TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000;

export interface TopicParts {
  readonly context: ScContext;
  readonly spus: SpuRegistry;
  readonly partitions: PartitionTracker;
  readonly removals: Removals;
  readonly links: SpuLinks;
  /** A module by `name` or `group/name@version`. */
  findSmartModule(name: string): StoredModule | undefined;
  /** How long creation waits for the partitions to come online. */
  readonly topicWaitMs: number;
}

export interface CreateTopicOptions {
  readonly dryRun: boolean;
  /** Overrides the configured wait. */
  readonly timeoutMs?: number | undefined;
}

/** Creates, changes and deletes topics and their partitions. Calls about one topic are done one after the other. */
export class Topics {
  readonly #parts: TopicParts;
  readonly #mutex = new KeyedMutex();
  readonly #scheduler: LeaderScheduler;

  constructor(parts: TopicParts) {
    this.#parts = parts;
    this.#scheduler = new LeaderScheduler(parts.context.stores.partitions.values());
  }

  /** Creates the system topic for consumer offsets when it is absent, led by `spuId` whether that is online or not. */
  ensureOffsetsTopic(spuId: number): Promise<void> {
    return this.#mutex.run(OFFSETS_TOPIC, async () => {
      if (this.#parts.context.stores.topics.has(OFFSETS_TOPIC)) return;
      this.#scheduler.taken([spuId]);
      await this.#store(OFFSETS_TOPIC, OFFSETS_TOPIC_SPEC, [spuId]);
    });
  }

  /** Creates the system topic for states of aggregates when it is absent; resolves when it is online. */
  async ensureStatesTopic(): Promise<void> {
    const { stores } = this.#parts.context;
    await this.#mutex.run(AGGREGATE_STATE_TOPIC, async () => {
      const found = stores.topics.get(AGGREGATE_STATE_TOPIC);
      if (found?.spec.system === false) throw notOurTopic();
      if (found !== undefined) return;
      // beside the consumer offsets: what is kept for a topic then goes with it in one place
      const beside = stores.partitions.get(partitionName(OFFSETS_TOPIC, OFFSETS_PARTITION))?.spec.leader;
      const leader = beside ?? this.#parts.spus.placeable.online[0];
      if (leader === undefined) throw refusal({ name: "TopicError" }, "No SPU is online to keep states of aggregates");
      this.#scheduler.taken([leader]);
      await this.#store(AGGREGATE_STATE_TOPIC, STATES_TOPIC_SPEC, [leader]);
    });
    const { topicWaitMs } = this.#parts;
    const partitions = [partitionName(AGGREGATE_STATE_TOPIC, 0)];
    this.#requireOnline(
      AGGREGATE_STATE_TOPIC,
      await this.#parts.partitions.waitOnline(partitions, topicWaitMs),
      topicWaitMs,
    );
  }

  /** Answers when every partition is online. */
  async create(name: string, spec: TopicSpec, options: CreateTopicOptions): Promise<StatusInput> {
    const created = await this.#mutex.run(name, async () => {
      this.#validate(name, spec);
      if (options.dryRun) return undefined;
      if (this.#parts.removals.isOpen(name)) {
        if (!(await this.#parts.removals.settled(name, REMOVAL_TIMEOUT_MS))) throw stillBeingDeleted(name);
        // SPUs may have gone in the meantime
        this.#validate(name, spec);
      }
      const leaders = this.#leaders(spec);
      try {
        return await this.#store(name, spec, leaders);
      } catch (error) {
        this.#scheduler.released(leaders);
        throw error;
      }
    });
    if (created === undefined) return okStatus(name);
    const timeoutMs = Math.min(options.timeoutMs ?? this.#parts.topicWaitMs, TIMEOUT_MS_MAX);
    this.#requireOnline(name, await this.#parts.partitions.waitOnline(created, timeoutMs), timeoutMs);
    return okStatus(name);
  }

  /** Answers when the topic, its records and its consumer offsets are gone. */
  async delete(name: string, force: boolean): Promise<StatusInput> {
    await this.#mutex.run(name, async () => {
      const topic = this.#existing(name);
      if (topic.spec.system && !force) {
        const sentence = `system topic '${name}' can only be deleted forcibly: repeat the command with --system --force if you are sure`;
        throw refusal({ name: "SystemSpecDeletionAttempt", kind: "topic", object: name }, sentence);
      }
      await this.#remove(topic);
    });
    const [spuId] = this.#parts.spus.placeable.online;
    if (name === OFFSETS_TOPIC && spuId !== undefined) await this.ensureOffsetsTopic(spuId);
    return okStatus(name);
  }

  async update(name: string, action: UpdateTopicAction): Promise<StatusInput> {
    const added = await this.#mutex.run(name, async () => {
      const topic = this.#existing(name);
      if (topic.spec.system) {
        throw refusal(
          { name: "SystemSpecUpdatingAttempt", kind: "topic", object: name },
          `system topic '${name}' cannot be changed`,
        );
      }
      switch (action.type) {
        case "addPartition":
          return this.#addPartitions(topic, action.count);
        case "configure":
          await this.#configure(topic, configured(topic.spec, action));
          return [];
        case "addMirror":
          throw this.#mirrorRefusal(name, action.remoteCluster);
      }
    });
    const timeoutMs = this.#parts.topicWaitMs;
    this.#requireOnline(name, await this.#parts.partitions.waitOnline(added, timeoutMs), timeoutMs);
    return okStatus(name);
  }

  #validate(name: string, spec: TopicSpec): void {
    const nameProblem = topicNameProblem(name);
    if (nameProblem !== undefined) throw refusal({ name: "TopicInvalidName" }, nameProblem);
    if (name === AGGREGATE_STATE_TOPIC) {
      const sentence = `Invalid Topic name ${name}. The cluster keeps the states of aggregates under it`;
      throw refusal({ name: "TopicInvalidName" }, sentence);
    }
    if (this.#parts.context.stores.topics.has(name)) {
      throw refusal(
        { name: "TopicAlreadyExists" },
        `Topic already exists: ${name}. Choose another name, or delete the topic first`,
      );
    }
    const settings = limitsProblem(spec);
    if (settings !== undefined) throw refusal({ name: "TopicInvalidConfiguration" }, settings);
    if (spec.deduplication !== undefined) this.#validateDeduplication(spec.deduplication);
    const replicas = replicasProblem(spec, this.#parts.spus.placeable);
    if (replicas !== undefined) throw refusal({ name: "TopicError" }, replicas);
  }

  /** The module must be there, and able to run: else no record could ever be written. */
  #validateDeduplication({ uses, count, with: params }: NonNullable<TopicSpec["deduplication"]>): void {
    if (count < 1) {
      const sentence = `Deduplication looks back on 1 record at least, not ${count}`;
      throw refusal({ name: "TopicInvalidConfiguration" }, sentence);
    }
    if (uses === "") {
      const sentence = "Deduplication needs the name of a SmartModule";
      throw refusal({ name: "DeduplicationSmartModuleNameInvalid", message: sentence }, sentence);
    }
    const options = dedupOptionsProblem(params);
    if (options !== undefined) throw refusal({ name: "TopicInvalidConfiguration" }, options);
    const module = this.#parts.findSmartModule(uses);
    if (module === undefined) {
      const sentence = `Deduplication SmartModule not found: ${uses}. Store it with \`fluvio smartmodule create\` or \`fluvio smartmodule install\` first`;
      throw refusal({ name: "DeduplicationSmartModuleNotLoaded" }, sentence, { name: uses });
    }
    if (module.problem === undefined) return;
    const error = `it cannot deduplicate a topic, as it cannot run: ${module.problem.reason}`;
    throw refusal({ name: "SmartModuleInvalid", error, smartmodule: uses }, `SmartModule ${uses} is invalid: ${error}`);
  }

  /** Leaders by partition index, counted as taken. */
  #leaders(spec: TopicSpec): readonly number[] {
    if (spec.replicas.type === "computed") {
      return this.#scheduler.assign(spec.replicas.partitions, this.#parts.spus.placeable.online);
    }
    if (spec.replicas.type === "mirror") return [];
    const leaders = [...spec.replicas.partitions]
      .sort((a, b) => a.id - b.id)
      .map(({ replicas }) => replicas[0] as number);
    this.#scheduler.taken(leaders);
    return leaders;
  }

  /** Names of the new partitions. */
  async #store(name: string, spec: TopicSpec, leaders: readonly number[]): Promise<readonly string[]> {
    const topic = topicObject(name, spec, leaders);
    const partitions = leaders.map((leader, index) => partitionObject(name, index, spec, leader));
    await this.#commit(topic, partitions);
    return partitions.map((partition) => partition.name);
  }

  /** Writes a topic and new or changed partitions, then tells watchers and SPUs. */
  async #commit(topic: MetadataOf<"Topic">, partitions: readonly MetadataOf<"Partition">[]): Promise<void> {
    const { metadata, stores } = this.#parts.context;
    const changes: MetadataChange[] = [{ type: "put", label: "Topic", object: topic }];
    for (const object of partitions) changes.push({ type: "put", label: "Partition", object });
    await metadata.commit(changes);
    stores.topics.put(topic);
    // what their SPUs said of them while it was written stands
    const statusOf = ({ name, status }: MetadataOf<"Partition">) => stores.partitions.get(name)?.status ?? status;
    stores.partitions.put(...partitions.map((object) => ({ ...object, status: statusOf(object) })));
    for (const leader of new Set(partitions.map(({ spec }) => spec.leader))) this.#parts.links.syncReplicas(leader);
  }

  async #addPartitions(topic: MetadataOf<"Topic">, count: number): Promise<readonly string[]> {
    const { spus } = this.#parts;
    const spec = withMorePartitions(topic, count, spus.placeable);
    const before = topic.status.replicaMap.size;
    const leaders = this.#scheduler.assign(count, spus.placeable.online);
    const partitions = leaders.map((leader, index) => partitionObject(topic.name, before + index, spec, leader));
    const replicaMap = new Map(topic.status.replicaMap);
    for (const [index, leader] of leaders.entries()) replicaMap.set(before + index, [leader]);
    try {
      await this.#commit({ ...topic, spec, status: { ...topic.status, replicaMap } }, partitions);
    } catch (error) {
      this.#scheduler.released(leaders);
      throw error;
    }
    return partitions.map((partition) => partition.name);
  }

  async #configure(topic: MetadataOf<"Topic">, spec: TopicSpec): Promise<void> {
    const problem = limitsProblem(spec);
    if (problem !== undefined) throw refusal({ name: "TopicInvalidConfiguration" }, problem);
    const { cleanupPolicy, storage } = spec;
    const partitions = this.#partitionsOf(topic).map((object) => ({
      ...object,
      spec: { ...object.spec, cleanupPolicy, storage },
    }));
    await this.#commit({ ...topic, spec }, partitions);
  }

  async #remove(topic: MetadataOf<"Topic">): Promise<void> {
    const { context, removals, links, partitions: tracker } = this.#parts;
    const { name } = topic;
    const partitions = this.#partitionsOf(topic);
    const open: Removal[] = [{ kind: "offsets", topic: name }];
    const keepsStates = context.stores.topics.has(AGGREGATE_STATE_TOPIC) && name !== AGGREGATE_STATE_TOPIC;
    if (keepsStates) open.push({ kind: "states", topic: name });
    for (const object of partitions) {
      const partition = parsePartitionName(object.name)?.partition ?? 0;
      open.push({ kind: "replica", topic: name, partition, spuId: object.spec.leader });
    }
    await context.metadata.commit([
      { type: "delete", label: "Topic", name },
      ...partitions.map((object) => ({ type: "delete" as const, label: "Partition" as const, name: object.name })),
      ...open.map((removal) => ({ type: "putRemoval" as const, removal })),
    ]);
    context.stores.topics.put({ ...topic, status: { ...topic.status, resolution: "deleting" } });
    context.stores.partitions.put(
      ...partitions.map((object) => ({ ...object, status: { ...object.status, isBeingDeleted: true } })),
    );
    tracker.deleting(partitions.map((object) => object.name));
    this.#scheduler.released(partitions.map(({ spec }) => spec.leader));
    removals.add(open);
    links.sendRemovals(name);
    const leaders = new Set(partitions.map(({ spec }) => spec.leader));
    for (const leader of leaders) links.syncReplicas(leader);
    // an SPU that is away deletes its part when it comes back; there is nothing to wait for
    if (links.canConfirm(leaders)) await removals.settled(name, REMOVAL_TIMEOUT_MS);
    context.stores.partitions.delete(...partitions.map((object) => object.name));
    context.stores.topics.delete(name);
  }

  #partitionsOf(topic: MetadataOf<"Topic">): readonly MetadataOf<"Partition">[] {
    return partitionNames(topic).flatMap((name) => this.#parts.context.stores.partitions.get(name) ?? []);
  }

  #existing(name: string): MetadataOf<"Topic"> {
    const topic = this.#parts.context.stores.topics.get(name);
    if (topic !== undefined) return topic;
    const suggestion = didYouMean(name, this.#parts.context.stores.topics.names());
    throw refusal(
      { name: "TopicNotFound" },
      `Topic not found: ${name}.${suggestion} List the topics with \`fluvio topic list\``,
    );
  }

  #mirrorRefusal(name: string, remote: string): Error {
    if (!this.#parts.context.stores.mirrors.has(remote)) {
      return refusal(
        { name: "MirrorNotFound" },
        `Mirror not found: ${remote}. Register it with \`fluvio remote register\``,
      );
    }
    return refusal(
      { name: "TopicInvalidReplicaType" },
      `Topic ${name} is not a mirror topic, so no mirror can be added to it`,
    );
  }

  #requireOnline(name: string, outcome: OnlineOutcome, timeoutMs: number): void {
    if (outcome === "online") return;
    if (outcome === "deleted")
      throw refusal({ name: "TopicDeleted" }, `Topic ${name} was deleted while it was being created`);
    const why = outcome === "timeout" ? `its partitions are not online after ${timeoutMs} ms` : outcome.problem;
    throw refusal(
      { name: "TopicNotProvisioned" },
      `Topic could not be provisioned: ${name}: ${why}. Check the SPUs with \`fluvio cluster spu list\``,
    );
  }
}

/** Parameters of a deduplication may be options of its step, but those of a stream. */
function dedupOptionsProblem(params: ReadonlyMap<string, string>): string | undefined {
  try {
    const { window, stateName } = stepOptionsFromParams(params);
    const option = window === undefined ? stateName && "a state" : "a window";
    return option === undefined ? undefined : `Deduplication cannot have ${option}`;
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    return `Deduplication: ${error.message}`;
  }
}

/** Made before the name was the cluster's own. */
function notOurTopic(): Error {
  const sentence = `States of aggregates cannot be kept: the topic ${AGGREGATE_STATE_TOPIC} is in the way. Copy its records to another topic and delete it`;
  return refusal({ name: "TopicAlreadyExists" }, sentence);
}

function stillBeingDeleted(name: string): Error {
  return refusal(
    { name: "TopicPendingInitialization" },
    `Topic is not ready yet: ${name}: an SPU has still to delete the records of an earlier topic of that name. Check the SPUs with \`fluvio cluster spu list\`, then try again`,
  );
}
