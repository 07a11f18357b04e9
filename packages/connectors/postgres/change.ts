import { lsnText } from "./lsn.ts";
import { type Column, type Datum, type Message, type Relation, type Tuple, UNCHANGED } from "./pgoutput.ts";
import type { Place } from "./record.ts";

/** A change of a row as a record of its own. */
export interface ChangeRecord {
  /** The row's key as a JSON object; absent without a replica identity, and for `truncate`. */
  readonly key?: string;
  readonly value: string;
}

/** Microseconds from 1970 to 2000. */
const EPOCH_MICROSECONDS = 946_684_800_000_000n;
const CASCADE = 1;
const RESTART_IDENTITY = 2;

/**
 * The records of a message with `format: changes`:
 * `{"op":"update","schema":…,"table":…,"key":{…},"before":{…},"after":{…},"lsn":"0/16B3748","time":…}`. `op` is `insert`,
 * `update`, `delete`, `truncate`, or `read` for a row of the snapshot; `time` is milliseconds since 1970. Other messages
 * have no record.
 */
export function changeRecords(message: Message, place: Place): ChangeRecord[] {
  switch (message.type) {
    case "insert": {
      const { relation, tuple } = message;
      const op = place.isSnapshot === true ? "read" : "insert";
      return [row(op, relation, place, { key: tuple, before: undefined, after: tuple })];
    }
    case "update": {
      const { relation, old, key, tuple } = message;
      return [
        row("update", relation, place, { key: tuple, before: old ?? key, after: tuple, isKey: old === undefined }),
      ];
    }
    case "delete": {
      const { relation, old, key } = message;
      return [
        row("delete", relation, place, {
          key: old ?? key,
          before: old ?? key,
          after: undefined,
          isKey: old === undefined,
        }),
      ];
    }
    case "truncate":
      return message.relations.map((relation) => {
        const more = [
          ...((message.options & CASCADE) === 0 ? [] : [`"cascade":true`]),
          ...((message.options & RESTART_IDENTITY) === 0 ? [] : [`"restartIdentity":true`]),
        ];
        return { value: object([`"op":"truncate"`, ...tableOf(relation), ...more, ...placeOf(place)]) };
      });
    default:
      return [];
  }
}

interface Rows {
  readonly key: Tuple | undefined;
  readonly before: Tuple | undefined;
  readonly after: Tuple | undefined;
  /** Whether `before` has no more than the key's columns. */
  readonly isKey?: boolean;
}

function row(op: string, relation: Relation, place: Place, { key, before, after, isKey }: Rows): ChangeRecord {
  const { columns, replicaIdentity } = relation;
  // Of a whole row every column is marked, which makes no key.
  const hasKey = replicaIdentity !== "Full" && columns.some(isOfKey);
  const keyJson = hasKey && key !== undefined ? rowJson(key, columns, isOfKey) : undefined;
  const unchanged = after?.flatMap((datum, index) => (datum === UNCHANGED ? [columns[index]?.name ?? ""] : [])) ?? [];
  const value = object([
    `"op":"${op}"`,
    ...tableOf(relation),
    `"key":${keyJson ?? "null"}`,
    `"before":${before === undefined ? "null" : rowJson(before, columns, isKey === true ? isOfKey : () => true)}`,
    `"after":${after === undefined ? "null" : rowJson(after, columns, () => true)}`,
    ...(unchanged.length === 0 ? [] : [`"unchanged":${JSON.stringify(unchanged)}`]),
    ...placeOf(place),
  ]);
  return { ...(keyJson === undefined ? {} : { key: keyJson }), value };
}

function isOfKey({ flags }: Column): boolean {
  return (flags & 1) !== 0;
}

function tableOf({ namespace, name }: Relation): string[] {
  return [`"schema":${JSON.stringify(namespace)}`, `"table":${JSON.stringify(name)}`];
}

function placeOf({ walStart, timestamp }: Place): string[] {
  return [`"lsn":"${lsnText(walStart)}"`, `"time":${(timestamp + EPOCH_MICROSECONDS) / 1000n}`];
}

function rowJson(tuple: Tuple, columns: readonly Column[], isIn: (column: Column) => boolean): string {
  return object(
    columns.flatMap((column, index) => {
      const datum = tuple[index];
      if (datum === undefined || datum === UNCHANGED || !isIn(column)) return [];
      return [`${JSON.stringify(column.name)}:${valueJson(datum, column.typeId)}`];
    }),
  );
}

function object(members: readonly string[]): string {
  return `{${members.join(",")}}`;
}

const BOOL = 16;
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701]);
const JSONS: ReadonlySet<number> = new Set([114, 3802]);

/** Numbers, booleans and JSON as they are, everything else as the server's text. */
function valueJson(datum: Exclude<Datum, typeof UNCHANGED>, typeId: number): string {
  if (datum === null) return "null";
  if (typeId === BOOL) return String(datum === "t");
  if (JSONS.has(typeId)) return datum;
  return NUMBERS.has(typeId) && Number.isFinite(Number(datum)) ? datum : JSON.stringify(datum);
}
