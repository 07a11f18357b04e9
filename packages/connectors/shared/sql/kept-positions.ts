import type { SinkGroup, SinkPosition, SinkRecord } from "fluvio/connector";

/** What a target keeps of a partition. */
export interface Kept {
  /** The last offset that is worked off. */
  readonly offset: number;
  /** So many records behind it are written too: those of an offset of which more follow. */
  readonly part: number;
}

/** A position as it is in the table. */
export interface KeptRow extends Kept {
  readonly partition: number;
}

/** A change of the table that goes with a group. */
export interface Move {
  readonly partition: number;
  readonly before: Kept | undefined;
  readonly after: Kept;
}

/**
 * The positions that a target keeps in its own transactions, as far as this process knows them: which records of a group
 * are not written yet, and what the table says once they are.
 */
export class KeptPositions {
  readonly #kept = new Map<number, Kept>();
  /** Records behind the kept offset that came by in groups that are worked off. */
  readonly #seen = new Map<number, number>();
  /** Up to here groups may come again: their outcome was not known. */
  readonly #doubtful = new Map<number, number>();

  /** @param isAgain after a failure: a group whose outcome is not known comes again */
  load(rows: readonly KeptRow[], isAgain: boolean): void {
    for (const { partition, offset, part } of rows) {
      const known = this.#kept.get(partition);
      if (known?.offset !== offset) this.#seen.delete(partition);
      this.#kept.set(partition, { offset, part });
      if (isAgain) this.#doubtful.set(partition, offset);
    }
  }

  get positions(): readonly SinkPosition[] {
    return [...this.#kept].map(([partition, { offset }]) => ({ partition, offset }));
  }

  /** The records that are not written yet. */
  open(records: readonly SinkRecord[]): readonly SinkRecord[] {
    if (this.#doubtful.size === 0 && ![...this.#kept.values()].some(({ part }) => part > 0)) return records;
    const seen = new Map(this.#seen);
    return records.filter(({ partition, offset }) => {
      if (offset <= (this.#doubtful.get(partition) ?? -1)) return false;
      const kept = this.#kept.get(partition);
      if (kept === undefined || offset <= kept.offset) return true;
      const index = seen.get(partition) ?? 0;
      seen.set(partition, index + 1);
      return index >= kept.part;
    });
  }

  /** What the table is to say when the group is written. */
  moves(group: Pick<SinkGroup, "records" | "positions">): readonly Move[] {
    return [...partitionsOf(group)].flatMap((partition): Move[] => {
      const before = this.#kept.get(partition);
      const after = this.#after(group, partition);
      const isMove = before === undefined || before.offset !== after.offset || before.part < after.part;
      const isBack = after.offset < (this.#doubtful.get(partition) ?? -1);
      return isMove && !isBack ? [{ partition, before, after }] : [];
    });
  }

  #after({ records, positions }: Pick<SinkGroup, "records" | "positions">, partition: number): Kept {
    const position = positions.find((one) => one.partition === partition)?.offset;
    if (position !== undefined) return { offset: position, part: countBehind(records, partition, position) };
    const first = records.find((record) => record.partition === partition)?.offset ?? 0;
    const count = countBehind(records, partition, -1);
    const kept = this.#kept.get(partition);
    // Records before what is kept: the topic was made anew.
    if (kept === undefined || first <= kept.offset) return { offset: first - 1, part: count };
    return { offset: kept.offset, part: (this.#seen.get(partition) ?? 0) + count };
  }

  /** The group is written and the table moved. */
  done(group: Pick<SinkGroup, "records" | "positions">, moves: readonly Move[]): void {
    for (const partition of partitionsOf(group)) {
      const { offset, part } = this.#after(group, partition);
      const doubtful = this.#doubtful.get(partition);
      if (doubtful !== undefined && offset >= doubtful) this.#doubtful.delete(partition);
      if (doubtful === undefined || offset >= doubtful) this.#seen.set(partition, part);
    }
    for (const { partition, after } of moves) this.#kept.set(partition, after);
  }
}

/** A group without records only moves positions on. */
function partitionsOf({ records, positions }: Pick<SinkGroup, "records" | "positions">): ReadonlySet<number> {
  const found = new Set<number>();
  let last = -1;
  for (const { partition } of records.length > 0 ? records : positions) {
    if (partition !== last) found.add(partition);
    last = partition;
  }
  return found;
}

/** Looked for from the end: records of a partition are in order, and few or none are behind. */
function countBehind(records: readonly SinkRecord[], partition: number, position: number): number {
  let count = 0;
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at] as SinkRecord;
    if (record.partition !== partition) continue;
    if (record.offset <= position) break;
    count++;
  }
  return count;
}
