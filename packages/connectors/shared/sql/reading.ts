import type { SinkRecord } from "fluvio/connector";
import type { RowReader } from "./row.ts";
import { type Run, RunsInOrder } from "./runs.ts";

/** Rows of records, and the records that are none. */
export interface ReadRows {
  /** In order. */
  readonly runs: readonly Run<SinkRecord>[];
  readonly refusals: readonly { readonly record: SinkRecord; readonly reason: string }[];
}

/** Records that are read at a stretch: what else waits for the thread waits less than a millisecond or two. */
const STRETCH = 512;

/** The reading of a group's records, which may go on while the database works on the group before. */
export class Reading {
  readonly records: readonly SinkRecord[];
  readonly #read: RowReader;
  readonly #rows = new RunsInOrder<SinkRecord>();
  readonly #refusals: { record: SinkRecord; reason: string }[] = [];
  #next = 0;

  constructor(records: readonly SinkRecord[], read: RowReader) {
    this.records = records;
    this.#read = read;
  }

  /** Reads a stretch whenever nothing else is to be done, until all is read. */
  begin(): void {
    this.#readTo(Math.min(this.#next + STRETCH, this.records.length));
    if (this.#next < this.records.length) setImmediate(() => this.begin());
  }

  /** Reads what is left. */
  finish(): ReadRows {
    this.#readTo(this.records.length);
    return { runs: this.#rows.runs, refusals: this.#refusals };
  }

  #readTo(end: number): void {
    for (; this.#next < end; this.#next++) {
      const record = this.records[this.#next] as SinkRecord;
      try {
        const found = this.#read(record.value);
        if ("shape" in found) this.#rows.add(found, record);
        else for (const row of found) this.#rows.add(row, record);
      } catch (error) {
        this.#refusals.push({ record, reason: (error as Error).message });
      }
    }
  }
}
