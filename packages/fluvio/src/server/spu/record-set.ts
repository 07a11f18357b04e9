import {
  BATCH_HEADER_BYTES,
  type BatchCompression,
  type BatchHeader,
  batchSizeBytes,
  flvError,
  isFluvioError,
  readBatchHeader,
  validateBatch,
} from "../../protocol/index.ts";

export interface RecordSetRules {
  readonly topic: string;
  readonly partition: number;
  /** Codec that batches must have, or `any`. */
  readonly compression: BatchCompression | "any";
  readonly batchBytesMax: number;
}

/**
 * Takes a producer's record set apart into its batches (views), without those that hold no record, after checking
 * what the log relies on: whole batches, their CRC, a known codec that the topic allows, dense offsets. Nothing is
 * looked at per record; of a compressed batch the count is what its header says.
 * @throws FLV_BATCH_CORRUPT | FLV_BATCH_TOO_LARGE | FLV_COMPRESSION, details.batch being the batch's index
 */
export function splitRecordSet(records: Uint8Array, rules: RecordSetRules): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let index = 0;
  for (let pos = 0; pos < records.length; index++) {
    try {
      const sizeBytes = batchSizeBytes(records, pos) ?? BATCH_HEADER_BYTES;
      if (sizeBytes > rules.batchBytesMax) throw tooLarge(rules, index, sizeBytes);
      if (sizeBytes > records.length - pos) {
        throw flvError("FLV_BATCH_CORRUPT", `it has ${sizeBytes} bytes, ${records.length - pos} are there`);
      }
      const batch = records.subarray(pos, pos + sizeBytes);
      pos += sizeBytes;
      // some producers send a batch of nothing
      if (readBatchHeader(batch).lastOffsetDelta === -1) continue;
      checkBatch(batch, validateBatch(batch), rules, index);
      batches.push(batch);
    } catch (error) {
      throw isFluvioError(error) && error.code === "FLV_BATCH_CORRUPT" ? corrupt(rules, index, error.message) : error;
    }
  }
  return batches;
}

const SCHEMA_BIT = 0x10;

function checkBatch(batch: Uint8Array, header: BatchHeader, rules: RecordSetRules, index: number): void {
  const { compression, lastOffsetDelta } = header;
  if ((header.attributes & SCHEMA_BIT) !== 0) {
    throw flvError("FLV_BATCH_CORRUPT", "it has a schema id, which is not supported");
  }
  if (compression === "none") {
    const count = new DataView(batch.buffer, batch.byteOffset).getInt32(header.recordsAt);
    // offsets are dense: a producer has no reason to leave some out
    if (count !== lastOffsetDelta + 1) {
      throw flvError("FLV_BATCH_CORRUPT", `it holds ${count} records, its last offset delta is ${lastOffsetDelta}`);
    }
  }
  if (rules.compression !== "any" && rules.compression !== compression) {
    const { topic, partition } = rules;
    throw flvError("FLV_COMPRESSION", `topic ${topic} takes ${rules.compression}, batch ${index} is ${compression}`, {
      details: { topic, partition, batch: index, compression, wanted: rules.compression },
    });
  }
}

function corrupt(rules: RecordSetRules, index: number, why: string): Error {
  const { topic, partition } = rules;
  return flvError("FLV_BATCH_CORRUPT", `batch ${index} for ${topic}-${partition} is corrupt: ${why}`, {
    details: { topic, partition, batch: index },
    hint: "nothing of this record set is stored; send it again whole",
  });
}

function tooLarge(rules: RecordSetRules, index: number, sizeBytes: number): Error {
  const { topic, partition, batchBytesMax } = rules;
  return flvError("FLV_BATCH_TOO_LARGE", `batch ${index} for ${topic}-${partition} has ${sizeBytes} bytes`, {
    details: { topic, partition, batch: index, sizeBytes, batchBytesMax },
    hint: `at most ${batchBytesMax} bytes a batch`,
  });
}
