export type {
  AppendResult,
  FlushMode,
  LogSlice,
  PartitionId,
  PartitionLog,
  PartitionLogConfig,
  StorageEngine,
} from "./engine.ts";
export type { FileSystem, LogFile, OpenMode } from "./log/file-system.ts";
export { untilUnlocked } from "./log/lock.ts";
export { createLogEngine, type LogEngineOptions } from "./log/log-engine.ts";
