import { field, type SinkRecord } from "fluvio/connector";

const TYPES = ["text", "integer", "double", "boolean", "timestamp", "json"] as const;
export type ColumnType = (typeof TYPES)[number];

/** A column as it was asked for. */
export interface Column {
  readonly name: string;
  /** When absent, what fits all values. */
  readonly type?: ColumnType;
}

/** Option for the columns of rows: `name` or `name:type`. */
export const columnsField = field.optionalParsed(
  "names such as `id` or `id:integer`, with commas between them",
  parse,
  {
    doc: `columns of csv and parquet, such as \`id:integer, name\`; types: ${TYPES.join(", ")}. By default all that the records of an object have`,
    kind: "list of columns",
  },
);

function parse(text: string): readonly Column[] | undefined {
  const columns = text.split(",").map((one): Column | undefined => {
    const [name = "", type, ...rest] = one.split(":").map((part) => part.trim());
    const known = TYPES.find((candidate) => candidate === type);
    if (name === "" || rest.length > 0 || (type !== undefined && known === undefined)) return undefined;
    return known === undefined ? { name } : { name, type: known };
  });
  return columns.includes(undefined) ? undefined : (columns as Column[]);
}

export type Row = Readonly<Record<string, unknown>>;

/** The value of a record as a row, or why it is none. */
export function rowOf({ value }: SinkRecord): Row | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
  } catch {
    return "the value is not JSON";
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return "the value is not a JSON object";
  return parsed as Row;
}

/** All names that rows have, in the order in which they come. */
export function namesOf(rows: readonly Row[]): Column[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return [...names].map((name) => ({ name }));
}
