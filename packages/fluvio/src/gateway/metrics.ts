import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { parsePartitionName } from "../protocol/index.ts";
import type { Cluster, SpuModuleTotals } from "../server/index.ts";
import { ConnectorMetrics } from "./connector-metrics.ts";

type Module = SpuModuleTotals["modules"][number];
type ModuleNumber = (module: Module) => number;

/** Counters of a SmartModule on one SPU since it started, or in one managed connector. */
const MODULE_COUNTERS: readonly (readonly [name: string, help: string, of: ModuleNumber])[] = [
  ["invocations", "Calls of the module", (module) => module.invocations],
  ["records_in", "Records that went into the module", (module) => module.recordsIn],
  ["records_out", "Records that came out of the module", (module) => module.recordsOut],
  ["bytes_in", "Bytes of the records that went in", (module) => module.bytesIn],
  ["bytes_out", "Bytes of the records that came out", (module) => module.bytesOut],
  ["record_errors", "Records that the module refused with an error of its own", (module) => module.recordErrors],
  ["failures", "Traps and crossed limits", (module) => module.failures],
  ["time_limit_failures", "Batches that took too long", (module) => module.timeLimitFailures],
  ["memory_limit_failures", "Times that the memory was too much", (module) => module.memoryLimitFailures],
  ["output_limit_failures", "Batches of which too much was made", (module) => module.outputLimitFailures],
  ["late_records", "Records that came after their windows had closed", (module) => module.lateRecords],
  ["seconds", "Time spent in the module", (module) => module.timeMs / 1000],
];
const MODULE_GAUGES: typeof MODULE_COUNTERS = [
  ["chains", "Chains that run the module now", (module) => module.chains],
  ["memory_bytes", "Linear memory of the running instances", (module) => module.memoryBytes],
];
const MODULE_LABELS = ["module", "spu", "connector"] as const;
const PARTITION_LABELS = ["topic", "partition"] as const;

/** What Prometheus reads of a cluster; gathered anew for every scrape, nothing is kept up in between. */
export class ClusterMetrics {
  readonly #cluster: Cluster;
  readonly #registry = new Registry();
  readonly #modules: readonly ModuleMetric[];
  readonly #spuUp: Gauge<"spu">;
  readonly #spuStart: Gauge<"spu">;
  readonly #topics: Gauge;
  readonly #partitions: readonly PartitionMetric[];
  readonly #connectors: ConnectorMetrics;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#modules = [
      ...MODULE_COUNTERS.map(([name, help, of]) => {
        const options = { name: `fluvio_smartmodule_${name}_total`, help, labelNames: MODULE_LABELS, registers };
        return moduleCounter(new Counter(options), of);
      }),
      ...MODULE_GAUGES.map(([name, help, of]) => {
        const options = { name: `fluvio_smartmodule_${name}`, help, labelNames: MODULE_LABELS, registers };
        return moduleGauge(new Gauge(options), of);
      }),
    ];
    this.#spuUp = new Gauge({ name: "fluvio_spu_up", help: "Whether the SPU answers", labelNames: ["spu"], registers });
    this.#spuStart = new Gauge({
      name: "fluvio_spu_start_time_seconds",
      help: "When the SPU started, and its counters with it",
      labelNames: ["spu"],
      registers,
    });
    this.#topics = new Gauge({ name: "fluvio_topics", help: "Topics, those of the system left out", registers });
    this.#partitions = partitionMetrics(this.#registry);
    this.#connectors = new ConnectorMetrics(cluster, this.#registry);
  }

  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    const sources = await this.#cluster.sc.moduleTotals();
    for (const metric of this.#modules) metric.clear();
    this.#spuUp.reset();
    this.#spuStart.reset();
    for (const { spu, totals } of sources) {
      this.#spuUp.set({ spu }, totals === undefined ? 0 : 1);
      if (totals === undefined) continue;
      this.#spuStart.set({ spu }, totals.sinceMs / 1000);
      for (const module of totals.modules) for (const metric of this.#modules) metric.add(module, { spu });
    }
    for (const { name, modules } of this.#cluster.sc.connectorCounters()) {
      for (const module of modules) for (const metric of this.#modules) metric.add(module, { connector: name });
    }
    this.#readStores();
    this.#connectors.read();
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #readStores(): void {
    const { topics, partitions } = this.#cluster.sc.stores;
    this.#topics.set([...topics.values()].filter(({ spec }) => !spec.system).length);
    for (const { gauge } of this.#partitions) gauge.reset();
    for (const { name, status } of partitions.values()) {
      const id = parsePartitionName(name);
      if (id === undefined) continue;
      for (const { gauge, of } of this.#partitions) {
        const value = of(status);
        // below 0 stands for unknown
        if (value >= 0) gauge.set({ topic: id.topic, partition: id.partition }, value);
      }
    }
  }
}

/** Where a module runs. */
type Place = { readonly spu: number } | { readonly connector: string };

interface ModuleMetric {
  clear(): void;
  add(module: Module, place: Place): void;
}

function moduleCounter(counter: Counter<(typeof MODULE_LABELS)[number]>, of: ModuleNumber): ModuleMetric {
  return {
    clear: () => counter.reset(),
    add: (module, place) => counter.inc({ module: module.name, ...place }, of(module)),
  };
}

function moduleGauge(gauge: Gauge<(typeof MODULE_LABELS)[number]>, of: ModuleNumber): ModuleMetric {
  return {
    clear: () => gauge.reset(),
    add: (module, place) => gauge.set({ module: module.name, ...place }, of(module)),
  };
}

type PartitionStatus = NonNullable<ReturnType<Cluster["sc"]["stores"]["partitions"]["get"]>>["status"];

interface PartitionMetric {
  readonly gauge: Gauge<(typeof PARTITION_LABELS)[number]>;
  readonly of: (status: PartitionStatus) => number;
}

function partitionMetrics(registry: Registry): readonly PartitionMetric[] {
  const metric = (name: string, help: string, of: PartitionMetric["of"]): PartitionMetric => {
    const options = { name: `fluvio_partition_${name}`, help, labelNames: PARTITION_LABELS, registers: [registry] };
    return { gauge: new Gauge(options), of };
  };
  return [
    metric("online", "Whether the partition is served", ({ resolution }) => (resolution === "online" ? 1 : 0)),
    metric("log_start_offset", "Offset of the oldest record", ({ baseOffset }) => baseOffset),
    metric("high_watermark", "Offset after the last record that is safe", ({ leader }) => leader.hw),
    metric("log_end_offset", "Offset after the last record", ({ leader }) => leader.leo),
    metric("size_bytes", "Bytes on disk", ({ size }) => size),
  ];
}
