import Database from "libsql";
import { isJson } from "../shared/json-text.ts";
import { reasonOf } from "../shared/reason.ts";
import { type Dialect, type Failure, insertHead, onConflict, type Session } from "../shared/sql/dialect.ts";
import { quoteName, quoteTable } from "../shared/sql/names.ts";
import type { Rows } from "../shared/sql/runs.ts";
import type { Cell, SqlType } from "../shared/sql/types.ts";

const TYPES: Readonly<Record<SqlType, string>> = {
  Bool: "BOOLEAN",
  Char: "TEXT",
  SmallInt: "INTEGER",
  Int: "INTEGER",
  BigInt: "BIGINT",
  Float: "REAL",
  DoublePrecision: "REAL",
  Text: "TEXT",
  Bytes: "BLOB",
  Numeric: "REAL",
  Timestamp: "DATETIME",
  Date: "DATE",
  Time: "TIME",
  Uuid: "TEXT",
  Json: "TEXT",
};

/** How long a statement waits for another process's lock. The whole process waits with it. */
const BUSY_TIMEOUT_MS = 200;

/** `sqlite:facts.db`, `sqlite://facts.db`, `sqlite:///var/facts.db`. */
export function sqlitePath(url: string): string {
  return decodeURIComponent(url.replace(/^sqlite:(\/\/)?/i, "").replace(/\?.*$/, ""));
}

/** The same with an absolute path; a database in memory has none. */
export function absoluteSqlite(url: string, resolve: (path: string) => string): string {
  const [, scheme = "", path = "", query = ""] = /^(sqlite:(?:\/\/)?)([^?]*)(.*)$/is.exec(url) ?? [];
  if (path.startsWith(":memory:")) return url;
  return scheme + resolve(decodeURIComponent(path)).replaceAll(/[%?]/g, encodeURIComponent) + query;
}

/** A file of SQLite. */
export function sqliteDialect(path: string): Dialect {
  const dialect: Dialect = {
    shown: `sqlite:${path}`,
    quote: (name) => quoteName(name, '"'),
    quoteTable: (table) => quoteTable(table, '"'),
    placeholder: () => "?",
    columnType: (type) => TYPES[type],
    // Taken at once: a lock cannot be had later without the risk of waiting for each other.
    begin: "BEGIN IMMEDIATE",
    hasSavepoints: true,
    connect: async () => new SqliteSession(path, dialect),
    failure: sqliteFailure,
  };
  return dialect;
}

class WrongValue extends Error {}

function sqliteFailure(error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = reasonOf(error);
  const isRecord =
    error instanceof WrongValue ||
    /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code) ||
    (code === "SQLITE_ERROR" &&
      /no such (table|column)|has no column|no such collation|ON CONFLICT clause/.test(reason));
  return { kind: isRecord ? "record" : "passing", reason };
}

/** Statements that are kept prepared. */
const PREPARED_MAX = 100;
type Bound = string | number | bigint | Buffer | null;

class SqliteSession implements Session {
  broken: string | undefined;
  readonly #database: Database.Database;
  readonly #dialect: Dialect;
  readonly #prepared = new Map<string, Database.Statement>();

  constructor(path: string, dialect: Dialect) {
    this.#database = new Database(path);
    this.#dialect = dialect;
    this.#database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }

  async run(sql: string, values: readonly Cell[] = []): Promise<number> {
    if (values.length > 0) return this.#statement(sql).run(values.map((cell) => boundValue(cell, undefined))).changes;
    this.#database.exec(sql);
    return 0;
  }

  async select(sql: string, values: readonly Cell[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#statement(sql).all(values.map((cell) => boundValue(cell, undefined))) as Record<string, unknown>[];
  }

  async insert({ shape, columns, count }: Rows): Promise<void> {
    const places = shape.columns.map(() => "?").join(",");
    const sql = `${insertHead(this.#dialect, shape)} VALUES (${places})${onConflict(this.#dialect, shape)}`;
    const statement = this.#statement(sql);
    for (let at = 0; at < count; at++) {
      statement.run(columns.map((column, index) => boundValue(column[at] ?? null, shape.types[index])));
    }
  }

  #statement(sql: string): Database.Statement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    if (this.#prepared.size >= PREPARED_MAX) this.#prepared.clear();
    const statement = this.#database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  forget(): void {
    this.#prepared.clear();
  }

  destroy(): void {
    if (this.broken !== undefined) return;
    this.broken = "closed";
    this.#prepared.clear();
    // Statements that are not collected yet would keep the connection, and with it the lock of a transaction.
    if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
    this.#database.close();
  }

  async close(): Promise<void> {
    this.destroy();
  }
}

/** SQLite stores what it gets, so that values are given in their own kind. @throws WrongValue */
function boundValue(cell: Cell, type: SqlType | undefined): Bound {
  if (cell === null) return null;
  if (typeof cell === "boolean") return cell ? 1n : 0n;
  if (cell instanceof Uint8Array) return Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength);
  if (typeof cell === "number") return Number.isSafeInteger(cell) ? BigInt(cell) : cell;
  if (type === "SmallInt" || type === "Int" || type === "BigInt") return BigInt(cell.replace("+", ""));
  if (type === "Float" || type === "DoublePrecision") return Number(cell);
  if (type === "Json" && !isJson(cell)) throw new WrongValue(`${JSON.stringify(cell.slice(0, 60))} is not JSON`);
  return cell;
}
