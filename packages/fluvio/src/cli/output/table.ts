type Align = "left" | "right";

interface TableOptions {
  /** Blanks before a line, besides the one that every cell begins with. Default 1. */
  readonly indent?: number;
  /** Alignment of the cells below the header, by column; the header is always left-aligned. Default left. */
  readonly align?: readonly Align[];
}

/**
 * A table without borders: every cell is a blank, the text padded to the widest of its column, and a blank. A row may
 * have more cells than the header; the header is then padded with empty ones. Control characters are shown escaped: names
 * that others chose would break the line, or the terminal.
 */
export function renderTable(
  header: readonly string[],
  cells: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const rows = cells.map((row) => row.map(visible));
  const widths: number[] = [];
  for (const row of [header, ...rows]) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cellWidth(cell));
    });
  }
  const indent = " ".repeat(options.indent ?? 1);
  const line = (row: readonly string[], align: readonly Align[]) =>
    indent + widths.map((width, column) => ` ${pad(row[column] ?? "", width, align[column] ?? "left")} `).join("");
  return `${[line(header, []), ...rows.map((row) => line(row, options.align ?? []))].join("\n")}\n`;
}

function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) =>
    control < " " ? JSON.stringify(control).slice(1, -1) : `\\u00${control.charCodeAt(0).toString(16)}`,
  );
}

/** One-column table of `Key:value` lines, as describe commands print. */
export function renderKeyValues(lines: readonly string[]): string {
  const width = Math.max(0, ...lines.map(cellWidth));
  return lines.map((line) => `   ${pad(line, width, "left")} \n`).join("");
}

function pad(text: string, width: number, align: Align): string {
  const blanks = " ".repeat(width - cellWidth(text));
  return align === "left" ? text + blanks : blanks + text;
}

/** Code points, not UTF-16 units, so that a pictograph in a name does not shift the columns after it by two. */
function cellWidth(text: string): number {
  return [...text].length;
}
