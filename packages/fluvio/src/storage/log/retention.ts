import type { LogState } from "./log-state.ts";
import type { LogWriter } from "./log-writer.ts";
import { DELETED_SUFFIX } from "./names.ts";
import type { Segment } from "./segment.ts";

/** Deletes whole segments from the oldest on, never the active one. Returns the bytes freed. */
export async function enforceRetention(state: LogState, writer: LogWriter, nowMs: number): Promise<number> {
  const { retentionMs, maxPartitionSizeBytes } = state.config;
  const isOld = (segment: Segment) => retentionMs !== undefined && nowMs - segment.newestMs > retentionMs;
  const active = state.segments.at(-1)!;
  const isAlone = state.segments.length === 1;
  // Records that are due must go even where nothing is appended any more, so that the active segment never fills up.
  if (active.sizeBytes > 0 && (isOld(active) || (isAlone && active.sizeBytes > maxPartitionSizeBytes))) {
    await writer.exclusive(() => writer.roll());
    // A partition that has just come to its maximum in one piece keeps it until more is appended.
    if (!isOld(active)) return 0;
  }
  let freedBytes = 0;
  for (;;) {
    const oldest = state.segments[0]!;
    if (state.segments.length === 1) return freedBytes;
    if (!isOld(oldest) && state.sizeBytes <= maxPartitionSizeBytes) return freedBytes;
    freedBytes += await deleteOldest(state);
  }
}

async function deleteOldest(state: LogState): Promise<number> {
  const { fileSystem, openSegments } = state.environment;
  const [oldest, ...rest] = state.segments;
  if (!oldest || rest.length === 0) return 0;
  state.segments = rest;
  const { logPath, indexPath, sizeBytes, baseOffset, nextOffset } = oldest;
  // Under its new name it is gone for good, whatever happens next; readers finish on the open file.
  await fileSystem.rename(logPath, `${logPath}${DELETED_SUFFIX}`);
  await openSegments.forget(oldest);
  await fileSystem.remove(`${logPath}${DELETED_SUFFIX}`);
  await fileSystem.remove(indexPath);
  state.logger.info({ ...state.id, fromOffset: baseOffset, toOffset: nextOffset - 1, sizeBytes }, "deleted a segment");
  return sizeBytes;
}
