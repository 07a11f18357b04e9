import { type ProducerOptions, parseSizeBytes, type SmartModuleStep } from "../../client/index.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { parseDuration } from "../file/durations.ts";

/** Largest record a connector sends, bytes: connectors bring whole documents. A topic with small segments takes less. */
const RECORD_SIZE_BYTES_MAX = 16 * 1024 * 1024;
/** What a batch holds beside its only record. */
const BATCH_OVERHEAD_BYTES = 128;
/** A cluster that is away comes back: a source waits for it as long as it takes. */
const PRODUCER_RETRY = { timeoutMs: Number.POSITIVE_INFINITY, maxDelayMs: 2000 };

/**
 * How a source sends, by the `producer` section of its file.
 * @param segmentSizeBytes of the topic, which stores no larger batch: a record that cannot be stored is found before it is sent
 */
export function producerOptions(
  config: ConnectorConfig,
  smartmodules: readonly SmartModuleStep[],
  segmentSizeBytes: number = RECORD_SIZE_BYTES_MAX + BATCH_OVERHEAD_BYTES,
): ProducerOptions {
  const { linger, compression, timeout, isolation } = config.producer ?? {};
  const batchSize = config.producer?.["batch-size"];
  return {
    maxRequestSizeBytes: Math.min(RECORD_SIZE_BYTES_MAX, Math.max(1, segmentSizeBytes - BATCH_OVERHEAD_BYTES)),
    retry: PRODUCER_RETRY,
    ...(linger === undefined ? {} : { lingerMs: parseDuration(linger) }),
    ...(batchSize === undefined ? {} : { batchSizeBytes: parseSizeBytes(batchSize) }),
    ...(compression === undefined ? {} : { compression }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
    ...(isolation === "read_committed" ? { isolation: "readCommitted" as const } : {}),
    ...(smartmodules.length === 0 ? {} : { smartmodules, smartmodulesAt: "client" as const }),
  };
}
