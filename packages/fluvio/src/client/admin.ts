import {
  type CreateRequestInput,
  type CustomSpuKey,
  type CustomSpuSpecInput,
  compress,
  createApi,
  type DeleteRequestInput,
  decompress,
  deleteApi,
  flvError,
  inspectSmartModulesApi,
  listApi,
  type MirrorSpecInput,
  meantSmartModule,
  type ObjectLabel,
  partitionName,
  type SmartModuleMetadata,
  type SpuGroupSpecInput,
  type Status,
  smartModuleStatsApi,
  switchSmartModuleApi,
  type TableFormatSpecInput,
  type TopicSpecInput,
  toFluvioError,
  type UpdateRequestInput,
  updateApi,
} from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type {
  AggregateState,
  AggregateStateOptions,
  CreateOptions,
  CreateSmartModuleOptions,
  CreateTopicOptions,
  FluvioAdmin,
  FluvioObject,
  ListOptions,
  SmartModuleReport,
  SmartModuleStatsReport,
  SmartModuleSwitch,
  UpdateTopicOptions,
  WatchEvent,
  WatchLabel,
  WatchOptions,
} from "./admin-types.ts";
import { askAggregateStates } from "./aggregate-states.ts";
import type { Cluster } from "./cluster.ts";
import { CustomSpuSpec, SpuGroupSpec } from "./compat-values.ts";
import { ConnectorAdmin } from "./connector-admin.ts";
import { askExtension } from "./extension.ts";
import { toTopicSpec } from "./topic-spec.ts";
import { watchObjects } from "./watch.ts";

/** The cluster itself gives up waiting for a topic after 90 s. */
const TOPIC_WAIT_MS = 100_000;
/** The cluster may have to install what a connector needs, for which it takes five minutes at most. */
const CONNECTOR_WAIT_MS = 330_000;
/** On top of a time limit that the cluster keeps. */
const REPLY_EXTRA_MS = 5000;
/** Largest module that is unpacked, bytes. */
const WASM_BYTES_MAX = 512 * 1024 * 1024;

const abortOf = (options: AbortOptions): AbortOptions =>
  options.signal === undefined ? {} : { signal: options.signal };

