import type { SinkRecord } from "fluvio/connector";

/** So often the connection must have been closed at a message that was alone on its way. */
const CUTS_MAX = 5;

/**
 * What is known of the records of a group from attempts that a cut ended. Some brokers close the connection at a message
 * that they do not allow, with or without a word. After a cut messages are sent one at a time, without those that were
 * acknowledged or refused, until all of the group are dealt with; whoever is alone at every cut is to blame.
 */
export class Suspects {
  readonly #delivered = new WeakSet<SinkRecord>();
  readonly #refused = new Map<SinkRecord, string>();
  readonly #cuts = new Map<SinkRecord, number>();
  #isCareful = false;

  /** Whether one message at a time is to be sent. */
  get isCareful(): boolean {
    return this.#isCareful;
  }

  isDelivered(record: SinkRecord): boolean {
    return this.#delivered.has(record);
  }

  /** Why the record was refused in an attempt that failed; `undefined` when it was not. */
  refusal(record: SinkRecord): string | undefined {
    const cuts = this.#cuts.get(record) ?? 0;
    return cuts >= CUTS_MAX ? `the connection was closed at it ${cuts} times` : this.#refused.get(record);
  }

  delivered(record: SinkRecord): void {
    this.#delivered.add(record);
  }

  refused(record: SinkRecord, reason: string): void {
    this.#refused.set(record, reason);
  }

  /** The connection was closed while the record was on its way. */
  cut(record: SinkRecord): void {
    if (this.#isCareful) this.#cuts.set(record, (this.#cuts.get(record) ?? 0) + 1);
  }

  /** An attempt has failed; a refused record is not sent again before all others are dealt with. */
  failed(wasCut: boolean): void {
    this.#isCareful ||= wasCut;
  }

  /** All records are dealt with: whoever is tried once more gets another chance. */
  succeeded(): void {
    this.#isCareful = false;
    this.#refused.clear();
    this.#cuts.clear();
  }
}
