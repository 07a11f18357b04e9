export {
  type DecodedStepOptions,
  type StepLimits,
  type StepOptions,
  stepOptionsFromParams,
  stepOptionsToParams,
  type WindowOptions,
} from "../protocol/index.ts";
export { createSmartEngine, type SmartEngineOptions } from "./engine.ts";
export { ENGINE_LIMITS_DEFAULT } from "./limits.ts";
export { type ModuleNames, moduleNames } from "./module-check.ts";
export { sumTotals } from "./totals.ts";
export type {
  ChainOptions,
  ChainState,
  ChainStep,
  EngineLimits,
  HistoryTaker,
  Lookback,
  ModuleInspection,
  ModuleState,
  ModuleTotals,
  ProcessInput,
  ProcessOutput,
  ProcessRecordsOptions,
  RecordError,
  RecordsOutput,
  ReplaceOptions,
  SmartChain,
  SmartEngine,
  SmartModuleFailure,
  SmartModuleKind,
  WindowState,
} from "./types.ts";
