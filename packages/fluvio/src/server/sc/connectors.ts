import {
  type ConnectorControlRequest,
  isFluvioError,
  type ManagedConnectorSpec,
  type MetadataOf,
  type StatusInput,
  type TopicSpec,
} from "../../protocol/index.ts";
import { readConnectorConfig, withKnownSecrets } from "./connector-config.ts";
import type { ConnectorCounters, ConnectorHost, ConnectorStatus } from "./connector-host.ts";
import type { ConnectorPositions } from "./connector-positions.ts";
import { type ConnectorVault, holdsSecrets, type KnownConfig } from "./connector-vault.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import { isRefusal, okStatus, refusal } from "./refusal.ts";
import { isSealed } from "./sealer.ts";
import type { Secrets } from "./secrets.ts";
import type { ScContext } from "./stores.ts";
import type { Topics } from "./topics.ts";

type ConnectorObject = MetadataOf<"ManagedConnector">;

const INITIAL_STATUS: ConnectorStatus = { resolution: "initializing", reason: "", processId: undefined, restarts: 0 };
const PAUSED_STATUS: ConnectorStatus = { ...INITIAL_STATUS, resolution: "paused" };
/** A topic that a connector's file names without saying more. */
const TOPIC_SPEC: TopicSpec = {
  replicas: { type: "computed", partitions: 1, replicationFactor: 1, ignoreRackAssignment: false },
  cleanupPolicy: undefined,
  storage: undefined,
  compressionType: "any",
  deduplication: undefined,
  system: false,
};

export interface ConnectorsParts {
  readonly context: ScContext;
  readonly topics: Topics;
  readonly positions: ConnectorPositions;
  readonly secrets: Secrets;
  readonly vault: ConnectorVault;
  readonly host: ConnectorHost | undefined;
}

/**
 * Keeps managed connectors and has the host run them. Without a host they are kept but not run. The objects of the store
 * have configurations that may be shown; the whole ones, with their secrets, are only here.
 */
export class Connectors {
  readonly #parts: ConnectorsParts;
  readonly #context: ScContext;
  readonly #host: ConnectorHost | undefined;
  readonly #mutex = new KeyedMutex();
  readonly #known = new Map<string, KnownConfig>();
  readonly #paused = new Set<string>();
  /** Why what is kept of a connector cannot be read. */
  readonly #unreadable = new Map<string, Error>();

  constructor(parts: ConnectorsParts) {
    const { context, secrets, host } = parts;
    this.#parts = parts;
    this.#context = context;
    this.#host = host;
    host?.useSecrets((name) => secrets.value(name));
    host?.onStatus((name, status) => this.#statusChanged(name, status));
  }

  /** Reads what is kept, before anybody is answered. A connector that cannot be read is there all the same, and says why. */
  async load(): Promise<void> {
    const { connectors } = this.#context.stores;
    for (const { name, spec, status } of [...connectors.values()]) {
      try {
        const known = await this.#parts.vault.unpack(name, spec.config);
        // what was kept before there was a key
        if (holdsSecrets(known) && !isSealed(spec.config)) await this.#commit(name, known, status);
        this.#known.set(name, known);
        if (status.resolution === "paused") this.#paused.add(name);
        connectors.put({ name, spec: { config: known.shown }, status });
      } catch (error) {
        if (!isFluvioError(error)) throw error;
        this.#unreadable.set(name, error);
        this.#context.logger.error({ connector: name, error: String(error) }, "a connector cannot be read");
        const failed = { ...INITIAL_STATUS, resolution: "failed", reason: error.message } as const;
        connectors.put({ name, spec: { config: unknownConfig(name) }, status: failed });
      }
    }
  }

  /** Whether there is a connector that cannot be read without the key of the secrets. */
  get holdsSealed(): boolean {
    const notRead = [...this.#context.stores.connectors.values()].some(({ spec }) => isSealed(spec.config));
    return notRead || this.#unreadable.size > 0 || [...this.#known.values()].some(holdsSecrets);
  }

  /** Has the host run what is stored. */
  start(): void {
    for (const name of this.#known.keys()) this.#run(name);
  }

  create(name: string, spec: ManagedConnectorSpec, dryRun: boolean): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      const problem = objectNameProblem("connector", name);
      if (problem !== undefined) throw refusal({ name: "ManagedConnectorError" }, problem);
      if (this.#context.stores.connectors.has(name)) {
        const sentence = `Connector already exists: ${name}. Change it with \`fluvio connector update\`, or delete it first`;
        throw refusal({ name: "ManagedConnectorAlreadyExists" }, sentence);
      }
      const known = await this.#validate(name, spec.config);
      if (dryRun) return okStatus(name);
      await this.#ensureTopic(spec.config);
      await this.#store(name, known);
      return okStatus(name);
    });
  }

