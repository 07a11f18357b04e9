import { isJson } from "../json-text.ts";
import { type Cell, type SqlType, sqlType, typedCell } from "./types.ts";

/** What rows of one statement have in common. One object for all rows of a kind. */
export interface RowShape {
  /** With a dot between schema and table. */
  readonly table: string;
  readonly columns: readonly string[];
  /** `undefined`: the database's column decides. */
  readonly types: readonly (SqlType | undefined)[];
  /** Types for a table that is made: the declared ones, else what the first record suggests. Empty: it is never made. */
  readonly madeTypes: readonly SqlType[];
  /** Of an upsert: the columns that identify a row. Empty: plain insert. */
  readonly unique: readonly string[];
  /**
   * Absent: rows are put into the table. `update`: cells are those of `columns`, then those of `unique`, which say where;
   * `delete`: those of `unique`. `define`: the table gets what is missing of `definition`.
   */
  readonly action?: "update" | "delete" | "truncate" | "define" | { readonly sql: string };
  readonly definition?: TableDefinition;
}

/** A table as the server that it comes from describes it. The types are those of PostgreSQL, by their object id. */
interface TableDefinition {
  readonly schema: string;
  readonly columns: readonly { readonly name: string; readonly typeId: number; readonly typeModifier: number }[];
}

export interface Row {
  readonly shape: RowShape;
  readonly cells: readonly Cell[];
}

/** Makes rows of a record's value. @throws with the reason when the record can never be one */
export type RowReader = (value: Uint8Array) => Row | readonly Row[];

/** A record's value that was read. */
export interface Document {
  readonly text: string;
  readonly json: unknown;
}

export type DocumentReader = (document: Document) => Row | readonly Row[];

/** More kinds of rows than this are not remembered. */
const SHAPES_MAX = 1000;

/** Finds the shape that earlier rows of the same kind have. */
export class RowShapes {
  readonly #known = new Map<string, RowShape>();

  of(key: string, make: () => RowShape): RowShape {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= SHAPES_MAX) this.#known.clear();
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a record. @throws with the reason when it is not UTF-8 */
function textOf(value: Uint8Array): string {
  try {
    return utf8.decode(value);
  } catch {
    throw new Error("the record is not UTF-8");
  }
}

/** @throws with the reason */
export function jsonOf(value: Uint8Array): Document {
  const text = textOf(value);
  try {
    return { text, json: JSON.parse(text) };
  } catch (cause) {
    throw new Error(`the record is not JSON: ${(cause as Error).message}`);
  }
}

interface ModelValue {
  readonly column: string;
  readonly raw_value: string;
  readonly type: string;
}

export interface ModelOptions {
  /** Taken for every record: an insert becomes an upsert by these columns. */
  readonly unique: readonly string[];
}

const NOT_A_MODEL =
  'the record is no row of the SQL model, {"Insert":{"table":"…","values":[{"column":"…","raw_value":"…","type":"…"}]}}: put json-sql on the way, or give the sink a `table`';

/** Reads records of the SQL model, as json-sql makes them. */
export function modelReader({ unique }: ModelOptions): DocumentReader {
  const shapes = new RowShapes();
  return ({ json }) => {
    const [operation, body] = Object.entries(isObject(json) ? json : {})[0] ?? [];
    if ((operation !== "Insert" && operation !== "Upsert") || !isObject(body)) throw new Error(NOT_A_MODEL);
    const { table, values } = body;
    if (typeof table !== "string" || !Array.isArray(values) || values.length === 0) throw new Error(NOT_A_MODEL);
    for (const one of values) if (!isModelValue(one)) throw new Error(NOT_A_MODEL);
    const model = values as readonly ModelValue[];
    const keys = operation === "Upsert" ? uniqueColumns(body) : unique;
    const key = JSON.stringify([table, keys, model.map(({ column, type }) => [column, type])]);
    const shape = shapes.of(key, () => {
      const types = model.map(modelType);
      return { table, columns: model.map(({ column }) => column), types, madeTypes: types, unique: keys };
    });
    return { shape, cells: model.map((one, index) => modelCell(one, shape.types[index] ?? "Text")) };
  };
}

function isModelValue(one: unknown): one is ModelValue {
  return (
    isObject(one) && typeof one.column === "string" && typeof one.raw_value === "string" && typeof one.type === "string"
  );
}

function modelType({ column, type }: ModelValue): SqlType {
  const known = sqlType(type);
  if (known === undefined) throw new Error(`column ${column}: unknown type ${type}`);
  return known;
}

/** Released versions name the columns in one of three ways. */
function uniqueColumns(body: Readonly<Record<string, unknown>>): readonly string[] {
  const { id_columns: listed, uniq_idx: joined, unique_columns: named } = body;
  const given = listed ?? named ?? joined;
  const names = typeof given === "string" ? given.split(",").map((one) => one.trim()) : given;
  if (Array.isArray(names) && names.length > 0 && names.every((one) => typeof one === "string" && one !== "")) {
    return names;
  }
  throw new Error("the record is an upsert without the columns that identify a row (`id_columns`)");
}

/** What is missing or null in the JSON behind a row comes as an empty text or `null`. */
function modelCell({ column, raw_value: raw }: ModelValue, type: SqlType): Cell {
  if (type === "Text" || type === "Char") return raw;
  if (raw === "" || (raw === "null" && type !== "Json")) return null;
  // A JSON string comes without its quotes.
  if (type === "Json") return /^\s*[[{]/.test(raw) || isJson(raw) ? raw : JSON.stringify(raw);
  return inColumn(column, () => typedCell(raw, type));
}

/** Puts the column before the reason. */
export function inColumn<T>(column: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`column ${column}: ${(error as Error).message}`);
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
