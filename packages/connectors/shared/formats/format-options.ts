import { field } from "fluvio/connector";
import { z } from "zod";

const csv = field.map(
  {
    delimiter: field.parsed("one character or `tab`", csvDelimiter, {
      doc: "what stands between fields: a character, or `tab`",
      default: ",",
      kind: "character",
    }),
    header: field.flag({ doc: "whether the first row has the names of the columns", default: "true" }),
    columns: field.optionalTexts({ doc: "names of the columns, in place of the header's" }),
  },
  { doc: "how rows are read; without names a row becomes a JSON array" },
);

/** Options of sources that read documents. */
export const formatFields = {
  format: field.oneOf(["lines", "ndjson", "json", "csv"], {
    doc: "what a record is: a line, a line of JSON, a value of JSON (elements of an array at the top), a row as a JSON object",
    default: "lines",
  }),
  csv,
  "max-record-size": field.byteSize({ doc: "larger records are invalid", default: "1MB" }),
  key: field.oneOf(["none", "path"], {
    doc: "key of the records: the path of what they were read from",
    default: "none",
  }),
  "on-invalid": field.oneOf(["skip", "stop"], {
    doc: "what becomes of what is not in the format: it is in the log and left out, or the connector ends there",
    default: "skip",
  }),
};
const schema = z.object(formatFields);

export type FormatOptions = z.output<typeof schema>;
export type CsvOptions = FormatOptions["csv"];

/** `undefined` for what cannot stand between fields. */
function csvDelimiter(given: string): string | undefined {
  if (given === "tab" || given === "\\t") return "\t";
  return /^[\t\x20-\x7e]$/.test(given) && given !== '"' ? given : undefined;
}
