import { BATCH_HEADER_BYTES } from "../../protocol/index.ts";
import type { LogSlice, ReadLimit } from "../engine.ts";
import { headerAt, intactBatchAt, offsetAfter } from "./batch.ts";
import type { OpenSegment, Segment } from "./segment.ts";
import type { IndexEntry } from "./sparse-index.ts";

/** One system call reads at least and at most this much, unless a single batch is larger. */
const READ_BYTES_MIN = 64 * 1024;
const READ_BYTES_MAX = 1024 * 1024;
/** Reading starts at an index entry, which lies up to this much before the batch. */
const INDEX_SLACK_BYTES = 8192;

/** Where in a segment a batch begins, and the offset it begins with. */
export interface Place {
  readonly position: number;
  readonly offset: number;
}

export type SegmentRead =
  | { readonly slice: LogSlice }
  /** Somewhere on the way an intact batch is missing; this is the place where it showed. */
  | { readonly bad: Place };

/** Reads whole, checked batches from the one that holds `offset`, which lies in the segment and not in known damage. */
export async function readSegment(
  segment: Segment,
  opened: OpenSegment,
  offset: number,
  limit: ReadLimit,
): Promise<SegmentRead> {
  const endPosition = segment.sizeBytes;
  let place = placeOf(segment, opened.index.entryFor(offset - segment.baseOffset));
  let wanted = Math.min(Math.max(limit.maxBytes + INDEX_SLACK_BYTES, READ_BYTES_MIN), READ_BYTES_MAX);
  for (;;) {
    const length = Math.min(wanted, endPosition - place.position);
    const bytes = await readAt(opened, place.position, length);
    const found = findBatch(segment, bytes, place, offset);
    if ("bad" in found) return found;
    const at = found.place.position - place.position;
    if (at + found.neededBytes <= bytes.length) return cutSlice(bytes, at, { place: found.place, offset }, limit);
    // The batch is not in the bytes as a whole: it is read from its start on, unless the file ends before it does.
    if (bytes.length < length || found.place.position + found.neededBytes > endPosition) return { bad: found.place };
    wanted = Math.max(wanted, found.neededBytes);
    place = found.place;
  }
}

export type TimestampSearch = { readonly offset: number | undefined } | { readonly bad: Place };

/** Looks for the first batch with a timestamp at or after the given one. Reads headers only. */
export async function findTimestamp(
  segment: Segment,
  opened: OpenSegment,
  timestampMs: number,
): Promise<TimestampSearch> {
  let place = placeOf(segment, opened.index.entryForTimestamp(timestampMs));
  const endPosition = segment.sizeBytes;
  while (place.position < endPosition) {
    const start = place.position;
    const bytes = await readAt(opened, start, Math.min(READ_BYTES_MIN, endPosition - start));
    do {
      const header = headerAt(bytes, place.position - start);
      if (header?.baseOffset !== place.offset) return { bad: place };
      if (header.maxTimestampMs >= timestampMs) return { offset: header.baseOffset };
      place = behindDamage(segment, { position: place.position + header.sizeBytes, offset: offsetAfter(header) });
    } while (place.position - start + BATCH_HEADER_BYTES <= bytes.length);
  }
  return { offset: undefined };
}

function placeOf(segment: Segment, entry: IndexEntry): Place {
  return behindDamage(segment, {
    position: entry.position,
    offset: segment.baseOffset + entry.relativeOffset,
  });
}

/** A place in known damage gives way to where the batches go on. */
function behindDamage(segment: Segment, place: Place): Place {
  const { position } = place;
  const damage = segment.damage.find((range) => position >= range.fromPosition && position < range.toPosition);
  return damage ? { position: damage.toPosition, offset: damage.toOffset } : place;
}

async function readAt(opened: OpenSegment, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return buffer.subarray(0, await opened.file.read(buffer, position));
}

type Found = { readonly bad: Place } | { readonly place: Place; readonly neededBytes: number };

/** Steps from batch to batch up to the one that holds `offset`, or to the end of the bytes. */
function findBatch(segment: Segment, bytes: Uint8Array, start: Place, offset: number): Found {
  let place = start;
  for (;;) {
    const at = place.position - start.position;
    if (at + BATCH_HEADER_BYTES > bytes.length) return { place, neededBytes: BATCH_HEADER_BYTES };
    const header = headerAt(bytes, at);
    if (header?.baseOffset !== place.offset) return { bad: place };
    const nextOffset = offsetAfter(header);
    if (nextOffset > offset) return { place, neededBytes: header.sizeBytes };
    place = behindDamage(segment, { position: place.position + header.sizeBytes, offset: nextOffset });
  }
}

/** Takes as many whole, intact batches as the limit allows, from a first one that is in the bytes as a whole. */
function cutSlice(
  bytes: Uint8Array,
  first: number,
  from: { readonly place: Place; readonly offset: number },
  limit: ReadLimit,
): SegmentRead {
  let position = first;
  let nextOffset = from.place.offset;
  for (;;) {
    // Nothing of a header is believed before the CRC is right: a wrong count would look like the end of what may be read.
    const header = intactBatchAt(bytes, position);
    if (header?.baseOffset !== nextOffset) {
      // What is intact before it goes out first; the next read meets a bad one, or the rest of one that was cut here.
      if (position === first) return { bad: from.place };
      break;
    }
    const end = position + header.sizeBytes;
    if (offsetAfter(header) > limit.upToOffset || (position > first && end - first > limit.maxBytes)) break;
    position = end;
    nextOffset = offsetAfter(header);
  }
  const piece = bytes.subarray(first, position);
  if (piece.length === 0) {
    return { slice: { pieces: [], sizeBytes: 0, firstOffset: from.offset, nextOffset: from.offset } };
  }
  return { slice: { pieces: [piece], sizeBytes: piece.length, firstOffset: from.place.offset, nextOffset } };
}
