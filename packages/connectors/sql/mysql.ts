import mysql from "mysql2/promise";
import { reasonOf } from "../shared/reason.ts";
import { type Address, addressOf, shownAddress, withTls } from "../shared/sql/address.ts";
import { type Dialect, type Failure, insertHead, type Session } from "../shared/sql/dialect.ts";
import { quoteName, quoteTable } from "../shared/sql/names.ts";
import type { RowShape } from "../shared/sql/row.ts";
import { cellsAt, type Rows } from "../shared/sql/runs.ts";
import type { Cell, SqlType } from "../shared/sql/types.ts";
import type { ServerOptions } from "./postgres.ts";

const TYPES: Readonly<Record<SqlType, string>> = {
  Bool: "BOOLEAN",
  Char: "CHAR(1)",
  SmallInt: "SMALLINT",
  Int: "INT",
  BigInt: "BIGINT",
  Float: "FLOAT",
  DoublePrecision: "DOUBLE",
  Text: "LONGTEXT",
  Bytes: "LONGBLOB",
  Numeric: "DECIMAL(38, 10)",
  Timestamp: "DATETIME(6)",
  Date: "DATE",
  Time: "TIME(6)",
  Uuid: "CHAR(36)",
  Json: "JSON",
};
/** A key has a length. */
const KEY_TYPES: Partial<Record<SqlType, string>> = { Text: "VARCHAR(255)", Bytes: "VARBINARY(255)" };

/** MySQL and MariaDB. */
export function mysqlDialect(url: URL, options: ServerOptions): Dialect {
  const address = addressOf(url, options, 3306);
  const dialect: Dialect = {
    shown: shownAddress(url),
    quote: (name) => quoteName(name, "`"),
    quoteTable: (table) => quoteTable(table, "`"),
    placeholder: () => "?",
    columnType: (type, isKey) => (isKey ? KEY_TYPES[type] : undefined) ?? TYPES[type],
    // Servers whose own is a narrower one are still about.
    tableOptions: " CHARACTER SET utf8mb4",
    begin: "START TRANSACTION",
    hasSavepoints: true,
    connect: (onBroken) =>
      withTls(
        address,
        async (tls) => await MysqlSession.open(await connectionOf(address, tls, options), dialect, onBroken),
        (error) => error instanceof Error && "code" in error && error.code === "HANDSHAKE_NO_SSL_SUPPORT",
      ),
    failure: mysqlFailure,
  };
  return dialect;
}

async function connectionOf(
  address: Address,
  tls: object | undefined,
  options: ServerOptions,
): Promise<mysql.Connection> {
  const { host, port, user, password, database } = address;
  return await mysql.createConnection({
    host,
    port,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    // The driver does not look at a check of the name that it is given.
    ...(tls === undefined ? {} : { ssl: { ...tls, verifyIdentity: address.tls === "verify-full" } }),
    charset: "utf8mb4",
    enableKeepAlive: true,
    connectTimeout: options.connectTimeoutMs,
    maxPreparedStatements: 100,
    supportBigNumbers: true,
  });
}

/** Errors that are the record's: values, constraints, tables and columns that are not there. */
const RECORD_ERRORS = new Set([
  1048, 1054, 1062, 1064, 1071, 1072, 1074, 1103, 1109, 1110, 1118, 1136, 1146, 1166, 1171, 1216, 1217, 1230, 1231,
  1264, 1265, 1292, 1300, 1364, 1366, 1367, 1406, 1411, 1416, 1451, 1452, 1525, 1526, 1586, 1644, 1690, 1761, 1762,
  1859, 3140, 3819, 3988, 4025,
]);

function mysqlFailure(error: unknown): Failure {
  const number = error instanceof Error && "errno" in error ? Number(error.errno) : 0;
  return { kind: RECORD_ERRORS.has(number) ? "record" : "passing", reason: reasonOf(error) };
}

