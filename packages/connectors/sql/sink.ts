import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { absoluteTlsFiles, tlsOptionsOf } from "../shared/sql/address.ts";
import type { Dialect } from "../shared/sql/dialect.ts";
import { checkRowOptions, rowFields, rowReader } from "../shared/sql/options.ts";
import { writeTables } from "../shared/sql/write-tables.ts";
import { mysqlDialect } from "./mysql.ts";
import { postgresDialect } from "./postgres.ts";
import { serverFields } from "./server-fields.ts";
import { absoluteSqlite, sqliteDialect, sqlitePath } from "./sqlite.ts";

const SERVER_SCHEMES = ["postgres", "postgresql", "mysql", "mariadb"];

/** @returns `undefined` for what is no URL of a database that the sink knows */
function databaseUrl(text: string): string | undefined {
  if (/^sqlite:/i.test(text)) return sqlitePath(text) === "" ? undefined : text;
  return SERVER_SCHEMES.includes(new URL(text).protocol.slice(0, -1)) ? text : undefined;
}

const config = z
  .object({
    url: field.parsed("a URL that begins with postgres://, mysql://, mariadb:// or sqlite:", databaseUrl, {
      kind: "URL",
      doc: "the database: `postgres://user:password@host:5432/database`, `mysql://…`, `mariadb://…`, `sqlite:PATH`",
      aliases: ["database-url"],
      secret: "FLUVIO_DATABASE_URL",
      absolute: (given, resolve) => (/^sqlite:/i.test(given) ? absoluteSqlite : absoluteTlsFiles)(given, resolve),
      isSecret: false,
    }),
    ...rowFields,
    ...serverFields,
  })
  .superRefine(checkRowOptions);
type SqlConfig = z.output<typeof config>;

/** Writes the records of a topic into tables of PostgreSQL, MySQL, MariaDB or SQLite. */
export const connector = defineSink({
  name: "sql",
  version: "0.1.0",
  summary: "Writes records into tables of PostgreSQL, MySQL, MariaDB or SQLite",
  config,
  run: (context) => {
    const { config: own, name } = context;
    return writeTables(context, { dialect: dialectOf(own, name), read: rowReader(own) });
  },
});

function dialectOf(own: SqlConfig, name: string): Dialect {
  if (/^sqlite:/i.test(own.url)) return sqliteDialect(sqlitePath(own.url));
  const url = new URL(own.url);
  const options = {
    name,
    ...tlsOptionsOf(own),
    timeoutMs: own.timeout,
    connectTimeoutMs: own["connect-timeout"],
  };
  return url.protocol.startsWith("postgres") ? postgresDialect(url, options) : mysqlDialect(url, options);
}
