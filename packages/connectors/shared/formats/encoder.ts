import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { SinkRecord } from "fluvio/connector";
import { type Column, type Row, rowOf } from "./columns.ts";
import { csvText } from "./csv-text.ts";
import { misfit, parquetFile } from "./parquet.ts";

const gzipped = promisify(gzip);
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const LINE_END = Uint8Array.of(NEWLINE);

export const DOCUMENT_FORMATS = ["ndjson", "lines", "csv", "parquet"] as const;
export type DocumentFormat = (typeof DOCUMENT_FORMATS)[number];

export interface DocumentOptions {
  readonly format: DocumentFormat;
  readonly compression: "none" | "gzip";
  readonly columns: readonly Column[] | undefined;
}

const EXTENSIONS: Readonly<Record<DocumentFormat, string>> = {
  ndjson: "ndjson",
  lines: "txt",
  csv: "csv",
  parquet: "parquet",
};
export const CONTENT_TYPES: Readonly<Record<DocumentFormat, string>> = {
  ndjson: "application/x-ndjson",
  lines: "text/plain",
  csv: "text/csv",
  parquet: "application/vnd.apache.parquet",
};

/** Parquet packs by itself. */
function isGzip({ format, compression }: DocumentOptions): boolean {
  return compression === "gzip" && format !== "parquet";
}

/** What the names of such documents end with, without a dot before it. */
export function extensionOf(options: DocumentOptions): string {
  return `${EXTENSIONS[options.format]}${isGzip(options) ? ".gz" : ""}`;
}

/** A record as a part of a document. */
export type Piece = Uint8Array | Row;

/** Why a record has no place in such a document, or its piece of it. */
export function pieceOf(record: SinkRecord, options: DocumentOptions): Piece | string {
  const { format, columns } = options;
  if (format === "lines" || format === "ndjson") return lineOf(record, format === "ndjson");
  const row = rowOf(record);
  if (typeof row === "string") return row;
  return (format === "parquet" ? misfit(row, columns) : undefined) ?? row;
}

/** Pieces as one document. */
export async function encodeDocument(pieces: readonly Piece[], options: DocumentOptions): Promise<Uint8Array> {
  const bytes = encode(pieces, options);
  return isGzip(options) ? await gzipped(bytes) : bytes;
}

function encode(pieces: readonly Piece[], { format, columns }: DocumentOptions): Uint8Array {
  switch (format) {
    case "csv":
      return Buffer.from(csvText(pieces as readonly Row[], columns));
    case "parquet":
      return parquetFile(pieces as readonly Row[], columns);
    default:
      return Buffer.concat((pieces as readonly Uint8Array[]).flatMap((piece) => [piece, LINE_END]));
  }
}

/** The value, which fits on one line; line breaks in JSON stand only between its tokens, where a blank does as well. */
function lineOf({ value }: SinkRecord, mustBeJson: boolean): Uint8Array | string {
  const hasBreaks = value.includes(NEWLINE) || value.includes(RETURN);
  if (!hasBreaks && !mustBeJson) return value;
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
  } catch {
    return mustBeJson ? "the value is not JSON" : "the value has line breaks and is not JSON";
  }
  return hasBreaks ? value.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte)) : value;
}
