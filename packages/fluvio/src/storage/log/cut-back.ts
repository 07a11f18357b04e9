import type { ActiveSegment } from "./active-segment.ts";
import { noteScannedDamage } from "./damage.ts";
import type { LogState } from "./log-state.ts";
import { scanSegment } from "./scan.ts";

/** Cuts the log back to its high watermark, which is at `position` of the active segment, and checks what remains. */
export async function cutBack(state: LogState, active: ActiveSegment, position: number): Promise<void> {
  const { segment, opened } = active;
  state.recent.clear();
  state.logEndOffset = state.highWatermark;
  segment.sizeBytes = position;
  segment.nextOffset = state.highWatermark;
  opened.index.truncate(position);
  await active.trim();
  await active.sync();
  const scan = await scanSegment(opened.file, position, segment.baseOffset);
  segment.maxTimestampMs = scan.maxTimestampMs;
  noteScannedDamage(state, segment, scan, segment.end);
}