  update(name: string, spec: ManagedConnectorSpec): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      this.#existing(name);
      const before = this.#known.get(name);
      const config = await this.#checked(async () =>
        before === undefined ? spec.config : withKnownSecrets(spec.config, before),
      );
      const known = await this.#validate(name, config);
      await this.#ensureTopic(config);
      await this.#store(name, known);
      return okStatus(name);
    });
  }

  delete(name: string): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      this.#existing(name);
      // what its process still wants kept while it ends is of no use to a later connector of the name
      await this.#parts.positions.dropWith(name, async (dropPosition) => {
        await this.#context.metadata.commit([{ type: "delete", label: "ManagedConnector", name }, dropPosition]);
        this.#context.stores.connectors.delete(name);
        this.#known.delete(name);
        this.#paused.delete(name);
        this.#unreadable.delete(name);
        await this.#host?.remove(name);
      });
      return okStatus(name);
    });
  }

  /** @throws a refusal when there is no such connector, it cannot be read, or it is not in a state for that */
  control(name: string, action: ConnectorControlRequest["action"]): Promise<void> {
    return this.#mutex.run(name, async () => {
      this.#existing(name);
      const host = this.#requireHost();
      const unreadable = this.#unreadable.get(name);
      if (unreadable !== undefined) throw unreadable;
      const isPaused = this.#paused.has(name);
      if (action === "pause" || action === "resume") {
        if (isPaused !== (action === "pause")) await this.#setPaused(name, action === "pause");
        await (action === "pause" ? host.settled(name) : undefined);
        return;
      }
      if (isPaused !== (action === "forget")) {
        const sentence = isPaused
          ? `Connector ${name} is paused. Start it with \`fluvio connector resume ${name}\``
          : `Connector ${name} is not paused. Stop it first with \`fluvio connector pause ${name}\``;
        throw refusal({ name: "ManagedConnectorError" }, sentence);
      }
      if (action === "restart") return host.restart(name);
      await this.#parts.positions.dropWith(name, async (dropPosition) => {
        await this.#context.metadata.commit([dropPosition]);
        await host.forget(name);
      });
    });
  }

  /** Starts again who takes this secret from the cluster. */
  secretChanged(name: string): void {
    for (const user of this.usersOfSecret(name)) if (!this.#paused.has(user)) this.#host?.restart(user);
  }

  usersOfSecret(name: string): readonly string[] {
    return this.#host?.usersOfSecret(name) ?? [];
  }

  counters(): readonly ConnectorCounters[] {
    return this.#host?.counters() ?? [];
  }

  /** @throws a refusal when there is no such connector */
  check(name: string): void {
    this.#existing(name);
  }

  /** @throws a refusal when there is no such connector, or nothing runs connectors */
  readLog(name: string, options: Parameters<ConnectorHost["readLog"]>[1]): AsyncIterable<Uint8Array> {
    this.#existing(name);
    return this.#requireHost().readLog(name, options);
  }

  async #validate(name: string, config: Uint8Array): Promise<KnownConfig> {
    return await this.#checked(async () => {
      const view = readConnectorConfig(config);
      if (view.name !== name) {
        throw refusal(
          { name: "ManagedConnectorError" },
          `The connector is called ${name}, but its configuration says ${view.name}`,
        );
      }
      const shown = await this.#requireHost().validate(config);
      return { config, shown };
    });
  }

  /** Errors about the configuration go to the client with the code of connectors. */
  async #checked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isFluvioError(error) || error.details.wire !== undefined) throw error;
      const sentence = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
      throw refusal({ name: "ManagedConnectorError" }, sentence, { cause: error });
    }
  }

  async #ensureTopic(config: Uint8Array): Promise<void> {
    const { topic, hasTopicOptions } = readConnectorConfig(config);
    if (hasTopicOptions || this.#context.stores.topics.has(topic)) return;
    try {
      await this.#parts.topics.create(topic, TOPIC_SPEC, { dryRun: false });
    } catch (error) {
      // somebody else made it in the meantime
      if (!isRefusal(error, "TopicAlreadyExists")) throw error;
    }
  }

  async #store(name: string, known: KnownConfig): Promise<void> {
    const status = this.#paused.has(name) ? PAUSED_STATUS : INITIAL_STATUS;
    await this.#commit(name, known, status);
    this.#known.set(name, known);
    this.#unreadable.delete(name);
    const before = this.#context.stores.connectors.get(name)?.status;
    this.#context.stores.connectors.put({ name, spec: { config: known.shown }, status: before ?? status });
    this.#run(name);
  }

  async #setPaused(name: string, isPaused: boolean): Promise<void> {
    await this.#commit(name, this.#known.get(name) as KnownConfig, isPaused ? PAUSED_STATUS : INITIAL_STATUS);
    if (isPaused) this.#paused.add(name);
    else this.#paused.delete(name);
    this.#run(name);
  }

  async #commit(name: string, known: KnownConfig, status: ConnectorStatus): Promise<void> {
    const config = await this.#checked(() => this.#parts.vault.pack(name, known));
    await this.#context.metadata.commit([
      { type: "put", label: "ManagedConnector", object: { name, spec: { config }, status } },
    ]);
  }

  #run(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#host?.apply(name, known.config, { shown: known.shown, isPaused: this.#paused.has(name) });
  }

  #statusChanged(name: string, status: ConnectorStatus): void {
    const object = this.#context.stores.connectors.get(name);
    if (object === undefined) return;
    const { resolution, reason, processId, restarts } = status;
    this.#context.stores.connectors.put({ ...object, status: { resolution, reason, processId, restarts } });
  }

  #existing(name: string): ConnectorObject {
    const object = this.#context.stores.connectors.get(name);
    if (object !== undefined) return object;
    const suggestion = didYouMean(name, this.#context.stores.connectors.names());
    const sentence = `Connector not found: ${name}.${suggestion} List the connectors with \`fluvio connector list\``;
    throw refusal({ name: "ManagedConnectorNotFound" }, sentence);
  }

  #requireHost(): ConnectorHost {
    if (this.#host !== undefined) return this.#host;
    throw refusal(
      { name: "ManagedConnectorError" },
      "This cluster does not run connectors: start it with `fluvio cluster start`",
    );
  }
}

/** Stands for a configuration that cannot be read. */
function unknownConfig(name: string): Uint8Array {
  const unknown = { name, type: "?", topic: "?", version: "?", parameters: {}, secrets: {}, transforms: [] };
  return new TextEncoder().encode(JSON.stringify(unknown));
}
