import type {
  DuckDBConnection,
  DuckDBInstance,
  DuckDBPreparedStatement,
  DuckDBType,
  DuckDBValue,
} from "@duckdb/node-api";
import { importDriver } from "fluvio/connector";
import { reasonOf } from "../shared/reason.ts";
import { type Dialect, type Failure, insertHead, onConflict, type Session } from "../shared/sql/dialect.ts";
import { quoteName, quoteTable, tableParts } from "../shared/sql/names.ts";
import type { RowShape } from "../shared/sql/row.ts";
import { cellsAt, type Rows } from "../shared/sql/runs.ts";
import type { Cell, SqlType } from "../shared/sql/types.ts";

type Driver = typeof import("@duckdb/node-api");

const TYPES: Readonly<Record<SqlType, string>> = {
  Bool: "BOOLEAN",
  Char: "VARCHAR",
  SmallInt: "SMALLINT",
  Int: "INTEGER",
  BigInt: "BIGINT",
  Float: "FLOAT",
  DoublePrecision: "DOUBLE",
  Text: "VARCHAR",
  Bytes: "BLOB",
  Numeric: "DECIMAL(38, 10)",
  Timestamp: "TIMESTAMP",
  Date: "DATE",
  Time: "TIME",
  Uuid: "UUID",
  Json: "JSON",
};

/** `duckdb:facts.db`, `duckdb:///var/facts.db`, `facts.db`, `md:database`. */
export function duckdbPath(url: string): string {
  return url.replace(/^duckdb:(\/\/)?/i, "");
}

/** The same with an absolute path; databases in memory and of MotherDuck have none. */
export function absoluteDuckdb(url: string, resolve: (path: string) => string): string {
  const path = duckdbPath(url);
  if (/^md:|^:memory:/i.test(path)) return url;
  return url.slice(0, url.length - path.length) + resolve(path);
}

/** A token of MotherDuck may be in it. */
function shownPath(path: string): string {
  return `duckdb:${path.replace(/\?.*$/, "")}`;
}

/** A file of DuckDB, or a database of MotherDuck. */
export function duckdbDialect(path: string): Dialect {
  const dialect: Dialect = {
    shown: shownPath(path),
    quote: (name) => quoteName(name, '"'),
    quoteTable: (table) => quoteTable(table, '"'),
    placeholder: (index) => `$${index}`,
    columnType: (type) => TYPES[type],
    begin: "BEGIN TRANSACTION",
    hasSavepoints: false,
    connect: async () => {
      const driver = await importDriver<Driver>("@duckdb/node-api");
      const instance = await driver.DuckDBInstance.create(path);
      return new DuckdbSession(driver, instance, await instance.connect(), dialect);
    },
    failure: duckdbFailure,
  };
  return dialect;
}

/** DuckDB's errors have no codes, but begin with their kind. */
const RECORD_ERRORS =
  /(Constraint|Conversion|Catalog|Binder|Out of Range|Invalid Input|Mismatch Type|Not implemented) Error|violates|AppendDataChunk/;

function duckdbFailure(error: unknown): Failure {
  const reason = reasonOf(error).replace(/\s*\n\s*/g, " ");
  const isRecord = RECORD_ERRORS.test(reason) && !/TransactionContext Error|Conflict on/.test(reason);
  if (reason.includes("Could not set lock"))
    return { kind: "passing", reason: `another process has the file open: ${reason}` };
  return { kind: isRecord ? "record" : "passing", reason };
}

