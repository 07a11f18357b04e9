import { basename } from "node:path";
import type { LogState } from "./log-state.ts";
import type { DamagedRange, SegmentScan } from "./scan.ts";
import type { Segment } from "./segment.ts";

/** Notes damage and reports it. The saved index goes, so that the next start checks the segment again. */
export function noteDamage(state: LogState, segment: Segment, range: DamagedRange): void {
  if (segment.damage.some((known) => known.fromPosition === range.fromPosition)) return;
  segment.noteDamage(range);
  const { fromOffset, toOffset, fromPosition, toPosition } = range;
  const records = toOffset > fromOffset ? `offsets ${fromOffset} to ${toOffset - 1}` : "no records";
  const file = basename(segment.logPath);
  state.report(`${file} is corrupt from byte ${fromPosition} to ${toPosition}: ${records}`, { file, ...range });
}

/** Notes what a scan found, including a bad end: all of it was acknowledged once. */
export function noteScannedDamage(state: LogState, segment: Segment, scan: SegmentScan): void {
  for (const range of scan.damage) noteDamage(state, segment, range);
  if (scan.nextOffset >= segment.nextOffset) return;
  noteDamage(state, segment, {
    fromOffset: scan.nextOffset,
    toOffset: segment.nextOffset,
    fromPosition: scan.tail.position,
    toPosition: segment.sizeBytes,
  });
}
