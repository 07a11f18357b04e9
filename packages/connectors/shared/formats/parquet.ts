import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { type Column, type ColumnType, namesOf, type Row } from "./columns.ts";

const BASIC_TYPES = {
  text: "STRING",
  integer: "INT64",
  double: "DOUBLE",
  boolean: "BOOLEAN",
  timestamp: "TIMESTAMP",
  json: "JSON",
} as const;

/**
 * Rows as a Parquet file, packed by Snappy. A column without a type gets that of its values: `integer` when all are whole
 * numbers, `double` when all are numbers, `boolean`, `text`; otherwise `json`.
 */
export function parquetFile(rows: readonly Row[], columns: readonly Column[] | undefined): Uint8Array {
  const columnData = (columns ?? namesOf(rows)).map(({ name, type }): ColumnSource => {
    const values = rows.map((row) => row[name] ?? null);
    const own = type ?? typeOf(values);
    return {
      name,
      data: values.map((value) => (value === null ? null : converted(value, own))),
      type: BASIC_TYPES[own],
    };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** Why a row has no place in columns with these types. */
export function misfit(row: Row, columns: readonly Column[] | undefined): string | undefined {
  for (const { name, type } of columns ?? []) {
    const value = row[name] ?? null;
    if (value === null || type === undefined) continue;
    if (converted(value, type) === undefined)
      return `the value has ${JSON.stringify(value)} for \`${name}\`, which is no ${type}`;
  }
  return undefined;
}

function typeOf(values: readonly unknown[]): ColumnType {
  const given = values.filter((value) => value !== null);
  if (given.every((value) => typeof value === "string")) return "text";
  if (given.every((value) => typeof value === "boolean")) return "boolean";
  if (given.every((value) => Number.isSafeInteger(value))) return "integer";
  if (given.every((value) => typeof value === "number")) return "double";
  return "json";
}

/** `undefined`: the value is not of the type. */
function converted(value: unknown, type: ColumnType): unknown {
  switch (type) {
    case "json":
      return value;
    case "text":
      return typeof value === "object" ? JSON.stringify(value) : String(value);
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "double":
      return typeof value === "number" ? value : undefined;
    case "integer":
      return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
    case "timestamp": {
      const date = typeof value === "string" || typeof value === "number" ? new Date(value) : undefined;
      return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
    }
  }
}
