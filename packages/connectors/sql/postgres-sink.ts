import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { absoluteTlsFiles, tlsOptionsOf } from "../shared/sql/address.ts";
import { tableBeside } from "../shared/sql/names.ts";
import { checkRowOptions, documentReader, type RowOptions, rowFields } from "../shared/sql/options.ts";
import { type DocumentReader, isObject, jsonOf } from "../shared/sql/row.ts";
import { writeTables } from "../shared/sql/write-tables.ts";
import { messageReader } from "./messages.ts";
import { postgresDialect } from "./postgres.ts";
import { Relations } from "./relations.ts";
import { serverFields } from "./server-fields.ts";

const config = z
  .object({
    url: field.url(["postgres", "postgresql"], {
      doc: "the database, `postgres://user:password@host:5432/database`",
      aliases: ["database-url"],
      secret: "FLUVIO_PG_DATABASE_URL",
      absolute: absoluteTlsFiles,
      isSecret: false,
    }),
    ...rowFields,
    ...serverFields,
  })
  .superRefine(checkRowOptions);

/** Does to a database what the postgres source has read of another one; writes rows as the sink `sql` does, too. */
export const connector = defineSink({
  name: "postgres",
  version: "0.1.0",
  summary: "Applies the changes of a PostgreSQL database to another one, or writes records into its tables",
  config,
  run: async (context) => {
    const { config: own, name, topic } = context;
    const dialect = postgresDialect(own.url, {
      ...{ name, timeoutMs: own.timeout, connectTimeoutMs: own["connect-timeout"] },
      ...tlsOptionsOf(own),
    });
    const relations = new Relations(dialect, tableBeside(own["offsets-table"], "_relations"), name, topic);
    const read = reader(own, relations);
    await writeTables(context, { dialect, read: (value) => read(jsonOf(value)), memory: relations });
  },
});

/** What the postgres source makes of changes, in either form, unless the options say what records are. */
function reader(options: RowOptions, relations: Relations): DocumentReader {
  const rows = documentReader(options);
  if (options.table !== undefined || options.mapping !== undefined || options.changes) return rows;
  const changes = documentReader({ ...options, changes: true });
  const other: DocumentReader = (document) => (isChange(document.json) ? changes : rows)(document);
  return messageReader(relations, { unique: options["unique-columns"] ?? [], other });
}

/** A row of the SQL model has one member, the name of what is done with it. */
function isChange(json: unknown): boolean {
  return isObject(json) && typeof json.op === "string" && typeof json.table === "string";
}
