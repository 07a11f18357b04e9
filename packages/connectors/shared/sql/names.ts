type Quote = '"' | "`";

/** A name as a statement has it, whatever is in it. */
export function quoteName(name: string, quote: Quote): string {
  return quote + name.replaceAll(quote, quote + quote) + quote;
}

/** A table as a statement has it, with its schema when it has one. */
export function quoteTable(table: string, quote: Quote): string {
  return tableParts(table)
    .map((part) => quoteName(part, quote))
    .join(".");
}

/** What stands between two dots: in quotes, with those within doubled, or anything else. */
const QUOTED_PARTS = /^(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+)(?:\.(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+))*$/;
const PART = /"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+/g;

/** `schema.table` has two parts, `"a.b"` (or with backticks) one; quotes that do not enclose a part belong to the name. */
export function tableParts(table: string): readonly string[] {
  if (!QUOTED_PARTS.test(table)) return table.split(".");
  return (table.match(PART) ?? []).map((part) => {
    const quote = part[0] ?? "";
    return quote === '"' || quote === "`" ? part.slice(1, -1).replaceAll(quote + quote, quote) : part;
  });
}

/** The table that has these parts. */
export function tableOf(parts: readonly string[]): string {
  return parts.map((part) => (/[."`]/.test(part) ? quoteName(part, '"') : part)).join(".");
}

/** A table beside another one, in the same schema. */
export function tableBeside(table: string, suffix: string): string {
  const parts = tableParts(table);
  return tableOf([...parts.slice(0, -1), `${parts.at(-1)}${suffix}`]);
}
