import type {
  AggregateState,
  CompressionType,
  ConnectorStats,
  CustomSpuKey,
  CustomSpuSpecInput,
  MetadataOf,
  MirrorSpecInput,
  ObjectLabel,
  SecretEntry,
  SmartModuleInspection,
  SmartModuleMetadata,
  SmartModuleStats,
  SpuGroupSpecInput,
  TableFormatSpecInput,
  TopicSpecInput,
} from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";

export type { AggregateState, ConnectorStats, SecretEntry } from "../protocol/index.ts";

/** Which kept states of aggregates are asked for. */
export interface AggregateStateOptions extends AbortOptions {
  readonly name?: string;
  readonly topic?: string;
  /** Whether accumulators and open windows come along in `modules`. Default false. */
  readonly contents?: boolean;
}

/** Objects of the cluster by their label, as it reports them: `{ name, spec, status }`. */
export type FluvioObject<L extends ObjectLabel> = MetadataOf<L>;

/** Labels of which the cluster reports changes. */
export type WatchLabel = Extract<
  ObjectLabel,
  "Topic" | "SPU" | "SpuGroup" | "Partition" | "SmartModule" | "TableFormat" | "ManagedConnector"
>;

/** What a topic should be; every property has a default. */
export interface CreateTopicOptions extends AbortOptions {
  /** Default 1. Not with `assignment` or `mirror`. */
  readonly partitions?: number;
  /** Default 1. */
  readonly replicationFactor?: number;
  readonly ignoreRackAssignment?: boolean;
  /** SPU ids of each partition, the leader first; takes the place of `partitions` and `replicationFactor`. */
  readonly assignment?: readonly { readonly id: number; readonly replicas: readonly number[] }[];
  /** Makes a mirror topic with one partition for each of these remote clusters. */
  readonly mirror?: { readonly remoteClusters: readonly string[]; readonly homeToRemote?: boolean };
  /** Seconds that records are kept, or `infinite`. Default 7 days. */
  readonly retentionSeconds?: number | "infinite";
  readonly segmentSizeBytes?: number;
  readonly maxPartitionSizeBytes?: number;
  /** What producers may use. Default `any`. */
  readonly compression?: CompressionType;
  readonly deduplication?: {
    readonly count: number;
    readonly ageMs?: number;
    readonly uses: string;
    readonly with?: Readonly<Record<string, string>>;
  };
  readonly system?: boolean;
  /** Only checks whether it could be created. */
  readonly dryRun?: boolean;
  /** How long the cluster may take. Default: the cluster's. */
  readonly timeoutMs?: number;
}

/** Changes of a topic; what is absent stays. */
export interface UpdateTopicOptions extends AbortOptions {
  readonly retentionSeconds?: number | "infinite";
  readonly segmentSizeBytes?: number;
  readonly maxPartitionSizeBytes?: number;
}

export interface CreateOptions extends AbortOptions {
  readonly dryRun?: boolean;
}

export interface CreateSmartModuleOptions extends CreateOptions {
  /** Package name and parameters; the module is then stored under `<name>-<group>-<version>`. */
  readonly meta?: SmartModuleMetadata;
  /** False refuses when the name is taken (FLV_SMARTMODULE_ALREADY_EXISTS). Default true, as the protocol has it. */
  readonly replace?: boolean;
}

export interface ListOptions extends AbortOptions {
  /** SmartModules: leave the wasm out and give its size. */
  readonly summary?: boolean;
  /** Topics and partitions: the system's instead of the users'. */
  readonly system?: boolean;
}

export interface WatchOptions extends AbortOptions {
  readonly summary?: boolean;
}

/** One report of a watch. The first is always a full one. */
export interface WatchEvent<L extends WatchLabel> {
  /** `all`: `objects` replace everything known. `changes`: they were created or changed, `deleted` are gone. */
  readonly kind: "all" | "changes";
  readonly epoch: number;
  readonly objects: readonly FluvioObject<L>[];
  /** Names. */
  readonly deleted: readonly string[];
}

/**
 * What the cluster found in a stored SmartModule: `traits` of one that can run, else `problem`; neither when it has not
 * been looked at yet.
 */
