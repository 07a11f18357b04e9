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
export interface QueuedAppend {
  readonly kind: "append";
  readonly batches: readonly AppendedBatch[];
  readonly sizeBytes: number;
  /** Given when it is written. */
  baseOffset: number;
  nextOffset: number;
  readonly settle: (error?: unknown) => void;
}

/** An append with nothing done yet, and the promise that its `settle` settles. */
export function queuedAppend(
  batches: readonly AppendedBatch[],
  sizeBytes: number,
): { readonly append: QueuedAppend; readonly done: Promise<{ baseOffset: number; nextOffset: number }> } {
  let settle: QueuedAppend["settle"] = () => {};
  const done = new Promise<{ baseOffset: number; nextOffset: number }>((resolve, reject) => {
    settle = (error) => {
      if (error) reject(error);
      else resolve({ baseOffset: append.baseOffset, nextOffset: append.nextOffset });
    };
  });
  const append: QueuedAppend = { kind: "append", batches, sizeBytes, baseOffset: -1, nextOffset: -1, settle };
  return { append, done };
}

/** Something that runs when all appends queued before it are written, and while nothing is being written. */
export interface QueuedTask {
  readonly kind: "task";
  readonly run: () => Promise<void>;
}

/** What waits for one partition's writer, in order. */
export class AppendQueue {
  #items: (QueuedAppend | QueuedTask)[] = [];

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  push(item: QueuedAppend | QueuedTask): void {
    this.#items.push(item);
  }

  /** Takes the task at the head, if there is one. */
  takeTask(): QueuedTask | undefined {
    const head = this.#items[0];
    if (head?.kind !== "task") return undefined;
    this.#items.shift();
    return head;
  }

  /** Size of what waits; `undefined` when it is not appends alone. */
  sizeBytesOfAppends(): number | undefined {
    let sizeBytes = 0;
    for (const item of this.#items) {
      if (item.kind === "task") return undefined;
      sizeBytes += item.sizeBytes;
    }
    return sizeBytes;
  }

  /** Takes the appends at the head that `fits` accepts, given the size with each of them. */
  takeGroup(fits: (sizeBytes: number, isFirst: boolean) => boolean): QueuedAppend[] {
    const group: QueuedAppend[] = [];
    let sizeBytes = 0;
    for (const item of this.#items) {
      if (item.kind === "task" || !fits(sizeBytes + item.sizeBytes, group.length === 0)) break;
      sizeBytes += item.sizeBytes;
      group.push(item);
    }
    this.#items = group.length === this.#items.length ? [] : this.#items.slice(group.length);
    return group;
  }

  /** Takes all appends, leaving the tasks. */
  takeAppends(): QueuedAppend[] {
    const appends = this.#items.filter((item) => item.kind === "append");
    this.#items = this.#items.filter((item) => item.kind === "task");
    return appends;
  }
}

/** Patches the offsets of a group from `offset` on, and gives the pieces to write. */
export function assignOffsets(group: readonly QueuedAppend[], offset: number): Uint8Array[] {
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

export function sumBytes(group: readonly QueuedAppend[]): number {
  return group.reduce((sum, waiter) => sum + waiter.sizeBytes, 0);
}
