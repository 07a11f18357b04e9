import { parseSizeBytes } from "../../client/index.ts";
import { parseDuration } from "./durations.ts";
import { canonicalKey, nearest, type ProblemPlace, problem, unknownKey } from "./problem.ts";
import { textOf, type YamlEntry, type YamlMap } from "./yaml-source.ts";

/** One key of a section: its place and its value. */
export type Found = YamlEntry | undefined;

/** The keys of one map, looked up by canonical name; every key must be known. */
export interface Section {
  readonly path: string;
  get(key: string): Found;
  text(key: string): string | undefined;
}

export function section(map: YamlMap, path: string, valid: readonly string[], place: ProblemPlace): Section {
  const byKey = new Map<string, YamlEntry>();
  for (const entry of map.entries) {
    const key = canonicalKey(entry.key);
    if (!valid.some((one) => canonicalKey(one) === key)) {
      throw unknownKey({ ...place, line: entry.line }, path, entry.key, valid);
    }
    byKey.set(key, entry);
  }
  const get = (key: string) => byKey.get(canonicalKey(key));
  return {
    path,
    get,
    text: (key) => {
      const entry = get(key);
      return entry === undefined ? undefined : textOf(entry.value, fullPath(path, key), place);
    },
  };
}

export const fullPath = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

export function required(keys: Section, key: string, place: ProblemPlace): string {
  const found = keys.text(key);
  if (found !== undefined) return found;
  const path = fullPath(keys.path, key);
  throw problem(place, `missing field \`${path}\``, `Add \`${key}:\` to the file`, { key: path });
}

/** Connector and topic names follow one rule. */
export function name(keys: Section, key: string, place: ProblemPlace): string {
  const given = required(keys, key, place);
  return checkedName(given, fullPath(keys.path, key), { ...place, line: keys.get(key)?.line });
}

function checkedName(given: string, path: string, place: ProblemPlace): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(given)) return given;
  throw problem(
    place,
    `\`${path}\` ${JSON.stringify(given)} is not a valid name`,
    "Use 1 to 63 lowercase letters, digits and `-`, beginning and ending with a letter or digit",
    { key: path, value: given },
  );
}

export function choice<const W extends string>(
  keys: Section,
  key: string,
  words: readonly W[],
  place: ProblemPlace,
): W | undefined {
  const given = keys.text(key);
  if (given === undefined) return undefined;
  const word = words.find((one) => one === given.toLowerCase());
  if (word !== undefined) return word;
  const guess = nearest(given, words);
  throw problem(
    { ...place, line: keys.get(key)?.line },
    `\`${fullPath(keys.path, key)}\` is ${JSON.stringify(given)}: unknown variant`,
    guess === undefined ? `Write one of ${words.join(", ")}` : `Did you mean \`${guess}\`? Valid: ${words.join(", ")}`,
    { key: fullPath(keys.path, key), value: given },
  );
}

type Measure = "duration" | "size";
const EXPECTED: Record<Measure, string> = {
  duration: "expected a duration such as 1ms, 1s or 1m",
  size: "expected a byte size such as 1B, 2KB or 1 MB",
};

/** Text that must be a duration or a size; it stays as it was written. */
export function measured(keys: Section, key: string, measure: Measure, place: ProblemPlace): string | undefined {
  const given = keys.text(key);
  if (given === undefined) return undefined;
  try {
    if (measure === "duration") parseDuration(given);
    else parseSizeBytes(given);
    return given;
  } catch (cause) {
    const path = fullPath(keys.path, key);
    const at = { ...place, line: keys.get(key)?.line };
    const sentence = `\`${path}\` is ${JSON.stringify(given)}: ${EXPECTED[measure]}`;
    throw problem(at, sentence, `Write \`${key}: ${measure === "duration" ? "10ms" : "1 MB"}\``, {
      key: path,
      value: given,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
