import type { PartitionId } from "../engine.ts";

const OFFSET_DIGITS = 20;
/** Unfinished files and files on their way out; whatever carries one of these is removed when the log is opened. */
export const TEMPORARY_SUFFIX = ".tmp";
export const DELETED_SUFFIX = ".deleted";
/** Partition directories on their way out start with this; a topic's name never starts with a dot. */
export const DELETED_DIRECTORY_PREFIX = ".deleted.";
export const LOCK_FILE = ".lock";
export const CHECKPOINT_FILE = "checkpoint";

export function partitionDirectoryName(id: PartitionId): string {
  return `${id.topic}-${id.partition}`;
}

/** The partition a directory belongs to; topics may hold hyphens, so the last one parts topic and number. */
export function parsePartitionDirectoryName(name: string): PartitionId | undefined {
  const match = /^([^.].*)-(0|[1-9][0-9]{0,9})$/.exec(name);
  return match ? { topic: match[1]!, partition: Number(match[2]) } : undefined;
}

function offsetName(baseOffset: number): string {
  return String(baseOffset).padStart(OFFSET_DIGITS, "0");
}

export function logFileName(baseOffset: number): string {
  return `${offsetName(baseOffset)}.log`;
}

export function indexFileName(baseOffset: number): string {
  return `${offsetName(baseOffset)}.index`;
}

/** The base offset in a segment file's name, for the given ending. */
export function parseSegmentFileName(name: string, ending: ".log" | ".index"): number | undefined {
  const match = /^([0-9]{20})(\.[a-z]+)$/.exec(name);
  if (!match || match[2] !== ending) return undefined;
  const offset = Number(match[1]);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
