import { isUtf8 } from "node:buffer";
import type { ConsumerRecord } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { hexDump, isBinary } from "../../output/hex-dump.ts";
import { cellText, isArray, type JsonNode, parseJsonText, prettyJson } from "../../output/json-text.ts";
import type { Style } from "../../output/stream.ts";

type ConsumeOutput = "dynamic" | "text" | "binary" | "json" | "raw" | "table" | "full-table";

export interface FormatOptions {
  readonly output: Exclude<ConsumeOutput, "full-table">;
  /** Handlebars template; takes the place of `output`. */
  readonly template: string | undefined;
  readonly keyValue: boolean;
  readonly suppressUnknown: boolean;
  /** Width to cut lines to; absent: lines stay whole. */
  readonly truncate: number | undefined;
  readonly style: Style;
  time(timestampMs: number): string;
}

/** Turns a group of records into what is written, at once; empty when nothing of it is shown. */
export type GroupFormatter = (records: readonly ConsumerRecord[]) => string | Uint8Array;

/** Text of one record without the line end; `undefined` when the record is not shown. */
type RecordFormatter = (record: ConsumerRecord) => string | undefined;

/** @throws FLV_ARGUMENT for a template that cannot be read */
export async function groupFormatter(options: FormatOptions): Promise<GroupFormatter> {
  const { template } = options;
  const format = template === undefined ? recordFormatter(options) : await templateFormatter(template, options);
  const slow: GroupFormatter = (records) => {
    let text = "";
    for (const record of records) {
      const line = format(record);
      if (line !== undefined) text += `${withKey(record, line, options)}\n`;
    }
    return text;
  };
  const plain = template === undefined && !options.keyValue && options.truncate === undefined;
  const bytesAsTheyAre = options.output === "dynamic" || options.output === "raw" || options.output === "text";
  if (!plain || !bytesAsTheyAre) return slow;
  const anyBytes = options.output === "raw" || (options.output === "text" && options.suppressUnknown);
  return (records) => joinValues(records, anyBytes) ?? slow(records);
}

/** First bytes of the signatures that {@link isBinary} knows. */
const PERCENT = 0x25;
const PNG = 0x89;

/** Values with a line end each, copied and not decoded; `undefined` when one of them may not be plain text. */
function joinValues(records: readonly ConsumerRecord[], anyBytes: boolean): Uint8Array | undefined {
  let sizeBytes = records.length;
  for (const { value } of records) sizeBytes += value.length;
  const joined = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (const { value } of records) {
    const first = value[0];
    if (!anyBytes && (first === PERCENT || first === PNG) && isBinary(value)) return undefined;
    joined.set(value, at);
    at += value.length;
    joined[at++] = 0x0a;
  }
  // One look at all of them together: the rest of what makes a value binary is a NUL.
  if (!anyBytes && joined.includes(0)) return undefined;
  return isUtf8(joined) ? joined : undefined;
}

function withKey(record: ConsumerRecord, line: string, { keyValue, truncate }: FormatOptions): string {
  const text = keyValue ? `[${keyText(record)}] ${line}` : line;
  return truncate === undefined ? text : cut(text, truncate);
}

function keyText({ key }: ConsumerRecord): string {
  return key === undefined ? "null" : decode(key);
}

/** Every line cut to the width, by code points. */
function cut(text: string, width: number): string {
  return text
    .split("\n")
    .map((line) => (line.length <= width ? line : [...line].slice(0, width).join("")))
    .join("\n");
}

function recordFormatter(options: FormatOptions): RecordFormatter {
  const { suppressUnknown, style } = options;
  switch (options.output) {
    case "dynamic":
      return ({ value }) => (isBinary(value) ? hexDump(value) : decode(value));
    case "text":
      return ({ value }) => (isBinary(value) && !suppressUnknown ? `binary: (${value.length} bytes)` : decode(value));
    case "binary":
      return ({ value }) => hexDump(value);
    case "raw":
      return ({ value }) => decode(value);
    case "json":
      return ({ value }) => jsonText(value, suppressUnknown, style);
    case "table":
      return tableFormatter(suppressUnknown);
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Lossy: what is no UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function jsonText(value: Uint8Array, suppressUnknown: boolean, style: Style): string | undefined {
  try {
    return prettyJson(parseJsonText(decode(value)), style);
  } catch (error) {
    if (suppressUnknown) return undefined;
    const reason = JSON.stringify(error instanceof Error ? error.message : String(error));
    return prettyJson(new Map([["error", reason]]), style);
  }
}

/** A small bordered table per record; the upper border only above the first. An array gives a row per element. */
function tableFormatter(suppressUnknown: boolean): RecordFormatter {
  let first = true;
  const problem = (text: string) => (suppressUnknown ? undefined : text);
  return ({ value }) => {
    let parsed: JsonNode;
    try {
      parsed = parseJsonText(decode(value));
    } catch (error) {
      return problem(`error parsing record as json: ${error instanceof Error ? error.message : String(error)}`);
    }
    const rows = isArray(parsed) ? parsed : [parsed];
    if (rows.length === 0 || !rows.every((row) => row instanceof Map)) {
      return problem("error: Unable to parse json as object map");
    }
    const lines = borderedTable(rows as readonly ReadonlyMap<string, JsonNode>[]);
    const shown = first ? lines : lines.slice(1);
    first = false;
    return shown.join("\n");
  };
}

function borderedTable(rows: readonly ReadonlyMap<string, JsonNode>[]): string[] {
  const keys = [...new Set(rows.flatMap((row) => [...row.keys()]))].sort();
  const cells = rows.map((row) =>
    keys.map((key) => {
      const field = row.get(key);
      return field === undefined ? "" : cellText(field);
    }),
  );
  const widths = keys.map((key, column) => Math.max(key.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const rule = (dash: string) => `+${widths.map((width) => dash.repeat(width + 2)).join("+")}+`;
  const heavy = `+${widths.map((width) => "=".repeat(width + 2)).join("+")}+`;
  const line = (row: readonly string[]) =>
    `|${widths.map((width, column) => ` ${(row[column] ?? "").padEnd(width)} `).join("|")}|`;
  return [rule("-"), line(keys), heavy, ...cells.map(line), rule("-")];
}

async function templateFormatter(template: string, options: FormatOptions): Promise<RecordFormatter> {
  const { default: Handlebars } = await import("handlebars");
  const invalid = (error: unknown) => {
    // The parser's first line says where, its second shows it; what it would have expected follows.
    const [where = "", shown] = (error instanceof Error ? error.message : String(error)).split("\n");
    const reason = shown === undefined ? where : `${where.replace(/:$/, "")}, at ${shown.trim()}`;
    return flvError("FLV_ARGUMENT", `Failed to parse format string: ${reason}`, {
      details: { format: template },
      hint: "Use {{key}}, {{value}}, {{offset}}, {{partition}} and {{time}}.",
      cause: error,
    });
  };
  let render: (fields: object) => string;
  try {
    // Compiled by hand: `compile` alone would find a mistake only at the first record.
    Handlebars.precompile(template);
    render = Handlebars.create().compile(template, { noEscape: true });
  } catch (error) {
    throw invalid(error);
  }
  return (record) =>
    render({
      key: keyText(record),
      value: decode(record.value),
      offset: record.offset,
      partition: record.partition,
      time: options.time(record.timestampMs),
    });
}
