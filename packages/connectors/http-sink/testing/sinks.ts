import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Fluvio } from "../../../fluvio/src/client/fluvio.ts";
import { drain, text, useTestCluster } from "../../../fluvio/src/client/testing/cluster.ts";
import type { ConnectorConfig, ParameterValue } from "../../../fluvio/src/connector/config.ts";
import { fileMarker } from "../../../fluvio/src/connector/first-positions.ts";
import type { RunnerMessage } from "../../../fluvio/src/connector/ipc.ts";
import { type RunCounters, runConnector } from "../../../fluvio/src/connector/runner.ts";
import { connector } from "../index.ts";
import { Target } from "./target.ts";

interface Line {
  readonly level: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

const DEADLINE_MS = 15_000;

/** Rejects when a test has waited long enough. */
function lateness(what: () => string): Promise<never> {
  const late = new Promise<never>((_, reject) => {
    AbortSignal.timeout(DEADLINE_MS).addEventListener("abort", () => reject(new Error(what())), { once: true });
  });
  late.catch(() => {});
  return late;
}

/** A sink that runs in this process. */
class Sink {
  readonly lines: Line[] = [];
  readonly messages: RunnerMessage[] = [];
  readonly counters: RunCounters = { records: 0, recordErrors: 0 };
  readonly done: Promise<void>;
  failure: unknown;
  readonly #stop = new AbortController();
  #heard: (() => void)[] = [];

  constructor(config: ConnectorConfig, endpoint: string, marker?: string) {
    const at = (level: string) => (details: object, message: string) => {
      this.lines.push({ level, details: details as Line["details"], message });
      this.#wake();
    };
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => logger };
    this.done = runConnector(
      {
        config,
        file: "connect.yml",
        secrets: {},
        endpoint,
        logger,
        signal: this.#stop.signal,
        report: (message) => {
          this.messages.push(message);
          this.#wake();
        },
        marker: fileMarker(marker),
        definition: connector,
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
    const late = lateness(() => `only ${JSON.stringify(this.lines)}`);
    while (!holds()) {
      if (this.failure !== undefined) throw this.failure;
      await Promise.race([late, new Promise<void>((resolve) => this.#heard.push(resolve))]);
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.done;
  }
}

/** HTTP sinks of one test file: a cluster, and for each test a server that they send to. */
export interface Sinks {
  readonly fluvio: Fluvio;
  readonly target: Target;
  readonly folder: string;
  /** Starts a sink; it is stopped after the test. */
  start(config: ConnectorConfig, marker?: string): Sink;
  config(
    topic: string,
    parameters?: Readonly<Record<string, ParameterValue>>,
    more?: Partial<ConnectorConfig>,
  ): ConnectorConfig;
  newName(): string;
  topicWith(values: readonly string[], partitions?: number): Promise<string>;
  /** Keys are `k0`, `k1`, … */
  produce(topic: string, values: readonly string[]): Promise<void>;
  stored(topic: string): Promise<{ key: string | undefined; value: string }[]>;
}

export function useSinks(): Sinks {
  const cluster = useTestCluster();
  const running: Sink[] = [];
  const state: { fluvio?: Fluvio; target?: Target; folder: string; names: number } = { folder: "", names: 0 };
  beforeAll(async () => {
    state.fluvio = await cluster.connect();
    state.folder = await mkdtemp(join(tmpdir(), "fluvio-http-sink-"));
  });
  afterAll(async () => {
    await state.fluvio?.close();
    await rm(state.folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    state.target = new Target();
    await state.target.listen();
  });
  afterEach(async () => {
    for (const sink of running.splice(0)) await sink.stop().catch(() => {});
    await state.target?.close();
  });
  const newName = () => `sink-${++state.names}`;
  const sinks: Sinks = {
    get fluvio() {
      return state.fluvio as Fluvio;
    },
    get target() {
      return state.target as Target;
    },
    get folder() {
      return state.folder;
    },
    start: (config, marker) => {
      const sink = new Sink(config, cluster.address, marker);
      running.push(sink);
      return sink;
    },
    config: (topic, parameters = {}, more = {}) => ({
      name: newName(),
      type: "http-sink",
      topic,
      version: "latest",
      parameters: {
        endpoint: sinks.target.url,
        retry: { "initial-delay": "2ms", "max-delay": "20ms" },
        ...parameters,
      },
      secrets: {},
      consumer: { offset: { start: "beginning", strategy: "manual" } },
      transforms: [],
      ...more,
    }),
    newName,
    topicWith: async (values, partitions = 1) => {
      const topic = await sinks.fluvio.admin().createTopic(cluster.topicName(), { partitions });
      await sinks.produce(topic, values);
      return topic;
    },
    produce: async (topic, values) => {
      await using producer = await sinks.fluvio.topicProducer(topic);
      await producer.sendAll(values.map((value, index) => ({ key: `k${index}`, value })));
    },
    stored: async (topic) => {
      const consumer = await sinks.fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
      return (await drain(consumer)).map(({ key, value }) => ({ key: text(key), value: text(value) ?? "" }));
    },
  };
  return sinks;
}
