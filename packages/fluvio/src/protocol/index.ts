export { type Api, api } from "./api.ts";
export {
  ApiVersionEntry,
  ApiVersionsRequest,
  type ApiVersionsRequestInput,
  ApiVersionsResponse,
  type ApiVersionsResponseInput,
  apiVersionsApi,
  CLIENT_VERSION,
  PLATFORM_VERSION,
  PLATFORM_VERSION_MIN,
  readsOffsetDeltas,
  SC_API_VERSIONS,
  SC_VERSION,
  SPU_API_VERSIONS,
  SPU_VERSION,
} from "./apis/api-versions.ts";
export {
  CLIENT_ID_DEFAULT,
  FRAME_BYTES_MAX_DEFAULT,
  FRAME_LENGTH_BYTES,
  RequestHeader,
  ResponseHeader,
  SC_PRIVATE_PORT_DEFAULT,
  SC_PUBLIC_PORT_DEFAULT,
  SPU_PORT_STEP,
  SPU_PRIVATE_PORT_DEFAULT,
  SPU_PUBLIC_PORT_DEFAULT,
} from "./apis/header.ts";
export {
  AGGREGATE_STATE_TOPIC,
  AggregateModule,
  AggregateModules,
  AggregateState,
  AggregateStatesRequest,
  type AggregateStatesRequestInput,
  AggregateStatesResponse,
  type AggregateStatesResponseInput,
  AggregateWindow,
  aggregateStatesApi,
} from "./apis/sc/aggregate-states.ts";
export {
  ConnectorControlRequest,
  type ConnectorControlRequestInput,
  ConnectorControlResponse,
  type ConnectorControlResponseInput,
  connectorControlApi,
} from "./apis/sc/connector-control.ts";
export {
  ConnectorLogsRequest,
  type ConnectorLogsRequestInput,
  ConnectorLogsResponse,
  type ConnectorLogsResponseInput,
  connectorLogsApi,
} from "./apis/sc/connector-logs.ts";
export {
  CONNECTOR_POSITION_BYTES_MAX,
  ConnectorPositionsRequest,
  type ConnectorPositionsRequestInput,
  ConnectorPositionsResponse,
  type ConnectorPositionsResponseInput,
  connectorPositionsApi,
  KeptConnectorPosition,
} from "./apis/sc/connector-positions.ts";
export {
  ConnectorRunsRequest,
  type ConnectorRunsRequestInput,
  ConnectorRunsResponse,
  type ConnectorRunsResponseInput,
  connectorRunsApi,
} from "./apis/sc/connector-runs.ts";
export {
  ConnectorStats,
  ConnectorStatsRequest,
  type ConnectorStatsRequestInput,
  ConnectorStatsResponse,
  type ConnectorStatsResponseInput,
  connectorStatsApi,
  LAG_UNITS,
  type LagUnit,
} from "./apis/sc/connector-stats.ts";
export { CreateRequest, type CreateRequestInput, createApi } from "./apis/sc/create.ts";
export { DeleteRequest, type DeleteRequestInput, deleteApi } from "./apis/sc/delete.ts";
export {
  InspectSmartModulesRequest,
  type InspectSmartModulesRequestInput,
  InspectSmartModulesResponse,
  type InspectSmartModulesResponseInput,
  inspectSmartModulesApi,
  SmartModuleInspection,
  type SmartModuleInspectionInput,
  SmartModuleProblem,
  SmartModuleTraits,
} from "./apis/sc/inspect-smartmodules.ts";
export { ListRequest, type ListRequestInput, ListResponse, type ListResponseInput, listApi } from "./apis/sc/list.ts";
export {
  MirroringRequest,
  type MirroringRequestInput,
  MirroringStatusResponse,
  type MirroringStatusResponseInput,
  mirroringApi,
} from "./apis/sc/mirroring.ts";
export {
  SECRET_BYTES_MAX,
  SecretEntry,
  SecretsRequest,
  type SecretsRequestInput,
  SecretsResponse,
  type SecretsResponseInput,
  secretsApi,
} from "./apis/sc/secrets.ts";
export {
  SmartModuleStats,
  type SmartModuleStatsInput,
  SmartModuleStatsRequest,
  type SmartModuleStatsRequestInput,
  SmartModuleStatsResponse,
  type SmartModuleStatsResponseInput,
  SpuStatsSource,
  smartModuleStatsApi,
} from "./apis/sc/smartmodule-stats.ts";
export { Status, type StatusInput } from "./apis/sc/status.ts";
export {
  SwitchSmartModuleRequest,
  type SwitchSmartModuleRequestInput,
  SwitchSmartModuleResponse,
  type SwitchSmartModuleResponseInput,
  switchSmartModuleApi,
} from "./apis/sc/switch-smartmodule.ts";
export { UpdateRequest, type UpdateRequestInput, updateApi } from "./apis/sc/update.ts";
export {
  WatchRequest,
  type WatchRequestInput,
  WatchResponse,
  type WatchResponseInput,
  watchApi,
} from "./apis/sc/watch.ts";
export {
  DeleteConsumerOffsetRequest,
  type DeleteConsumerOffsetRequestInput,
  DeleteConsumerOffsetResponse,
  type DeleteConsumerOffsetResponseInput,
  deleteConsumerOffsetApi,
  ReplicaKey,
} from "./apis/spu/delete-consumer-offset.ts";
export {
  FetchRequest,
  type FetchRequestInput,
  FetchResponse,
  type FetchResponseInput,
  fetchApi,
} from "./apis/spu/fetch.ts";
export {
  CONSUMER_OFFSET_TOPIC,
  ConsumerOffset,
  FetchConsumerOffsetsRequest,
  type FetchConsumerOffsetsRequestInput,
  FetchConsumerOffsetsResponse,
  type FetchConsumerOffsetsResponseInput,
  fetchConsumerOffsetsApi,
} from "./apis/spu/fetch-consumer-offsets.ts";
export {
  FetchOffsetsRequest,
  type FetchOffsetsRequestInput,
  FetchOffsetsResponse,
  type FetchOffsetsResponseInput,
  fetchOffsetsApi,
} from "./apis/spu/fetch-offsets.ts";
export { FetchablePartitionResponse } from "./apis/spu/fetchable-partition.ts";
export { Isolation, ProduceIsolation } from "./apis/spu/isolation.ts";
export {
  PartitionProduceData,
  PartitionProduceResponse,
  ProduceRequest,
  type ProduceRequestInput,
  ProduceResponse,
  type ProduceResponseInput,
  produceApi,
} from "./apis/spu/produce.ts";
export {
  GENERIC_KIND,
  SmartModuleExtraParams,
  SmartModuleInvocation,
  type SmartModuleInvocationInput,
  SmartModuleInvocationKind,
  SmartModuleLookback,
} from "./apis/spu/smartmodule-invocation.ts";
export { StartMirrorRequest, type StartMirrorRequestInput, startMirrorApi } from "./apis/spu/start-mirror.ts";
export {
  STREAM_FETCH_MAX_BYTES_DEFAULT,
  StreamFetchRequest,
  type StreamFetchRequestInput,
  StreamFetchResponse,
  type StreamFetchResponseInput,
  streamFetchApi,
} from "./apis/spu/stream-fetch.ts";
export {
  UpdateConsumerOffsetRequest,
  type UpdateConsumerOffsetRequestInput,
  UpdateConsumerOffsetResponse,
  type UpdateConsumerOffsetResponseInput,
  updateConsumerOffsetApi,
} from "./apis/spu/update-consumer-offset.ts";
export {
  ACKNOWLEDGE_END,
  ACKNOWLEDGE_NOTHING,
  UpdateOffsetsRequest,
  type UpdateOffsetsRequestInput,
  UpdateOffsetsResponse,
  type UpdateOffsetsResponseInput,
  updateOffsetsApi,
} from "./apis/spu/update-offsets.ts";
export {
  BATCH_BYTES_MAX,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BATCH_PREAMBLE_BYTES,
  type BatchHeader,
  type BatchHeaderFields,
  batchSizeBytes,
  patchBatch,
  RECORD_BYTES_MIN,
  readBatchHeader,
  type SplitBatches,
  splitBatches,
  type ValidateBatchOptions,
  validateBatch,
  writeBatchHeader,
  writeBatchHeaderAt,
} from "./batch.ts";
export { BatchBuilder, type BatchBuilderOptions } from "./batch-builder.ts";
export { BatchHeaderLayout, RecordBodyLayout } from "./batch-layout.ts";
export {
  BATCH_COMPRESSIONS,
  type BatchCompression,
  compress,
  DECOMPRESSED_BYTES_MAX_DEFAULT,
  decompress,
} from "./compression.ts";
export { crc32c } from "./crc.ts";
export { type LengthPrefix, READER_ITEMS_MAX, Reader, STRING_BYTES_MAX, Writer } from "./cursor.ts";
export {
  assert,
  FluvioError,
  type FluvioErrorCode,
  type FluvioErrorOptions,
  flvError,
  isFluvioError,
} from "./errors.ts";
export { type LabelledInput, type LabelledOutput, labelled, type UnknownLabel } from "./labelled.ts";
export { type Logger, silentLogger } from "./logger.ts";
export { CompressionType, Deduplication, Duration, durationFromMs, durationToMs, metadata } from "./objects/common.ts";
export {
  type MetadataInputOf,
  type MetadataOf,
  OBJECTS,
  type ObjectLabel,
  type SpecOf,
  type StatusOf,
} from "./objects/index.ts";
export {
  ManagedConnectorSpec,
  type ManagedConnectorSpecInput,
  ManagedConnectorStatus,
} from "./objects/managed-connector.ts";
export {
  HomePartitionConfig,
  MirrorConfig,
  MirrorSpec,
  type MirrorSpecInput,
  MirrorStatus,
  PartitionMirrorConfig,
  RemotePartitionConfig,
} from "./objects/mirror.ts";
export {
  PARTITION_SIZE_ERROR,
  PARTITION_SIZE_UNKNOWN,
  type PartitionResolution,
  PartitionSpec,
  type PartitionSpecInput,
  PartitionStatus,
  parsePartitionName,
  partitionName,
  REPLICA_STATUS_UNKNOWN,
  ReplicaStatus,
} from "./objects/partition.ts";
export {
  CleanupPolicy,
  RETENTION_SECONDS_DEFAULT,
  RETENTION_SECONDS_INFINITE,
  SEGMENT_SIZE_BYTES_DEFAULT,
  TopicStorage,
} from "./objects/retention.ts";
export {
  type ListedSmartModule,
  meantSmartModule,
  SmartModuleMetadata,
  SmartModuleSpec,
  type SmartModuleSpecInput,
  SmartModuleStatus,
} from "./objects/smartmodule.ts";
export {
  CustomSpuKey,
  CustomSpuSpec,
  type CustomSpuSpecInput,
  Endpoint,
  IngressPort,
  SpuSpec,
  type SpuSpecInput,
  SpuStatus,
} from "./objects/spu.ts";
export { SpuGroupSpec, type SpuGroupSpecInput, SpuGroupStatus } from "./objects/spu-group.ts";
export {
  TableFormatColumn,
  TableFormatSpec,
  type TableFormatSpecInput,
  TableFormatStatus,
} from "./objects/table-format.ts";
export {
  partitionCount,
  ReplicaSpec,
  type TopicResolution,
  TopicSpec,
  type TopicSpecInput,
  TopicStatus,
  UpdateTopicAction,
} from "./objects/topic.ts";
export { topicNameProblem } from "./objects/topic-name.ts";
export { encodeRecords } from "./record-writer.ts";
export {
  type BatchRecord,
  type DecodeBatchOptions,
  decodeBatch,
  decodeRecords,
  RecordCursor,
  type RecordNumbering,
  recordsSection,
  type SectionRecord,
} from "./records.ts";
export * as schema from "./schema.ts";
export { type Codec, decode, encode, type Infer, type InputOf } from "./schema.ts";
export { type Hash64, hashKey, partitionForKey } from "./siphash.ts";
export {
  renderInitError,
  renderLookbackError,
  renderRuntimeError,
  type SmartModuleErrorKind,
  type SmartModuleRuntimeErrorPayload,
} from "./smartmodule-error.ts";
export {
  type DecodedStepOptions,
  isStateName,
  MEMORY_LIMIT_BYTES_MIN,
  STATE_NAME_HINT,
  type StepLimits,
  type StepOptions,
  stepOptionsFromParams,
  stepOptionsToParams,
  type WindowOptions,
} from "./step-options.ts";
export { isWasm, isWasmText } from "./wasm-bytes.ts";
export { WIRE_ERRORS, type WireErrorContext, type WireErrorRow } from "./wire-error-table.ts";
export {
  aggregateStateMessage,
  brokenSmartModuleMessage,
  ErrorCode,
  NO_ERROR,
  toFluvioError,
  type WireError,
  type WireErrorInput,
  type WireErrorName,
  type WireErrorPayload,
  wireError,
  wireErrorNumber,
  wireErrorSentence,
} from "./wire-errors.ts";
