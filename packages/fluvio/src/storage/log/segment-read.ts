import { BATCH_HEADER_BYTES } from "../../protocol/index.ts";
import type { LogSlice, ReadLimit } from "../engine.ts";
import { headerAt, isIntactBatch, offsetAfter } from "./batch.ts";
import type { OpenSegment, Segment } from "./segment.ts";

/** One system call reads at least and at most this much, unless a single batch is larger. */
const READ_BYTES_MIN = 64 * 1024;
const READ_BYTES_MAX = 1024 * 1024;
/** Reading starts at an index entry, which lies up to this much before the batch. */
const INDEX_SLACK_BYTES = 8192;

/** Where a batch was expected and none is intact. */
export interface BadBatch {
  readonly position: number;
  readonly offset: number;
}

export type SegmentRead = { readonly slice: LogSlice } | { readonly bad: BadBatch };

/** Reads whole, checked batches from the one that holds `offset`, which lies in the segment and not in known damage. */
export async function readSegment(
  segment: Segment,
  opened: OpenSegment,
  offset: number,
  limit: ReadLimit,
): Promise<SegmentRead> {
  const endPosition = segment.sizeBytes;
  let start = startPosition(segment, opened.index.positionFor(offset - segment.baseOffset));
  const wanted = Math.min(Math.max(limit.maxBytes + INDEX_SLACK_BYTES, READ_BYTES_MIN), READ_BYTES_MAX);
  let bytes = await readAt(opened, start, Math.min(wanted, endPosition - start));
  for (;;) {
    const found = findBatch(segment, bytes, start, offset);
    if ("bad" in found) return found;
    const { position, sizeBytes } = found;
    const isWhole = sizeBytes !== undefined && position + sizeBytes <= bytes.length;
    if (isWhole) return cutSlice(bytes, { start, position, offset }, limit);
    const needed = Math.max(sizeBytes ?? BATCH_HEADER_BYTES, wanted);
    const rest = Math.min(needed, endPosition - start - position);
    if (rest < (sizeBytes ?? BATCH_HEADER_BYTES)) return { bad: { position: start + position, offset: found.offset } };
    start += position;
    bytes = await readAt(opened, start, rest);
    if (bytes.length < rest) return { bad: { position: start, offset: found.offset } };
  }
}

/** Looks for the first batch with a timestamp at or after the given one; `undefined` when there is none in here. */
export async function findTimestamp(
  segment: Segment,
  opened: OpenSegment,
  timestampMs: number,
): Promise<number | undefined> {
  let position = startPosition(segment, opened.index.positionForTimestamp(timestampMs));
  const endPosition = segment.sizeBytes;
  while (position < endPosition) {
    const bytes = await readAt(opened, position, Math.min(READ_BYTES_MIN, endPosition - position));
    let at = 0;
    while (at + BATCH_HEADER_BYTES <= bytes.length) {
      const header = headerAt(bytes, at);
      // Past damage nothing is certain: the caller goes on with the next segment.
      if (!header) return undefined;
      if (header.maxTimestampMs >= timestampMs) return header.baseOffset;
      at += header.sizeBytes;
    }
    if (at === 0) return undefined;
    position = startPosition(segment, position + at);
  }
  return undefined;
}

/** An index entry may point into damage that was found later: the batches behind it start where the damage ends. */
function startPosition(segment: Segment, position: number): number {
  const inside = segment.damage.find((range) => position >= range.fromPosition && position < range.toPosition);
  return inside ? inside.toPosition : position;
}

async function readAt(opened: OpenSegment, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return buffer.subarray(0, await opened.file.read(buffer, position));
}

type Found =
  | { readonly bad: BadBatch }
  /** `sizeBytes` is absent when its header is not in the bytes read. */
  | { readonly position: number; readonly offset: number; readonly sizeBytes: number | undefined };

/** Steps from batch to batch up to the one that holds `offset`; positions are relative to the bytes. */
function findBatch(segment: Segment, bytes: Uint8Array, start: number, offset: number): Found {
  let position = 0;
  let expected = -1;
  for (;;) {
    if (position + BATCH_HEADER_BYTES > bytes.length) return { position, offset: expected, sizeBytes: undefined };
    const damage = segment.damage.find((range) => range.fromPosition === start + position);
    if (damage) {
      position = damage.toPosition - start;
      expected = damage.toOffset;
      continue;
    }
    const header = headerAt(bytes, position);
    if (!header || (expected >= 0 && header.baseOffset !== expected)) {
      return { bad: { position: start + position, offset: expected < 0 ? offset : expected } };
    }
    const nextOffset = offsetAfter(header);
    if (nextOffset > offset) return { position, offset: header.baseOffset, sizeBytes: header.sizeBytes };
    position += header.sizeBytes;
    expected = nextOffset;
  }
}

/** Takes as many whole, intact batches as the limit allows, from a first one that is there as a whole. */
function cutSlice(
  bytes: Uint8Array,
  from: { readonly start: number; readonly position: number; readonly offset: number },
  limit: ReadLimit,
): SegmentRead {
  const first = from.position;
  const firstOffset = headerAt(bytes, first)!.baseOffset;
  let position = first;
  let nextOffset = firstOffset;
  while (position + BATCH_HEADER_BYTES <= bytes.length) {
    const header = headerAt(bytes, position);
    const isExpected = header !== undefined && header.baseOffset === nextOffset;
    if (isExpected) {
      const end = position + header.sizeBytes;
      if (end > bytes.length || offsetAfter(header) > limit.upToOffset) break;
      if (position > first && end - first > limit.maxBytes) break;
      if (isIntactBatch(bytes.subarray(position, end))) {
        position = end;
        nextOffset = offsetAfter(header);
        continue;
      }
    }
    // What is intact before it goes out first; the next read meets the bad one.
    if (position === first) return { bad: { position: from.start + first, offset: firstOffset } };
    break;
  }
  if (position === first) {
    return { slice: { pieces: [], sizeBytes: 0, firstOffset: from.offset, nextOffset: from.offset } };
  }
  const piece = bytes.subarray(first, position);
  return { slice: { pieces: [piece], sizeBytes: piece.length, firstOffset, nextOffset } };
}
