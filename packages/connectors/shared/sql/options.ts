import { field } from "fluvio/connector";
import type { z } from "zod";
import { changesReader } from "./changes.ts";
import { type ColumnRule, type Mapping, mappingReader, readColumns, readMapping } from "./mapping.ts";
import { type DocumentReader, jsonOf, modelReader, type RowReader } from "./row.ts";

/** Records of one transaction: what a transaction costs counts less the more there are. */
const BATCH_SIZE = 10_000;

/** Options of every sink that writes rows. */
export const rowFields = {
  table: field.optionalText({
    doc: "table of records that are JSON objects; without it (and without `mapping`) records are rows of the SQL model, as json-sql makes them",
  }),
  columns: field.nested(readColumns, {
    kind: "map of columns",
    doc: "where the columns of `table` come from: `id: $.user.id`, or `id: { path, type, default, required }`; without it every field of the object is a column",
  }),
  mapping: field.nested(readMapping, {
    kind: "map",
    doc: "table and columns in the form of json-sql's `mapping`, in place of `table` and `columns`",
  }),
  changes: field.flag({
    doc: "records are changes of rows, as the postgres source makes them with `format: changes`: they are applied to tables of the same names",
    default: "false",
  }),
  operation: field.oneOf(["insert", "upsert"], {
    doc: "`upsert` replaces the row that has the same `unique-columns`",
    default: "insert",
  }),
  "unique-columns": field.optionalTexts({
    doc: "columns that identify a row, for upserts; the primary key of a table that is made",
    aliases: ["key-columns"],
  }),
  "create-table": field.flag({ doc: "makes tables that are missing", default: "false" }),
  "offsets-table": field.text({
    doc: "table in which the sink keeps how far it is, written in the same transaction as the rows",
    default: "fluvio_offsets",
  }),
  batch: field.map(
    {
      size: field.integer({
        doc: "records in one transaction at most",
        default: String(BATCH_SIZE),
        min: 1,
        max: 100_000,
      }),
      "size-bytes": field.byteSize({ doc: "keys and values in one transaction at most", default: "4MB" }),
      linger: field.duration({ doc: "how long a transaction waits for more records", default: "50ms" }),
    },
    { doc: "how many records are written together" },
  ),
};

export interface RowOptions {
  readonly table?: string | undefined;
  readonly columns?: readonly ColumnRule[] | undefined;
  readonly mapping?: Mapping | undefined;
  readonly changes: boolean;
  readonly operation: "insert" | "upsert";
  readonly "unique-columns"?: readonly string[] | undefined;
}

/** How rows are written. */
export interface WriteOptions {
  readonly "create-table": boolean;
  readonly "offsets-table": string;
  readonly batch?: z.output<NonNullable<typeof rowFields>["batch"]>;
  /** Longest time for one transaction, milliseconds. */
  readonly timeout: number;
}

/** What the options do not say together. */
export function checkRowOptions(options: RowOptions, context: z.RefinementCtx): void {
  const problem = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
  const { table, columns, mapping, operation } = options;
  if (options.changes && (table !== undefined || mapping !== undefined)) {
    problem("changes", "names the tables itself: remove `table` and `mapping`");
  } else if (mapping !== undefined && (table !== undefined || columns !== undefined)) {
    problem("mapping", "says the same as `table` and `columns`: keep one");
  } else if (columns !== undefined && table === undefined) problem("table", "is missing");
  else if (operation === "upsert" && mapping === undefined && options["unique-columns"] === undefined) {
    problem("unique-columns", "is missing");
  }
}

/** How values of records become rows. */
export function rowReader(options: RowOptions): RowReader {
  const read = documentReader(options);
  return (value) => read(jsonOf(value));
}

/** How documents become rows. */
export function documentReader(options: RowOptions): DocumentReader {
  const { table, columns, mapping } = options;
  if (options.changes) return changesReader({ unique: options["unique-columns"] ?? [], makesTables: true });
  const unique = options.operation === "upsert" ? (options["unique-columns"] ?? []) : [];
  if (mapping !== undefined) return mappingReader(unique.length === 0 ? mapping : { ...mapping, unique });
  if (table === undefined) return modelReader({ unique });
  return mappingReader({ table, unique, ...(columns === undefined ? {} : { columns }) });
}

/** How records are put into groups. */
export function groupOptions(batch: WriteOptions["batch"]) {
  return {
    recordsMax: batch?.size ?? BATCH_SIZE,
    sizeBytesMax: batch?.["size-bytes"] ?? 4_000_000,
    lingerMs: batch?.linger ?? 50,
  };
}
