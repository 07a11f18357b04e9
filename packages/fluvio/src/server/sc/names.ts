import { closest, distance } from "fastest-levenshtein";

/** Names become keys of the metadata store, which has a limit, and words in error sentences. */
const OBJECT_NAME_CHARS_MAX = 253;
const OBJECT_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/** What is wrong with the name of any other object. `kind` is how the user knows it. */
export function objectNameProblem(kind: string, name: string): string | undefined {
  if (name.length <= OBJECT_NAME_CHARS_MAX && OBJECT_NAME.test(name)) return undefined;
  if (name.length > OBJECT_NAME_CHARS_MAX) {
    return `Invalid name for ${kind} ${abridged(name)}: it has ${name.length} characters, at most ${OBJECT_NAME_CHARS_MAX} are allowed`;
  }
  return `Invalid name for ${kind} ${name === "" ? '""' : abridged(name)}: use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit`;
}

/** ` Did you mean "orders"?` when a known name is close to the one asked for, else nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const names = [...known];
  if (names.length === 0 || name.length > OBJECT_NAME_CHARS_MAX) return "";
  const nearest = closest(name, names);
  return distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3)) ? ` Did you mean "${nearest}"?` : "";
}

function abridged(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 80)}…`;
}
