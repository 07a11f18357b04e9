import { type Column, type Datum, type Message, type Tuple, UNCHANGED } from "./pgoutput.ts";

/** Where a message stands in the log. */
export interface Place {
  readonly walStart: bigint;
  readonly walEnd: bigint;
  /** Microseconds since 2000-01-01. */
  readonly timestamp: bigint;
  /** Whether it is a row that was there before the changes. */
  readonly isSnapshot?: boolean;
}

/**
 * The record of a message: `{"wal_start":…,"wal_end":…,"timestamp":…,"message":{"type":"insert",…}}`, as the first connector of
 * Fluvio for Postgres wrote it. Rows of a snapshot have `"snapshot":true` besides. Numbers are as the server sent them,
 * also when they are too large for JavaScript.
 */
export function messageRecord(message: Message, place: Place): string {
  const snapshot = place.isSnapshot === true ? `,"snapshot":true` : "";
  const where = `"wal_start":${place.walStart},"wal_end":${place.walEnd},"timestamp":${place.timestamp}`;
  return `{${where}${snapshot},"message":${messageJson(message)}}`;
}

function messageJson(message: Message): string {
  const { type } = message;
  switch (type) {
    case "begin":
      return object(
        type,
        `"final_lsn":${message.finalLsn}`,
        `"timestamp":${message.timestamp}`,
        `"xid":${message.xid}`,
      );
    case "commit":
      return object(
        type,
        `"flags":${message.flags}`,
        `"commit_lsn":${message.commitLsn}`,
        `"end_lsn":${message.endLsn}`,
        `"timestamp":${message.timestamp}`,
      );
    case "origin":
      return object(type, `"commit_lsn":${message.commitLsn}`, `"name":${JSON.stringify(message.name)}`);
    case "relation":
      return object(
        type,
        `"rel_id":${message.id}`,
        `"namespace":${JSON.stringify(message.namespace)}`,
        `"name":${JSON.stringify(message.name)}`,
        `"replica_identity":"${message.replicaIdentity}"`,
        `"columns":[${message.columns.map(columnJson).join(",")}]`,
      );
    case "type":
      return object(
        type,
        `"id":${message.id}`,
        `"namespace":${JSON.stringify(message.namespace)}`,
        `"name":${JSON.stringify(message.name)}`,
      );
    case "insert": {
      const { columns, id } = message.relation;
      return object(type, `"rel_id":${id}`, `"tuple":${tupleJson(message.tuple, columns)}`);
    }
    case "update": {
      const { columns, id } = message.relation;
      return object(
        type,
        `"rel_id":${id}`,
        `"old_tuple":${tupleJson(message.old, columns)}`,
        `"key_tuple":${tupleJson(message.key, columns)}`,
        `"new_tuple":${tupleJson(message.tuple, columns)}`,
      );
    }
    case "delete": {
      const { columns, id } = message.relation;
      return object(
        type,
        `"rel_id":${id}`,
        `"old_tuple":${tupleJson(message.old, columns)}`,
        `"key_tuple":${tupleJson(message.key, columns)}`,
      );
    }
    case "truncate":
      return object(
        type,
        `"options":${message.options}`,
        `"rel_ids":[${message.relations.map(({ id }) => id).join(",")}]`,
      );
  }
}

function object(type: string, ...members: readonly string[]): string {
  return `{"type":"${type}",${members.join(",")}}`;
}

function columnJson({ flags, name, typeId, typeModifier }: Column): string {
  return `{"flags":${flags},"name":${JSON.stringify(name)},"type_id":${typeId},"type_modifier":${typeModifier}}`;
}

function tupleJson(tuple: Tuple | undefined, columns: readonly Column[]): string {
  if (tuple === undefined) return "null";
  return `[${tuple.map((datum, index) => datumJson(datum, columns[index]?.typeId ?? 0)).join(",")}]`;
}

/** Types that have an element of their own, by their object id; all others are `RawText`, the bytes of their text. */
const ELEMENTS: Readonly<Record<number, string>> = {
  16: "Bool",
  18: "Char",
  19: "String",
  20: "Int8",
  21: "Int2",
  23: "Int4",
  25: "String",
  26: "Oid",
  700: "Float4",
  701: "Float8",
  1042: "String",
  1043: "String",
};

function datumJson(datum: Datum, typeId: number): string {
  if (datum === null) return `"Null"`;
  if (datum === UNCHANGED) return `"UnchangedToast"`;
  const element = ELEMENTS[typeId];
  switch (element) {
    case "Bool":
      return `{"Bool":${datum === "t"}}`;
    case "String":
      return `{"String":${JSON.stringify(datum)}}`;
    case "Char":
      return `{"Char":${Buffer.from(datum)[0] ?? 0}}`;
    case "Float4":
    case "Float8":
      // NaN and infinity are no numbers of JSON.
      return Number.isFinite(Number(datum)) ? `{"${element}":${datum}}` : `{"String":${JSON.stringify(datum)}}`;
    case undefined:
      return `{"RawText":[${Buffer.from(datum).join(",")}]}`;
    default:
      return `{"${element}":${datum}}`;
  }
}
