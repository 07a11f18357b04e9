import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { ParameterValue } from "./config.ts";
import { type ProblemPlace, problem } from "./problem.ts";

/**
 * A YAML value with the line it stands on, so that every complaint can name it. `source` is a number as it was
 * written: a version `1.10` must not become `1.1`.
 */
export type YamlValue =
  | {
      readonly kind: "text";
      readonly text: string;
      readonly source: string;
      readonly isNull: boolean;
      readonly line: number;
    }
  | { readonly kind: "list"; readonly items: readonly YamlValue[]; readonly line: number }
  | { readonly kind: "map"; readonly entries: readonly YamlEntry[]; readonly line: number };

export interface YamlEntry {
  readonly key: string;
  readonly value: YamlValue;
  /** Line of the key. */
  readonly line: number;
}

export type YamlMap = Extract<YamlValue, { kind: "map" }>;

/** Longest connector file, bytes. */
const FILE_SIZE_BYTES_MAX = 1024 * 1024;

/** Reads a YAML (or JSON) document whose top is a map. @throws FLV_CONNECTOR_INVALID with file and line */
export function parseYaml(content: string, file: string): YamlMap {
  if (content.length > FILE_SIZE_BYTES_MAX) {
    throw problem({ file }, "the file is larger than 1 MiB", "Give a connector file, such as connect.yml");
  }
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const error = document.errors[0];
  if (error !== undefined) {
    throw problem(
      { file, line: lines.linePos(error.pos[0]).line },
      `not valid YAML: ${error.message}`,
      "Correct this line",
    );
  }
  const convert = (node: unknown, lineAbove: number): YamlValue => {
    const at = rangeStart(node);
    const line = at === undefined ? lineAbove : lines.linePos(at).line;
    if (isAlias(node)) return convert(node.resolve(document), line);
    if (isSeq(node)) return { kind: "list", line, items: node.items.map((item) => convert(item, line)) };
    if (isMap(node)) {
      const entries = node.items.map((pair): YamlEntry => {
        const keyAt = rangeStart(pair.key);
        const keyLine = keyAt === undefined ? line : lines.linePos(keyAt).line;
        return { key: scalarText(pair.key), value: convert(pair.value, keyLine), line: keyLine };
      });
      return { kind: "map", line, entries };
    }
    const text = scalarText(node);
    const source = isScalar(node) && typeof node.value === "number" ? (node.source ?? text) : text;
    return { kind: "text", line, text, source, isNull: isScalar(node) ? node.value === null : true };
  };
  const top = convert(document.contents, 1);
  if (top.kind !== "map") throw problem({ file, line: top.line }, "it is not a map of keys", HOW_A_FILE_LOOKS);
  return top;
}

const HOW_A_FILE_LOOKS = "A connector file begins with `version:`, `name:`, `type:` and `topic:`";

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}

/** Integers, floats, booleans and null become their text: `30`, `10` for `10.0`, `true`, `null`. */
function scalarText(node: unknown): string {
  if (!isScalar(node)) return "null";
  if (typeof node.value === "string") return node.value;
  if (typeof node.value === "bigint" || !Number.isSafeInteger(node.value)) {
    // Beyond 2^53 the digits of the file are right and those of the number are not.
    if (typeof node.value === "number" && /^[-+]?\d+$/.test(node.source ?? "")) return node.source ?? "";
  }
  return String(node.value);
}

/** The value as plain data. */
export function plain(value: YamlValue): ParameterValue {
  if (value.kind === "text") return value.text;
  if (value.kind === "list") return value.items.map(plain);
  return Object.fromEntries(value.entries.map((entry) => [entry.key, plain(entry.value)]));
}

/** The value as text. @throws FLV_CONNECTOR_INVALID when it is a list or a map, or empty */
export function textOf(value: YamlValue, path: string, place: ProblemPlace): string {
  if (value.kind === "text" && !value.isNull && value.text !== "") return value.text;
  const at = { ...place, line: value.line };
  if (value.kind === "text")
    throw problem(at, `\`${path}\` is empty`, `Write a value after \`${path}:\``, { key: path });
  throw problem(at, `\`${path}\` is a ${value.kind}, not a single value`, `Write \`${path}: VALUE\``, { key: path });
}

/** The value as a map. @throws FLV_CONNECTOR_INVALID */
export function mapOf(value: YamlValue, path: string, place: ProblemPlace): YamlMap {
  if (value.kind === "map") return value;
  if (value.kind === "text" && value.isNull) return { kind: "map", entries: [], line: value.line };
  throw problem(
    { ...place, line: value.line },
    `\`${path}\` is not a map of keys`,
    `Write its keys indented below \`${path}:\``,
    {
      key: path,
    },
  );
}
