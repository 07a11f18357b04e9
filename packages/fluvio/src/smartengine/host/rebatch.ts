import { type BatchHeader, flvError, readBatchHeader, recordsSection } from "../../protocol/index.ts";
import type { RecordError } from "../types.ts";
import type { CallInput } from "./abi.ts";
import type { BatchWriter, SourceBatch } from "./batch-writer.ts";
import type { ChainOutput } from "./chain-runner.ts";
import { RecordScan, writeVarint } from "./record-scan.ts";
import { COUNT_BYTES, countOf } from "./section.ts";

const INT32_MAX = 0x7fffffff;

/** The part of {@link ChainRunner} that rebatching needs. */
export interface Transform {
  /** Whether timestamps must be exact, however far apart. */
  readonly readsTimestamps?: boolean;
  /** Says which offsets the next run is about. */
  locate(firstOffset: number, lastOffset: number): void;
  run(input: CallInput, passesOn?: boolean): ChainOutput;
  release(): void;
}

export interface RebatchInput {
  /** Whole stored batches back to back. */
  readonly batches: Uint8Array;
  readonly fromOffset: number;
  readonly maxOutputBytes: number;
  readonly passesOn?: boolean;
  readonly keepsGaps?: boolean;
}

export interface RebatchResult {
  /** A view of the writer's buffer, or of the input when they are its beginning. */
  readonly batches: Uint8Array;
  readonly recordCount: number;
  readonly nextOffset: number;
  readonly error: RecordError | undefined;
}

/**
 * Feeds stored batches to the chain and lays out what survives; see ProcessOutput for the layout. */
export function rebatch(input: RebatchInput, chain: Transform, writer: BatchWriter): RebatchResult {
  const { batches, fromOffset, maxOutputBytes, keepsGaps = false } = input;
  let nextOffset = fromOffset;
  let isFirst = true;
  let error: RecordError | undefined;
  for (let pos = 0; pos < batches.length && error === undefined; ) {
    const stored = storedBatch(batches, pos);
    pos += stored.batch.length;
    // nothing to feed: it lies before the start, or takes up no offset
    if (stored.endOffset <= Math.max(fromOffset, stored.header.baseOffset)) continue;
    const source = sourceOf(stored, fromOffset);
    const section = recordsFrom(stored, fromOffset, chain.readsTimestamps === true);
    // survivors are seldom larger than what they came from, so this keeps the output below the limit
    if (isFirst) writer.start(batches, source.fromOffset, keepsGaps);
    else if (writer.sizeBytes + section.length > maxOutputBytes) break;
    isFirst = false;
    chain.locate(source.fromOffset, source.endOffset - 1);
    const call = {
      records: section,
      baseOffset: source.baseOffset,
      baseTimestampMs: source.firstTimestampMs,
      lastOffsetDelta: stored.header.lastOffsetDelta,
    };
    const output = chain.run(call, input.passesOn);
    // the chain gave back the very bytes it got, and every offset of the batch has its record (or need not)
    const isWhole = source.baseOffset === source.fromOffset && output.isUnchanged === true;
    if (isWhole && (keepsGaps || hasAllOffsets(output, source))) {
      writer.addWhole(source, stored.batch, output.recordCount);
    } else {
      writer.addSection(source, output);
    }
    chain.release();
    nextOffset = stored.endOffset;
    error = output.error;
  }
  if (isFirst) writer.start(batches, fromOffset, keepsGaps);
  return { batches: writer.finish(), recordCount: writer.recordCount, nextOffset, error };
}

/** History for look_back: the records of all batches from an offset and a time on, as one records section. */
export function historySection(batches: Uint8Array, fromOffset: number, notBeforeMs: number | undefined): Uint8Array {
  const parts: Uint8Array[] = [];
  let count = 0;
  for (let pos = 0; pos < batches.length; ) {
    const { batch, header, endOffset } = storedBatch(batches, pos);
    pos += batch.length;
    if (endOffset <= fromOffset) continue;
    const section = recordsSection(batch, header);
    const scan = new RecordScan(section, COUNT_BYTES, section.length);
    for (let i = countOf(section); i > 0; i--) {
      scan.next();
      if (header.baseOffset + scan.offsetDelta < fromOffset) continue;
      if (notBeforeMs !== undefined && header.firstTimestampMs + scan.timestampDelta < notBeforeMs) continue;
      parts.push(section.subarray(scan.start, scan.pos));
      count += 1;
    }
  }
  return joined(count, parts);
}

