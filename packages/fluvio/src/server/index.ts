export { type Clock, systemClock } from "./clock.ts";
export type { Cluster, ClusterOptions, ClusterSpu } from "./cluster.ts";
export type { ModuleSwitch, SpuModuleTotals } from "./link.ts";
export type {
  ApplyOptions,
  ConnectorCounters,
  ConnectorHost,
  ConnectorResolution,
  ConnectorStatus,
  SecretLookup,
} from "./sc/connector-host.ts";
export { type DataDirHolder, dataDirHolder, isHolderAlive } from "./sc/data-dir-lock.ts";
export { startCluster } from "./start.ts";
