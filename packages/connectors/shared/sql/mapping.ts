import type { ParameterValue } from "fluvio/connector";
import { type JsonPath, jsonAt, parseJsonPath } from "../json-text.ts";
import { type DocumentReader, inColumn, isObject, type Row, type RowShape, RowShapes } from "./row.ts";
import { type Cell, type SqlType, sqlType, typedCell } from "./types.ts";

/** Where a column's value comes from. */
export interface ColumnRule {
  readonly column: string;
  readonly path: JsonPath;
  /** The path as it was written, for messages. */
  readonly key: string;
  readonly type?: SqlType;
  readonly default?: string;
  readonly isRequired: boolean;
}

export interface Mapping {
  readonly table: string;
  /** Without it every field of the record's object is a column. */
  readonly columns?: readonly ColumnRule[];
  /** Of an upsert: the columns that identify a row. Empty: plain insert. */
  readonly unique: readonly string[];
}

type Map = { readonly [key: string]: ParameterValue };

/** The `mapping` of json-sql. @throws with what is wrong, to be read behind the name of the option */
export function readMapping(given: ParameterValue): Mapping {
  const keys = entriesOf(given, "a map of table, operation, unique-columns and map-columns");
  const known = ["table", "operation", "unique-columns", "map-columns", "columns"];
  for (const key of keys.keys()) {
    if (!known.includes(key)) throw new Error(`has the unknown key \`${key}\`: write ${known.slice(0, 4).join(", ")}`);
  }
  const table = keys.get("table");
  const columns = keys.get("map-columns") ?? keys.get("columns");
  const operation = keys.get("operation") ?? "insert";
  const unique = keys.get("unique-columns") ?? [];
  if (typeof table !== "string" || table === "") throw new Error("has no `table`");
  if (columns === undefined) throw new Error("has no `map-columns`");
  if (operation !== "insert" && operation !== "upsert")
    throw new Error("has an `operation` other than insert or upsert");
  const names = (typeof unique === "string" ? unique.split(",") : Array.isArray(unique) ? unique : []).map(String);
  if (operation === "upsert" && names.length === 0) throw new Error("is an upsert without `unique-columns`");
  return {
    table,
    columns: readColumns(columns),
    unique: operation === "upsert" ? names.map((one) => one.trim()) : [],
  };
}

/** A map of columns: `id: $.user.id`, or `id: { path, type, default, required }`. @throws as {@link readMapping} */
export function readColumns(given: ParameterValue): readonly ColumnRule[] {
  const found = Object.entries(mapOf(given, "a map of columns such as `id: $.user.id`"));
  if (found.length === 0) throw new Error("has no column");
  return found.map(([column, rule]) => {
    if (typeof rule === "string") return { column, ...pathOf(column, rule), isRequired: false };
    const keys = entriesOf(rule, `a path or a map for \`${column}\``);
    const value = keys.get("value");
    for (const [key, inner] of value === undefined ? [] : entriesOf(value, `a map for \`${column}.value\``)) {
      keys.set(key, inner);
    }
    keys.delete("value");
    const known = ["path", "json-key", "type", "default", "required"];
    const text = (key: string): string | undefined => {
      const one = keys.get(key);
      if (one === undefined || typeof one === "string") return one;
      throw new Error(`has a \`${column}.${key}\` that is not text`);
    };
    for (const key of keys.keys()) {
      if (!known.includes(key)) throw new Error(`has the unknown key \`${column}.${key}\`: write ${known.join(", ")}`);
    }
    const path = text("path") ?? text("json-key");
    const name = text("type");
    const type = name === undefined ? undefined : sqlType(name);
    if (name !== undefined && type === undefined) throw new Error(`has the unknown type ${name} for \`${column}\``);
    const fallback = text("default");
    return {
      column,
      // The field of the column's name, whatever is in that.
      ...(path === undefined ? { path: [column], key: column } : pathOf(column, path)),
      isRequired: text("required") === "true",
      ...(type === undefined ? {} : { type }),
      ...(fallback === undefined || fallback === "null" ? {} : { default: fallback }),
    };
  });
}

function pathOf(column: string, key: string): { readonly path: JsonPath; readonly key: string } {
  const path = parseJsonPath(key);
  if (path === undefined) throw new Error(`has ${JSON.stringify(key)} for \`${column}\`, which is no path`);
  return { path, key };
}

function mapOf(given: ParameterValue, expected: string): Map {
  if (typeof given === "string" || Array.isArray(given)) throw new Error(`is not ${expected}`);
  return given as Map;
}

/** By canonical key: `a_b` is `a-b`. */
function entriesOf(given: ParameterValue, expected: string): globalThis.Map<string, ParameterValue> {
  const entries = Object.entries(mapOf(given, expected));
  return new globalThis.Map(entries.map(([key, value]) => [key.toLowerCase().replaceAll("_", "-"), value]));
}

/** Numbers of so many digits may have lost some of them in `JSON.parse`. */
const LONG_NUMBER = /\d(?:\.?\d){15}/;
const LONG_NUMBER_CHARS = 16;

/** The text of a document when its numbers must be read there. */
export function exactTextOf(text: string): string | undefined {
  return hasLongRun(text) && LONG_NUMBER.test(text) ? text : undefined;
}

