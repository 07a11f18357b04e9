import { type ColumnRule, cellOf, exactTextOf, guessedType } from "./mapping.ts";
import { tableOf } from "./names.ts";
import { type DocumentReader, isObject, type Row, type RowShape, RowShapes } from "./row.ts";

/** A change of a row, as the source for PostgreSQL makes records of it with `format: changes`. */
interface Change {
  readonly op: string;
  readonly schema: string;
  readonly table: string;
  readonly key: Readonly<Record<string, unknown>> | undefined;
  readonly before: Readonly<Record<string, unknown>> | undefined;
  readonly after: Readonly<Record<string, unknown>> | undefined;
  readonly isPartial: boolean;
}

const NO_CHANGE = 'the record is no change of a row, {"op":"insert","schema":"…","table":"…","key":{…},"after":{…}}';

export interface ChangesOptions {
  /** Columns that identify a row, of tables whose changes come without a key. */
  readonly unique: readonly string[];
  /** Whether a missing table may be made with the types that a row suggests. */
  readonly makesTables: boolean;
}

/**
 * Reads changes of rows, to be applied to tables of the same names. What was applied may be applied again: rows that are
 * put replace the one of their key.
 */
export function changesReader({ unique, makesTables }: ChangesOptions): DocumentReader {
  const shapes = new RowShapes();
  return ({ text, json }) => {
    const change = changeOf(json);
    const exact = exactTextOf(text);
    const keys = unique.length > 0 ? unique : Object.keys(change.key ?? {});
    const cells = (from: "after" | "before" | "key", columns: readonly string[]) =>
      columns.map((column) => cellOf(rule(from, column), json, exact));
    const make = (action: RowShape["action"], columns: readonly string[], key: readonly string[]): RowShape => {
      const table = tableOf(change.schema === "public" ? [change.table] : [change.schema, change.table]);
      return shapes.of(JSON.stringify([action, table, columns, key]), () => ({
        table,
        columns,
        unique: key,
        types: columns.map(() => undefined),
        madeTypes: makesTables ? columns.map((column) => guessedType(change.after?.[column])) : [],
        ...(action === undefined ? {} : { action }),
      }));
    };
    if (change.op === "truncate") return { shape: make("truncate", [], []), cells: [] };
    const old = change.before !== undefined && keys.every((one) => one in (change.before ?? {})) ? "before" : "key";
    if (change.op === "delete") return { shape: make("delete", [], known(keys)), cells: cells(old, known(keys)) };
    const columns = Object.keys(change.after ?? {});
    if (columns.length === 0) throw new Error(NO_CHANGE);
    const isMoved = change.op === "update" && old === "before" && keys.some((one) => isOther(change, one));
    if (change.op === "update" && (isMoved || change.isPartial)) {
      const where = cells(isMoved ? "before" : "after", known(keys));
      return { shape: make("update", columns, keys), cells: [...cells("after", columns), ...where] };
    }
    return {
      shape: make(undefined, columns, change.op === "update" ? known(keys) : keys),
      cells: cells("after", columns),
    } satisfies Row;
  };
}

function changeOf(json: unknown): Change {
  if (!isObject(json)) throw new Error(NO_CHANGE);
  const { op, schema, table, key, before, after, unchanged } = json;
  const isKnown = ["read", "insert", "update", "delete", "truncate"].includes(String(op));
  if (!isKnown || typeof schema !== "string" || typeof table !== "string") throw new Error(NO_CHANGE);
  const row = (given: unknown) => (isObject(given) ? given : undefined);
  return {
    op: String(op),
    schema,
    table,
    key: row(key),
    before: row(before),
    after: row(after),
    isPartial: unchanged !== undefined,
  };
}

function known(keys: readonly string[]): readonly string[] {
  if (keys.length > 0) return keys;
  throw new Error("the change has no key: give the table a primary key, or name `unique-columns`");
}

function isOther({ before, after }: Change, column: string): boolean {
  return JSON.stringify(before?.[column]) !== JSON.stringify(after?.[column]);
}

function rule(from: string, column: string): ColumnRule {
  return { column, path: [from, column], key: `${from}.${column}`, isRequired: false };
}
