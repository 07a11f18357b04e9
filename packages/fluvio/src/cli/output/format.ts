import { stringify as stringifyToml } from "smol-toml";
import { Document, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { valueOr } from "../command.ts";
import { oneOf } from "../values.ts";
import type { Output } from "./stream.ts";

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

/** An enum variant with content: `{ "computed": … }` in JSON and TOML, `!computed …` in YAML. */
export class Tagged {
  readonly tag: string;
  readonly content: unknown;
  constructor(tag: string, content: unknown) {
    this.tag = tag;
    this.content = content;
  }
  toJSON(): unknown {
    return { [this.tag]: this.content };
  }
}

export interface Listing {
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

function yamlText(object: unknown): string {
  const document = new Document();
  document.contents = yamlNode(object);
  return document.toString({ indentSeq: false, lineWidth: 0 });
}

function yamlNode(value: unknown): Node {
  if (value instanceof Tagged) {
    const node = yamlNode(value.content);
    node.tag = `!${value.tag}`;
    return node;
  }
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    list.items = value.map(yamlNode);
    return list;
  }
  if (typeof value === "object" && value !== null) {
    const map = new YAMLMap();
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) map.add(new Pair(new Scalar(key), yamlNode(field)));
    }
    return map;
  }
  return new Scalar(value);
}