/** A long number takes one of the places that are looked at: much faster for the many documents that have none. */
function hasLongRun(text: string): boolean {
  for (let at = LONG_NUMBER_CHARS - 1; at < text.length; at += LONG_NUMBER_CHARS) {
    if (isInLongRun(text, at)) return true;
  }
  return false;
}

function isInLongRun(text: string, at: number): boolean {
  let from = at;
  let to = at;
  while (isDigitOrDot(text.charCodeAt(from))) from--;
  while (isDigitOrDot(text.charCodeAt(to))) to++;
  return to - from > LONG_NUMBER_CHARS;
}

/** Of no character (NaN) neither. */
function isDigitOrDot(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

/** Makes rows of JSON objects. */
export function mappingReader(mapping: Mapping): DocumentReader {
  const { columns } = mapping;
  if (columns === undefined) return objectReader(mapping);
  let shape: RowShape | undefined;
  return ({ text, json }): Row => {
    shape ??= madeShape(mapping, columns, json);
    const exact = exactTextOf(text);
    // Rows of a group live until it is written: each takes no more room than it needs.
    const cells = new Array<Cell>(columns.length);
    for (let at = 0; at < columns.length; at++) cells[at] = cellOf(columns[at] as ColumnRule, json, exact);
    return { shape, cells };
  };
}

/** Every field is a column. */
function objectReader(mapping: Mapping): DocumentReader {
  const kinds = new RowKinds(mapping);
  return ({ text, json }): Row => {
    if (!isObject(json)) throw new Error("the record is no JSON object");
    const { rules, shape } = kinds.of(json);
    const exact = exactTextOf(text);
    // In the order of the rules; most values are cells as they are.
    const cells = Object.values(json);
    for (let at = 0; at < cells.length; at++) {
      const found = cells[at];
      if (typeof found === "string" || typeof found === "boolean") continue;
      if (typeof found === "number" && exact === undefined) continue;
      cells[at] = cellOf(rules[at] as ColumnRule, json, exact);
    }
    return { shape, cells: cells as Cell[] };
  };
}

/** What is the same for records whose fields have the same names in the same order. */
interface RowKind {
  readonly rules: readonly ColumnRule[];
  readonly shape: RowShape;
}

/** The kind of the last record is looked at first. */
class RowKinds {
  readonly #mapping: Mapping;
  readonly #shapes = new RowShapes();
  #names: readonly string[] = [];
  #last: RowKind | undefined;

  constructor(mapping: Mapping) {
    this.#mapping = mapping;
  }

  of(json: Readonly<Record<string, unknown>>): RowKind {
    if (this.#last !== undefined && hasNames(json, this.#names)) return this.#last;
    const names = Object.keys(json);
    if (names.length === 0) throw new Error("the record is an empty object");
    const rules = names.map((column) => ({ column, path: [column], key: column, isRequired: false }));
    const shape = this.#shapes.of(JSON.stringify(names), () => madeShape(this.#mapping, rules, json));
    this.#names = names;
    this.#last = { rules, shape };
    return this.#last;
  }
}

function madeShape({ table, unique }: Mapping, rules: readonly ColumnRule[], json: unknown): RowShape {
  return {
    table,
    unique,
    columns: rules.map(({ column }) => column),
    types: rules.map(({ type }) => type),
    madeTypes: rules.map(({ type, path }) => type ?? guessedType(valueAt(json, path))),
  };
}

/** Whether these are the names of the fields, in this order. Parsed JSON inherits none; a list of the names would be garbage. */
function hasNames(json: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  let at = 0;
  for (const name in json) {
    if (name !== names[at]) return false;
    at++;
  }
  return at === names.length;
}

/** @throws with the reason when the value is not what the rule wants */
export function cellOf(rule: ColumnRule, json: unknown, exactText: string | undefined): Cell {
  const found = valueAt(json, rule.path);
  const { type } = rule;
  if (type === undefined) {
    // Most values, without ado.
    if (typeof found === "string" || typeof found === "boolean") return found;
    if (typeof found === "number" && exactText === undefined) return found;
  }
  if (found === undefined || found === null) {
    if (rule.default !== undefined) return inColumn(rule.column, () => typed(rule.default as string, rule));
    if (rule.isRequired) throw new Error(`column ${rule.column}: the required field ${rule.key} is missing`);
    return null;
  }
  if (typeof found === "string") {
    if (type === "Json") return JSON.stringify(found);
    return inColumn(rule.column, () => typed(found, rule));
  }
  if (typeof found === "boolean" && type === "Bool") return found;
  const text = (exactText === undefined ? undefined : jsonAt(exactText, rule.path)) ?? JSON.stringify(found);
  return inColumn(rule.column, () => typed(text, rule));
}

function typed(text: string, { type }: ColumnRule): Cell {
  return type === undefined ? text : typedCell(text, type);
}

function valueAt(json: unknown, path: JsonPath): unknown {
  let found = json;
  for (const step of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[step];
  }
  return found;
}

export function guessedType(value: unknown): SqlType {
  if (typeof value === "boolean") return "Bool";
  if (typeof value === "number") return Number.isInteger(value) ? "BigInt" : "DoublePrecision";
  return typeof value === "object" && value !== null ? "Json" : "Text";
}
