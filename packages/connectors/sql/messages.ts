import { jsonAt } from "../shared/json-text.ts";
import { changesReader } from "../shared/sql/changes.ts";
import { quoteName, quoteTable, tableOf } from "../shared/sql/names.ts";
import { type Document, type DocumentReader, isObject, type Row } from "../shared/sql/row.ts";
import type { Cell } from "../shared/sql/types.ts";
import { type Relation, type Relations, relationOf } from "./relations.ts";

/** Bits of the options of `truncate`. */
const CASCADE = 1;
const RESTART_IDENTITY = 2;
/** json, xml, point and polygon have no equality. */
const INCOMPARABLE: ReadonlySet<number> = new Set([114, 142, 600, 604]);

export interface MessageOptions {
  /** Columns that identify a row, of tables whose whole rows are their replica identity. */
  readonly unique: readonly string[];
  /** Reads what is no message. */
  readonly other: DocumentReader;
}

type Values = Readonly<Record<string, string | number | boolean | null>>;

/** The record of a message, as far as it has a row. */
interface Told {
  readonly document: Document;
  readonly message: Readonly<Record<string, unknown>>;
  readonly relation: Relation;
}

/**
 * Reads messages of PostgreSQL's replication, as the postgres source makes them with `format: messages`, into rows that do
 * the same to tables of the same names.
 */
export function messageReader(relations: Relations, { unique, other }: MessageOptions): DocumentReader {
  const changed = changesReader({ unique, makesTables: false });
  return (document) => {
    const { json } = document;
    if (!isObject(json) || !isObject(json.message) || !("wal_start" in json)) return other(document);
    const { message } = json;
    const { type } = message;
    if (type === "relation") return described(relationOf(message), relations);
    if (type === "truncate") return truncated(message, relations);
    // Begin, commit, origin and type: the transaction of the rows is the sink's own.
    if (type !== "insert" && type !== "update" && type !== "delete") return [];
    const told = { document, message, relation: relations.known(message.rel_id) };
    const { replica_identity } = told.relation;
    if (type !== "insert" && replica_identity === "Full" && unique.length === 0) return wholeRow(told, type);
    const change = changeOf(told, type);
    const rows = changed({ text: "", json: change });
    return isObject(change.before) && change.after !== null ? [replaced(told.relation, change), rows].flat() : rows;
  };
}

function tableName({ namespace, name }: Relation): string {
  return tableOf([namespace, name]);
}

const quoted = (table: string) => quoteTable(table, '"');

/** Without columns when only the whole row identifies it. */
function keyColumns({ replica_identity, columns }: Relation): readonly string[] {
  if (replica_identity === "Full") return [];
  return columns.filter(({ flags }) => (flags & 1) !== 0).map(({ name }) => name);
}

function described(relation: Relation, relations: Relations): readonly Row[] {
  const columns = relation.columns.map(({ name, type_id, type_modifier }) => ({
    name,
    typeId: type_id,
    typeModifier: type_modifier,
  }));
  const shape = {
    ...{ table: tableName(relation), columns: [], types: [], madeTypes: [], unique: keyColumns(relation) },
    action: "define" as const,
    definition: { schema: relation.namespace, columns },
  };
  return [{ shape, cells: [] }, relations.keep(relation)];
}

/** A row by a statement of its own. */
function statement(relation: Relation, sql: string, cells: readonly Cell[]): Row {
  const shape = { table: tableName(relation), columns: [], types: [], madeTypes: [], unique: [], action: { sql } };
  return { shape, cells };
}

function truncated(message: Told["message"], relations: Relations): readonly Row[] {
  const { rel_ids, options } = message;
  const tables = (Array.isArray(rel_ids) ? rel_ids : []).map((id) => relations.known(id));
  const [first] = tables;
  if (first === undefined) return [];
  const more = [
    ...((Number(options) & RESTART_IDENTITY) === 0 ? [] : [" RESTART IDENTITY"]),
    ...((Number(options) & CASCADE) === 0 ? [] : [" CASCADE"]),
  ];
  return [statement(first, `TRUNCATE ${tables.map((one) => quoted(tableName(one))).join(", ")}${more.join("")}`, [])];
}

