import type { Style } from "./stream.ts";

/**
 * JSON as it was written: numbers keep their digits (`12345678901234567890`, `1.0`), which `JSON.parse` would change.
 * Scalars are their JSON text.
 */
export type JsonNode = string | readonly JsonNode[] | ReadonlyMap<string, JsonNode>;

/** @throws SyntaxError with the parser's reason */
export function parseJsonText(text: string): JsonNode {
  // The engine's parser judges validity; below, only tokens of valid JSON are met.
  JSON.parse(text);
  const token = /\s*([{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+)/gy;
  const next = (): string => token.exec(text)?.[1] ?? "";
  const node = (first: string): JsonNode => {
    if (first === "{") return object();
    if (first === "[") return array();
    return first.startsWith('"') ? JSON.stringify(JSON.parse(first)) : first;
  };
  const array = (): JsonNode => {
    const items: JsonNode[] = [];
    for (let word = next(); word !== "]"; word = next()) if (word !== ",") items.push(node(word));
    return items;
  };
  const object = (): JsonNode => {
    const entries: [string, JsonNode][] = [];
    for (let word = next(); word !== "}"; word = next()) {
      if (word === ",") continue;
      next();
      entries.push([JSON.parse(word) as string, node(next())]);
    }
    return new Map(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  };
  return node(next());
}

/** Two blanks a level, keys in alphabetical order; coloured when the style is. */
export function prettyJson(node: JsonNode, style: Style, indent = ""): string {
  const inner = `${indent}  `;
  if (typeof node === "string") return colored(node, style);
  if (isArray(node)) {
    if (node.length === 0) return "[]";
    return `[\n${node.map((item) => inner + prettyJson(item, style, inner)).join(",\n")}\n${indent}]`;
  }
  if (node.size === 0) return "{}";
  const lines = [...node].map(
    ([key, field]) => `${inner}${style.blue(JSON.stringify(key))}: ${prettyJson(field, style, inner)}`,
  );
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

export function compactJson(node: JsonNode): string {
  if (typeof node === "string") return node;
  if (isArray(node)) return `[${node.map(compactJson).join(",")}]`;
  return `{${[...node].map(([key, field]) => `${JSON.stringify(key)}:${compactJson(field)}`).join(",")}}`;
}

/** Text of a table cell: strings without quotes, anything else as JSON. */
export function cellText(node: JsonNode): string {
  return typeof node === "string" && node.startsWith('"') ? (JSON.parse(node) as string) : compactJson(node);
}

export function isArray(node: JsonNode): node is readonly JsonNode[] {
  return Array.isArray(node);
}

function colored(scalar: string, style: Style): string {
  if (scalar.startsWith('"')) return style.green(scalar);
  return scalar === "null" ? style.dim(scalar) : style.yellow(scalar);
}
