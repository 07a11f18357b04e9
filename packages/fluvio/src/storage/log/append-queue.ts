import { patchBatch } from "../../protocol/index.ts";
import { joinNeighbours } from "./small-batches.ts";

/** As the original's SPU: one leader that never changes, so batches carry no epoch. */
const LEADER_EPOCH = -1;

/** A checked batch, with what the log needs of its header. */
export interface AppendedBatch {
  readonly bytes: Uint8Array;
  /** Offsets it takes up. */
  readonly recordCount: number;
  /** -1 when it has none. */
  readonly maxTimestampMs: number;
}

/** One append on its way to disk. */
export interface Waiter {
  readonly batches: readonly AppendedBatch[];
  readonly sizeBytes: number;
  /** Given when it is written. */
  baseOffset: number;
  nextOffset: number;
  readonly settle: (error?: unknown) => void;
}

/** Patches the offsets of a group from `offset` on, and gives the pieces to write. */
export function assignOffsets(group: readonly Waiter[], offset: number): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let next = offset;
  for (const waiter of group) {
    waiter.baseOffset = next;
    for (const batch of waiter.batches) {
      patchBatch(batch.bytes, next, LEADER_EPOCH);
      next += batch.recordCount;
      batches.push(batch.bytes);
    }
    waiter.nextOffset = next;
  }
  return joinNeighbours(batches);
}

export function sumBytes(group: readonly Waiter[]): number {
  return group.reduce((sum, waiter) => sum + waiter.sizeBytes, 0);
}
