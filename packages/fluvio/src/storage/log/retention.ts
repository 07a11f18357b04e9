import type { LogState } from "./log-state.ts";
import { DELETED_SUFFIX } from "./names.ts";
import type { Segment } from "./segment.ts";

/**
 * Deletes whole segments that are too old or too much, from the oldest on, never the active one.
 * @param roll begins a new segment, so that the active one can go next
 * @returns the bytes freed
 */
export async function enforceRetention(state: LogState, nowMs: number, roll: () => Promise<void>): Promise<number> {
  const { retentionMs, maxPartitionSizeBytes } = state.config;
  const isOld = (segment: Segment) => retentionMs !== undefined && nowMs - segment.newestMs > retentionMs;
  const active = state.segments.at(-1)!;
  // Records that are due must go even where nothing is appended any more and the active segment never fills up.
  if (active.sizeBytes > 0 && isOld(active)) await roll();
  // Settings may have shrunk: a lone segment above the maximum is closed now and goes when there is a newer one.
  if (state.segments.length === 1 && active.sizeBytes > maxPartitionSizeBytes) {
    await roll();
    return 0;
  }
  let freedBytes = 0;
  while (state.segments.length > 1 && isOld(state.segments[0]!)) freedBytes += await deleteOldest(state);
  return freedBytes + (await deleteSurplus(state));
}

/** Deletes the oldest segments while the partition is above its maximum; the last one with records stays. */
export async function deleteSurplus(state: LogState): Promise<number> {
  let freedBytes = 0;
  while (state.sizeBytes > state.config.maxPartitionSizeBytes) {
    const behind = state.segments.slice(1);
    if (!behind.some((segment) => segment.sizeBytes > 0)) break;
    freedBytes += await deleteOldest(state);
  }
  return freedBytes;
}

async function deleteOldest(state: LogState): Promise<number> {
  const { fileSystem, openSegments } = state.environment;
  const [oldest, ...rest] = state.segments;
  if (!oldest || rest.length === 0) return 0;
  const { logPath, indexPath, sizeBytes, baseOffset, nextOffset } = oldest;
  const doomedPath = `${logPath}${DELETED_SUFFIX}`;
  state.segments = rest;
  try {
    // Under its new name it is gone for good, whatever happens next; readers finish on the open file.
    await fileSystem.rename(logPath, doomedPath);
  } catch (error) {
    state.segments = [oldest, ...state.segments];
    throw error;
  }
  await openSegments.drop(oldest);
  await fileSystem.remove(doomedPath);
  await fileSystem.remove(indexPath);
  state.logger.info({ ...state.id, fromOffset: baseOffset, toOffset: nextOffset - 1, sizeBytes }, "deleted a segment");
  return sizeBytes;
}