/** Bound values of one statement; the server's own limit is 65535. */
const VALUES_MAX = 60_000;
/** A part of what a server takes in one packet by default (16 MiB, older ones 4 MiB). */
const STATEMENT_SIZE_BYTES_MAX = 2 * 1024 * 1024;

class MysqlSession implements Session {
  broken: string | undefined;
  readonly #connection: mysql.Connection;
  readonly #dialect: Dialect;

  private constructor(connection: mysql.Connection, dialect: Dialect, onBroken: () => void) {
    this.#connection = connection;
    this.#dialect = dialect;
    const lost = (reason: string) => {
      if (this.broken !== undefined) return;
      this.broken = reason;
      onBroken();
    };
    connection.on("error", (error: Error) => lost(error.message));
    connection.on("end", () => lost("the connection was closed"));
  }

  static async open(connection: mysql.Connection, dialect: Dialect, onBroken: () => void): Promise<MysqlSession> {
    const session = new MysqlSession(connection, dialect, onBroken);
    // What does not fit is refused, never cut; times are in UTC as the SQL model has them.
    await session.run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'");
    return session;
  }

  async run(sql: string, values: readonly Cell[] = []): Promise<number> {
    const [result] =
      values.length === 0
        ? await this.#connection.query<mysql.ResultSetHeader>(sql)
        : await this.#connection.execute<mysql.ResultSetHeader>(sql, values.map(boundValue));
    return result.affectedRows;
  }

  async select(sql: string, values: readonly Cell[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const [rows] = await this.#connection.execute<mysql.RowDataPacket[]>(sql, values.map(boundValue));
    return rows;
  }

  async insert(rows: Rows): Promise<void> {
    const countMax = Math.max(1, Math.floor(VALUES_MAX / rows.shape.columns.length));
    for (let from = 0; from < rows.count; ) {
      const some: Cell[][] = [];
      for (let sizeBytes = 0; from < rows.count && some.length < countMax; from++) {
        const cells = cellsAt(rows, from);
        sizeBytes += sizeOf(cells);
        if (some.length > 0 && sizeBytes > STATEMENT_SIZE_BYTES_MAX) break;
        some.push(cells);
      }
      await this.#insertSome(rows.shape, some);
    }
  }

  async #insertSome(shape: RowShape, rows: readonly (readonly Cell[])[]): Promise<void> {
    const tuple = `(${shape.columns.map(() => "?").join(",")})`;
    const tuples = new Array<string>(rows.length).fill(tuple).join(",");
    const sql = `${insertHead(this.#dialect, shape)} VALUES ${tuples}${onDuplicateKey(this.#dialect, shape)}`;
    await this.run(sql, rows.flat());
  }

  forget(): void {
    // Nothing is kept of tables.
  }

  destroy(): void {
    this.broken ??= "given up";
    this.#connection.destroy();
  }

  async close(): Promise<void> {
    this.broken ??= "closed";
    await this.#connection.end();
  }
}

function sizeOf(cells: readonly Cell[]): number {
  let sizeBytes = 0;
  for (const cell of cells) sizeBytes += typeof cell === "string" || cell instanceof Uint8Array ? cell.length + 4 : 8;
  return sizeBytes;
}

/** The key is the one that the new row meets: MySQL does not let a statement name it. */
function onDuplicateKey(dialect: Dialect, shape: RowShape): string {
  if (shape.unique.length === 0) return "";
  const rest = shape.columns.filter((column) => !shape.unique.includes(column));
  const set = rest.length === 0 ? shape.unique.slice(0, 1) : rest;
  const name = (column: string) => dialect.quote(column);
  return ` ON DUPLICATE KEY UPDATE ${set.map((column) => `${name(column)} = VALUES(${name(column)})`).join(", ")}`;
}

function boundValue(cell: Cell): string | number | Buffer | null {
  if (typeof cell === "boolean") return cell ? 1 : 0;
  return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength) : cell;
}
