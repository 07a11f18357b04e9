import type { Row, RowShape } from "./row.ts";
import type { Cell } from "./types.ts";

/**
 * Rows of one shape, in their order, by column: what thousands of rows have in common is there once, and nothing is kept
 * of a row but its cells.
 */
export interface Rows {
  readonly shape: RowShape;
  /** As many as a row of the shape has cells. */
  readonly columns: readonly (readonly Cell[])[];
  readonly count: number;
}

/** Rows and, at the same places, the records that they were made of. */
export interface Run<R> extends Rows {
  readonly columns: readonly Cell[][];
  readonly records: R[];
}

/** A run that grows. */
class OpenRun<R> implements Run<R> {
  readonly shape: RowShape;
  readonly columns: readonly Cell[][];
  readonly records: R[] = [];

  constructor(shape: RowShape, width: number) {
    this.shape = shape;
    this.columns = Array.from({ length: width }, () => []);
  }

  get count(): number {
    return this.records.length;
  }

  add({ cells }: Row, record: R): void {
    const { columns } = this;
    for (let at = 0; at < columns.length; at++) (columns[at] as Cell[]).push(cells[at] ?? null);
    this.records.push(record);
  }
}

/** Gathers rows into runs: neighbours of one shape, so that the order of the rows stays. */
export class RunsInOrder<R> {
  readonly runs: Run<R>[] = [];
  #last: OpenRun<R> | undefined;

  add(row: Row, record: R): void {
    if (this.#last?.shape !== row.shape) {
      this.#last = new OpenRun<R>(row.shape, row.cells.length);
      this.runs.push(this.#last);
    }
    this.#last.add(row, record);
  }
}

/**
 * Runs by shape, as few statements as possible: the order stays within a shape, and a table whose rows replace each other
 * in several shapes is left in order.
 */
export function runsByShape<R>(inOrder: readonly Run<R>[]): readonly Run<R>[] {
  if (inOrder.length < 2) return inOrder;
  // What a table is, and what a statement of its own does, counts for rows of other shapes too.
  if (inOrder.some(({ shape }) => shape.action === "define" || typeof shape.action === "object")) return inOrder;
  const shapes = new Map<RowShape, Run<R>[]>();
  for (const run of inOrder) {
    const known = shapes.get(run.shape);
    if (known === undefined) shapes.set(run.shape, [run]);
    else known.push(run);
  }
  const kinds = [...shapes.keys()];
  const tables = new Set(kinds.map(({ table }) => table));
  const hasUpsert = kinds.some(({ unique, action }) => unique.length > 0 || action !== undefined);
  return hasUpsert && kinds.length !== tables.size ? inOrder : [...shapes.values()].map(joined);
}

function joined<R>(runs: readonly Run<R>[]): Run<R> {
  const [first, ...rest] = runs as [Run<R>, ...Run<R>[]];
  if (rest.length === 0) return first;
  const records = runs.flatMap((run) => run.records);
  const columns = first.columns.map((_, at) => runs.flatMap((run) => run.columns[at] ?? []));
  return { shape: first.shape, columns, records, count: records.length };
}

export function partOf<R>({ shape, columns, records }: Run<R>, from: number, to?: number): Run<R> {
  const some = records.slice(from, to);
  return { shape, columns: columns.map((column) => column.slice(from, to)), records: some, count: some.length };
}

/** The cells of one row. */
export function cellsAt({ columns }: Rows, at: number): Cell[] {
  return columns.map((column) => column[at] ?? null);
}

/** An upsert cannot meet the same row twice in one statement: the last one counts. */
export function lastOfEachKey(rows: Rows): Rows {
  const { shape, columns, count } = rows;
  if (shape.unique.length === 0 || count < 2) return rows;
  const places = shape.unique.map((column) => shape.columns.indexOf(column));
  const last = new Map<string, number>();
  for (let at = 0; at < count; at++) {
    const key = JSON.stringify(places.map((place) => keyCell(columns[place]?.[at])));
    last.delete(key);
    last.set(key, at);
  }
  if (last.size === count) return rows;
  const kept = [...last.values()];
  return { shape, columns: columns.map((column) => kept.map((at) => column[at] ?? null)), count: kept.length };
}

const keyCell = (cell: Cell | undefined) => (cell instanceof Uint8Array ? Buffer.from(cell).toString("hex") : cell);
