import { basename, join } from "node:path";
import type { PartitionId, PartitionLogConfig } from "../engine.ts";
import { ActiveSegment } from "./active-segment.ts";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.ts";
import { noteScannedDamage } from "./damage.ts";
import type { FileSystem } from "./file-system.ts";
import { type LogEnvironment, LogState } from "./log-state.ts";
import { DELETED_SUFFIX, parseSegmentFileName, TEMPORARY_SUFFIX } from "./names.ts";
import { type SegmentScan, scanSegment } from "./scan.ts";
import { Segment, saveIndex } from "./segment.ts";
import { INDEX_SUMMARY_BYTES, type IndexSummary, readIndexSummary, SparseIndex } from "./sparse-index.ts";

export interface RecoveredLog {
  readonly state: LogState;
  readonly active: ActiveSegment;
}

/**
 * Opens a partition's files as a crash or a clean stop left them. What a crash left of unacknowledged writes at the end
 * is cut off; damage anywhere else is reported and kept, and the log goes on behind it in a new segment.
 */
export async function recoverLog(
  environment: LogEnvironment,
  place: { readonly id: PartitionId; readonly directory: string },
  config: PartitionLogConfig,
): Promise<RecoveredLog> {
  const { fileSystem } = environment;
  await fileSystem.makeDirectory(place.directory);
  const checkpoint = await loadCheckpoint(fileSystem, place.directory);
  const segments = await findSegments(environment, place.directory);
  if (segments.length === 0) {
    const first = new Segment(place.directory, checkpoint?.nextOffset ?? 0, environment.nowMs());
    const state = new LogState(environment, place, config, [first]);
    if (checkpoint && checkpoint.nextOffset > 0) {
      state.report(`all segments below offset ${checkpoint.nextOffset} are missing`, { ...checkpoint });
    }
    return { state, active: await ActiveSegment.create(fileSystem, first) };
  }
  const state = new LogState(environment, place, config, segments);
  for (const [at, segment] of segments.entries()) {
    const next = segments[at + 1];
    if (next) await recoverSealed(state, segment, next.baseOffset);
  }
  const active = await recoverLast(state, segments.at(-1)!, checkpoint);
  state.logEndOffset = active.segment.nextOffset;
  state.highWatermark = state.logEndOffset;
  reportGaps(state);
  return { state, active };
}

/** Segments by base offset. Removes what unfinished rolls and deletions left behind. */
async function findSegments(environment: LogEnvironment, directory: string): Promise<Segment[]> {
  const { fileSystem } = environment;
  const names = await fileSystem.list(directory);
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const indexOf = parseSegmentFileName(name, ".index");
    const isOrphan = indexOf !== undefined && !names.includes(name.replace(/index$/, "log"));
    if (name.endsWith(TEMPORARY_SUFFIX) || name.endsWith(DELETED_SUFFIX) || isOrphan) {
      await fileSystem.remove(path);
      continue;
    }
    const baseOffset = parseSegmentFileName(name, ".log");
    if (baseOffset === undefined) continue;
    const stat = await fileSystem.stat(path);
    if (!stat) continue;
    const segment = new Segment(directory, baseOffset, stat.modifiedMs);
    segment.sizeBytes = stat.sizeBytes;
    segments.push(segment);
  }
  return segments;
}

/** Takes the index's word for a segment whose file still has the size it was sealed with, else checks every batch. */
async function recoverSealed(state: LogState, segment: Segment, nextBaseOffset: number): Promise<void> {
  const { fileSystem } = state.environment;
  const summary = await loadIndexSummary(fileSystem, segment.indexPath);
  if (summary && summary.logSizeBytes === segment.sizeBytes && summary.nextOffset === nextBaseOffset) {
    segment.nextOffset = summary.nextOffset;
    segment.maxTimestampMs = summary.maxTimestampMs;
    return;
  }
  const scan = await scanFile(state, segment);
  segment.maxTimestampMs = scan.maxTimestampMs;
  segment.nextOffset = scan.nextOffset;
  if (scan.tail.isZero) {
    // The file was extended ahead of its writer when the crash came.
    segment.sizeBytes = scan.tail.position;
    if (scan.tail.sizeBytes > 0) await cutFile(state, segment);
  } else {
    segment.nextOffset = Math.max(nextBaseOffset, scan.nextOffset);
  }
  noteScannedDamage(state, segment, scan, segment.end);
  if (segment.damage.length === 0) await saveIndex(fileSystem, segment, scan.index);
}

