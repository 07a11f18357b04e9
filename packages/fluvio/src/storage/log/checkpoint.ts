import { join } from "node:path";
import { crc32c } from "../../protocol/index.ts";
import type { FileSystem } from "./file-system.ts";
import { CHECKPOINT_FILE } from "./names.ts";
import { replaceFile } from "./segment.ts";

const CHECKPOINT_BYTES = 32;
const MAGIC = 0x464c5643; // "FLVC"

/**
 * How far a partition is known to be on disk. It lags behind, and tells at the next start whether a bad end of the log
 * is what a crash left of unfinished writes, to be cut off, or damage to records that were acknowledged, to be kept.
 */
export interface Checkpoint {
  /** Base offset of the segment that was active. */
  readonly baseOffset: number;
  /** Synced bytes of that segment. */
  readonly position: number;
  /** Offset after the last synced batch. */
  readonly nextOffset: number;
}

export async function saveCheckpoint(fileSystem: FileSystem, directory: string, checkpoint: Checkpoint): Promise<void> {
  const bytes = new Uint8Array(CHECKPOINT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setFloat64(4, checkpoint.baseOffset);
  view.setFloat64(12, checkpoint.position);
  view.setFloat64(20, checkpoint.nextOffset);
  view.setUint32(28, crc32c(bytes.subarray(0, 28)));
  await replaceFile(fileSystem, join(directory, CHECKPOINT_FILE), bytes);
}

/** The saved checkpoint; `undefined` when there is none or it is not sound: then nothing is known. */
export async function loadCheckpoint(fileSystem: FileSystem, directory: string): Promise<Checkpoint | undefined> {
  const bytes = await fileSystem.readFile(join(directory, CHECKPOINT_FILE));
  if (!bytes || bytes.length !== CHECKPOINT_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC || crc32c(bytes.subarray(0, 28)) !== view.getUint32(28)) return undefined;
  return { baseOffset: view.getFloat64(4), position: view.getFloat64(12), nextOffset: view.getFloat64(20) };
}
