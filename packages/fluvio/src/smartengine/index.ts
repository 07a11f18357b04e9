export { createSmartEngine, ENGINE_LIMITS_DEFAULT, type SmartEngineOptions } from "./engine.ts";
export type {
  ChainStep,
  EngineLimits,
  Lookback,
  ModuleInspection,
  ModuleMetrics,
  ProcessInput,
  ProcessOutput,
  RecordError,
  SmartChain,
  SmartEngine,
  SmartModuleFailure,
  SmartModuleKind,
} from "./types.ts";