export type SmartModuleReport = SmartModuleInspection;

/**
 * What SmartModules did on the SPUs and in managed connectors. Those of producers with `smartmodulesAt: "client"` run in
 * the producer's process: {@link FluvioClient.smartModuleTotals}.
 */
export interface SmartModuleStatsReport {
  /** By the name under which they were used, in order of the names. */
  readonly modules: readonly SmartModuleCounters[];
  readonly spus: readonly {
    readonly spu: number;
    /** When this SPU began to count, ms since 1970: its start. Absent when it did not answer. */
    readonly sinceMs: number | undefined;
    /** Why it did not. */
    readonly problem: string | undefined;
  }[];
}

/** Counters of one SmartModule, summed over the SPUs and managed connectors. `chains` and `memoryBytes` are of now. */
export interface SmartModuleCounters extends Omit<SmartModuleStats, "timeMicros"> {
  /** Time spent in it. */
  readonly timeMs: number;
}

/** Where a source connector goes on. */
export interface ConnectorPosition {
  readonly name: string;
  /** JSON; what it means is the connector's. */
  readonly position: unknown;
  /** Names the run of the connector that had it kept. */
  readonly writer: string;
  readonly modifiedTimeMs: number;
}

export interface ConnectorPositionChange extends Pick<ConnectorPosition, "name" | "position" | "writer"> {
  /** Writer of the position that was read before; `undefined` when there was none. */
  readonly follows: string | undefined;
}

/** One run of a sink connector. */
export interface ConnectorRun {
  /** What only one run may have at a time. */
  readonly name: string;
  /** Names the run; chosen by it. */
  readonly run: string;
}

/** What became of running streams and connectors. */
export interface SmartModuleSwitch {
  readonly streams: number;
  readonly connectors: number;
  /** One sentence for each stream, connector or SPU that goes on with the old code. */
  readonly failures: readonly string[];
}

/**
 * Manages the cluster. Every call throws what the cluster answered as a FluvioError whose code tells the case
 * (FLV_TOPIC_ALREADY_EXISTS, FLV_TOPIC_NOT_FOUND, FLV_PERMISSION_DENIED, …).
 */
export interface FluvioAdmin {
  /**
   * Objects of one kind. `filters` match as the cluster does: parts of the name for topics, SPUs, groups and table
   * formats, `group/name@version` for SmartModules; partitions and mirrors ignore them. None: all.
   */
  list<L extends ObjectLabel>(
    label: L,
    filters?: readonly string[],
    options?: ListOptions,
  ): Promise<readonly FluvioObject<L>[]>;
  /** All objects of one kind, then every change, until the caller stops or the connection is lost (throws). */
  watch<L extends WatchLabel>(label: L, options?: WatchOptions): AsyncIterableIterator<WatchEvent<L>>;

  /** Resolves with the topic's name when its partitions are online. */
  createTopic(name: string, options?: CreateTopicOptions | TopicSpecInput): Promise<string>;
  /** `force` allows a system topic. */
  deleteTopic(name: string, options?: AbortOptions & { readonly force?: boolean }): Promise<string>;
  listTopics(filters?: readonly string[], options?: ListOptions): Promise<readonly FluvioObject<"Topic">[]>;
  /**
   * The topic of exactly this name, system topics included. Other than in `@fluvio/client`, partitions and replication
   * are under `spec.replicas`, and `status.replicaMap` is a Map from partition to SPU ids.
   */
  findTopic(name: string, options?: AbortOptions): Promise<FluvioObject<"Topic"> | undefined>;
  addPartitions(topic: string, count: number, options?: AbortOptions): Promise<void>;
  addMirror(
    topic: string,
    remoteCluster: string,
    options?: AbortOptions & { readonly homeToRemote?: boolean },
  ): Promise<void>;
  updateTopic(name: string, changes: UpdateTopicOptions): Promise<void>;
  listPartitions(options?: ListOptions): Promise<readonly FluvioObject<"Partition">[]>;

