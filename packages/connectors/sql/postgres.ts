import pg from "pg";
import { reasonOf } from "../shared/reason.ts";
import { type Address, type AddressOptions, addressOf, shownAddress, withTls } from "../shared/sql/address.ts";
import { type Dialect, type Failure, insertHead, onConflict, type Session } from "../shared/sql/dialect.ts";
import { quoteName, quoteTable } from "../shared/sql/names.ts";
import type { RowShape } from "../shared/sql/row.ts";
import { cellsAt, type Rows } from "../shared/sql/runs.ts";
import type { Cell, SqlType } from "../shared/sql/types.ts";

const TYPES: Readonly<Record<SqlType, string>> = {
  Bool: "BOOLEAN",
  Char: "CHAR(1)",
  SmallInt: "SMALLINT",
  Int: "INTEGER",
  BigInt: "BIGINT",
  Float: "REAL",
  DoublePrecision: "DOUBLE PRECISION",
  Text: "TEXT",
  Bytes: "BYTEA",
  Numeric: "NUMERIC",
  Timestamp: "TIMESTAMP",
  Date: "DATE",
  Time: "TIME",
  Uuid: "UUID",
  Json: "JSONB",
};

export interface ServerOptions extends AddressOptions {
  readonly name: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** PostgreSQL, and what speaks its protocol. */
export function postgresDialect(url: URL, options: ServerOptions): Dialect {
  const address = addressOf(url, options, 5432);
  const dialect: Dialect = {
    shown: shownAddress(url),
    quote: (name) => quoteName(name, '"'),
    quoteTable: (table) => quoteTable(table, '"'),
    placeholder: (index) => `$${index}`,
    columnType: (type) => TYPES[type],
    begin: "BEGIN",
    hasSavepoints: true,
    connect: (onBroken) =>
      withTls(
        address,
        async (tls) => {
          const session = new PostgresSession(clientOf(address, tls, options), dialect, onBroken);
          await session.open();
          return session;
        },
        (error) => error instanceof Error && error.message.includes("does not support SSL"),
      ),
    failure: postgresFailure,
  };
  return dialect;
}

function clientOf(address: Address, tls: object | undefined, options: ServerOptions): pg.Client {
  const { host, port, user, password, database } = address;
  return new pg.Client({
    host,
    port,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ssl: tls ?? false,
    keepAlive: true,
    connectionTimeoutMillis: options.connectTimeoutMs,
    // A statement of a connection that was given up ends too.
    statement_timeout: options.timeoutMs,
    application_name: `fluvio_connector_${options.name}`,
    options: "-c timezone=UTC",
  });
}

/** By SQLSTATE: the class tells whose fault it is. */
function postgresFailure(error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const detail = error instanceof Error && "detail" in error && error.detail !== undefined ? ` (${error.detail})` : "";
  const isDenied = code === "42501";
  const isRecord = /^(22|23|42|21|44|54|0A|P0)...$/.test(code) && !isDenied;
  return { kind: isRecord ? "record" : "passing", reason: `${reasonOf(error)}${detail}` };
}

/** Statements of more shapes are not kept by the server. */
const PREPARED_MAX = 200;
/** Bound values of one statement. */
const VALUES_MAX = 65_535;

class PostgresSession implements Session {
  broken: string | undefined;
  readonly #client: pg.Client;
  readonly #dialect: Dialect;
  readonly #names = new Map<string, string>();
  /** By table: the type of each column, without its length. */
  readonly #types = new Map<string, ReadonlyMap<string, string>>();

  constructor(client: pg.Client, dialect: Dialect, onBroken: () => void) {
    this.#client = client;
    this.#dialect = dialect;
    const lost = (reason: string) => {
      if (this.broken !== undefined) return;
      this.broken = reason;
      onBroken();
    };
    client.on("error", (error) => lost(error.message));
    client.on("end", () => lost("the connection was closed"));
  }