interface StoredBatch {
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
  /** Offset after the last one that the batch covers. */
  readonly endOffset: number;
}

/** The whole batch at `pos`. @throws FLV_BATCH_CORRUPT when none is there */
function storedBatch(batches: Uint8Array, pos: number): StoredBatch {
  const header = readBatchHeader(batches, pos);
  const batch = batches.subarray(pos, pos + header.sizeBytes);
  if (batch.length < header.sizeBytes || header.lastOffsetDelta < -1) {
    throw flvError("FLV_BATCH_CORRUPT", `the batch at offset ${header.baseOffset} is cut short or has no offsets`, {
      details: { offset: header.baseOffset, sizeBytes: header.sizeBytes, lastOffsetDelta: header.lastOffsetDelta },
    });
  }
  return { batch, header, endOffset: header.baseOffset + header.lastOffsetDelta + 1 };
}

function sourceOf({ header, endOffset }: StoredBatch, fromOffset: number): SourceBatch {
  const { baseOffset, compression, firstTimestampMs, maxTimestampMs } = header;
  return {
    fromOffset: Math.max(baseOffset, fromOffset),
    endOffset,
    baseOffset,
    compression,
    firstTimestampMs,
    maxTimestampMs,
  };
}

/** True when every offset of the batch has its record. */
function hasAllOffsets(output: ChainOutput, source: SourceBatch): boolean {
  return output.recordCount === source.endOffset - source.fromOffset;
}

/** The uncompressed records section without the records below `fromOffset`. */
function recordsFrom({ batch, header }: StoredBatch, fromOffset: number, exactTimestamps: boolean): Uint8Array {
  const section = recordsSection(batch, header);
  if (section.length < COUNT_BYTES) {
    throw flvError("FLV_BATCH_CORRUPT", `the batch at offset ${header.baseOffset} has no record count`, {
      details: { offset: header.baseOffset },
    });
  }
  const spreadMs = header.maxTimestampMs - header.firstTimestampMs;
  const narrowed = !exactTimestamps && Math.abs(spreadMs) > INT32_MAX ? clampTimestamps(section) : section;
  if (header.baseOffset >= fromOffset) return narrowed;
  const scan = new RecordScan(narrowed, COUNT_BYTES, narrowed.length);
  let left = countOf(narrowed);
  let keptFrom = COUNT_BYTES;
  while (left > 0) {
    scan.next();
    if (header.baseOffset + scan.offsetDelta >= fromOffset) break;
    keptFrom = scan.pos;
    left -= 1;
  }
  return joined(left, [narrowed.subarray(keptFrom)]);
}

/** Rust modules write only deltas of 32 bits right: a timestamp further away than 24 days is moved to that. */
function clampTimestamps(section: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const scan = new RecordScan(section, COUNT_BYTES, section.length);
  const count = countOf(section);
  for (let i = 0; i < count; i++) {
    scan.next();
    const delta = Math.min(Math.max(scan.timestampDelta, -INT32_MAX - 1), INT32_MAX);
    const body = new Uint8Array(6);
    body[0] = section[scan.bodyStart] as number;
    const bodyEnd = writeVarint(body, 1, delta);
    const rest = section.subarray(scan.offsetDeltaStart, scan.pos);
    const prefix = new Uint8Array(5);
    const prefixEnd = writeVarint(prefix, 0, bodyEnd + rest.length);
    parts.push(prefix.subarray(0, prefixEnd), body.subarray(0, bodyEnd), rest);
  }
  return joined(count, parts);
}

function joined(count: number, parts: readonly Uint8Array[]): Uint8Array {
  let size = COUNT_BYTES;
  for (const part of parts) size += part.length;
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setInt32(0, count);
  let at = COUNT_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
