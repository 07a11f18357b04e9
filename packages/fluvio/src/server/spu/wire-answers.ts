import {
  aggregateStateMessage,
  type FluvioError,
  isFluvioError,
  NO_ERROR,
  type SmartModuleErrorKind,
  type WireError,
  wireError,
} from "../../protocol/index.ts";
import type { RecordError, SmartModuleKind } from "../../smartengine/index.ts";

const ERROR_KINDS: Readonly<Record<SmartModuleKind, SmartModuleErrorKind>> = {
  filter: "filter",
  map: "map",
  filter_map: "filterMap",
  array_map: "arrayMap",
  aggregate: "aggregate",
};

/** The wire's error for one that was thrown while a request on `topic`-`partition` was worked off. */
export function toWireError(error: unknown, topic: string, partition: number): WireError {
  if (!isFluvioError(error)) return wireError("Other", { message: `internal error: ${String(error)}` });
  switch (error.code) {
    case "FLV_NOT_LEADER":
      return wireError("NotLeaderForPartition");
    case "FLV_BATCH_TOO_LARGE":
      return wireError("MessageTooLarge");
    case "FLV_COMPRESSION":
      return wireError("CompressionError");
    case "FLV_DISK_FULL":
      return wireError("PartitionFull", { topic, partition });
    case "FLV_STORAGE":
      return wireError("StorageError");
    case "FLV_TIMEOUT":
      return timedOut(error);
    case "FLV_TOPIC_DELETED":
      return wireError("TopicDeleted");
    case "FLV_OFFSET_EVICTED":
      return wireError("OffsetEvicted", {
        offset: numberOf(error, "offset"),
        nextAvailable: numberOf(error, "nextAvailable"),
      });
    case "FLV_AGGREGATE_STATE":
      return wireError("Other", { message: aggregateStateMessage(error) });
    default:
      return smartModuleWireError(error) ?? wireError("Other", { message: sentenceWithHint(error) });
  }
}

function smartModuleWireError(error: FluvioError): WireError | undefined {
  switch (error.code) {
    case "FLV_SMARTMODULE_NOT_FOUND":
      return wireError("SmartModuleNotFound", { smartmodule: String(error.details.name ?? "") });
    case "FLV_SMARTMODULE_INVALID":
      if (error.details.where !== "payload") break;
      return wireError("SmartModuleInvalid", {
        error: String(error.details.reason ?? error.message),
        smartmodule: String(error.details.name),
      });
    case "FLV_SMARTMODULE_LOOKBACK":
      return wireError("SmartModuleLookBackError", { message: error.message });
    case "FLV_SMARTMODULE_MEMORY_LIMIT":
      return wireError("SmartModuleMemoryLimitExceeded", {
        requested: numberOf(error, "requested"),
        max: numberOf(error, "max"),
      });
    case "FLV_SMARTMODULE_INIT":
      break;
    default:
      return undefined;
  }
  return wireError("SmartModuleChainInitError", { message: error.message });
}

/** The wire's error for a record that a SmartModule refused; {@link NO_ERROR} when there is none. */
export function recordWireError(error: RecordError | undefined): WireError {
  if (error === undefined) return NO_ERROR;
  return wireError("SmartModuleRuntimeError", {
    hint: error.hint,
    offset: error.offset,
    kind: ERROR_KINDS[error.kind],
    ...(error.key === undefined ? {} : { recordKey: error.key }),
    recordValue: error.value,
  });
}

function timedOut(error: FluvioError): WireError {
  const timeoutMs = error.details.timeoutMs;
  if (typeof timeoutMs !== "number") return wireError("Other", { message: error.message });
  return wireError("RequestTimedOut", { timeoutMs, kind: "produce" });
}

function sentenceWithHint(error: FluvioError): string {
  return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
}

function numberOf(error: FluvioError, key: string): number {
  const value = error.details[key];
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}
