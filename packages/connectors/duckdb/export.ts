import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Dialect, Session } from "../shared/sql/dialect.ts";
import { tableParts } from "../shared/sql/names.ts";

/** How rows are exported. */
export interface ExportOptions {
  /** Folder of the files. */
  readonly path: string;
  /** Milliseconds from one export to the next. */
  readonly every: number;
}

/** Table in which is kept up to where each table is exported. */
const EXPORTS = "fluvio_exports";

/**
 * Writes the rows that came since the last time into a Parquet file of their own: `PATH/TABLE/000001.parquet`, and so on.
 * What is exported is kept in the database behind the file, so that a file is written again, with at least the same rows,
 * when the process ends in between: every row is in exactly one file.
 */
export class ParquetExport {
  readonly #options: ExportOptions;
  readonly #dialect: Dialect;
  #lastMs: number;

  constructor(options: ExportOptions, dialect: Dialect, nowMs: number) {
    this.#options = options;
    this.#dialect = dialect;
    this.#lastMs = nowMs;
  }

  /** Whether the time has come. */
  isDue(nowMs: number): boolean {
    return nowMs - this.#lastMs >= this.#options.every;
  }

  /** Call it between transactions. */
  async run(session: Session, tables: Iterable<string>, nowMs: number): Promise<void> {
    this.#lastMs = nowMs;
    await session.run(
      `CREATE TABLE IF NOT EXISTS ${EXPORTS} (name VARCHAR PRIMARY KEY, last_row BIGINT NOT NULL, files BIGINT NOT NULL)`,
    );
    const known = await session.select(`SELECT name FROM ${EXPORTS}`);
    for (const table of new Set([...known.map(({ name }) => String(name)), ...tables])) {
      await this.#exportTable(session, table);
    }
  }

  async #exportTable(session: Session, table: string): Promise<void> {
    const [kept] = await session.select(`SELECT last_row, files FROM ${EXPORTS} WHERE name = $1`, [table]);
    const lastRow = Number(kept?.last_row ?? -1);
    const files = Number(kept?.files ?? 0) + 1;
    const name = this.#dialect.quoteTable(table);
    const [found] = await session.select(`SELECT max(rowid) AS last FROM ${name} WHERE rowid > ${lastRow}`);
    if (found?.last === null || found?.last === undefined) return;
    const last = Number(found.last);
    const path = join(
      this.#options.path,
      ...tableParts(table).map(folderName),
      `${String(files).padStart(6, "0")}.parquet`,
    );
    await mkdir(dirname(path), { recursive: true });
    const rows = `SELECT * FROM ${name} WHERE rowid > ${lastRow} AND rowid <= ${last} ORDER BY rowid`;
    await session.run(`COPY (${rows}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`);
    await session.run(
      `INSERT INTO ${EXPORTS} VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET last_row = EXCLUDED.last_row, files = EXCLUDED.files`,
      [table, last, files],
    );
  }
}

/** What would lead elsewhere is written as in a URL. */
function folderName(name: string): string {
  return name.replace(/[/\\]|^\.+$/g, (found) =>
    [...found].map((char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).join(""),
  );
}
