export { type Clock, systemClock } from "./clock.ts";
export { type Cluster, type ClusterOptions, type ClusterSpu, startCluster } from "./cluster.ts";
export * from "./link.ts";
export type { ConnectorHost, ConnectorResolution, ConnectorStatus } from "./sc/connector-host.ts";
export { type DataDirHolder, dataDirHolder, isHolderAlive } from "./sc/data-dir-lock.ts";
export { type MetadataStore, openMetadataStore } from "./sc/metadata-store.ts";
export { createSc, type Sc, type ScOptions, TOPIC_WAIT_MS_DEFAULT } from "./sc/sc.ts";
export { createSpu, type Spu, type SpuLimits, type SpuOptions } from "./spu/index.ts";
