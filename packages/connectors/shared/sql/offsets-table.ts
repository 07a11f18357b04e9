import type { Dialect, Session } from "./dialect.ts";
import type { KeptRow, Move } from "./kept-positions.ts";

/** The table in which a sink keeps its positions, beside the rows that it writes. */
export class OffsetsTable {
  readonly #dialect: Dialect;
  readonly #table: string;
  readonly #connector: string;
  readonly #topic: string;

  constructor(dialect: Dialect, table: string, connector: string, topic: string) {
    this.#dialect = dialect;
    this.#table = dialect.quoteTable(table);
    this.#connector = connector;
    this.#topic = topic;
  }

  async create(session: Session): Promise<void> {
    const { quote } = this.#dialect;
    const columns = ["connector VARCHAR(255)", "topic VARCHAR(255)", `${quote("partition")} INTEGER`];
    await session.run(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (${columns.map((one) => `${one} NOT NULL`).join(", ")}, ` +
        `last_offset BIGINT NOT NULL, part INTEGER NOT NULL, PRIMARY KEY (connector, topic, ${quote("partition")}))`,
    );
  }

  async load(session: Session): Promise<readonly KeptRow[]> {
    const partition = this.#dialect.quote("partition");
    const rows = await session.select(
      `SELECT ${partition}, last_offset, part FROM ${this.#table} WHERE connector = ${this.#at(1)} AND topic = ${this.#at(2)}`,
      [this.#connector, this.#topic],
    );
    return rows.map((row) => ({
      partition: Number(row.partition),
      offset: Number(row.last_offset),
      part: Number(row.part),
    }));
  }

  /** @returns false when the table does not say any more what this process knows: another one has moved it */
  async move(session: Session, { partition, before, after }: Move): Promise<boolean> {
    const place = [this.#connector, this.#topic, partition];
    const column = this.#dialect.quote("partition");
    if (before === undefined) {
      await session.run(
        `INSERT INTO ${this.#table} (connector, topic, ${column}, last_offset, part) VALUES (${[1, 2, 3, 4, 5].map((one) => this.#at(one)).join(", ")})`,
        [...place, after.offset, after.part],
      );
      return true;
    }
    const changed = await session.run(
      `UPDATE ${this.#table} SET last_offset = ${this.#at(1)}, part = ${this.#at(2)} WHERE connector = ${this.#at(3)} ` +
        `AND topic = ${this.#at(4)} AND ${column} = ${this.#at(5)} AND last_offset = ${this.#at(6)} AND part = ${this.#at(7)}`,
      [after.offset, after.part, ...place, before.offset, before.part],
    );
    return changed === 1;
  }

  #at(index: number): string {
    return this.#dialect.placeholder(index);
  }
}
