import {
  BATCH_HEADER_BYTES,
  brokenSmartModuleMessage,
  compress,
  decodeRecords,
  encodeRecords,
  flvError,
  isFluvioError,
  readBatchHeader,
  recordsSection,
  writeBatchHeader,
} from "../../protocol/index.ts";
import type { RecordError, SmartChain } from "../../smartengine/index.ts";

export interface TransformedBatches {
  readonly batches: Uint8Array[];
  /** The record that a module refused: nothing of its record set is to be stored. */
  readonly error?: RecordError;
}

/**
 * Applies a producer's chain before its records are written. What survives of a batch is one batch again: numbered
 * without gaps, since the log's offsets are dense, with the timestamps and the codec it came with. A batch that nothing
 * was done to is given back as it is.
 * @throws FLV_SMARTMODULE_RUNTIME (traps and limits) | FLV_BATCH_CORRUPT | FLV_COMPRESSION
 */
export async function transformBatches(chain: SmartChain, batches: readonly Uint8Array[]): Promise<TransformedBatches> {
  const output: Uint8Array[] = [];
  for (const batch of batches) {
    const header = readBatchHeader(batch);
    const section = recordsSection(batch, header);
    const processed = await chain.processRecords(section, header.firstTimestampMs).catch((error: unknown) => {
      throw asProduceError(error);
    });
    if (processed.error !== undefined) return { batches: [], error: processed.error };
    if (Buffer.compare(processed.records, section) === 0) {
      output.push(batch);
      continue;
    }
    const survivors = decodeRecords(processed.records);
    if (survivors.length === 0) continue;
    const compressed = compress(
      header.compression,
      encodeRecords(survivors.map((record, index) => ({ ...record, offsetDelta: index }))),
    );
    const stored = new Uint8Array(BATCH_HEADER_BYTES + compressed.length);
    stored.set(compressed, BATCH_HEADER_BYTES);
    const lastDeltaMs = survivors.reduce((max, record) => Math.max(max, record.timestampDelta), 0);
    writeBatchHeader(stored, {
      compression: header.compression,
      lastOffsetDelta: survivors.length - 1,
      firstTimestampMs: header.firstTimestampMs,
      maxTimestampMs: header.firstTimestampMs > 0 ? header.firstTimestampMs + lastDeltaMs : header.maxTimestampMs,
    });
    output.push(stored);
  }
  return { batches: output };
}

/** A trap or a limit: the request fails with words that clients know it by, not with a record's error. */
function asProduceError(error: unknown): unknown {
  if (!isFluvioError(error)) return error;
  return flvError("FLV_SMARTMODULE_RUNTIME", brokenSmartModuleMessage(error), {
    details: error.details,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
