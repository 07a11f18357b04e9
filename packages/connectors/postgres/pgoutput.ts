/**
 * Messages of logical replication as the plugin `pgoutput` sends them, protocol version 1.
 * Layout: PostgreSQL's documentation, "Logical Replication Message Formats".
 */

/** A column's value as it was sent: its text, or one of the two that have none. */
export type Datum = string | null | typeof UNCHANGED;
export type Tuple = readonly Datum[];
/** A large value that an update left as it was; the server does not send it again. */
export const UNCHANGED = Symbol("unchanged");

export interface Column {
  /** 1: part of the replica identity. */
  readonly flags: number;
  readonly name: string;
  readonly typeId: number;
  readonly typeModifier: number;
}

export type ReplicaIdentity = "Default" | "Nothing" | "Full" | "Index";

export interface Relation {
  readonly type: "relation";
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly replicaIdentity: ReplicaIdentity;
  readonly columns: readonly Column[];
}

/** Times are microseconds since 2000-01-01. */
export type Message =
  | { readonly type: "begin"; readonly finalLsn: bigint; readonly timestamp: bigint; readonly xid: number }
  | {
      readonly type: "commit";
      readonly flags: number;
      readonly commitLsn: bigint;
      readonly endLsn: bigint;
      readonly timestamp: bigint;
    }
  | { readonly type: "origin"; readonly commitLsn: bigint; readonly name: string }
  | Relation
  | { readonly type: "type"; readonly id: number; readonly namespace: string; readonly name: string }
  | { readonly type: "insert"; readonly relation: Relation; readonly tuple: Tuple }
  | {
      readonly type: "update";
      readonly relation: Relation;
      readonly old: Tuple | undefined;
      readonly key: Tuple | undefined;
      readonly tuple: Tuple;
    }
  | {
      readonly type: "delete";
      readonly relation: Relation;
      readonly old: Tuple | undefined;
      readonly key: Tuple | undefined;
    }
  /** `options`: 1 cascade, 2 restart identity. */
  | { readonly type: "truncate"; readonly options: number; readonly relations: readonly Relation[] };

export const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = {
  d: "Default",
  n: "Nothing",
  f: "Full",
  i: "Index",
};

/** Reads messages in their order: those of a table need the table's description, which came before. */
export class MessageReader {
  readonly #relations = new Map<number, Relation>();

  /** @throws when the bytes are no message of this protocol */
  read(bytes: Uint8Array): Message {
    const cursor = new Cursor(bytes);
    const tag = String.fromCharCode(cursor.uint8());
    switch (tag) {
      case "B":
        return { type: "begin", finalLsn: cursor.int64(), timestamp: cursor.int64(), xid: cursor.uint32() };
      case "C":
        return {
          type: "commit",
          flags: cursor.uint8(),
          commitLsn: cursor.int64(),
          endLsn: cursor.int64(),
          timestamp: cursor.int64(),
        };
      case "O":
        return { type: "origin", commitLsn: cursor.int64(), name: cursor.text() };
      case "R":
        return this.#relation(cursor);
      case "Y":
        return { type: "type", id: cursor.uint32(), namespace: cursor.text(), name: cursor.text() };
      case "I":
        return { type: "insert", relation: this.#known(cursor.uint32()), tuple: tupleAfter(cursor, "N") };
      case "U":
        return this.#update(cursor);
      case "D": {
        const relation = this.#known(cursor.uint32());
        return { type: "delete", relation, ...before(cursor) };
      }
      case "T": {
        const count = cursor.uint32();
        const options = cursor.uint8();
        const relations = Array.from({ length: count }, () => this.#known(cursor.uint32()));
        return { type: "truncate", options, relations };
      }
      default:
        throw new Error(`the server sent a message ${JSON.stringify(tag)}, which is not known`);
    }
  }

  #relation(cursor: Cursor): Relation {
    const id = cursor.uint32();
    const namespace = cursor.text();
    const name = cursor.text();
    const replicaIdentity = IDENTITIES[String.fromCharCode(cursor.uint8())] ?? "Default";
    const columns = Array.from({ length: cursor.uint16() }, () => ({
      flags: cursor.uint8(),
      name: cursor.text(),
      typeId: cursor.uint32(),
      typeModifier: cursor.int32(),
    }));
    const relation: Relation = { type: "relation", id, namespace, name, replicaIdentity, columns };
    this.#relations.set(id, relation);
    return relation;
  }

  #update(cursor: Cursor): Message {
    const relation = this.#known(cursor.uint32());
    const { old, key } = cursor.peek() === "N" ? { old: undefined, key: undefined } : before(cursor);
    return { type: "update", relation, old, key, tuple: tupleAfter(cursor, "N") };
  }

  #known(id: number): Relation {
    const relation = this.#relations.get(id);
    if (relation === undefined) throw new Error(`the server sent a change of table ${id} without its description`);
    return relation;
  }
}

/** The row before the change: whole, or its key. */
function before(cursor: Cursor): { readonly old: Tuple | undefined; readonly key: Tuple | undefined } {
  const isWhole = cursor.peek() === "O";
  const tuple = tupleAfter(cursor, isWhole ? "O" : "K");
  return { old: isWhole ? tuple : undefined, key: isWhole ? undefined : tuple };
}

function tupleAfter(cursor: Cursor, tag: string): Tuple {
  const found = String.fromCharCode(cursor.uint8());
  if (found !== tag) throw new Error(`the server sent a row ${JSON.stringify(found)} in place of ${tag}`);
  return Array.from({ length: cursor.uint16() }, () => {
    const kind = String.fromCharCode(cursor.uint8());
    if (kind === "n") return null;
    if (kind === "u") return UNCHANGED;
    if (kind === "t") return cursor.sized();
    throw new Error(`the server sent a value ${JSON.stringify(kind)}, which is not known`);
  });
}

const decoder = new TextDecoder();

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  peek(): string {
    return String.fromCharCode(this.#view.getUint8(this.#at));
  }

  uint8(): number {
    return this.#view.getUint8(this.#move(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#move(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#move(4));
  }

  int32(): number {
    return this.#view.getInt32(this.#move(4));
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#move(8));
  }

  /** Text that ends with a zero. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new Error("the server sent a message that is cut off");
    const text = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  /** Text behind its length. */
  sized(): string {
    const length = this.uint32();
    const from = this.#move(length);
    return decoder.decode(this.#bytes.subarray(from, from + length));
  }

  #move(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw new Error("the server sent a message that is cut off");
    this.#at += count;
    return from;
  }
}
