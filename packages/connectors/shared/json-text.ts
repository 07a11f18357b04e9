/**
 * Parts of a JSON text as they are written there: numbers keep all their digits, objects the order of their keys. The
 * text must be valid JSON ({@link isJson}); nothing is parsed a second time.
 */

const QUOTE = '"';
const BLANKS = /[ \t\n\r]*/y;
const SCALAR = /[^,\]}\s]*/y;
/** What ends or begins something inside an array or an object. */
const STRUCTURE = /["{}[\]]/g;

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A path into JSON: `$`, `a.b`, `.a.b`, `$.a.b`, `list.0` or `list[0]`; keys with dots in quotes: `a["b.c"]`. */
export type JsonPath = readonly string[];

/** @returns `undefined` for what is no path */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: string[] = [];
  const step = /\.?([^.[\]"\s]+)|\[(\d+)\]|\["([^"]*)"\]/y;
  let at = text.startsWith("$") ? 1 : 0;
  while (at < text.length) {
    step.lastIndex = at;
    const match = step.exec(text);
    if (match === null) return undefined;
    steps.push(match[1] ?? match[2] ?? match[3] ?? "");
    at = step.lastIndex;
  }
  return text === "" ? undefined : steps;
}

/** The JSON text of what is at the path; `undefined` when there is nothing. */
export function jsonAt(text: string, path: JsonPath): string | undefined {
  let found = text.trim();
  for (const step of path) {
    const inner = found.startsWith("[") ? elementAt(found, step) : memberOf(found, step);
    if (inner === undefined) return undefined;
    found = inner;
  }
  return found;
}

/** The JSON texts of an array's elements; `undefined` when the text is no array. */
export function jsonElements(text: string): string[] | undefined {
  const array = text.trim();
  if (!array.startsWith("[")) return undefined;
  const found: string[] = [];
  let at = skip(BLANKS, array, 1);
  while (array[at] !== "]") {
    const end = valueEnd(array, at);
    found.push(array.slice(at, end));
    at = skip(BLANKS, array, end);
    if (array[at] === ",") at = skip(BLANKS, array, at + 1);
  }
  return found;
}

/** What a JSON text means where plain text is wanted: a string without its quotes, everything else as it is written. */
export function plainText(json: string): string {
  return json.startsWith(QUOTE) ? (JSON.parse(json) as string) : json;
}

function elementAt(array: string, step: string): string | undefined {
  return /^\d+$/.test(step) ? jsonElements(array)?.[Number(step)] : undefined;
}

/** Of several members of one name the last one counts, as in JSON.parse. */
function memberOf(object: string, name: string): string | undefined {
  if (!object.startsWith("{")) return undefined;
  let found: string | undefined;
  let at = skip(BLANKS, object, 1);
  while (object[at] === QUOTE) {
    const nameEnd = stringEnd(object, at);
    const isWanted = JSON.parse(object.slice(at, nameEnd)) === name;
    at = skip(BLANKS, object, skip(BLANKS, object, nameEnd) + 1);
    const end = valueEnd(object, at);
    if (isWanted) found = object.slice(at, end);
    at = skip(BLANKS, object, end);
    if (object[at] === ",") at = skip(BLANKS, object, at + 1);
  }
  return found;
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(text);
  return Math.max(pattern.lastIndex, at);
}

function stringEnd(text: string, at: number): number {
  let end = at + 1;
  for (;;) {
    end = text.indexOf(QUOTE, end) + 1;
    let backslashes = 0;
    while (text[end - 2 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function valueEnd(text: string, at: number): number {
  if (text[at] === QUOTE) return stringEnd(text, at);
  if (text[at] !== "{" && text[at] !== "[") return skip(SCALAR, text, at);
  let depth = 0;
  STRUCTURE.lastIndex = at;
  for (;;) {
    const match = STRUCTURE.exec(text);
    if (match === null) return text.length;
    const [mark] = match;
    if (mark === QUOTE) STRUCTURE.lastIndex = stringEnd(text, match.index);
    else if (mark === "{" || mark === "[") depth++;
    else if (--depth === 0) return match.index + 1;
  }
}
