import { distance } from "fastest-levenshtein";

/** The candidate nearest to what was typed, when near enough to be a slip: a third of its letters, at least one. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(typed.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const apart = distance(typed, candidate);
    if (apart < bestDistance || (candidate.startsWith(typed) && best === undefined && typed.length > 1)) {
      best = candidate;
      bestDistance = Math.min(apart, bestDistance);
    }
  }
  return best;
}
