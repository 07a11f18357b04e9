import { type Column, namesOf, type Row } from "./columns.ts";

const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/** Rows as CSV with a header: what is missing or null is empty, lists and objects are JSON. */
export function csvText(rows: readonly Row[], columns: readonly Column[] | undefined): string {
  const names = (columns ?? namesOf(rows)).map(({ name }) => name);
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(","));
  return `${[names.map(quoted).join(","), ...lines].join("\n")}\n`;
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (value === "") return '""';
  return quoted(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function quoted(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
