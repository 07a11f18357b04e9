import { basename } from "node:path";
import type { LogState } from "./log-state.ts";
import type { DamagedRange, SegmentScan } from "./scan.ts";
import type { Segment } from "./segment.ts";

/** Notes damage and reports it. The saved index goes, so that the next start checks the segment again. */
function noteDamage(state: LogState, segment: Segment, range: DamagedRange): void {
  if (segment.damage.some((known) => known.fromPosition === range.fromPosition)) return;
  segment.noteDamage(range);
  const { fromOffset, toOffset, fromPosition, toPosition } = range;
  const records = toOffset > fromOffset ? `offsets ${fromOffset} to ${toOffset - 1}` : "no records";
  const file = basename(segment.logPath);
  state.report(`${file} is corrupt from byte ${fromPosition} to ${toPosition}: ${records}`, { file, ...range });
}

/**
 * Notes what a scan found, including a bad end: all of it was acknowledged once.
 * @param end where the segment ended when the scan began
 */
export function noteScannedDamage(
  state: LogState,
  segment: Segment,
  scan: SegmentScan,
  end: { readonly position: number; readonly offset: number },
): void {
  for (const range of scan.damage) noteDamage(state, segment, range);
  if (scan.nextOffset >= end.offset) return;
  noteDamage(state, segment, {
    fromOffset: scan.nextOffset,
    toOffset: end.offset,
    fromPosition: scan.tail.position,
    toPosition: end.position,
  });
}
