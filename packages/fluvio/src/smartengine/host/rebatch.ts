import { flvError } from "../../protocol/index.ts";
import type { ProcessResult } from "../messages.ts";
import type { RecordError } from "../types.ts";
import { readBatchHeader, type StoredBatch } from "./batch-header.ts";
import { BatchWriter, type SourceBatch } from "./batch-writer.ts";
import type { ChainOutput } from "./chain-runner.ts";
import type { BatchCodecs } from "./codec.ts";
import { RecordScan, writeVarint } from "./record-scan.ts";

const COUNT_BYTES = 4;
const INT32_MAX = 0x7fffffff;
/** Room for headers beyond the input, before the buffer has to grow. */
const SLACK_BYTES = 4096;

/** The part of {@link ChainRunner} that rebatching needs. */
export interface Transform {
  run(input: { records: Uint8Array; baseOffset: number; baseTimestampMs: number }): ChainOutput;
  release(): void;
}

export interface RebatchInput {
  /** Whole stored batches back to back. */
  readonly batches: Uint8Array;
  readonly fromOffset: number;
  readonly maxOutputBytes: number;
}

/** Feeds stored batches to the chain and lays out what survives; see ProcessOutput for the layout. */
export async function rebatch(input: RebatchInput, chain: Transform, codecs: BatchCodecs): Promise<ProcessResult> {
  const { batches, fromOffset, maxOutputBytes } = input;
  let nextOffset = fromOffset;
  let writer: BatchWriter | undefined;
  let error: RecordError | undefined;
  for (let pos = 0; pos < batches.length && error === undefined; ) {
    const stored = readBatchHeader(batches, pos);
    pos = stored.end;
    if (stored.endOffset <= fromOffset) continue;
    const source = sourceOf(stored, fromOffset);
    const section = await recordsFrom(batches, stored, fromOffset, codecs);
    // survivors are seldom larger than what they came from, so this keeps the output below the limit
    if (writer !== undefined && writer.sizeBytes + section.length > maxOutputBytes) break;
    writer ??= new BatchWriter(Math.min(batches.length, maxOutputBytes) + SLACK_BYTES, source.fromOffset, codecs);
    const output = chain.run({
      records: section,
      baseOffset: stored.baseOffset,
      baseTimestampMs: stored.firstTimestampMs,
    });
    if (stored.baseOffset === source.fromOffset && isUnchanged(output, section, source)) {
      writer.addWhole(source, batches.subarray(stored.start, stored.end), output.recordCount);
    } else {
      await writer.addSection(source, output.section, output.recordCount);
    }
    chain.release();
    nextOffset = stored.endOffset;
    error = output.error;
  }
  return {
    batches: writer?.finish() ?? new Uint8Array(0),
    recordCount: writer?.recordCount ?? 0,
    nextOffset,
    error,
  };
}

/** History for look_back: the records of all batches from an offset and a time on, as one records section. */
export async function historySection(
  batches: Uint8Array,
  fromOffset: number,
  notBeforeMs: number | undefined,
  codecs: BatchCodecs,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let count = 0;
  for (let pos = 0; pos < batches.length; ) {
    const stored = readBatchHeader(batches, pos);
    pos = stored.end;
    if (stored.endOffset <= fromOffset) continue;
    const section = await uncompressed(batches, stored, codecs);
    const scan = new RecordScan(section, COUNT_BYTES, section.length);
    for (let i = countOf(section); i > 0; i--) {
      scan.next();
      if (stored.baseOffset + scan.offsetDelta < fromOffset) continue;
      if (notBeforeMs !== undefined && stored.firstTimestampMs + scan.timestampDelta < notBeforeMs) continue;
      parts.push(section.subarray(scan.start, scan.pos));
      count += 1;
    }
  }
  return joined(count, parts);
}

function sourceOf(stored: StoredBatch, fromOffset: number): SourceBatch {
  const { baseOffset, endOffset, codec, firstTimestampMs, maxTimestampMs } = stored;
  return {
    fromOffset: Math.max(baseOffset, fromOffset),
    endOffset,
    baseOffset,
    codec,
    firstTimestampMs,
    maxTimestampMs,
  };
}

/** True when the chain gave back the very bytes it got, and every offset of the batch has its record. */
function isUnchanged(output: ChainOutput, section: Uint8Array, source: SourceBatch): boolean {
  return (
    output.recordCount === source.endOffset - source.fromOffset &&
    output.section.length === section.length &&
    Buffer.compare(output.section, section) === 0
  );
}

async function uncompressed(batches: Uint8Array, stored: StoredBatch, codecs: BatchCodecs): Promise<Uint8Array> {
  const bytes = batches.subarray(stored.sectionStart, stored.end);
  const section = stored.codec === 0 ? bytes : await codecs.decompress(stored.codec, bytes);
  if (section.length < COUNT_BYTES) {
    throw flvError("FLV_BATCH_CORRUPT", `the batch at offset ${stored.baseOffset} has no record count`, {
      details: { offset: stored.baseOffset },
    });
  }
  return section;
}

/** The uncompressed records section without the records below `fromOffset`. */
async function recordsFrom(
  batches: Uint8Array,
  stored: StoredBatch,
  fromOffset: number,
  codecs: BatchCodecs,
): Promise<Uint8Array> {
  const section = await uncompressed(batches, stored, codecs);
  const spreadMs = stored.maxTimestampMs - stored.firstTimestampMs;
  const narrowed = Math.abs(spreadMs) > INT32_MAX ? clampTimestamps(section) : section;
  if (stored.baseOffset >= fromOffset) return narrowed;
  const scan = new RecordScan(narrowed, COUNT_BYTES, narrowed.length);
  let left = countOf(narrowed);
  let keptFrom = COUNT_BYTES;
  while (left > 0) {
    scan.next();
    if (stored.baseOffset + scan.offsetDelta >= fromOffset) break;
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

function countOf(section: Uint8Array): number {
  return new DataView(section.buffer, section.byteOffset).getInt32(0);
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
