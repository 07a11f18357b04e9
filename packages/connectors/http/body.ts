import type { SinkGroup, SinkRecord } from "fluvio/connector";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = Uint8Array.of(0x2c);
const LINE_END = Uint8Array.of(NEWLINE);

export type BatchFormat = "ndjson" | "json-array";

/** Content types of the bodies, where the file names none; that of a single value is the original's. */
export const CONTENT_TYPES: Readonly<Record<BatchFormat | "single", string>> = {
  ndjson: "application/x-ndjson",
  "json-array": "application/json",
  single: "text/html",
};

/**
 * The records of a group as one body. What cannot be put into the format is refused: in an array everything that is
 * not JSON, in lines a value that has line breaks and is not JSON.
 * @returns `undefined` when no record is left
 */
export function batchBody(group: SinkGroup, format: BatchFormat): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  for (const record of group.records) {
    const value = format === "ndjson" ? oneLine(record) : jsonValue(record);
    if (value === undefined) {
      const problem = format === "ndjson" ? "has line breaks and is not JSON" : "is not JSON";
      group.refuse(record, `the value ${problem}, so it cannot be part of a batch in the format ${format}`);
      continue;
    }
    if (format === "json-array" && pieces.length > 0) pieces.push(COMMA);
    pieces.push(value);
    if (format === "ndjson") pieces.push(LINE_END);
  }
  if (pieces.length === 0) return undefined;
  if (format === "ndjson") return Buffer.concat(pieces);
  return Buffer.concat([Buffer.from("["), ...pieces, Buffer.from("]")]);
}

/** The value, which fits on one line; line breaks in JSON stand only between its tokens, where a blank does as well. */
function oneLine(record: SinkRecord): Uint8Array | undefined {
  const { value } = record;
  if (!value.includes(NEWLINE) && !value.includes(RETURN)) return value;
  if (jsonValue(record) === undefined) return undefined;
  return value.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte));
}

function jsonValue({ value }: SinkRecord): Uint8Array | undefined {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
    return value;
  } catch {
    return undefined;
  }
}
