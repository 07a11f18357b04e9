import { Counter, Gauge, type Registry } from "prom-client";
import { LAG_UNITS } from "../protocol/index.ts";
import type { Cluster, ConnectorCounters } from "../server/index.ts";

type ConnectorNumber = (counters: ConnectorCounters) => number | undefined;

const LABELS = ["connector", "type", "direction"] as const;
type Labels = Readonly<Record<(typeof LABELS)[number], string>>;

/** What a connector did since the cluster started, over restarts of its process. */
const COUNTERS: readonly (readonly [name: string, help: string, of: ConnectorNumber])[] = [
  ["records_in", "Records taken from the system or read from the topic", ({ recordsIn }) => recordsIn],
  ["records_out", "Records that the topic or the target has", ({ recordsOut }) => recordsOut],
  ["bytes_in", "Bytes of the records that came in", ({ bytesIn }) => bytesIn],
  ["bytes_out", "Bytes of the records that went out", ({ bytesOut }) => bytesOut],
  ["refused", "Times that a SmartModule or the target refused a record", ({ refused }) => refused],
  ["skipped", "Records that were left out", ({ skipped }) => skipped],
  ["dead_lettered", "Records put into the dead-letter topic", ({ deadLettered }) => deadLettered],
  ["restarts", "Starts of the process after the first one", ({ restarts }) => restarts],
];
const GAUGES: typeof COUNTERS = [
  ...LAG_UNITS.map((unit): (typeof COUNTERS)[number] => [
    `lag_${unit}`,
    `What waits, in ${unit}, where that is known and counted so`,
    ({ lag, lagUnit }) => (lagUnit === unit ? lag : undefined),
  ]),
  ["last_record_time_seconds", "When a record last went out", ({ lastRecordMs }) => seconds(lastRecordMs)],
  ["last_error_time_seconds", "When something last went wrong", ({ lastErrorMs }) => seconds(lastErrorMs)],
];

/** Metrics of managed connectors; gathered anew for every scrape. */
export class ConnectorMetrics {
  readonly #cluster: Cluster;
  readonly #metrics: readonly { clear(): void; add(labels: Labels, counters: ConnectorCounters): void }[];
  readonly #up: Gauge<(typeof LABELS)[number]>;

  constructor(cluster: Cluster, registry: Registry) {
    this.#cluster = cluster;
    const registers = [registry];
    this.#metrics = [
      ...COUNTERS.map(([name, help, of]) => {
        const counter = new Counter({ name: `fluvio_connector_${name}_total`, help, labelNames: LABELS, registers });
        return {
          clear: () => counter.reset(),
          add: (labels: Labels, counters: ConnectorCounters) => counter.inc(labels, of(counters) ?? 0),
        };
      }),
      ...GAUGES.map(([name, help, of]) => {
        const gauge = new Gauge({ name: `fluvio_connector_${name}`, help, labelNames: LABELS, registers });
        return {
          clear: () => gauge.reset(),
          add: (labels: Labels, counters: ConnectorCounters) => {
            const value = of(counters);
            if (value !== undefined) gauge.set(labels, value);
          },
        };
      }),
    ];
    const help = "Whether the connector runs and nothing is in its way";
    this.#up = new Gauge({ name: "fluvio_connector_up", help, labelNames: LABELS, registers });
  }

  read(): void {
    const { sc } = this.#cluster;
    for (const metric of this.#metrics) metric.clear();
    this.#up.reset();
    for (const counters of sc.connectorCounters()) {
      const { name, type, direction } = counters;
      const labels: Labels = { connector: name, type, direction };
      for (const metric of this.#metrics) metric.add(labels, counters);
      const status = sc.stores.connectors.get(name)?.status;
      this.#up.set(labels, status?.resolution === "running" && status.reason === "" ? 1 : 0);
    }
  }
}

function seconds(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : timeMs / 1000;
}
