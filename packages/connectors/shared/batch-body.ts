import { field, type SinkGroup, type SinkRecord } from "fluvio/connector";
import { isJson } from "./json-text.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = Uint8Array.of(0x2c);
const LINE_END = Uint8Array.of(NEWLINE);

export type BatchFormat = "ndjson" | "json-array";

/** What stands for a record in a body; `undefined` for one that was refused. */
export type ValueOf = (record: SinkRecord) => Uint8Array | undefined;

/**
 * The records of a group as one body. What cannot be put into the format is refused: in an array everything that is
 * not JSON, in lines a value that has line breaks and is not JSON.
 * @returns `undefined` when no record is left
 */
export function batchBody(
  group: SinkGroup,
  format: BatchFormat,
  valueIn: ValueOf = ({ value }) => value,
): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  for (const record of group.records) {
    const given = valueIn(record);
    if (given === undefined) continue;
    const value = format === "ndjson" ? oneLine(given) : jsonValue(given);
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
function oneLine(value: Uint8Array): Uint8Array | undefined {
  if (!value.includes(NEWLINE) && !value.includes(RETURN)) return value;
  if (jsonValue(value) === undefined) return undefined;
  return value.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte));
}

function jsonValue(value: Uint8Array): Uint8Array | undefined {
  try {
    return isJson(new TextDecoder("utf-8", { fatal: true }).decode(value)) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The `batch` option of sinks that can put several records into one message. */
export function batchField(doc: string) {
  return field.map(
    {
      size: field.integer({ doc: "records at most", default: "100", min: 1, max: 100_000 }),
      "size-bytes": field.byteSize({ doc: "keys and values at most", default: "1MB" }),
      linger: field.duration({ doc: "how long more records are waited for", default: "100ms" }),
      format: field.oneOf(["ndjson", "json-array"], {
        doc: "a line for each value, or one JSON array",
        default: "ndjson",
      }),
    },
    { doc },
  );
}
