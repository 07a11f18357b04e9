import { stringify as stringifyToml } from "smol-toml";
import { valueOr } from "../command.ts";
import { oneOf } from "../values.ts";
import type { Output } from "./stream.ts";
import { yamlText } from "./yaml-text.ts";

export type OutputFormat = "table" | "yaml" | "json" | "toml";

/** `-O`, for every command that lists or describes. */
export const outputOption = valueOr<OutputFormat>({
  long: "output",
  short: "O",
  value: "type",
  summary: "Output format",
  parse: oneOf("table", "yaml", "json", "toml"),
  choices: ["table", "yaml", "json", "toml"],
  default: "table",
});

interface Listing {
  readonly format: OutputFormat;
  /** What the list holds, in the plural: the key of the list in TOML, which has no bare lists. */
  readonly plural: string;
  /** Objects with stable, camelCase fields. */
  readonly objects: readonly unknown[];
  /** Said instead of any output when there is nothing, whatever the format. */
  readonly empty: string;
  table(): string;
}

export function printListing(out: Output, listing: Listing): void {
  if (listing.objects.length === 0) out.print(listing.empty);
  else if (listing.format === "table") out.print(listing.table().replace(/\n$/, ""));
  else out.print(formatObject(listing.objects, listing.format, listing.plural));
}

/** Text of an object in one of the machine-readable formats, without the last line end. */
export function formatObject(object: unknown, format: Exclude<OutputFormat, "table">, plural = "items"): string {
  switch (format) {
    case "json":
      return JSON.stringify(object, null, 2);
    case "yaml":
      return yamlText(object);
    case "toml": {
      const plain: unknown = JSON.parse(JSON.stringify(object), (_key, field: unknown) => field ?? undefined);
      return stringifyToml(Array.isArray(plain) ? { [plural]: plain } : (plain as Record<string, unknown>)).replace(
        /\n$/,
        "",
      );
    }
  }
}
