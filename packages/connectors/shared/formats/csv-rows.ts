import { parse } from "csv-parse/sync";
import type { Decoded, InvalidRecord } from "./decoder.ts";
import type { CsvOptions } from "./format-options.ts";
import type { Frame } from "./framer.ts";

const DEFAULTS = { delimiter: ",", header: true } as const;

/** Makes JSON objects of the rows of CSV, with the names of the header; arrays when there is none. */
export class CsvRows {
  readonly delimiter: string;
  readonly #hasHeader: boolean;
  #names: readonly string[] | undefined;

  /** @param state names of the columns, when the header was read before */
  constructor(options: CsvOptions, state: string | undefined) {
    const { delimiter, header, columns } = { ...DEFAULTS, columns: undefined, ...options };
    this.delimiter = delimiter;
    this.#hasHeader = header;
    this.#names = state === undefined ? columns : (JSON.parse(state) as string[]);
    this.#isHeaderRead = state !== undefined || !header;
    this.#areNamesGiven = columns !== undefined;
  }
  #isHeaderRead: boolean;
  readonly #areNamesGiven: boolean;

  get state(): string | undefined {
    return this.#hasHeader && this.#isHeaderRead ? JSON.stringify(this.#names) : undefined;
  }

  /** Rows that are not as the others are invalid one by one. */
  parse(frames: readonly Frame[]): Decoded {
    const rows = this.#isHeaderRead ? frames : this.#afterHeader(frames);
    if (rows.length === 0) return { values: [], invalid: [] };
    if (rows.some(({ problem }) => problem !== undefined)) return this.#oneByOne(rows);
    try {
      return { values: this.#values(Buffer.concat(rows.map(({ bytes }) => bytes))), invalid: [] };
    } catch {
      return this.#oneByOne(rows);
    }
  }

  #afterHeader(frames: readonly Frame[]): readonly Frame[] {
    const at = frames.findIndex(({ bytes }) => bytes.some((byte) => byte > 0x20));
    const header = frames[at];
    if (header === undefined) return [];
    this.#isHeaderRead = true;
    if (!this.#areNamesGiven) {
      const [names = []] = parse(header.bytes, {
        delimiter: this.delimiter,
        record_delimiter: ["\r\n", "\n"],
        relax_quotes: true,
      });
      this.#names = names.map((name, column) => name.trim() || `column_${column + 1}`);
    }
    return frames.slice(at + 1);
  }

  #oneByOne(rows: readonly Frame[]): Decoded {
    const values: string[] = [];
    const invalid: InvalidRecord[] = [];
    for (const { bytes, offset, problem } of rows) {
      try {
        if (problem !== undefined) throw new Error(problem);
        values.push(...this.#values(bytes));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        invalid.push({ offset, bytes, reason, valuesBefore: values.length });
      }
    }
    return { values, invalid };
  }

  #values(bytes: Uint8Array): string[] {
    const options = {
      delimiter: this.delimiter,
      record_delimiter: ["\r\n", "\n"],
      relax_quotes: true,
      skip_empty_lines: true,
    };
    if (this.#names === undefined) {
      return parse(bytes, { ...options, relax_column_count: true }).map((row) => JSON.stringify(row));
    }
    return parse<Record<string, string>>(bytes, { ...options, columns: [...this.#names] }).map((row) =>
      JSON.stringify(row),
    );
  }
}
