/**
 * The client of a Fluvio cluster: {@link Fluvio}.
 *
 * The names of the npm package `@fluvio/client` are here too, beside ours: where a name exists in both (`Fluvio`,
 * `TopicProducer`, `FluvioAdmin`) it is one type with the methods of both; `PartitionConsumer`, `Record`, `Offset` and
 * the constants are theirs. Differences: errors are {@link FluvioError}s instead of arrays with one text, `send` gives
 * an output to wait for, `admin()` need not be awaited, and what admin calls return has the shape of the wire protocol.
 *
 * @packageDocumentation
 */

export {
  type CompressionType,
  type CustomSpuKey,
  type CustomSpuSpecInput,
  FluvioError,
  type FluvioErrorCode,
  type FluvioErrorOptions,
  isFluvioError,
  type Logger,
  type MetadataOf,
  type MirrorSpecInput,
  type ObjectLabel,
  type SmartModuleMetadata,
  type SpuGroupSpecInput,
  type StepLimits,
  type TableFormatSpecInput,
  type TopicSpecInput,
} from "../protocol/index.ts";
export type { ModuleTotals } from "../smartengine/index.ts";
export type { AbortOptions, Connection, ConnectOptions, TlsOptions } from "../transport/index.ts";
export type * from "./admin-types.ts";
export type * from "./client-types.ts";
export {
  type Batch,
  type BatchHeader,
  type ConsumerConfig,
  type DefaultRecord,
  type FetchablePartitionResponse,
  type KeyValue,
  PartitionConsumer,
  type PartitionConsumerJS,
  Record,
  type RecordSet,
  type Topic,
  type TopicProducerConfig,
} from "./compat.ts";
export * from "./compat-values.ts";
export {
  type CertsConfig,
  type ChosenCluster,
  type ClusterConfig,
  CONFIG_VERSION,
  chooseCluster,
  emptyConfig,
  type FluvioConfig,
  formatConfig,
  type ProfileConfig,
  parseConfig,
  type TlsConfig,
  withActiveProfile,
  withCluster,
  withoutCluster,
  withoutProfile,
  withRenamedProfile,
} from "./config.ts";
export { Fluvio, type FluvioConnectOptions, type Options } from "./fluvio.ts";
export { readConfigFile, tlsOptionsOf, writeConfigFile } from "./node/config-file.ts";
export type { Platform } from "./platform.ts";
export { nearestName } from "./suggest.ts";
export type * from "./types.ts";
export { formatDuration, formatSize, type ParseDurationOptions, parseDurationMs, parseSizeBytes } from "./units.ts";
