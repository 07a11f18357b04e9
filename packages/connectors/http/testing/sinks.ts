import { afterEach, beforeEach } from "vitest";
import type { ConnectorConfig, ParameterValue } from "../../../fluvio/src/connector/file/config.ts";
import { type RunningConnector, type TestConnectors, useConnectors } from "../../testing/connectors.ts";
import { connector } from "../sink.ts";
import { Target } from "./target.ts";

/** HTTP sinks of one test file: a cluster, and for each test a server that they send to. */
export interface Sinks extends Omit<TestConnectors, "start" | "config"> {
  readonly target: Target;
  /** Starts a sink; it is stopped after the test. */
  start(config: ConnectorConfig, marker?: string): RunningConnector;
  config(
    topic: string,
    parameters?: Readonly<Record<string, ParameterValue>>,
    more?: Partial<ConnectorConfig>,
  ): ConnectorConfig;
}

export function useSinks(): Sinks {
  const connectors = useConnectors();
  const state: { target?: Target } = {};
  beforeEach(async () => {
    state.target = new Target();
    await state.target.listen();
  });
  afterEach(async () => {
    await state.target?.close();
  });
  return {
    get fluvio() {
      return connectors.fluvio;
    },
    get endpoint() {
      return connectors.endpoint;
    },
    get folder() {
      return connectors.folder;
    },
    get target() {
      return state.target as Target;
    },
    start: (config, marker) => connectors.start(connector, config, marker),
    config: (topic, parameters = {}, more = {}) =>
      connectors.config("http-sink", topic, { endpoint: (state.target as Target).url, ...parameters }, more),
    newName: connectors.newName,
    topicWith: connectors.topicWith,
    produce: connectors.produce,
    stored: connectors.stored,
    records: connectors.records,
  };
}
