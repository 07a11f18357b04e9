export { z } from "zod";
export type { ConnectorHost, ConnectorResolution, ConnectorStatus, ModuleSwitch } from "../server/index.ts";
export { type ByHandOptions, connectorMetadata, runByHand } from "./by-hand.ts";
export { CATALOGUE, type CatalogueEntry, driversOf } from "./catalogue.ts";
export { isModuleParameter } from "./common-parameters.ts";
export {
  type ConnectorConfig,
  decodeConfig,
  encodeConfig,
  type ParameterValue,
  REDACTED,
  redactSecrets,
  type TransformStep,
} from "./config.ts";
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
export { describeConfig } from "./describe.ts";
export { type Drivers, importDriver } from "./drivers.ts";
export * as field from "./fields.ts";
export { type ForegroundOptions, runForeground } from "./foreground.ts";
export {
  connectorFileSchema,
  officialConnectors,
  parametersSchema,
  type SchemaConnector,
} from "./json-schema.ts";
export { type KeepTryingOptions, keepTrying } from "./keep-trying.ts";
export { loadConnectorFile } from "./load.ts";
export { withLine } from "./located.ts";
export { absolutePackageType, CONNECTOR_API, isPackageType } from "./package-connector.ts";
export { commonParameterList, type ParameterInfo, parameterList } from "./parameter-list.ts";
export { commonParameterTable, parameterTable } from "./parameter-table.ts";
export { parseSecretsFile, secretsElsewhere } from "./secrets.ts";
export type { SupervisionLimits } from "./supervised-connector.ts";
export { type ConnectorSupervisorOptions, connectorSupervisor } from "./supervisor.ts";
export {
  type SinkTrial,
  type SinkTrialOptions,
  type SourceTrial,
  type SourceTrialOptions,
  type TrialOptions,
  type TrialRecord,
  trySink,
  trySource,
} from "./trial.ts";
export { planTrial, type TrialPlan, type TrialPlanOptions } from "./trial-plan.ts";
export { validateConnector } from "./validate.ts";
export { connectorStopped, recordsRefused, tryLater } from "./write-errors.ts";
