import { type BatchHeader, RecordCursor, readBatchHeader, recordsSection, splitBatches } from "../protocol/index.ts";
import type { ConsumerRecord } from "./types.ts";

/** What one reply of a stream holds for the reader. */
export interface DecodedReply {
  readonly records: readonly ConsumerRecord[];
  /** Offset after the last whole batch; `undefined` when there is none. */
  readonly endOffset: number | undefined;
  /** Bytes that an incomplete last batch needs to come whole, when no whole batch came before it. */
  readonly neededBytes: number | undefined;
}

interface ReplySource {
  readonly topic: string;
  readonly partition: number;
  /** Records below are left out: a reply begins with the batch that holds the offset. */
  readonly fromOffset: number;
  /** SmartModules made the batches: an SPU of the original numbers such records wrongly. */
  readonly isFiltered: boolean;
}

/** A batch whose size is not even readable needs at least this. */
const UNREADABLE_BATCH_BYTES = 1024 * 1024;

/** Decodes the whole batches of a reply and leaves an incomplete last one alone. @throws FLV_BATCH_CORRUPT | FLV_COMPRESSION */
export function decodeReply(recordSet: Uint8Array, source: ReplySource): DecodedReply {
  const { batches, tailBytes } = splitBatches(recordSet);
  const records: ConsumerRecord[] = [];
  let endOffset: number | undefined;
  for (const batch of batches) {
    const header = readBatchHeader(batch);
    decodeInto(records, batch, header, source);
    endOffset = header.baseOffset + header.lastOffsetDelta + 1;
  }
  const isCut = batches.length === 0 && tailBytes > 0;
  return { records, endOffset, neededBytes: isCut ? neededFor(recordSet) : undefined };
}

function neededFor(recordSet: Uint8Array): number {
  const PREAMBLE_BYTES = 12;
  if (recordSet.length < PREAMBLE_BYTES) return UNREADABLE_BATCH_BYTES;
  const view = new DataView(recordSet.buffer, recordSet.byteOffset, recordSet.length);
  return view.getInt32(8) + PREAMBLE_BYTES;
}

function decodeInto(records: ConsumerRecord[], batch: Uint8Array, header: BatchHeader, source: ReplySource): void {
  const section = recordsSection(batch, header);
  const byIndex = source.isFiltered && !hasPlausibleDeltas(section, header.lastOffsetDelta);
  const { baseOffset, firstTimestampMs } = header;
  const { topic, partition, fromOffset } = source;
  const hasTimestamps = firstTimestampMs > 0;
  const cursor = new RecordCursor(section);
  while (cursor.next()) {
    // an array_map there makes more records than the batch has offsets: one beyond would stand for records not read yet
    const offset = baseOffset + (byIndex ? Math.min(cursor.index, header.lastOffsetDelta) : cursor.offsetDelta);
    if (offset < fromOffset) continue;
    records.push({
      topic,
      partition,
      offset,
      timestampMs: hasTimestamps ? firstTimestampMs + cursor.timestampDelta : -1,
      key: cursor.key(),
      value: cursor.value(),
    });
  }
}

/** Deltas that a correct server writes: increasing and within the batch. */
function hasPlausibleDeltas(section: Uint8Array, lastOffsetDelta: number): boolean {
  const cursor = new RecordCursor(section);
  let before = -1;
  while (cursor.next()) {
    if (cursor.offsetDelta <= before || cursor.offsetDelta > lastOffsetDelta) return false;
    before = cursor.offsetDelta;
  }
  return true;
}
