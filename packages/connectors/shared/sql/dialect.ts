import type { RowShape } from "./row.ts";
import type { Rows } from "./runs.ts";
import type { Cell, SqlType } from "./types.ts";

/** What is to be thought of an error of a database. */
export interface Failure {
  /** `record`: what was written can never be stored as it is; `passing`: another attempt may succeed. */
  readonly kind: "record" | "passing";
  readonly reason: string;
}

/** An open connection. One call at a time. */
export interface Session {
  /** @returns how many rows were changed */
  run(sql: string, values?: readonly Cell[]): Promise<number>;
  select(sql: string, values?: readonly Cell[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Stores rows of one shape, in their order. Of an upsert each key is there once. */
  insert(rows: Rows): Promise<void>;
  /** Makes the table of a shape, or adds the columns that it lacks. */
  define?(shape: RowShape): Promise<void>;
  /** Forgets what is known of tables: they may have been altered. */
  forget(): void;
  /** Why the connection is of no use any more. */
  readonly broken: string | undefined;
  /** Ends it at once; what runs rejects. */
  destroy(): void;
  close(): Promise<void>;
}

/** How a kind of database is spoken to. */
export interface Dialect {
  /** The database for logs and messages, without what is secret. */
  readonly shown: string;
  /** The name of a column, quoted. */
  quote(name: string): string;
  /** The name of a table, quoted; see {@link tableParts}. */
  quoteTable(table: string): string;
  /** The place of the n-th value, from 1 on. */
  placeholder(index: number): string;
  columnType(type: SqlType, isKey: boolean): string;
  /** What `CREATE TABLE` ends with. */
  readonly tableOptions?: string;
  readonly begin: string;
  /** Whether a failed statement can be undone by itself. Without it, what was stored before is stored again. */
  readonly hasSavepoints: boolean;
  /** @param onBroken called when a connection that was idle is gone */
  connect(onBroken: () => void): Promise<Session>;
  failure(error: unknown): Failure;
}

/** `INSERT INTO t (a, b)`. */
export function insertHead(dialect: Pick<Dialect, "quote" | "quoteTable">, shape: RowShape): string {
  return `INSERT INTO ${dialect.quoteTable(shape.table)} (${shape.columns.map((one) => dialect.quote(one)).join(", ")})`;
}

/** `CREATE TABLE IF NOT EXISTS` for rows of a shape; the columns of an upsert are the primary key. */
export function createTable(dialect: Dialect, shape: RowShape): string {
  const columns = shape.columns.map((column, index) => {
    const type = dialect.columnType(shape.madeTypes[index] ?? "Text", shape.unique.includes(column));
    return `${dialect.quote(column)} ${type}`;
  });
  const key = shape.unique.map((one) => dialect.quote(one)).join(", ");
  const parts = key === "" ? columns : [...columns, `PRIMARY KEY (${key})`];
  return `CREATE TABLE IF NOT EXISTS ${dialect.quoteTable(shape.table)} (${parts.join(", ")})${dialect.tableOptions ?? ""}`;
}

/** What `ON CONFLICT` does with a row whose key is there. */
export function onConflict(dialect: Pick<Dialect, "quote">, shape: RowShape): string {
  if (shape.unique.length === 0) return "";
  const key = shape.unique.map((one) => dialect.quote(one)).join(", ");
  const rest = shape.columns.filter((column) => !shape.unique.includes(column)).map((one) => dialect.quote(one));
  const action =
    rest.length === 0 ? "NOTHING" : `UPDATE SET ${rest.map((one) => `${one} = EXCLUDED.${one}`).join(", ")}`;
  return ` ON CONFLICT (${key}) DO ${action}`;
}

/** The statement of a row that is not put into its table but changes it. */
export function changeStatement(
  dialect: Pick<Dialect, "quote" | "quoteTable" | "placeholder">,
  shape: RowShape,
): string {
  const { table, columns, unique, action } = shape;
  if (typeof action === "object") return action.sql;
  const is = (names: readonly string[], from: number) =>
    names.map((one, index) => `${dialect.quote(one)} = ${dialect.placeholder(from + index)}`);
  if (action === "truncate") return `DELETE FROM ${dialect.quoteTable(table)}`;
  if (action === "delete") return `DELETE FROM ${dialect.quoteTable(table)} WHERE ${is(unique, 1).join(" AND ")}`;
  const where = is(unique, columns.length + 1).join(" AND ");
  return `UPDATE ${dialect.quoteTable(table)} SET ${is(columns, 1).join(", ")} WHERE ${where}`;
}
