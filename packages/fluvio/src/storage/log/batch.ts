import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchHeader,
  readBatchHeader,
  validateBatch,
} from "../../protocol/index.ts";

/** The header at a position, if there is a whole one that can be a batch's. Its records may be cut short or damaged. */
export function headerAt(bytes: Uint8Array, position: number): BatchHeader | undefined {
  if (position + BATCH_HEADER_BYTES > bytes.length) return undefined;
  try {
    const header = readBatchHeader(bytes, position);
    return header.magic === BATCH_MAGIC && header.lastOffsetDelta >= 0 ? header : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the bytes are exactly one intact batch: sizes, magic, CRC. The base offset is not covered. */
export function isIntactBatch(batch: Uint8Array): boolean {
  try {
    validateBatch(batch);
    return true;
  } catch {
    return false;
  }
}

/** Offset after the batch's last. */
export function offsetAfter(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1;
}