async function recoverLast(
  state: LogState,
  segment: Segment,
  checkpoint: Checkpoint | undefined,
): Promise<ActiveSegment> {
  const { fileSystem } = state.environment;
  const known = checkpoint?.baseOffset === segment.baseOffset ? checkpoint : undefined;
  const saved = await fileSystem.readFile(segment.indexPath);
  const summary = saved && readIndexSummary(saved);
  const isClean = summary && known?.position === segment.sizeBytes && known.nextOffset === summary.nextOffset;
  const index = isClean && summary.logSizeBytes === segment.sizeBytes ? SparseIndex.decode(saved) : undefined;
  if (summary && index) {
    segment.nextOffset = summary.nextOffset;
    segment.maxTimestampMs = summary.maxTimestampMs;
    return ActiveSegment.open(fileSystem, segment, index);
  }
  const scan = await scanFile(state, segment);
  segment.maxTimestampMs = scan.maxTimestampMs;
  segment.nextOffset = Math.max(scan.nextOffset, checkpoint?.nextOffset ?? 0);
  // Otherwise records are missing that were acknowledged, and nothing of the file may be touched.
  if (scan.nextOffset === segment.nextOffset) {
    if (scan.tail.sizeBytes > 0 && !scan.tail.isZero) warnOfTornTail(state, segment, scan);
    segment.sizeBytes = scan.tail.position;
    if (scan.tail.sizeBytes > 0) await cutFile(state, segment);
  }
  noteScannedDamage(state, segment, scan, segment.end);
  if (segment.damage.length > 0) return continueBehind(state, segment);
  const active = await ActiveSegment.open(fileSystem, segment, scan.index);
  // After a kill the bytes may be in memory only, and the high watermark is about to promise them.
  await active.sync();
  return active;
}

/** Reads the first bytes of an index: with many segments their entries would take long. */
async function loadIndexSummary(fileSystem: FileSystem, path: string): Promise<IndexSummary | undefined> {
  if (!(await fileSystem.stat(path))) return undefined;
  const file = await fileSystem.open(path, "read");
  try {
    const bytes = new Uint8Array(INDEX_SUMMARY_BYTES);
    return readIndexSummary(bytes.subarray(0, await file.read(bytes, 0)));
  } finally {
    await file.close();
  }
}

async function scanFile(state: LogState, segment: Segment): Promise<SegmentScan> {
  const file = await state.environment.fileSystem.open(segment.logPath, "read");
  try {
    return await scanSegment(file, segment.sizeBytes, segment.baseOffset);
  } finally {
    await file.close();
  }
}

async function cutFile(state: LogState, segment: Segment): Promise<void> {
  const file = await state.environment.fileSystem.open(segment.logPath, "write");
  try {
    await file.truncate(segment.sizeBytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** A damaged segment is left as it is: the log goes on in a new one. */
async function continueBehind(state: LogState, damaged: Segment): Promise<ActiveSegment> {
  await state.environment.fileSystem.remove(damaged.indexPath);
  const segment = new Segment(state.directory, damaged.nextOffset, state.environment.nowMs());
  state.segments = [...state.segments, segment];
  return ActiveSegment.create(state.environment.fileSystem, segment);
}

function warnOfTornTail(state: LogState, segment: Segment, scan: SegmentScan): void {
  const { position, sizeBytes, claimedRecords } = scan.tail;
  state.logger.warn(
    {
      ...state.id,
      file: basename(segment.logPath),
      fromOffset: scan.nextOffset,
      ...(claimedRecords === undefined ? {} : { toOffset: scan.nextOffset + claimedRecords - 1 }),
      position,
      cutBytes: sizeBytes,
    },
    "cut off an unfinished write at the end of the log, which was not acknowledged",
  );
}

/** Offsets between segments that no file holds. */
function reportGaps(state: LogState): void {
  for (const [at, segment] of state.segments.entries()) {
    const next = state.segments[at + 1];
    if (!next || segment.nextOffset === next.baseOffset) continue;
    if (segment.nextOffset < next.baseOffset) {
      const range = { fromOffset: segment.nextOffset, toOffset: next.baseOffset };
      state.report(`offsets ${range.fromOffset} to ${range.toOffset - 1} are missing`, range);
    } else {
      const range = { fromOffset: next.baseOffset, toOffset: segment.nextOffset };
      state.report(`offsets ${range.fromOffset} to ${range.toOffset - 1} are stored twice`, range);
    }
  }
}
