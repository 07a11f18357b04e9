import { join } from "node:path";
import type { FileSystem, LogFile } from "./file-system.ts";
import { indexFileName, logFileName } from "./names.ts";
import type { DamagedRange } from "./scan.ts";
import type { SparseIndex } from "./sparse-index.ts";

/** A segment's file and index while someone uses them; closed when the last user is done. */
export class OpenSegment {
  readonly file: LogFile;
  readonly index: SparseIndex;
  #users = 0;
  #retired = false;
  #closed: Promise<void> | undefined;

  constructor(file: LogFile, index: SparseIndex) {
    this.file = file;
    this.index = index;
  }

  acquire(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#retired && this.#users === 0) await this.#close();
  }

  /** Closes the file as soon as nobody uses it. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#users === 0) await this.#close();
  }

  #close(): Promise<void> {
    this.#closed ??= this.file.close();
    return this.#closed;
  }
}

/** One file of a partition's log: batches back to back from its base offset on. */
export class Segment {
  readonly baseOffset: number;
  readonly logPath: string;
  readonly indexPath: string;
  /** Offset after the last batch. */
  nextOffset: number;
  /** Bytes that hold batches; the file of the active segment may be longer. */
  sizeBytes = 0;
  /** Largest timestamp, 0 or less when there is none. */
  maxTimestampMs = -1;
  /** When the file was last written: its age where records have no timestamps. */
  modifiedMs: number;
  /** Known damage, in order of position. */
  damage: readonly DamagedRange[] = [];
  opened: OpenSegment | undefined;
  /** Deleted, or its log is closed: it is not opened any more. */
  isGone = false;

  constructor(directory: string, baseOffset: number, modifiedMs: number) {
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.logPath = join(directory, logFileName(baseOffset));
    this.indexPath = join(directory, indexFileName(baseOffset));
    this.modifiedMs = modifiedMs;
  }

  /** Time of its newest record, by the records themselves or else by the file. */
  get newestMs(): number {
    return this.maxTimestampMs > 0 ? this.maxTimestampMs : this.modifiedMs;
  }

  /** Where it ends now. */
  get end(): { readonly position: number; readonly offset: number } {
    return { position: this.sizeBytes, offset: this.nextOffset };
  }

  noteDamage(range: DamagedRange): void {
    this.damage = [...this.damage, range].sort((a, b) => a.fromPosition - b.fromPosition);
  }
}

/** Writes a whole small file so that a crash leaves the old one or the new one. */
export async function replaceFile(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await fileSystem.writeFile(temporary, bytes);
  await fileSystem.rename(temporary, path);
}

/** Saves the index beside the log, with which the segment needs no scan at the next start. */
export async function saveIndex(fileSystem: FileSystem, segment: Segment, index: SparseIndex): Promise<void> {
  const { sizeBytes: logSizeBytes, nextOffset, maxTimestampMs } = segment;
  await replaceFile(fileSystem, segment.indexPath, index.encode({ logSizeBytes, nextOffset, maxTimestampMs }));
}
