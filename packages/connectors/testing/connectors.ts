import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Fluvio } from "../../fluvio/src/client/fluvio.ts";
import { drain, text, useTestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import type { ConnectorDefinition } from "../../fluvio/src/connector/define.ts";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { newCounters, type RunCounters } from "../../fluvio/src/connector/run/counters.ts";
import type { EndTimeouts } from "../../fluvio/src/connector/run/end-timeouts.ts";
import { fileMarker } from "../../fluvio/src/connector/run/first-positions.ts";
import { runConnector } from "../../fluvio/src/connector/run/runner.ts";
import type { RunnerMessage } from "../../fluvio/src/connector/supervise/ipc.ts";
import { userPackages } from "../../fluvio/src/npm/index.ts";
import { late } from "./late.ts";

interface Line {
  readonly level: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A connector that runs in this process, as its own process would run it. */
export class RunningConnector {
  readonly lines: Line[] = [];
  readonly messages: RunnerMessage[] = [];
  readonly counters: RunCounters = newCounters();
  readonly done: Promise<void>;
  failure: unknown;
  readonly #stop = new AbortController();
  #heard: (() => void)[] = [];

  constructor(
    definition: ConnectorDefinition,
    config: ConnectorConfig,
    endpoint: string,
    marker?: string,
    endTimeouts: Partial<EndTimeouts> = {},
  ) {
    const at = (level: string) => (details: object, message: string) => {
      this.lines.push({ level, details: details as Line["details"], message });
      this.#wake();
    };
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => logger };
    this.done = runConnector(
      {
        config,
        file: "connect.yml",
        secrets: config.secrets,
        endpoint,
        logger,
        signal: this.#stop.signal,
        report: (message) => {
          this.messages.push(message);
          this.#wake();
        },
        marker: fileMarker(marker),
        packages: userPackages(),
        definition,
        endTimeouts,
        random: () => 0,
      },
      this.counters,
    );
    const ended = (error?: unknown) => {
      this.failure = error;
      this.#wake();
    };
    this.done.then(() => ended(), ended);
  }

  #wake(): void {
    const heard = this.#heard;
    this.#heard = [];
    for (const wake of heard) wake();
  }

  get troubles(): string[] {
    return this.messages.flatMap((message) => (message.type === "trouble" ? [message.reason] : []));
  }

  /** Looked at after every line of the log and every report. */
  async until(holds: () => boolean): Promise<void> {
    const tooLate = late(() => `only ${JSON.stringify(this.lines)}`);
    while (!holds()) {
      if (this.failure !== undefined) throw this.failure;
      await Promise.race([tooLate, new Promise<void>((resolve) => this.#heard.push(resolve))]);
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.done;
  }
}

interface StoredRecord {
  readonly key: string | undefined;
  readonly value: string;
}

/** A cluster for the connectors of one test file. */
export interface TestConnectors {
  readonly fluvio: Fluvio;
  /** `host:port` of the cluster. */
  readonly endpoint: string;
  /** A folder of this test file. */
  readonly folder: string;
  /** Starts a connector; it is stopped after the test. */
  start(definition: ConnectorDefinition, config: ConnectorConfig, marker?: string): RunningConnector;
  /** A configuration with a new name; a sink begins at the beginning and repeats failed writes at once. */
  config(
    type: string,
    topic: string,
    parameters?: Readonly<Record<string, ParameterValue>>,
    more?: Partial<ConnectorConfig>,
  ): ConnectorConfig;
  newName(): string;
  /** A new topic with these records. */
  topicWith(values: readonly string[], partitions?: number): Promise<string>;
  /** Keys are `k0`, `k1`, … */
  produce(topic: string, values: readonly string[]): Promise<void>;
  /** What is in the topic now. */
  stored(topic: string): Promise<StoredRecord[]>;
  /** The first `count` records of the topic, as soon as they are there. */
  records(topic: string, count: number): Promise<StoredRecord[]>;
}

export function useConnectors(): TestConnectors {
  const cluster = useTestCluster();
  const running: RunningConnector[] = [];
  const state: { fluvio?: Fluvio; folder: string; names: number } = { folder: "", names: 0 };
  beforeAll(async () => {
    state.fluvio = await cluster.connect();
    state.folder = await mkdtemp(join(tmpdir(), "fluvio-connectors-"));
  });
  afterAll(async () => {
    await state.fluvio?.close();
    await rm(state.folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const connector of running.splice(0)) await connector.stop().catch(() => {});
  });
  const newName = () => `connector-${++state.names}`;
  const connectors: TestConnectors = {
    get fluvio() {
      return state.fluvio as Fluvio;
    },
    get endpoint() {
      return cluster.address;
    },
    get folder() {
      return state.folder;
    },
    start: (definition, config, marker) => {
      const connector = new RunningConnector(definition, config, cluster.address, marker);
      running.push(connector);
      return connector;
    },
    config: (type, topic, parameters = {}, more = {}) => ({
      name: newName(),
      type,
      topic,
      version: "latest",
      parameters: {
        ...(type.endsWith("-sink") ? { retry: { "initial-delay": "2ms", "max-delay": "20ms" } } : {}),
        ...parameters,
      },
      secrets: {},
      ...(type.endsWith("-sink") ? { consumer: { offset: { start: "beginning", strategy: "manual" as const } } } : {}),
      transforms: [],
      ...more,
    }),
    newName,
    topicWith: async (values, partitions = 1) => {
      const topic = await connectors.fluvio.admin().createTopic(cluster.topicName(), { partitions });
      await connectors.produce(topic, values);
      return topic;
    },
    produce: async (topic, values) => {
      await using producer = await connectors.fluvio.topicProducer(topic);
      await producer.sendAll(values.map((value, index) => ({ key: `k${index}`, value })));
    },
    stored: async (topic) => {
      const consumer = await connectors.fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
      return (await drain(consumer)).map(({ key, value }) => ({ key: text(key), value: text(value) ?? "" }));
    },
    records: async (topic, count) => {
      const found: StoredRecord[] = [];
      await using consumer = await connectors.fluvio.consumer({ topic, offset: "beginning" });
      const tooLate = late(() => `only ${found.length} of ${count} records in ${topic}: ${JSON.stringify(found)}`);
      const records = consumer[Symbol.asyncIterator]();
      while (found.length < count) {
        const next = await Promise.race([records.next(), tooLate]);
        if (next.done === true) break;
        found.push({ key: text(next.value.key), value: text(next.value.value) ?? "" });
      }
      return found;
    },
  };
  return connectors;
}