/** The form that the postgres source has for `format: changes`. */
function changeOf(told: Told, op: "insert" | "update" | "delete") {
  const { relation } = told;
  const after = op === "delete" ? undefined : tupleOf(told, op === "insert" ? "tuple" : "new_tuple");
  const old = op === "insert" ? undefined : tupleOf(told, "old_tuple");
  const oldKey = op === "insert" ? undefined : tupleOf(told, "key_tuple");
  const keys = keyColumns(relation);
  const ofKey = (values: Values) => Object.fromEntries(keys.map((one) => [one, values[one] ?? null]));
  const before = old?.values ?? (oldKey === undefined ? undefined : ofKey(oldKey.values));
  const unchanged = after?.unchanged ?? [];
  return {
    ...{ op, schema: relation.namespace, table: relation.name },
    key: ofKey(after?.values ?? before ?? {}),
    before: before ?? null,
    after: after?.values ?? null,
    ...(unchanged.length === 0 ? {} : { unchanged }),
  };
}

/**
 * A row whose key changes may have been given its new key already, by records that come twice: then the older one of the
 * two goes, so that the update finds the place free.
 */
function replaced(relation: Relation, { before, after }: ReturnType<typeof changeOf>): readonly Row[] {
  const keys = keyColumns(relation);
  if (keys.every((one) => before?.[one] === after?.[one])) return [];
  const table = quoted(tableName(relation));
  const is = (from: number) => keys.map((one, index) => `${quotedColumn(one)} = $${from + index}`).join(" AND ");
  const sql = `DELETE FROM ${table} WHERE ${is(1)} AND EXISTS (SELECT FROM ${table} WHERE ${is(1 + keys.length)})`;
  return [
    statement(relation, sql, [...keys.map((one) => after?.[one] ?? null), ...keys.map((one) => before?.[one] ?? null)]),
  ];
}

/** Of rows without a key one is changed that is the same in every column. */
function wholeRow(told: Told, op: "update" | "delete"): readonly Row[] {
  const { relation } = told;
  const old = tupleOf(told, "old_tuple")?.values;
  if (old === undefined) throw new Error("the change has no whole row, and the table no key");
  const table = quoted(tableName(relation));
  const after = op === "delete" ? {} : (tupleOf(told, "new_tuple")?.values ?? {});
  const cells: Cell[] = [];
  const bound = (cell: Cell) => `$${cells.push(cell)}`;
  const set = Object.entries(after).map(([name, cell]) => `${quotedColumn(name)} = ${bound(cell)}`);
  const where = relation.columns.flatMap(({ name, type_id }) => {
    const cell = old[name];
    if (cell === undefined) return [];
    const text = INCOMPARABLE.has(type_id) ? "::text" : "";
    return [`${quotedColumn(name)}${text} IS NOT DISTINCT FROM ${bound(cell)}`];
  });
  const one = `WHERE ctid = (SELECT ctid FROM ${table} WHERE ${where.join(" AND ")} LIMIT 1)`;
  const sql = op === "delete" ? `DELETE FROM ${table} ${one}` : `UPDATE ${table} SET ${set.join(", ")} ${one}`;
  return [statement(relation, sql, cells)];
}

const quotedColumn = (name: string) => quoteName(name, '"');

/** Values by column, and the columns whose values an update left as they were. */
function tupleOf({ document, message, relation }: Told, member: string) {
  const tuple = message[member];
  if (tuple === null || tuple === undefined) return undefined;
  const { columns, name } = relation;
  if (!Array.isArray(tuple) || tuple.length !== columns.length) {
    throw new Error(`the record's ${member} has not the ${columns.length} columns of ${name}`);
  }
  const values: Record<string, Values[string]> = {};
  const unchanged: string[] = [];
  for (const [index, element] of tuple.entries()) {
    const column = columns[index]?.name ?? "";
    if (element === "UnchangedToast") unchanged.push(column);
    else values[column] = elementValue(element, () => [document.text, ["message", member, String(index)]]);
  }
  return { values, unchanged };
}

function elementValue(element: unknown, place: () => [text: string, path: string[]]): Values[string] {
  if (element === "Null") return null;
  const [kind, value] = Object.entries(isObject(element) ? element : {})[0] ?? [];
  if (kind === "RawText" && Array.isArray(value)) return Buffer.from(value).toString();
  if (kind === "Char" && typeof value === "number") return Buffer.from([value]).toString("latin1");
  if (kind !== undefined && typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    const [text, path] = place();
    return jsonAt(text, [...path, kind]) ?? String(value);
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new Error(`the record has ${JSON.stringify(element)?.slice(0, 60)} in place of a value`);
}
