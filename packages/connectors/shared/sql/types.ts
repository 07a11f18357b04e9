/** The types of the SQL model, by the names that records of it carry. */
const SQL_TYPES = [
  "Bool",
  "Char",
  "SmallInt",
  "Int",
  "BigInt",
  "Float",
  "DoublePrecision",
  "Text",
  "Bytes",
  "Numeric",
  "Timestamp",
  "Date",
  "Time",
  "Uuid",
  "Json",
] as const;
export type SqlType = (typeof SQL_TYPES)[number];

/** A value as it goes to a database. Numbers are only those that no type was declared for. */
export type Cell = string | number | boolean | Uint8Array | null;

/** Further names that mappings may use. */
const ALIASES: Readonly<Record<string, SqlType>> = {
  int8: "BigInt",
  int4: "Int",
  integer: "Int",
  int2: "SmallInt",
  boolean: "Bool",
  bytea: "Bytes",
  blob: "Bytes",
  varchar: "Text",
  string: "Text",
  float4: "Float",
  real: "Float",
  float8: "DoublePrecision",
  double: "DoublePrecision",
  "double precision": "DoublePrecision",
  decimal: "Numeric",
  jsonb: "Json",
};

/** @returns `undefined` for a name that is none */
export function sqlType(name: string): SqlType | undefined {
  const lower = name.trim().toLowerCase();
  return SQL_TYPES.find((type) => type.toLowerCase() === lower) ?? ALIASES[lower];
}

const WHOLE = /^[+-]?\d+$/;
const BITS: Partial<Record<SqlType, number>> = { SmallInt: 16, Int: 32, BigInt: 64 };
const UUID = /^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i;
const DATE = /^\d{4,}-\d{2}-\d{2}$/;
const TIME = /^\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$/;
const TIMESTAMP =
  /^(\d{4,}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;
/** So many digits always fit into 16 bits. */
const SMALL_DIGITS = 4;

/**
 * The text of a value as its type wants it, the same for every database.
 * @throws with the reason when the text is no value of the type
 */
export function typedCell(text: string, type: SqlType): Cell {
  switch (type) {
    case "SmallInt":
    case "Int":
    case "BigInt":
      return wholeNumber(text.trim(), type);
    case "Bool":
      return truth(text, type);
    case "Float":
    case "DoublePrecision":
    case "Numeric":
      if (text.trim() === "" || (Number.isNaN(Number(text)) && text.trim() !== "NaN")) throw notOf(text, type);
      return text.trim();
    case "Bytes":
      return bytesOf(text);
    case "Uuid":
      if (!UUID.test(text)) throw notOf(text, type);
      return text;
    case "Date":
      if (!DATE.test(text)) throw notOf(text, type);
      return text;
    case "Time":
      if (!TIME.test(text)) throw notOf(text, type);
      return text;
    case "Timestamp":
      return timestamp(text);
    default:
      return text;
  }
}

function notOf(text: string, type: SqlType): Error {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new Error(`${JSON.stringify(shown)} is not of the type ${type}`);
}

function wholeNumber(text: string, type: SqlType): string {
  if (!WHOLE.test(text)) throw notOf(text, type);
  if (text.length <= SMALL_DIGITS) return text;
  const limit = 1n << BigInt((BITS[type] ?? 64) - 1);
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  if (value < -limit || value >= limit) throw notOf(text, type);
  return text;
}

function truth(text: string, type: SqlType): boolean {
  const word = text.trim().toLowerCase();
  if (word === "true" || word === "t" || word === "1") return true;
  if (word === "false" || word === "f" || word === "0") return false;
  throw notOf(text, type);
}

/** `\x` and hexadecimal digits, else the text itself in UTF-8. */
function bytesOf(text: string): Uint8Array {
  const isHex = /^\\x(?:[0-9a-f]{2})*$/i.test(text);
  return isHex ? Buffer.from(text.slice(2), "hex") : Buffer.from(text);
}

/** Without a zone: what has one is told in UTC. */
function timestamp(text: string): string {
  const match = TIMESTAMP.exec(text.trim());
  if (match === null) throw notOf(text, "Timestamp");
  const [, date = "", time = "00:00:00", zone] = match;
  const isUtc = zone === undefined || /^(Z|UTC|[+-]00(:?00)?)$/i.test(zone);
  if (isUtc) return `${date} ${time}`;
  const [clock = "", fraction] = time.split(".");
  const hours = zone.slice(0, 3);
  const minutes = zone.slice(3).replace(":", "") || "00";
  const ms = Date.parse(`${date}T${clock.length === 5 ? `${clock}:00` : clock}${hours}:${minutes}`);
  if (Number.isNaN(ms)) throw notOf(text, "Timestamp");
  const moved = new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  return fraction === undefined ? moved : `${moved}.${fraction}`;
}
