import type { Position } from "fluvio/connector";

/** The first bytes of a file, to tell it from a later one that got its inode. */
export interface FileHead {
  readonly sizeBytes: number;
  /** SHA-256, shortened. */
  readonly hash: string;
}

/** What is kept of a file. */
export interface FilePlace {
  readonly path: string;
  readonly id: string;
  /** Behind the last record, bytes; of packed files of what was packed. */
  readonly offset: number;
  /** Of the decoder. */
  readonly state?: string;
  readonly head?: FileHead;
  /** Of a packed file that was read to its end: its size then. */
  readonly packedSizeBytes?: number;
}

/** Places as a position. Names are short: it is kept for every file. */
export function toPosition(places: readonly FilePlace[]): Position {
  return {
    files: places.map(({ path, id, offset, state, head, packedSizeBytes }) => ({
      path,
      id,
      offset,
      ...(state === undefined ? {} : { state }),
      ...(head === undefined ? {} : { head: [head.sizeBytes, head.hash] }),
      ...(packedSizeBytes === undefined ? {} : { packed: packedSizeBytes }),
    })),
  };
}

interface Kept {
  readonly path: string;
  readonly id: string;
  readonly offset: number;
  readonly state?: string;
  readonly head?: readonly [number, string];
  readonly packed?: number;
}

/** `undefined`: no position is kept. */
export function fromPosition(position: Position | undefined): FilePlace[] | undefined {
  if (position === undefined) return undefined;
  const { files } = position as unknown as { readonly files: readonly Kept[] };
  return files.map(({ path, id, offset, state, head, packed }) => ({
    path,
    id,
    offset,
    ...(state === undefined ? {} : { state }),
    ...(head === undefined ? {} : { head: { sizeBytes: head[0], hash: head[1] } }),
    ...(packed === undefined ? {} : { packedSizeBytes: packed }),
  }));
}
