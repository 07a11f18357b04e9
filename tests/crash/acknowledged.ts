/** A record that a server said it has. */
export interface Acknowledged {
  readonly partition: string;
  readonly offset: number;
  readonly value: string;
}

/** A record that was found after the crash. */
export interface Found {
  readonly offset: number;
  readonly value: string;
}

/** The name a value must have for the order of its producer to be checked: `<producer>:<sequence>`, more may follow. */
export function recordValue(producer: string, sequence: number, filler = ""): string {
  return `${producer}:${sequence}:${filler}`;
}

/** What was acknowledged over all rounds of a crash test, and the check that it is still there. */
export class AcknowledgedRecords {
  readonly #byPartition = new Map<string, Map<number, string>>();
  count = 0;

  add({ partition, offset, value }: Acknowledged): void {
    let offsets = this.#byPartition.get(partition);
    if (!offsets) {
      offsets = new Map();
      this.#byPartition.set(partition, offsets);
    }
    const before = offsets.get(offset);
    if (before !== undefined && before !== value) {
      throw new Error(`${partition}: offset ${offset} was acknowledged for ${before} and again for ${value}`);
    }
    offsets.set(offset, value);
    this.count += 1;
  }

  /**
   * Checks the records of a whole partition, read from its first offset on: offsets without a gap, no record twice, each
   * producer's records in the order it sent them, and every acknowledged record at the offset it was acknowledged with.
   */
  verify(partition: string, found: readonly Found[]): void {
    const seen = new Set<string>();
    const lastSequence = new Map<string, number>();
    for (const [at, { offset, value }] of found.entries()) {
      if (offset !== at) throw new Error(`${partition}: offset ${offset} where ${at} should be`);
      if (seen.has(value)) throw new Error(`${partition}: ${short(value)} is there twice, again at offset ${offset}`);
      seen.add(value);
      const [producer, sequence] = value.split(":", 2) as [string, string];
      const last = lastSequence.get(producer) ?? -1;
      if (Number(sequence) <= last) throw new Error(`${partition}: ${short(value)} after sequence ${last}`);
      lastSequence.set(producer, Number(sequence));
    }
    for (const [offset, value] of this.#byPartition.get(partition) ?? []) {
      const stored = found[offset]?.value;
      if (stored === value) continue;
      const instead = stored === undefined ? `the log ends at ${found.length}` : `there is ${short(stored)}`;
      throw new Error(`${partition}: acknowledged ${short(value)} is not at offset ${offset}: ${instead}`);
    }
  }
}

function short(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}…` : value;
}
