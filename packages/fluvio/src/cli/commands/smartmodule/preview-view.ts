import type { Replayed, ReplayRecord, ReplayResult, ReplayStatus } from "../../../smdk/index.ts";
import { isBinary } from "../../output/hex-dump.ts";
import type { Style } from "../../output/stream.ts";
import { decode } from "../consume/format.ts";

export interface PreviewedPartition {
  readonly partition: number;
  readonly result: ReplayResult;
}

interface RowOptions {
  readonly columns: number;
  readonly style: Style;
  /** Values are not cut. */
  readonly full: boolean;
  readonly keyValue: boolean;
}

const GAP = "  ";
/** Below this a column shows nothing that could be read. */
const COLUMN_WIDTH_MIN = 12;
const ELLIPSIS = "…";

/** Before and after side by side, in the order of the records' times. */
export function previewRows(partitions: readonly PreviewedPartition[], options: RowOptions): string {
  const rows = inOrder(partitions);
  if (rows.length === 0) return "no records\n";
  const several = partitions.length > 1;
  const label = (partition: number, { before }: Replayed) =>
    several ? `${partition}:${before.offset}` : `${before.offset}`;
  const labelWidth = Math.max("OFFSET".length, ...rows.map(({ partition, row }) => label(partition, row).length));
  const shown = rows.map(({ partition, row }) => ({
    label: label(partition, row),
    before: shownRecord(row.before, options.keyValue),
    after: afterLines(row, options.keyValue),
    status: row.status,
  }));
  const half = Math.floor((options.columns - labelWidth - 2 * GAP.length) / 2);
  const width = options.full
    ? Math.max("BEFORE".length, ...shown.map(({ before }) => [...before].length))
    : Math.max(COLUMN_WIDTH_MIN, half);
  const cut = (text: string) => (options.full ? text : shortened(text, width));
  const line = (left: string, middle: string, right: string) =>
    `${left.padStart(labelWidth)}${GAP}${padded(cut(middle), width)}${GAP}${cut(right)}`.trimEnd();
  const lines = [line("OFFSET", "BEFORE", "AFTER")];
  for (const { label: left, before, after, status } of shown) {
    const paint = painter(options.style, status);
    after.forEach((right, index) => {
      lines.push(paint(index === 0 ? line(left, before, right) : line("", "", right)));
    });
  }
  return `${lines.join("\n")}\n`;
}

function painter(style: Style, status: ReplayStatus): (text: string) => string {
  switch (status) {
    case "kept":
      return (text) => text;
    case "changed":
      return style.yellow;
    case "dropped":
      return style.red;
    case "error":
      return (text) => style.bold(style.red(text));
  }
}

/** What stands beside a record; at least one line. */
function afterLines({ after, status, error }: Replayed, keyValue: boolean): readonly string[] {
  if (status === "error") return [`error: ${oneLine(error ?? "")}`];
  return after.length === 0 ? ["-"] : after.map((record) => shownRecord(record, keyValue));
}

function shownRecord({ key, value }: ReplayRecord, keyValue: boolean): string {
  const text = isBinary(value) ? `(binary, ${value.length} bytes)` : oneLine(decode(value));
  return keyValue ? `[${key === undefined ? "null" : oneLine(decode(key))}] ${text}` : text;
}

/** Control characters would break the table. */
function oneLine(text: string): string {
  const names: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f]/g, (found) => names[found] ?? "\\?");
}

function shortened(text: string, width: number): string {
  const points = [...text];
  return points.length <= width ? text : `${points.slice(0, width - 1).join("")}${ELLIPSIS}`;
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - [...text].length));
}

function inOrder(partitions: readonly PreviewedPartition[]) {
  const rows = partitions.flatMap(({ partition, result }) => result.records.map((row) => ({ partition, row })));
  return partitions.length < 2 ? rows : rows.sort((a, b) => a.row.before.timestampMs - b.row.before.timestampMs);
}

interface Counts {
  readonly in: number;
  readonly out: number;
  readonly kept: number;
  readonly changed: number;
  readonly dropped: number;
  readonly errors: number;
}

function countsOf(partitions: readonly PreviewedPartition[]): Counts {
  const rows = partitions.flatMap(({ result }) => result.records);
  const count = (status: ReplayStatus) => rows.filter((row) => row.status === status).length;
  return {
    in: rows.length,
    out: rows.reduce((sum, { after }) => sum + after.length, 0),
    kept: count("kept"),
    changed: count("changed"),
    dropped: count("dropped"),
    errors: count("error"),
  };
}

