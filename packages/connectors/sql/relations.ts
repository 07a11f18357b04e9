import type { Dialect, Session } from "../shared/sql/dialect.ts";
import { isObject, type Row, type RowShape } from "../shared/sql/row.ts";

/** A table as a record of the postgres source describes it. */
export interface Relation {
  readonly rel_id: number;
  readonly namespace: string;
  readonly name: string;
  /** `Default`, `Nothing`, `Full` or `Index`. */
  readonly replica_identity: string;
  readonly columns: readonly RelationColumn[];
}

interface RelationColumn {
  /** 1: part of the replica identity. */
  readonly flags: number;
  readonly name: string;
  readonly type_id: number;
  readonly type_modifier: number;
}

/** @throws with the reason when it is no description of a table */
export function relationOf(message: Readonly<Record<string, unknown>>): Relation {
  const { rel_id, namespace, name, replica_identity, columns } = message;
  const isNamed = typeof rel_id === "number" && typeof namespace === "string" && typeof name === "string";
  if (!isNamed || !Array.isArray(columns) || !columns.every(isColumn)) {
    throw new Error("the record is a relation without its id, its names or its columns");
  }
  return { rel_id, namespace, name, replica_identity: String(replica_identity), columns };
}

function isColumn(one: unknown): one is RelationColumn {
  return (
    isObject(one) && typeof one.name === "string" && [one.flags, one.type_id, one.type_modifier].every(Number.isInteger)
  );
}

/**
 * The tables that records name by their id. They are described once, long before a restart perhaps, so that the
 * descriptions are kept in a table of the target, written in the transaction of the records that bring them.
 */
export class Relations {
  readonly #dialect: Dialect;
  readonly #table: string;
  readonly #connector: string;
  readonly #topic: string;
  readonly #shape: RowShape;
  readonly #kept = new Map<number, Relation>();
  /** Of the transaction in hand. */
  #fresh = new Map<number, Relation>();

  constructor(dialect: Dialect, table: string, connector: string, topic: string) {
    this.#dialect = dialect;
    this.#table = table;
    this.#connector = connector;
    this.#topic = topic;
    const columns = ["connector", "topic", "rel_id", "relation"];
    this.#shape = { table, columns, types: columns.map(() => undefined), madeTypes: [], unique: columns.slice(0, 3) };
  }

  /** Reads what is kept. */
  async open(session: Session): Promise<void> {
    const table = this.#dialect.quoteTable(this.#table);
    const key = "connector VARCHAR(255) NOT NULL, topic VARCHAR(255) NOT NULL, rel_id BIGINT NOT NULL";
    await session.run(
      `CREATE TABLE IF NOT EXISTS ${table} (${key}, relation TEXT NOT NULL, PRIMARY KEY (connector, topic, rel_id))`,
    );
    const [connector, topic] = [this.#dialect.placeholder(1), this.#dialect.placeholder(2)];
    const rows = await session.select(
      `SELECT relation FROM ${table} WHERE connector = ${connector} AND topic = ${topic}`,
      [this.#connector, this.#topic],
    );
    this.#kept.clear();
    for (const { relation } of rows) {
      const known = relationOf(JSON.parse(String(relation)));
      this.#kept.set(known.rel_id, known);
    }
  }

  /** What a transaction brought that was not committed is forgotten: its records come again. */
  begin(): void {
    this.#fresh = new Map();
  }

  committed(): void {
    for (const [id, relation] of this.#fresh) this.#kept.set(id, relation);
    this.#fresh = new Map();
  }

  /** @throws with the reason when no record has described the table */
  known(id: unknown): Relation {
    const found = this.#fresh.get(Number(id)) ?? this.#kept.get(Number(id));
    if (found === undefined)
      throw new Error(`no record before has described the table ${id}: read the topic from its beginning`);
    return found;
  }

  /** @returns the row that keeps it */
  keep(relation: Relation): Row {
    this.#fresh.set(relation.rel_id, relation);
    return { shape: this.#shape, cells: [this.#connector, this.#topic, relation.rel_id, JSON.stringify(relation)] };
  }
}
