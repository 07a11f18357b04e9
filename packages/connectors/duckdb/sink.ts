import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { checkRowOptions, rowFields, rowReader } from "../shared/sql/options.ts";
import { writeTables } from "../shared/sql/write-tables.ts";
import { absoluteDuckdb, duckdbDialect, duckdbPath } from "./duckdb.ts";
import { ParquetExport } from "./export.ts";

const config = z
  .object({
    url: field.parsed("the path of a database", (text) => (duckdbPath(text) === "" ? undefined : text), {
      kind: "path",
      doc: "the database: a path, `duckdb:PATH`, or `md:DATABASE` for MotherDuck",
      aliases: ["path", "database-url"],
      secret: "DUCKDB_URL",
      absolute: absoluteDuckdb,
      isSecret: false,
    }),
    ...rowFields,
    export: field.map(
      {
        path: field.path({ doc: "folder of the files" }),
        every: field.duration({ doc: "time from one file to the next", default: "1m", minMs: 1 }),
      },
      { doc: "writes the rows that came since the last time to Parquet files, `PATH/TABLE/000001.parquet` and so on" },
    ),
    timeout: field.duration({ doc: "longest time for one transaction", default: "60s", minMs: 1 }),
  })
  .superRefine((options, context) => {
    checkRowOptions(options, context);
    if (
      options.export !== undefined &&
      (options.operation === "upsert" || (options.mapping?.unique ?? []).length > 0)
    ) {
      context.addIssue({
        code: "custom",
        path: ["export"],
        message: "is for rows that do not change: not with upserts",
      });
    }
  });

/** Writes the records of a topic into tables of DuckDB. */
export const connector = defineSink({
  name: "duckdb",
  version: "0.1.0",
  summary: "Writes records into tables of DuckDB, and to Parquet files",
  config,
  run: (context) => {
    const { config: own } = context;
    const dialect = duckdbDialect(duckdbPath(own.url));
    const between = own.export === undefined ? {} : { between: new ParquetExport(own.export, dialect, Date.now()) };
    return writeTables(context, { dialect, read: rowReader(own), ...between });
  },
});