interface Timing {
  readonly totalMs: number;
  readonly perRecordUsMean: number;
  readonly perRecordUsP50: number;
}

function timingOf(partitions: readonly PreviewedPartition[]): Timing {
  const batches = partitions.flatMap(({ result }) => result.batches);
  const totalMs = batches.reduce((sum, { timeMs }) => sum + timeMs, 0);
  const records = batches.reduce((sum, batch) => sum + batch.records, 0);
  const each = batches.map(({ timeMs, records: count }) => timeMs / Math.max(1, count)).sort((a, b) => a - b);
  return {
    totalMs,
    perRecordUsMean: (1000 * totalMs) / Math.max(1, records),
    perRecordUsP50: 1000 * (each[Math.floor((each.length - 1) / 2)] ?? 0),
  };
}

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** Numbers as a line of bars, at most `width` wide; each bar is the largest of its share. */
function sparkline(numbers: readonly number[], width: number, max = Math.max(...numbers)): string {
  const share = Math.max(1, Math.ceil(numbers.length / width));
  const bars: string[] = [];
  for (let at = 0; at < numbers.length; at += share) {
    const largest = Math.max(...numbers.slice(at, at + share));
    const level = max <= 0 ? 0 : Math.round((largest / max) * (BARS.length - 1));
    bars.push(BARS[Math.max(0, Math.min(BARS.length - 1, level))] ?? "");
  }
  return bars.join("");
}

/** Counts, times and plots below the rows. */
export function previewSummary(
  partitions: readonly PreviewedPartition[],
  { columns, style }: { readonly columns: number; readonly style: Style },
): string {
  const counts = countsOf(partitions);
  if (counts.in === 0) return "";
  const { totalMs, perRecordUsMean, perRecordUsP50 } = timingOf(partitions);
  const batches = partitions.flatMap(({ result }) => result.batches);
  const times = batches.map(({ timeMs }) => timeMs);
  const ratios = batches.map(({ records, out }) => out / Math.max(1, records));
  const colored = (count: number, name: string, paint: (text: string) => string) =>
    count === 0 ? `${count} ${name}` : paint(`${count} ${name}`);
  const label = (text: string) => text.padEnd(12);
  const slowest = ` up to ${Math.max(...times).toFixed(1)} ms`;
  const range = ` ${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`;
  const plotWidth = Math.max(COLUMN_WIDTH_MIN, columns - 12 - Math.max(slowest.length, range.length));
  const lines = [
    "",
    `${counts.in} in, ${counts.out} out: ${counts.kept} kept, ${colored(counts.changed, "changed", style.yellow)}, ` +
      `${colored(counts.dropped, "dropped", style.red)}, ${colored(counts.errors, "errors", style.red)}`,
    `${totalMs.toFixed(1)} ms: ${perRecordUsP50.toFixed(1)} us a record (p50), ${perRecordUsMean.toFixed(1)} us (mean)`,
    `${label("batch times")}${sparkline(times, plotWidth)}${slowest}`,
    `${label("out per in")}${sparkline(ratios, plotWidth, Math.max(1, ...ratios))}${range}`,
  ];
  return `${lines.join("\n")}\n`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

/** Stable form for `-O json`; keys and values are text, or base64 where they are not UTF-8. */
export function previewObject(partitions: readonly PreviewedPartition[]): Record<string, unknown> {
  return {
    counts: countsOf(partitions),
    timing: timingOf(partitions),
    batches: partitions.flatMap(({ result }) => result.batches),
    records: inOrder(partitions).map(({ partition, row }) => ({
      partition,
      offset: row.before.offset,
      timestampMs: row.before.timestampMs,
      status: row.status,
      before: recordObject(row.before),
      after: row.after.map(recordObject),
      ...(row.error === undefined ? {} : { error: row.error }),
    })),
  };
}

function recordObject({ key, value }: ReplayRecord): Record<string, unknown> {
  return { key: key === undefined ? null : dataObject(key), value: dataObject(value) };
}

function dataObject(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString();
  return Buffer.from(text).equals(buffer) ? text : { base64: buffer.toString("base64") };
}
