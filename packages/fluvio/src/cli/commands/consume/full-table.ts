import type { Consumer, FluvioClient } from "../../../client/index.ts";
import { flvError, type TableFormatColumn } from "../../../protocol/index.ts";
import type { Io } from "../../io.ts";
import { cellText, isArray, type JsonNode, parseJsonText } from "../../output/json-text.ts";
import { decode } from "./format.ts";

const PAGE_ROWS = 5;
/** Height of a terminal that does not know its own. */
const ROWS_DEFAULT = 24;
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?1000h\u001b[?1006h";
const LEAVE = "\u001b[?1000l\u001b[?1006l\u001b[?25h\u001b[?1049l";
const REDRAW_PERIOD_MS = 50;
const TITLE = "('c' to clear table | 'q' or ESC to exit) | Items: ";

/** The columns of a stored table format. @throws FLV_TABLE_FORMAT_NOT_FOUND */
export async function loadColumns(client: FluvioClient, name: string): Promise<readonly TableFormatColumn[]> {
  const formats = await client.admin().listTableFormats();
  const found = formats.find((format) => format.name === name);
  if (found === undefined) {
    throw flvError("FLV_TABLE_FORMAT_NOT_FOUND", `TableFormat not found: ${name}`, {
      details: { name },
      hint: "List them with `fluvio table-format list`.",
    });
  }
  return found.spec.columns ?? [];
}

type Row = ReadonlyMap<string, JsonNode>;

/** The rows of a full-screen table; pure, so that it is tested without a terminal. */
export class TableModel {
  private columns: readonly TableFormatColumn[];
  private rows: Row[] = [];
  private selectedIndex = 0;

  constructor(columns: readonly TableFormatColumn[] | undefined) {
    this.columns = columns ?? [];
  }

  get size(): number {
    return this.rows.length;
  }

  get selected(): number {
    return this.selectedIndex;
  }

  clear(): void {
    this.rows = [];
    this.selectedIndex = 0;
  }

  move(by: number): void {
    this.selectedIndex = Math.max(0, Math.min(this.rows.length - 1, this.selectedIndex + by));
  }

  /** Takes an object or an array of objects; anything else is left out. */
  update(value: Uint8Array): void {
    let parsed: JsonNode;
    try {
      parsed = parseJsonText(decode(value));
    } catch {
      // A record that is no JSON has no place in the table, and the screen no place for a message.
      return;
    }
    for (const row of isArray(parsed) ? parsed : [parsed]) if (row instanceof Map) this.put(row);
  }

  private put(row: Row): void {
    if (this.columns.length === 0) this.columns = [...row.keys()].map(plainColumn);
    const keys = this.columns.filter((column) => column.primaryKey === true).map((column) => column.keyPath);
    const same = (other: Row) => keys.every((key) => cellAt(other, key) === cellAt(row, key));
    const at = keys.length === 0 ? -1 : this.rows.findIndex(same);
    if (at < 0) this.rows.push(row);
    else this.rows[at] = row;
  }

  /** The screen as lines: title, header, rows around the selected one. */
  lines(width: number, height: number): string[] {
    const shown = this.columns.filter((column) => column.display !== false);
    const header = shown.map((column) => column.headerLabel ?? column.keyPath);
    const space = Math.max(1, height - 2);
    const first = Math.max(0, Math.min(this.selectedIndex - space + 1, this.rows.length - space));
    const visible = this.rows.slice(first, first + space);
    const cells = visible.map((row) => shown.map((column) => cellAt(row, column.keyPath)));
    const widths = header.map((label, column) =>
      Math.max(label.length, ...cells.map((row) => row[column]?.length ?? 0)),
    );
    const line = (row: readonly string[], prefix: string) =>
      (prefix + row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).slice(0, width).padEnd(width);
    const mark = `${this.selectedIndex + 1} >> `;
    const blank = " ".repeat(mark.length);
    return [
      `${TITLE}${this.rows.length}`.slice(0, width),
      line(header, blank),
      ...cells.map((row, index) => line(row, first + index === this.selectedIndex ? mark : blank)),
    ];
  }
}

function plainColumn(keyPath: string): TableFormatColumn {
  return {
    keyPath,
    headerLabel: undefined,
    width: undefined,
    alignment: undefined,
    format: undefined,
    display: undefined,
    primaryKey: undefined,
    headerBgColor: undefined,
    headerTextColor: undefined,
  };
}

/** `address.city` reaches into objects. */
function cellAt(row: Row, keyPath: string): string {
  const direct = row.get(keyPath);
  if (direct !== undefined) return cellText(direct);
  let node: JsonNode | undefined = row;
  for (const key of keyPath.split(".")) node = node instanceof Map ? (node as Row).get(key) : undefined;
  return node === undefined ? "" : cellText(node);
}

/** What a key or a turn of the mouse wheel means. */
export function keyAction(bytes: string): "quit" | "clear" | number | "first" | "last" | undefined {
  switch (bytes) {
    case "q":
    case "\u001b":
    case "\u0003":
      return "quit";
    case "c":
      return "clear";
    case "\u001b[A":
      return -1;
    case "\u001b[B":
      return 1;
    case "\u001b[5~":
      return -PAGE_ROWS;
    case "\u001b[6~":
      return PAGE_ROWS;
    case "\u001b[H":
    case "\u001b[1~":
      return "first";
    case "\u001b[F":
    case "\u001b[4~":
      return "last";
  }
  if (bytes.startsWith("\u001b[<64;")) return -1;
  return bytes.startsWith("\u001b[<65;") ? 1 : undefined;
}

/** Shows the records as a table over the whole terminal until `q`, Esc or Ctrl-C. */
export async function runFullTable(
  io: Io,
  consumer: Consumer,
  columns: readonly TableFormatColumn[] | undefined,
): Promise<void> {
  const model = new TableModel(columns);
  const out = io.stdout.stream;
  const input = io.stdin as NodeJS.ReadStream;
  const draw = () => out.write(screen(model, io));
  const stop = () => void consumer.close();
  const onKey = (chunk: Buffer | string) => {
    const action = keyAction(String(chunk));
    if (action === "quit") stop();
    else if (action === "clear") model.clear();
    else if (action === "first") model.move(-model.size);
    else if (action === "last") model.move(model.size);
    else if (action !== undefined) model.move(action);
    draw();
  };
  out.write(ENTER);
  input.setRawMode?.(true);
  input.on("data", onKey);
  io.signal.addEventListener("abort", stop, { once: true });
  // Redrawn at most this often, however fast the records come.
  const redraw = setInterval(draw, REDRAW_PERIOD_MS);
  try {
    for await (const group of consumer.batches()) for (const { value } of group) model.update(value);
  } finally {
    clearInterval(redraw);
    io.signal.removeEventListener("abort", stop);
    input.off("data", onKey);
    input.setRawMode?.(false);
    input.pause();
    out.write(LEAVE);
  }
}

function screen(model: TableModel, io: Io): string {
  const { style } = io.stdout;
  const height = (io.stdout.stream as NodeJS.WriteStream).rows || ROWS_DEFAULT;
  const [title = "", header = "", ...rows] = model.lines(io.stdout.columns, height);
  const shown = rows.map((row) => (row.startsWith(`${model.selected + 1} >> `) ? style.inverse(row) : row));
  return `\u001b[H\u001b[2J${[title, style.bgBlue(style.yellow(header)), ...shown].join("\r\n")}`;
}
