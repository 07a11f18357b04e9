import {
  isFluvioError,
  type ManagedConnectorSpec,
  type MetadataOf,
  type StatusInput,
  type TopicSpec,
} from "../../protocol/index.ts";
import { readConnectorConfig, withKnownSecrets, withoutSecrets } from "./connector-config.ts";
import type { ConnectorHost, ConnectorStatus } from "./connector-host.ts";
import type { ConnectorPositions } from "./connector-positions.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import { isRefusal, okStatus, refusal } from "./refusal.ts";
import type { ScContext } from "./stores.ts";
import type { Topics } from "./topics.ts";

type ConnectorObject = MetadataOf<"ManagedConnector">;

const INITIAL_STATUS: ConnectorStatus = { resolution: "initializing", reason: "", processId: undefined, restarts: 0 };
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
  readonly host: ConnectorHost | undefined;
}

/** Keeps managed connectors and has the host run them. Without a host they are kept but not run. */
export class Connectors {
  readonly #context: ScContext;
  readonly #topics: Topics;
  readonly #positions: ConnectorPositions;
  readonly #host: ConnectorHost | undefined;
  readonly #mutex = new KeyedMutex();

  constructor({ context, topics, positions, host }: ConnectorsParts) {
    this.#context = context;
    this.#topics = topics;
    this.#positions = positions;
    this.#host = host;
    host?.onStatus((name, status) => this.#statusChanged(name, status));
  }

  /** Has the host run what is stored. */
  start(): void {
    for (const { name, spec } of [...this.#context.stores.connectors.values()]) this.#host?.apply(name, spec.config);
  }

  create(name: string, spec: ManagedConnectorSpec, dryRun: boolean): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      const problem = objectNameProblem("connector", name);
      if (problem !== undefined) throw refusal({ name: "ManagedConnectorError" }, problem);
      if (this.#context.stores.connectors.has(name)) {
        const sentence = `Connector already exists: ${name}. Change it with \`fluvio connector update\`, or delete it first`;
        throw refusal({ name: "ManagedConnectorAlreadyExists" }, sentence);
      }
      await this.#validate(name, spec.config);
      if (dryRun) return okStatus(name);
      await this.#ensureTopic(spec.config);
      await this.#store({ name, spec, status: INITIAL_STATUS });
      return okStatus(name);
    });
  }

  update(name: string, spec: ManagedConnectorSpec): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      const known = this.#existing(name);
      const config = await this.#checked(async () => withKnownSecrets(spec.config, known.spec.config));
      await this.#validate(name, config);
      await this.#ensureTopic(config);
      await this.#store({ ...known, spec: { config } });
      return okStatus(name);
    });
  }

  delete(name: string): Promise<StatusInput> {
    return this.#mutex.run(name, async () => {
      this.#existing(name);
      // what its process still wants kept while it ends is of no use to a later connector of the name
      await this.#positions.dropWith(name, async (dropPosition) => {
        await this.#context.metadata.commit([{ type: "delete", label: "ManagedConnector", name }, dropPosition]);
        this.#context.stores.connectors.delete(name);
        await this.#host?.remove(name);
      });
      return okStatus(name);
    });
  }

  /** As a reader gets it: without the values of secrets. */
  present(object: ConnectorObject): ConnectorObject {
    return { ...object, spec: { config: withoutSecrets(object.spec.config) } };
  }

  /** @throws a refusal when there is no such connector, or nothing runs connectors */
  readLog(name: string, options: Parameters<ConnectorHost["readLog"]>[1]): AsyncIterable<Uint8Array> {
    this.#existing(name);
    return this.#requireHost().readLog(name, options);
  }

  async #validate(name: string, config: Uint8Array): Promise<void> {
    await this.#checked(async () => {
      const view = readConnectorConfig(config);
      if (view.name !== name) {
        throw refusal(
          { name: "ManagedConnectorError" },
          `The connector is called ${name}, but its configuration says ${view.name}`,
        );
      }
      await this.#requireHost().validate(config);
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
      await this.#topics.create(topic, TOPIC_SPEC, { dryRun: false });
    } catch (error) {
      // somebody else made it in the meantime
      if (!isRefusal(error, "TopicAlreadyExists")) throw error;
    }
  }

  async #store(object: ConnectorObject): Promise<void> {
    await this.#context.metadata.commit([
      { type: "put", label: "ManagedConnector", object: { ...object, status: INITIAL_STATUS } },
    ]);
    this.#context.stores.connectors.put(object);
    this.#host?.apply(object.name, object.spec.config);
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
