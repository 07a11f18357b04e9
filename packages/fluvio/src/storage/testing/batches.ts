import { BatchBuilder, decodeBatch, splitBatches } from "../../protocol/index.ts";
import type { LogSlice, PartitionLog } from "../index.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

export interface TestBatchOptions {
  /** Time of the first record; the others follow 1 ms apart. Default 1,700,000,000,000. */
  readonly timestampMs?: number;
}

/** A batch with a record for each value. */
export function batchOf(values: readonly (string | Uint8Array)[], options: TestBatchOptions = {}): Uint8Array {
  const { timestampMs = 1_700_000_000_000 } = options;
  const builder = new BatchBuilder({ initialBytes: 256 });
  for (const [at, value] of values.entries()) {
    builder.append(undefined, typeof value === "string" ? ENCODER.encode(value) : value, timestampMs + at);
  }
  return new Uint8Array(builder.build());
}

/** `count` records `<name>-<number>`, each filled up to about `recordBytes`. */
export function numberedBatch(name: string, count: number, recordBytes = 0, options?: TestBatchOptions): Uint8Array {
  const values = Array.from({ length: count }, (_, at) => `${name}-${at}`.padEnd(recordBytes, "."));
  return batchOf(values, options);
}

export interface StoredRecord {
  readonly offset: number;
  readonly value: string;
}

/** The records of a slice. Fails when a piece does not hold whole batches. */
export function recordsOf(slice: LogSlice): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (const piece of slice.pieces) {
    const { batches, tailBytes } = splitBatches(piece);
    if (tailBytes > 0) throw new Error(`a piece of ${piece.length} bytes ends in ${tailBytes} bytes of a cut batch`);
    for (const batch of batches) {
      for (const { offset, value } of decodeBatch(batch)) records.push({ offset, value: DECODER.decode(value) });
    }
  }
  return records;
}

export interface ReadAllOptions {
  readonly fromOffset?: number;
  readonly upToOffset?: number;
  readonly maxBytes?: number;
}

/** Reads slice by slice up to the end, as a consumer does, and drops what lies before the first offset. */
export async function readAll(log: PartitionLog, options: ReadAllOptions = {}): Promise<StoredRecord[]> {
  const { fromOffset = log.logStartOffset, upToOffset = log.logEndOffset, maxBytes = 1024 * 1024 } = options;
  const records: StoredRecord[] = [];
  for (let offset = fromOffset; offset < upToOffset; ) {
    const slice = await log.read(offset, { maxBytes, upToOffset });
    if (slice.nextOffset <= offset) break;
    for (const record of recordsOf(slice)) if (record.offset >= offset) records.push(record);
    offset = slice.nextOffset;
  }
  return records;
}
