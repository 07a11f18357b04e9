import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchHeader,
  batchSizeBytes,
  isFluvioError,
  readBatchHeader,
  validateBatch,
} from "../../protocol/index.ts";

/** The header at a position, if there is a whole one that can be a batch's. Its records may be cut short or damaged. */
export function headerAt(bytes: Uint8Array, position: number): BatchHeader | undefined {
  if (position + BATCH_HEADER_BYTES > bytes.length) return undefined;
  try {
    const header = readBatchHeader(bytes, position);
    return header.magic === BATCH_MAGIC && header.lastOffsetDelta >= 0 ? header : undefined;
  } catch (error) {
    return undefinedIfCorrupt(error);
  }
}

/** The header of the whole, intact batch at a position, if there is one: sizes, magic, CRC, which does not cover the offset. */
export function intactBatchAt(bytes: Uint8Array, position: number): BatchHeader | undefined {
  try {
    const sizeBytes = batchSizeBytes(bytes, position);
    if (sizeBytes === undefined || sizeBytes > bytes.length - position) return undefined;
    return validateBatch(bytes.subarray(position, position + sizeBytes));
  } catch (error) {
    return undefinedIfCorrupt(error);
  }
}

/** Offset after the batch's last. */
export function offsetAfter(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1;
}

/** Only what the bytes are to blame for counts as damage. */
function undefinedIfCorrupt(error: unknown): undefined {
  if (isFluvioError(error)) return undefined;
  throw error;
}