/** {@link FluvioAdmin} over the connection to the SC. */
export class Admin extends ConnectorAdmin implements FluvioAdmin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    super(cluster);
    this.#cluster = cluster;
  }

  async list<L extends ObjectLabel>(
    label: L,
    filters: readonly string[] = [],
    options: ListOptions = {},
  ): Promise<readonly FluvioObject<L>[]> {
    const { connection } = await this.#cluster.session(abortOf(options));
    const body = { nameFilters: filters, summary: options.summary ?? false, system: options.system ?? false };
    const reply = await connection.request(listApi, { label, body }, abortOf(options));
    if (reply.label !== label) {
      throw flvError("FLV_UNSUPPORTED", `the cluster cannot list objects of type ${label}`, { details: { label } });
    }
    // the label names the kind of the objects
    return reply.body as unknown as readonly FluvioObject<L>[];
  }

  async *watch<L extends WatchLabel>(label: L, options: WatchOptions = {}): AsyncGenerator<WatchEvent<L>> {
    const { connection } = await this.#cluster.session(abortOf(options));
    yield* watchObjects(connection, label, options);
  }

  async #create(request: CreateRequestInput, options: AbortOptions, timeoutMs?: number): Promise<string> {
    const { connection } = await this.#cluster.session(abortOf(options));
    const status = await connection.request(createApi, request, {
      ...abortOf(options),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return succeeded(status, request.body.name);
  }

  async #delete(request: DeleteRequestInput, name: string, options: AbortOptions): Promise<string> {
    const { connection } = await this.#cluster.session(abortOf(options));
    return succeeded(await connection.request(deleteApi, request, abortOf(options)), name);
  }

  async #update(request: UpdateRequestInput, options: AbortOptions, timeoutMs?: number): Promise<void> {
    const { connection } = await this.#cluster.session(abortOf(options));
    const limits = { ...abortOf(options), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    succeeded(await connection.request(updateApi, request, limits), request.body.key);
  }

  // ---- topics and partitions ---------------------------------------------------------------------------------------

  async createTopic(name: string, options: CreateTopicOptions | TopicSpecInput = {}): Promise<string> {
    if ("replicas" in options) {
      const body = { name, dryRun: false, spec: options };
      return (await this.#create({ label: "Topic", body }, {}, TOPIC_WAIT_MS)) || name;
    }
    const { dryRun = false, timeoutMs } = options;
    const body = { name, dryRun, timeoutMs, spec: toTopicSpec(name, options) };
    const waitMs = timeoutMs === undefined ? TOPIC_WAIT_MS : timeoutMs + REPLY_EXTRA_MS;
    return (await this.#create({ label: "Topic", body }, options, waitMs)) || name;
  }

  deleteTopic(name: string, options: AbortOptions & { readonly force?: boolean } = {}): Promise<string> {
    return this.#delete({ label: "Topic", body: { key: name, force: options.force ?? false } }, name, options);
  }

  listTopics(filters?: readonly string[], options?: ListOptions): Promise<readonly FluvioObject<"Topic">[]> {
    return this.list("Topic", filters, options);
  }

  async findTopic(name: string, options: AbortOptions = {}): Promise<FluvioObject<"Topic"> | undefined> {
    const find = async (system: boolean) =>
      (await this.list("Topic", [name], { ...options, system })).find((topic) => topic.name === name);
    return (await find(false)) ?? (await find(true));
  }

  addPartitions(topic: string, count: number, options: AbortOptions = {}): Promise<void> {
    return this.#update({ label: "Topic", body: { key: topic, action: { type: "addPartition", count } } }, options);
  }

  addMirror(
    topic: string,
    remoteCluster: string,
    options: AbortOptions & { readonly homeToRemote?: boolean } = {},
  ): Promise<void> {
    const action = { type: "addMirror", remoteCluster, homeToMirror: options.homeToRemote ?? false } as const;
    return this.#update({ label: "Topic", body: { key: topic, action } }, options);
  }

  updateTopic(name: string, changes: UpdateTopicOptions): Promise<void> {
    const { retentionSeconds, segmentSizeBytes, maxPartitionSizeBytes } = changes;
    const infiniteRetention = retentionSeconds === "infinite";
    const action = {
      type: "configure",
      timeInSeconds: retentionSeconds === "infinite" ? undefined : retentionSeconds,
      infiniteRetention,
      segmentSize: segmentSizeBytes,
      maxPartitionSize: maxPartitionSizeBytes,
    } as const;
    return this.#update({ label: "Topic", body: { key: name, action } }, changes);
  }

  listPartitions(options?: ListOptions): Promise<readonly FluvioObject<"Partition">[]> {
    return this.list("Partition", [], options);
  }

  // ---- SPUs --------------------------------------------------------------------------------------------------------

  listSpus(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"SPU">[]> {
    return this.list("SPU", filters, options);
  }

  listCustomSpus(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"CustomSpu">[]> {
    return this.list("CustomSpu", filters, options);
  }

  async createCustomSpu(
    name: string,
    spec: CustomSpuSpecInput = new CustomSpuSpec(),
    options: CreateOptions = {},
  ): Promise<void> {
    await this.#create({ label: "CustomSpu", body: { name, dryRun: options.dryRun ?? false, spec } }, options);
  }

  async deleteCustomSpu(key: CustomSpuKey | string | number, options: AbortOptions = {}): Promise<void> {
    const wireKey = toSpuKey(key);
    const name = wireKey.type === "name" ? wireKey.name : String(wireKey.id);
    await this.#delete({ label: "CustomSpu", body: { key: wireKey, force: false } }, name, options);
  }

  async createSpuGroup(name: string, spec: SpuGroupSpecInput, options: CreateOptions = {}): Promise<void> {
    await this.#create({ label: "SpuGroup", body: { name, dryRun: options.dryRun ?? false, spec } }, options);
  }

  listSpuGroups(filters?: readonly string[], options?: AbortOptions): Promise<readonly FluvioObject<"SpuGroup">[]> {
    return this.list("SpuGroup", filters, options);
  }

  async deleteSpuGroup(name: string, options: AbortOptions = {}): Promise<void> {
    await this.#delete({ label: "SpuGroup", body: { key: name, force: false } }, name, options);
  }

  // ---- names of @fluvio/client -------------------------------------------------------------------------------------

  /** All topics as JSON text. */
  async listTopic(): Promise<string> {
    return toJson(await this.listTopics());
  }

  /** All SPUs as JSON text. */
  async listSpu(): Promise<string> {
    return toJson(await this.listSpus());
  }

  /** Partition 0 of a topic. */
  async findPartition(topic: string): Promise<FluvioObject<"Partition"> | undefined> {
    const name = partitionName(topic, 0);
    return (await this.listPartitions()).find((partition) => partition.name === name);
  }

  createManagedSpu(name: string, spec: SpuGroupSpecInput = new SpuGroupSpec()): Promise<void> {
    return this.createSpuGroup(name, spec);
  }

  deleteManagedSpu(name: string): Promise<void> {
    return this.deleteSpuGroup(name);
  }

  // ---- SmartModules ------------------------------------------------------------------------------------------------

  async createSmartModule(name: string, wasm: Uint8Array, options: CreateSmartModuleOptions = {}): Promise<string> {
    const { dryRun = false, meta, replace = true } = options;
    if (!replace) await this.#refuseExisting(name, meta, options);
    const spec = { meta, wasm: { format: "binary", payload: compress("gzip", wasm) } } as const;
    return (await this.#create({ label: "SmartModule", body: { name, dryRun, spec } }, options)) || name;
  }

  async #refuseExisting(name: string, meta: SmartModuleMetadata | undefined, options: AbortOptions): Promise<void> {
    const shown = meta === undefined ? name : `${meta.package.group}/${meta.package.name}@${meta.package.version}`;
    const stored = await this.list("SmartModule", [shown], { ...abortOf(options), summary: true });
    // a package matches its whole name only; a plain name also matches packages, which it does not replace
    if (!stored.some((module) => meta !== undefined || module.name === name)) return;
    throw flvError("FLV_SMARTMODULE_ALREADY_EXISTS", `SmartModule already exists: ${shown}`, {
      details: { name: shown },
      hint: "replace it with --replace, or choose another name",
    });
  }

  listSmartModules(
    filters?: readonly string[],
    options?: ListOptions,
  ): Promise<readonly FluvioObject<"SmartModule">[]> {
    return this.list("SmartModule", filters, options);
  }

  async downloadSmartModule(name: string, options: AbortOptions = {}): Promise<Uint8Array> {
    const stored = await this.list("SmartModule", [name], { ...abortOf(options), summary: false });
    const found = meantSmartModule(name, stored);
    if (found === undefined) {
      throw flvError("FLV_SMARTMODULE_NOT_FOUND", `SmartModule ${name} was not found`, {
        details: { name },
        hint: "see them with `fluvio smartmodule list`",
      });
    }
    return decompress("gzip", found.spec.wasm.payload, WASM_BYTES_MAX);
  }

  async deleteSmartModule(name: string, options: AbortOptions = {}): Promise<void> {
    await this.#delete({ label: "SmartModule", body: { key: name, force: false } }, name, options);
  }

  async inspectSmartModules(
    names: readonly string[] = [],
    options: AbortOptions = {},
  ): Promise<readonly SmartModuleReport[]> {
    const what = "say what its SmartModules are";
    const reply = await askExtension(this.#cluster, inspectSmartModulesApi, { names }, what, abortOf(options));
    if (reply.error.name !== "None") throw toFluvioError(reply.error);
    return reply.modules;
  }

  async smartModuleStats(names: readonly string[] = [], options: AbortOptions = {}): Promise<SmartModuleStatsReport> {
    const what = "give counters of SmartModules";
    const reply = await askExtension(this.#cluster, smartModuleStatsApi, { names }, what, abortOf(options));
    if (reply.error.name !== "None") throw toFluvioError(reply.error);
    const modules = reply.modules.map(({ timeMicros, ...counters }) => ({ ...counters, timeMs: timeMicros / 1000 }));
    return { modules, spus: reply.spus };
  }

  async switchSmartModule(name: string, options: AbortOptions = {}): Promise<SmartModuleSwitch> {
    const what = "switch running SmartModules";
    const reply = await askExtension(this.#cluster, switchSmartModuleApi, { name }, what, abortOf(options));
    if (reply.error.name !== "None") throw toFluvioError(reply.error, { name });
    const { streams, connectors, failures } = reply;
    return { streams, connectors, failures };
  }

  aggregateStates(options: AggregateStateOptions = {}): Promise<readonly AggregateState[]> {
    const { name, topic, contents = false } = options;
    return askAggregateStates(this.#cluster, { action: "list", name, topic, contents }, abortOf(options));
  }

  resetAggregateState(
    name: string,
    options: AbortOptions & { readonly topic?: string } = {},
  ): Promise<readonly AggregateState[]> {
    const request = { action: "reset", name, topic: options.topic, contents: false } as const;
    return askAggregateStates(this.#cluster, request, abortOf(options));
  }

  // ---- table formats and mirrors -----------------------------------------------------------------------------------

  async createTableFormat(spec: TableFormatSpecInput, options: CreateOptions = {}): Promise<void> {
    const body = { name: spec.name, dryRun: options.dryRun ?? false, spec };
    await this.#create({ label: "TableFormat", body }, options);
  }

  listTableFormats(
    filters?: readonly string[],
    options?: AbortOptions,
  ): Promise<readonly FluvioObject<"TableFormat">[]> {
    return this.list("TableFormat", filters, options);
  }

  async deleteTableFormat(name: string, options: AbortOptions = {}): Promise<void> {
    await this.#delete({ label: "TableFormat", body: { key: name, force: false } }, name, options);
  }

  async createMirror(name: string, spec: MirrorSpecInput, options: CreateOptions = {}): Promise<void> {
    await this.#create({ label: "Mirror", body: { name, dryRun: options.dryRun ?? false, spec } }, options);
  }

  listMirrors(options?: AbortOptions): Promise<readonly FluvioObject<"Mirror">[]> {
    return this.list("Mirror", [], options);
  }

  async deleteMirror(name: string, options: AbortOptions = {}): Promise<void> {
    await this.#delete({ label: "Mirror", body: { key: name, force: false } }, name, options);
  }

  // ---- connectors --------------------------------------------------------------------------------------------------

  async createConnector(name: string, config: Uint8Array, options: CreateOptions = {}): Promise<void> {
    const body = { name, dryRun: options.dryRun ?? false, spec: { config } };
    await this.#create({ label: "ManagedConnector", body }, options, CONNECTOR_WAIT_MS);
  }

  updateConnector(name: string, config: Uint8Array, options: AbortOptions = {}): Promise<void> {
    const request = { label: "ManagedConnector", body: { key: name, action: { config } } } as const;
    return this.#update(request, options, CONNECTOR_WAIT_MS);
  }

  listConnectors(
    filters?: readonly string[],
    options?: AbortOptions,
  ): Promise<readonly FluvioObject<"ManagedConnector">[]> {
    return this.list("ManagedConnector", filters, options);
  }

  async deleteConnector(name: string, options: AbortOptions = {}): Promise<void> {
    await this.#delete({ label: "ManagedConnector", body: { key: name, force: false } }, name, options);
  }
}

/** Maps become objects. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Map ? Object.fromEntries(inner) : inner));
}

function toSpuKey(key: CustomSpuKey | string | number): CustomSpuKey {
  if (typeof key === "object") return key;
  return typeof key === "number" ? { type: "id", id: key } : { type: "name", name: key };
}

/** The name in the answer, or its error. */
function succeeded(status: Status, name: string): string {
  if (status.errorCode.name === "None") return status.name;
  throw toFluvioError(status.errorCode, { name: status.name || name, message: status.errorMessage });
}