/** Types whose values a double holds, as far as JSON numbers do. */
const NUMBERS: ReadonlySet<string> = new Set(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"]);
/** Rows of one chunk, as the engine has them. */
const CHUNK_ROWS = 2048;
/** Statements that are kept prepared. */
const PREPARED_MAX = 50;
const STAGE = "fluvio_stage";

class DuckdbSession implements Session {
  broken: string | undefined;
  readonly #driver: Driver;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #dialect: Dialect;
  /** By table: its columns with their types, in order. */
  readonly #columns = new Map<string, ReadonlyMap<string, string>>();
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();

  constructor(driver: Driver, instance: DuckDBInstance, connection: DuckDBConnection, dialect: Dialect) {
    this.#driver = driver;
    this.#instance = instance;
    this.#connection = connection;
    this.#dialect = dialect;
  }

  async run(sql: string, values: readonly Cell[] = []): Promise<number> {
    if (values.length === 0) return (await this.#connection.run(sql)).rowsChanged;
    const statement = this.#prepared.get(sql) ?? (await this.#prepare(sql));
    statement.bind(values.map(boundValue));
    return (await statement.run()).rowsChanged;
  }

  async #prepare(sql: string): Promise<DuckDBPreparedStatement> {
    if (this.#prepared.size >= PREPARED_MAX) this.#endPrepared();
    const statement = await this.#connection.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  #endPrepared(): void {
    for (const statement of this.#prepared.values()) statement.destroySync();
    this.#prepared.clear();
  }

  async select(sql: string, values: readonly Cell[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const reader = await this.#connection.runAndReadAll(sql, values.map(boundValue));
    return reader.getRowObjectsJson() as Record<string, unknown>[];
  }

  /** By the bulk appender, which converts what it gets as the columns want it; a row alone by a statement, whose errors say more. */
  async insert(rows: Rows): Promise<void> {
    const { shape } = rows;
    if (rows.count === 1) {
      await this.#insertOne(shape, cellsAt(rows, 0));
      return;
    }
    const known = await this.#columnsOf(shape.table);
    const columns = [...known.keys()];
    if (columns.length === 0) throw new Error(`Catalog Error: Table with name ${shape.table} does not exist`);
    const unknown = shape.columns.find((column) => !columns.includes(column));
    if (unknown !== undefined) throw new Error(`Binder Error: table ${shape.table} has no column ${unknown}`);
    if (shape.unique.length === 0 && columns.length === shape.columns.length) {
      await this.#append(shape.table, known, rows);
      return;
    }
    const names = shape.columns.map((one) => this.#dialect.quote(one)).join(", ");
    await this.run(
      `CREATE OR REPLACE TEMP TABLE ${STAGE} AS SELECT ${names} FROM ${this.#dialect.quoteTable(shape.table)} LIMIT 0`,
    );
    await this.#append(STAGE, new Map(shape.columns.map((one) => [one, known.get(one) ?? ""])), rows);
    await this.run(
      `${insertHead(this.#dialect, shape)} SELECT ${names} FROM ${STAGE} ORDER BY rowid${onConflict(this.#dialect, shape)}`,
    );
  }

  async #insertOne(shape: RowShape, cells: readonly Cell[]): Promise<void> {
    const places = cells.map((_, index) => `$${index + 1}`).join(", ");
    await this.run(
      `${insertHead(this.#dialect, shape)} VALUES (${places})${onConflict(this.#dialect, shape)}`,
      cells.map(textCell),
    );
  }

  async #append(table: string, columns: ReadonlyMap<string, string>, rows: Rows): Promise<void> {
    const { DuckDBDataChunk, VARCHAR } = this.#driver;
    const placeOf = (column: string) => rows.shape.columns.indexOf(column);
    const parts = [...columns].map(([column, type]) => ({ cells: rows.columns[placeOf(column)] ?? [], type }));
    const [name = "", schema, catalog] = tableParts(table).toReversed();
    const appender = await this.#connection.createAppender(name, schema, catalog);
    try {
      for (let from = 0; from < rows.count; from += CHUNK_ROWS) {
        const to = Math.min(rows.count, from + CHUNK_ROWS);
        const types = parts.map(({ cells, type }) => this.#vectorType(cells, from, to, type));
        const chunk = DuckDBDataChunk.create(types, to - from);
        for (const [index, { cells }] of parts.entries()) {
          const vector = chunk.getColumnVector(index);
          const isText = types[index] === VARCHAR;
          for (let at = from; at < to; at++) {
            const cell = cells[at] ?? null;
            vector.setItem(at - from, isText ? textCell(cell) : (cell as DuckDBValue));
          }
          vector.flush();
        }
        appender.appendDataChunk(chunk);
      }
      appender.flushSync();
    } catch (error) {
      // What failed must not be tried again when the appender is closed.
      appender.clear();
      throw error;
    } finally {
      appender.closeSync();
    }
  }

  /** Numbers and booleans go as they are where the column is of their kind, everything else as text. */
  #vectorType(cells: readonly Cell[], from: number, to: number, columnType: string): DuckDBType {
    const { BOOLEAN, DOUBLE, VARCHAR } = this.#driver;
    const kind = columnType === "BOOLEAN" ? "boolean" : NUMBERS.has(columnType) ? "number" : "string";
    if (kind === "string") return VARCHAR;
    for (let at = from; at < to; at++) {
      const cell = cells[at] ?? null;
      if (cell !== null && typeof cell !== kind) return VARCHAR;
    }
    return kind === "boolean" ? BOOLEAN : DOUBLE;
  }

  async #columnsOf(table: string): Promise<ReadonlyMap<string, string>> {
    const known = this.#columns.get(table);
    if (known !== undefined) return known;
    const rows = await this.select(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE ${this.#dialect.quoteTable(table)})`,
    );
    const columns = new Map(rows.map(({ name, type }) => [String(name), String(type)]));
    this.#columns.set(table, columns);
    return columns;
  }

  forget(): void {
    this.#endPrepared();
    this.#columns.clear();
  }

  destroy(): void {
    if (this.broken !== undefined) return;
    this.broken = "closed";
    this.forget();
    this.#connection.interrupt();
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  async close(): Promise<void> {
    this.destroy();
  }
}

/** Everything goes as text: the engine converts whole columns at once. */
function textCell(cell: Cell): string | null {
  if (cell === null || typeof cell === "string") return cell;
  if (!(cell instanceof Uint8Array)) return String(cell);
  let text = "";
  for (const byte of cell) text += `\\x${byte.toString(16).padStart(2, "0").toUpperCase()}`;
  return text;
}

const boundValue = (cell: Cell) => (cell instanceof Uint8Array ? textCell(cell) : cell);