  async open(): Promise<void> {
    try {
      await this.#client.connect();
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  async run(sql: string, values: readonly Cell[] = []): Promise<number> {
    const result = await this.#client.query(values.length === 0 ? sql : { text: sql, values: values.map(boundValue) });
    return result.rowCount ?? 0;
  }

  async select(sql: string, values: readonly Cell[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const result = await this.#client.query({ text: sql, values: values.map(boundValue) });
    return result.rows as Record<string, unknown>[];
  }

  /** A column is one bound array: as fast for many rows as the server can be, and no limit of their number. */
  async insert(rows: Rows): Promise<void> {
    const { shape } = rows;
    const types = await this.#columnTypes(shape.table);
    const known = shape.columns.map((column) => types.get(column));
    // The server says better than we could what is wrong with a table or a column that is not there.
    if (rows.count === 1 || known.some((type) => type === undefined || type.endsWith("[]"))) {
      await this.#insertValues(rows);
      return;
    }
    const arrays = known.map((type, index) => `$${index + 1}::${type}[]`).join(", ");
    const text = `${insertHead(this.#dialect, shape)} SELECT * FROM unnest(${arrays})${onConflict(this.#dialect, shape)}`;
    const values = rows.columns.map((column) => column.map(boundValue));
    await this.#client.query({ ...this.#prepared(text), text, values });
  }

  async #insertValues(rows: Rows): Promise<void> {
    const { shape } = rows;
    const width = shape.columns.length;
    const count = Math.max(1, Math.floor(VALUES_MAX / width));
    for (let from = 0; from < rows.count; from += count) {
      const some = Array.from({ length: Math.min(count, rows.count - from) }, (_, at) => cellsAt(rows, from + at));
      const tuples = some.map((_, row) => `(${shape.columns.map((__, index) => `$${row * width + index + 1}`)})`);
      const text = `${insertHead(this.#dialect, shape)} VALUES ${tuples.join(",")}${onConflict(this.#dialect, shape)}`;
      await this.#client.query({ text, values: some.flatMap((cells) => cells.map(boundValue)) });
    }
  }

  async define({ table, unique, definition }: RowShape): Promise<void> {
    if (definition === undefined) return;
    const { schema, columns } = definition;
    this.#types.delete(table);
    const known = await this.#columnTypes(table);
    this.#types.delete(table);
    const missing = columns.filter(({ name }) => !known.has(name));
    if (missing.length === 0) return;
    // What is no type of every server is text, which every server has.
    const types = await this.select(
      "SELECT CASE WHEN id < 16384 THEN format_type(id, modifier) ELSE 'text' END AS type " +
        "FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS given (id, modifier, n) ORDER BY n",
      [
        `{${missing.map(({ typeId }) => typeId).join(",")}}`,
        `{${missing.map(({ typeModifier }) => typeModifier).join(",")}}`,
      ],
    );
    const added = missing.map(({ name }, index) => `${this.#dialect.quote(name)} ${types[index]?.type}`);
    const name = this.#dialect.quoteTable(table);
    if (known.size > 0) {
      await this.run(`ALTER TABLE ${name} ${added.map((one) => `ADD COLUMN IF NOT EXISTS ${one}`).join(", ")}`);
      return;
    }
    const [found] = await this.select("SELECT to_regnamespace(quote_ident($1)) IS NULL AS missing", [schema]);
    if (found?.missing === true) await this.run(`CREATE SCHEMA IF NOT EXISTS ${this.#dialect.quote(schema)}`);
    const key = unique.map((one) => this.#dialect.quote(one)).join(", ");
    const parts = key === "" ? added : [...added, `PRIMARY KEY (${key})`];
    await this.run(`CREATE TABLE IF NOT EXISTS ${name} (${parts.join(", ")})`);
  }

  async #columnTypes(table: string): Promise<ReadonlyMap<string, string>> {
    const known = this.#types.get(table);
    if (known !== undefined) return known;
    const rows = await this.select(
      "SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
      [this.#dialect.quoteTable(table)],
    );
    const types = new Map(rows.map(({ attname, type }) => [String(attname), String(type)]));
    if (types.size > 0) this.#types.set(table, types);
    return types;
  }

  #prepared(text: string): { readonly name?: string } {
    const known = this.#names.get(text);
    if (known !== undefined) return { name: known };
    if (this.#names.size >= PREPARED_MAX) return {};
    const name = `fluvio_${this.#names.size}`;
    this.#names.set(text, name);
    return { name };
  }

  forget(): void {
    this.#types.clear();
  }

  destroy(): void {
    this.broken ??= "given up";
    // `end` would wait for what runs.
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  async close(): Promise<void> {
    this.broken ??= "closed";
    await this.#client.end();
  }
}

function boundValue(cell: Cell): string | null {
  if (cell === null) return null;
  return cell instanceof Uint8Array ? `\\x${Buffer.from(cell).toString("hex")}` : String(cell);
}