  listSpus(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"SPU">[]>;
  listCustomSpus(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"CustomSpu">[]>;
  createCustomSpu(name: string, spec?: CustomSpuSpecInput, options?: CreateOptions): Promise<void>;
  deleteCustomSpu(key: CustomSpuKey | string | number, options?: AbortOptions): Promise<void>;
  createSpuGroup(name: string, spec: SpuGroupSpecInput, options?: CreateOptions): Promise<void>;
  listSpuGroups(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"SpuGroup">[]>;
  deleteSpuGroup(name: string, options?: AbortOptions): Promise<void>;

  /** @param wasm the module as built; it is compressed on the way. @returns the name it is stored under */
  createSmartModule(name: string, wasm: Uint8Array, options?: CreateSmartModuleOptions): Promise<string>;
  listSmartModules(filters?: readonly string[], options?: ListOptions): Promise<readonly FluvioObject<"SmartModule">[]>;
  /** The wasm of a stored module, decompressed. @throws FLV_SMARTMODULE_NOT_FOUND */
  downloadSmartModule(name: string, options?: AbortOptions): Promise<Uint8Array>;
  deleteSmartModule(name: string, options?: AbortOptions): Promise<void>;

  /**
   * What stored modules are, or why they cannot run; `names` as in {@link listSmartModules}.
   * @throws FLV_UNSUPPORTED by a cluster of the original, which is not disturbed by it
   */
  inspectSmartModules(names?: readonly string[], options?: AbortOptions): Promise<readonly SmartModuleReport[]>;
  /**
   * Counters since the SPUs started; of `names` with their group and version or without, else of all that ran.
   * @throws FLV_SMARTMODULE_NOT_FOUND for a name that is neither stored nor was used | FLV_UNSUPPORTED likewise
   */
  smartModuleStats(names?: readonly string[], options?: AbortOptions): Promise<SmartModuleStatsReport>;
  /**
   * Running streams and managed connectors that use a stored module go on with the code that is stored now, from their
   * next batch; aggregates keep their accumulators.
   * @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID when it cannot run | FLV_UNSUPPORTED likewise
   */
  switchSmartModule(name: string, options?: AbortOptions): Promise<SmartModuleSwitch>;
  /**
   * Kept states of aggregates, in order of name, topic and partition.
   * @throws FLV_UNSUPPORTED likewise
   */
  aggregateStates(options?: AggregateStateOptions): Promise<readonly AggregateState[]>;
  /**
   * Removes kept states of a name: the next consumer begins anew. One that is running ends with an error.
   * @returns what was removed @throws FLV_UNSUPPORTED likewise
   */
  resetAggregateState(
    name: string,
    options?: AbortOptions & { readonly topic?: string },
  ): Promise<readonly AggregateState[]>;

  createTableFormat(spec: TableFormatSpecInput, options?: CreateOptions): Promise<void>;
  listTableFormats(
    filters?: readonly string[],
    options?: AbortOptions,
  ): Promise<readonly FluvioObject<"TableFormat">[]>;
  deleteTableFormat(name: string, options?: AbortOptions): Promise<void>;

  createMirror(name: string, spec: MirrorSpecInput, options?: CreateOptions): Promise<void>;
  listMirrors(options?: AbortOptions): Promise<readonly FluvioObject<"Mirror">[]>;
  deleteMirror(name: string, options?: AbortOptions): Promise<void>;

  /** @param config the normalised connector file, JSON in UTF-8. @throws FLV_CONNECTOR_INVALID | FLV_CONNECTOR_ALREADY_EXISTS */
  createConnector(name: string, config: Uint8Array, options?: CreateOptions): Promise<void>;
  /** Replaces the configuration; the connector is restarted. @throws FLV_CONNECTOR_NOT_FOUND | FLV_CONNECTOR_INVALID */
  updateConnector(name: string, config: Uint8Array, options?: AbortOptions): Promise<void>;
  listConnectors(
    filters?: readonly string[],
    options?: AbortOptions,
  ): Promise<readonly FluvioObject<"ManagedConnector">[]>;
  deleteConnector(name: string, options?: AbortOptions): Promise<void>;
  /** The connector's log in pieces; with `follow` it goes on until the caller stops. @throws FLV_CONNECTOR_NOT_FOUND */
  connectorLogs(
    name: string,
    options?: AbortOptions & { readonly follow?: boolean },
  ): AsyncIterableIterator<Uint8Array>;

  /**
   * `pause` stops a connector until `resume`, over restarts of the cluster; it resolves when it has stopped. `restart` also
   * starts one that failed or ended. `forget` has a paused one begin as if it had never run: its position is dropped, but
   * not the offsets of its consumer.
   * @throws FLV_CONNECTOR_NOT_FOUND | FLV_CONNECTOR_INVALID when it is paused, or is not | FLV_UNSUPPORTED likewise
   */
  controlConnector(
    name: string,
    action: "pause" | "resume" | "restart" | "forget",
    options?: AbortOptions,
  ): Promise<void>;
  /** Counters of managed connectors, in order of names; of `names`, else of all. @throws FLV_CONNECTOR_NOT_FOUND | FLV_UNSUPPORTED likewise */
  connectorStats(names?: readonly string[], options?: AbortOptions): Promise<readonly ConnectorStats[]>;

  /** Secrets of connectors, without their values, which never leave the cluster. @throws FLV_UNSUPPORTED likewise */
  listSecrets(options?: AbortOptions): Promise<readonly SecretEntry[]>;
  /**
   * Keeps a secret, encrypted; connectors that use it are started again.
   * @param value UTF-8, up to 64 KiB
   * @throws FLV_SERVER for a name or value that cannot be | FLV_UNSUPPORTED likewise
   */
  setSecret(name: string, value: string | Uint8Array, options?: AbortOptions): Promise<SecretEntry>;
  /** Connectors that use it fail until it is there again. @throws FLV_SECRET_NOT_FOUND | FLV_UNSUPPORTED likewise */
  deleteSecret(name: string, options?: AbortOptions): Promise<SecretEntry>;

  /** Where a source connector goes on. @returns `undefined` when nothing is kept @throws FLV_UNSUPPORTED likewise */
  connectorPosition(name: string, options?: AbortOptions): Promise<ConnectorPosition | undefined>;
  /** Positions of all source connectors, in order of names. @throws FLV_UNSUPPORTED likewise */
  connectorPositions(options?: AbortOptions): Promise<readonly ConnectorPosition[]>;
  /**
   * Drops what is kept: started again, the connector begins anew. One that runs ends with an error at its next checkpoint.
   * @returns what was removed @throws FLV_UNSUPPORTED likewise
   */
  resetConnectorPosition(name: string, options?: AbortOptions): Promise<ConnectorPosition | undefined>;
  /**
   * Keeps a position durably, for whoever runs connectors; ask for {@link connectorPosition} first.
   * @throws FLV_CONNECTOR_POSITION when it is too large, was reset, or another run has kept one
   */
  keepConnectorPosition(change: ConnectorPositionChange, options?: AbortOptions): Promise<void>;
  /**
   * Takes the place of whoever has it, for whoever runs connectors: of runs of one sink only the last one goes on.
   * @param run `name`: what only one may have, `run`: names this one
   * @returns whether another run had it until now @throws FLV_UNSUPPORTED likewise
   */
  claimConnectorRun(run: ConnectorRun, options?: AbortOptions): Promise<boolean>;
  /** Says that the run goes on; ask for {@link claimConnectorRun} first. @returns whether it has the place still */
  holdConnectorRun(run: ConnectorRun, options?: AbortOptions): Promise<boolean>;
  /** Says that the run has ended. */
  releaseConnectorRun(run: ConnectorRun, options?: AbortOptions): Promise<void>;

  // names of @fluvio/client

  /** All topics as JSON text. */
  listTopic(): Promise<string>;
  /** All SPUs as JSON text. */
  listSpu(): Promise<string>;
  /** Partition 0 of a topic. */
  findPartition(topic: string): Promise<FluvioObject<"Partition"> | undefined>;
  createManagedSpu(name: string, spec?: SpuGroupSpecInput): Promise<void>;
  deleteManagedSpu(name: string): Promise<void>;
}
