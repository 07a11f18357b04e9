import type { ConsumedChunk, ConsumedPosition, ConsumerRecord } from "../../client/index.ts";
import type { GroupOptions } from "../define.ts";

/** Records that are written together, and what is worked off once they are. It has none when SmartModules dropped all. */
export interface RecordGroup {
  readonly records: readonly ConsumerRecord[];
  /** Keys and values. */
  readonly sizeBytes: number;
  /** By partition, what was dropped included; a partition is missing when more records of its only offset follow. */
  readonly positions: readonly ConsumedPosition[];
}

export interface RecordGroupsOptions {
  readonly group: GroupOptions;
  /** Whether the next chunk may be asked for before the records of the last one are worked off. */
  readonly mayReadAhead: boolean;
  /** Aborted: a group that has begun is still given, and then the end. */
  readonly stop: AbortSignal;
}

const GROUP_SIZE_BYTES_DEFAULT = 1024 * 1024;

type Chunks = AsyncIterator<ConsumedChunk>;

/** Cuts what a consumer gives into groups. At most one chunk of the consumer is held besides the group, and a group ahead. */
export class RecordGroups {
  readonly #chunks: Chunks;
  readonly #options: RecordGroupsOptions;
  readonly #recordsMax: number;
  readonly #sizeBytesMax: number;
  readonly #lingerMs: number;
  /** The chunk that is given out, until all of it is, and the place of the next record. */
  #chunk: ConsumedChunk | undefined;
  #next = 0;
  /** The chunk that is on its way; it stays until it is taken. */
  #pending: Promise<IteratorResult<ConsumedChunk>> | undefined;
  #ended = false;
  /** The group that was asked for before its turn. */
  #ahead: Promise<RecordGroup | undefined> | undefined;

  constructor(chunks: Chunks, options: RecordGroupsOptions) {
    this.#chunks = chunks;
    this.#options = options;
    const { recordsMax = 1, sizeBytesMax = GROUP_SIZE_BYTES_DEFAULT, lingerMs = 0 } = options.group;
    this.#recordsMax = recordsMax;
    this.#sizeBytesMax = sizeBytesMax;
    this.#lingerMs = options.mayReadAhead ? lingerMs : 0;
  }

