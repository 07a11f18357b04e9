import { distance } from "fastest-levenshtein";
import { type FluvioError, flvError } from "../../protocol/index.ts";

/** The name among `names` that was probably meant, if one is close. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(given.length / 3)) + 1;
  for (const name of names) {
    const d = distance(canonicalKey(given), canonicalKey(name));
    if (d < bestDistance) {
      best = name;
      bestDistance = d;
    }
  }
  return best;
}

/** `user_agent`, `user-agent` and `User-Agent` are one key. */
export function canonicalKey(key: string): string {
  return key.replaceAll("_", "-").toLowerCase();
}

export interface ProblemPlace {
  /** File as the user named it. */
  readonly file: string;
  /** 1-based, when known. */
  readonly line?: number | undefined;
}

/** What is wrong with a connector file, as one sentence that names file, line and key, and a hint how to fix it. */
export function problem(place: ProblemPlace, sentence: string, hint: string, details: object = {}): FluvioError {
  const where = place.line === undefined ? place.file : `${place.file}:${place.line}`;
  return flvError("FLV_CONNECTOR_INVALID", `Invalid connector config ${where}: ${sentence}`, {
    hint,
    details: { file: place.file, ...(place.line === undefined ? {} : { line: place.line }), ...details },
  });
}

/** An unknown key, with the nearest valid one. */
export function unknownKey(place: ProblemPlace, path: string, key: string, valid: readonly string[]): FluvioError {
  const guess = nearest(key, valid);
  const full = path === "" ? key : `${path}.${key}`;
  const hint = guess === undefined ? `Valid keys here: ${valid.join(", ")}` : `Did you mean \`${guess}\`?`;
  return problem(place, `unknown key \`${full}\``, hint, { key: full, nearest: guess });
}
