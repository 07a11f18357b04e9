export type {
  AppendResult,
  FlushMode,
  LogSlice,
  PartitionId,
  PartitionLog,
  PartitionLogConfig,
  ReadLimit,
  StorageEngine,
} from "./engine.ts";
export type { FileStat, FileSystem, LogFile, OpenMode } from "./log/file-system.ts";
export { createLogEngine, type LogEngineOptions } from "./log/log-engine.ts";
