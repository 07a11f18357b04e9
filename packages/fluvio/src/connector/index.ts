export { z } from "zod";
export type { PackageStore } from "../npm/index.ts";
export type { LagUnit } from "../protocol/index.ts";
export type {
  ApplyOptions,
  ConnectorCounters,
  ConnectorHost,
  ConnectorResolution,
  ConnectorStatus,
  ModuleSwitch,
  SecretLookup,
} from "../server/index.ts";
export { type ByHandOptions, connectorMetadata, runByHand } from "./by-hand/by-hand.ts";
export { type ForegroundOptions, runForeground } from "./by-hand/foreground.ts";
export {
  type SinkTrial,
  type SinkTrialOptions,
  type SourceTrial,
  type SourceTrialOptions,
  type TrialOptions,
  type TrialRecord,
  trySink,
  trySource,
} from "./by-hand/trial.ts";
export { planTrial, type TrialPlan, type TrialPlanOptions } from "./by-hand/trial-plan.ts";
export { CATALOGUE, type CatalogueEntry, type ConnectorKind, driversOf } from "./catalogue/catalogue.ts";
export { type Drivers, importDriver } from "./catalogue/drivers.ts";
export { absolutePackageType, CONNECTOR_API, isPackageType } from "./catalogue/package-connector.ts";
export {
  type Checkpoint,
  type ConfigSchema,
  type ConnectorContext,
  type ConnectorDefinition,
  type DeliverOptions,
  defineSink,
  defineSource,
  type GroupOptions,
  type Position,
  type SinkContext,
  type SinkDefinition,
  type SinkGroup,
  type SinkPosition,
  type SinkRecord,
  type SinkWrite,
  type SourceContext,
  type SourceDefinition,
  type SourceRecord,
} from "./define.ts";
export { withAbsoluteOptions } from "./file/absolute-paths.ts";
export {
  type ConnectorConfig,
  decodeConfig,
  encodeConfig,
  type ParameterValue,
  REDACTED,
  redactSecrets,
  type TransformStep,
} from "./file/config.ts";
export { describeConfig } from "./file/describe.ts";
export {
  connectorFileSchema,
  officialConnectors,
  parametersSchema,
  type SchemaConnector,
} from "./file/json-schema.ts";
export type { JsonSchema } from "./file/json-schema-values.ts";
export { loadConnectorFile } from "./file/load.ts";
export { withLine } from "./file/located.ts";
export { type ProblemPlace, problem as configProblem } from "./file/problem.ts";
export { parseSecretsFile, secretsElsewhere } from "./file/secrets.ts";
export { withoutUrlSecrets } from "./file/url-secrets.ts";
export { isModuleParameter } from "./options/common-parameters.ts";
export * as field from "./options/fields.ts";
export { type NamedModule, namedModules } from "./options/named-modules.ts";
export { commonParameterList, type ParameterInfo, parameterList } from "./options/parameter-list.ts";
export { commonParameterTable, parameterTable } from "./options/parameter-table.ts";
export { consumerIdOf } from "./options/sink-options.ts";
export { type ValidateOptions, validateConnector } from "./options/validate.ts";
export { type KeepTryingOptions, keepTrying } from "./run/keep-trying.ts";
export { connectorStopped, recordsRefused, tryLater } from "./run/write-errors.ts";
export type { SupervisionLimits } from "./supervise/supervised-connector.ts";
export { type ConnectorSupervisorOptions, connectorSupervisor } from "./supervise/supervisor.ts";