  /** The next group; `undefined` at the end and after the stop. @throws what the consumer throws, after its last records */
  async next(): Promise<RecordGroup | undefined> {
    if (this.#options.stop.aborted) return undefined;
    const group = this.#ahead ?? this.#gather();
    this.#ahead = undefined;
    return await group;
  }

  /** The records of the group that comes next, as soon as they are there; none at the end and where nothing is read ahead. */
  async following(): Promise<readonly ConsumerRecord[]> {
    if (!this.#options.mayReadAhead || this.#options.stop.aborted) return [];
    this.#ahead ??= this.#gather();
    // a failure is the next call's
    const group = await this.#ahead.catch(() => undefined);
    return group?.records ?? [];
  }

  async #gather(): Promise<RecordGroup | undefined> {
    const group = new OpenGroup(this.#recordsMax, this.#sizeBytesMax);
    let deadline: Promise<"late"> | undefined;
    const waiting = new AbortController();
    try {
      for (;;) {
        if (this.#chunk !== undefined) this.#next = group.addFrom(this.#chunk.records, this.#next);
        if (this.#following !== undefined) return group.close(this.#following);
        if (this.#chunk !== undefined) group.holds(this.#chunk);
        this.#chunk = undefined;
        if (group.isFull || this.#ended || this.#options.stop.aborted) break;
        if (!group.isEmpty) {
          if (this.#lingerMs === 0) break;
          deadline ??= after(this.#lingerMs, waiting.signal);
        }
        try {
          if ((await this.#refill(deadline)) === "late") break;
        } catch (error) {
          // What came before it is given first: the failed call stays pending, and the next one meets it again.
          if (group.isEmpty) throw error;
          break;
        }
      }
      return group.isEmpty ? undefined : group.close(this.#following);
    } finally {
      waiting.abort();
    }
  }

  /** The record that comes next, as far as it is here. */
  get #following(): ConsumerRecord | undefined {
    return this.#chunk?.records[this.#next];
  }

  /**
   * Says that everything given so far is worked off, where that is otherwise said by asking for more: the consumer can
   * then be closed without its last chunk coming again.
   */
  async workedOff(): Promise<void> {
    if (this.#options.mayReadAhead || this.#following !== undefined || this.#ended) return;
    this.#pending ??= this.#chunks.next();
    this.#pending.catch(() => {});
    // The consumer takes note in this turn of the event loop; the chunk itself may never come.
    await new Promise(setImmediate);
  }

  /** Resolves when there is a chunk, the end, the stop or the deadline. */
  async #refill(deadline: Promise<"late"> | undefined): Promise<"late" | undefined> {
    this.#pending ??= this.#chunks.next();
    // A failure that comes while a group is written waits here for the next call.
    this.#pending.catch(() => {});
    const stopped = whenAborted(this.#options.stop);
    try {
      const first = await Promise.race([this.#pending, stopped.promise, ...(deadline === undefined ? [] : [deadline])]);
      if (first === "late" || first === "stopped") return "late";
      this.#pending = undefined;
      this.#chunk = first.done === true ? undefined : first.value;
      this.#next = 0;
      this.#ended = first.done === true;
      return undefined;
    } finally {
      stopped.release();
    }
  }
}

class OpenGroup {
  readonly records: ConsumerRecord[] = [];
  readonly #recordsMax: number;
  readonly #sizeBytesMax: number;
  #sizeBytes = 0;
  /** The last chunk of each partition that is wholly in the group, or was before it. */
  readonly #whole = new Map<string, ConsumedChunk>();

  constructor(recordsMax: number, sizeBytesMax: number) {
    this.#recordsMax = recordsMax;
    this.#sizeBytesMax = sizeBytesMax;
  }

  get isEmpty(): boolean {
    return this.records.length === 0 && this.#whole.size === 0;
  }

  get isFull(): boolean {
    return this.records.length >= this.#recordsMax;
  }

  /** Adds what there is room for; the first record always has. @returns the place of the first one that was not added */
  addFrom(records: readonly ConsumerRecord[], from: number): number {
    let at = from;
    for (; at < records.length && !this.isFull; at++) {
      const record = records[at] as ConsumerRecord;
      const sizeBytes = record.value.length + (record.key?.length ?? 0);
      if (this.records.length > 0 && this.#sizeBytes + sizeBytes > this.#sizeBytesMax) break;
      this.records.push(record);
      this.#sizeBytes += sizeBytes;
    }
    return at;
  }

  /** Says that all records of the chunk were added. */
  holds(chunk: ConsumedChunk): void {
    if (chunk.upToOffset !== undefined) this.#whole.set(`${chunk.partition} ${chunk.topic}`, chunk);
  }

  /** @param following the record that comes after it, if it is known */
  close(following: ConsumerRecord | undefined): RecordGroup {
    const positions = new Map(
      positionsOf(this.records, following).map((position) => [`${position.partition} ${position.topic}`, position]),
    );
    for (const [key, { topic, partition, upToOffset = -1 }] of this.#whole) {
      const offset = Math.max(upToOffset, positions.get(key)?.offset ?? -1);
      positions.set(key, { topic, partition, offset });
    }
    return { records: this.records, sizeBytes: this.#sizeBytes, positions: [...positions.values()] };
  }
}

/**
 * The last offset of each partition of which nothing follows: what array_map makes of one record shares its offset.
 * Looked for from the end, so that most records are passed with one comparison.
 */
export function positionsOf(
  records: readonly ConsumerRecord[],
  following: ConsumerRecord | undefined,
): readonly ConsumedPosition[] {
  const found: ConsumedPosition[] = [];
  let last: ConsumedPosition | undefined;
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at] as ConsumerRecord;
    if (last !== undefined && isSamePartition(record, last)) continue;
    if (following !== undefined && following.offset === record.offset && isSamePartition(record, following)) continue;
    const { topic, partition, offset } = record;
    const known = found.find((position) => isSamePartition(record, position));
    last = known ?? { topic, partition, offset };
    if (known === undefined) found.push(last);
  }
  return found.reverse();
}

type InPartition = Pick<ConsumerRecord, "topic" | "partition">;
const isSamePartition = (a: InPartition, b: InPartition) => a.partition === b.partition && a.topic === b.topic;

function after(delayMs: number, cancelled: AbortSignal): Promise<"late"> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("late"), delayMs);
    cancelled.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

function whenAborted(signal: AbortSignal): { readonly promise: Promise<"stopped">; release(): void } {
  let release = (): void => {};
  const promise = new Promise<"stopped">((resolve) => {
    const onAbort = () => resolve("stopped");
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    release = () => signal.removeEventListener("abort", onAbort);
  });
  return { promise, release };
}
