import { flvError } from "../protocol/index.ts";

/** Durations and byte sizes as people write them, in flags, topic files and connector files. Pure. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 30.44 days, as humantime has it. */
const MONTH_MS = 2_630_016 * SECOND_MS;
/** 365.25 days. */
const YEAR_MS = 31_557_600 * SECOND_MS;

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map(
  (
    [
      [1e-6, ["ns", "nsec", "nanos"]],
      [1e-3, ["us", "µs", "usec", "micros"]],
      [1, ["ms", "msec", "millis"]],
      [SECOND_MS, ["s", "sec", "secs", "second", "seconds"]],
      [MINUTE_MS, ["m", "min", "mins", "minute", "minutes"]],
      [HOUR_MS, ["h", "hr", "hrs", "hour", "hours"]],
      [DAY_MS, ["d", "day", "days"]],
      [7 * DAY_MS, ["w", "wk", "wks", "week", "weeks"]],
      [MONTH_MS, ["M", "month", "months"]],
      [YEAR_MS, ["y", "yr", "yrs", "year", "years"]],
    ] as const
  ).flatMap(([ms, names]) => names.map((name) => [name, ms] as const)),
);

export interface ParseDurationOptions {
  /** Unit of a number without one; without this it is an error. */
  readonly bareUnitMs?: number;
}

/**
 * Parses `10s`, `1 ms`, `7days`, `1day 2h 3m 4s`.
 * @returns milliseconds, with a fraction where the text has one
 * @throws FLV_ARGUMENT
 */
export function parseDurationMs(text: string, options: ParseDurationOptions = {}): number {
  const trimmed = text.trim();
  if (options.bareUnitMs !== undefined && /^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * options.bareUnitMs;
  const part = /\s*(\d+(?:\.\d+)?)\s*(\p{L}+)/uy;
  let totalMs = 0;
  let at = 0;
  while (at < trimmed.length) {
    part.lastIndex = at;
    const match = part.exec(trimmed);
    if (match === null) throw notADuration(text);
    const unitMs = DURATION_UNITS_MS.get(match[2] ?? "");
    if (unitMs === undefined) throw notADuration(text, match[2]);
    totalMs += Number(match[1]) * unitMs;
    at = part.lastIndex;
  }
  if (at === 0 || !Number.isFinite(totalMs)) throw notADuration(text);
  return totalMs;
}

function notADuration(text: string, unit?: string) {
  const reason = unit === undefined ? "expected a number and a unit" : `unknown time unit "${unit}"`;
  return flvError("FLV_ARGUMENT", `invalid duration "${text}": ${reason}`, {
    details: { value: text },
    hint: "write for example 500ms, 10s, 5m, 1h, 7days or 1day 2h",
  });
}

/** Writes a duration as `7days`, `6h`, `1day 2h 3m 4s`; below a millisecond in `us` and `ns`. */
export function formatDuration(durationMs: number): string {
  // Whole milliseconds apart from their fraction: as nanoseconds, a span above 104 days would lose digits.
  let restMs = Math.floor(durationMs);
  let restNs = Math.round((durationMs - restMs) * 1e6);
  const parts: string[] = [];
  const add = (count: number, name: string, plural = name) => {
    if (count > 0) parts.push(`${count}${count === 1 ? name : plural}`);
  };
  const takeMs = (unitMs: number, name: string, plural?: string) => {
    add(Math.floor(restMs / unitMs), name, plural);
    restMs %= unitMs;
  };
  takeMs(YEAR_MS, "year", "years");
  takeMs(MONTH_MS, "month", "months");
  takeMs(DAY_MS, "day", "days");
  takeMs(HOUR_MS, "h");
  takeMs(MINUTE_MS, "m");
  takeMs(SECOND_MS, "s");
  takeMs(1, "ms");
  add(Math.floor(restNs / 1000), "us");
  restNs %= 1000;
  add(restNs, "ns");
  return parts.length === 0 ? "0s" : parts.join(" ");
}

const SIZE_STEPS = ["", "k", "m", "g", "t", "p", "e"] as const;

/**
 * Parses `2048`, `1B`, `2 Ki`, `10 MiB`, `1 GB`, `1.5 kb`: units with `i` count in 1024, others in 1000; any case.
 * @returns whole bytes
 * @throws FLV_ARGUMENT
 */
export function parseSizeBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtpe]?)(i?)b?)\s*$/i.exec(text);
  const [, amount, prefix = "", binary = ""] = match ?? [];
  const step = SIZE_STEPS.indexOf(prefix.toLowerCase() as (typeof SIZE_STEPS)[number]);
  const sizeBytes = Math.floor(Number(amount) * (binary === "" ? 1000 : 1024) ** step);
  // "1 i" has a binary mark without a unit.
  if (match === null || (prefix === "" && binary !== "") || !Number.isSafeInteger(sizeBytes)) {
    throw flvError("FLV_ARGUMENT", `invalid size "${text}"`, {
      details: { value: text },
      hint: "write for example 2048, 2 Ki, 10 MiB or 1 GB",
    });
  }
  return sizeBytes;
}

/** Writes a size as `86 B`, `1.5 KB`, `107.4 GB`: decimal units, one digit after the point. */
export function formatSize(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} B`;
  let step = Math.min(Math.floor(Math.log10(sizeBytes) / 3), SIZE_STEPS.length - 1);
  // 999_999 would round to 1000.0 KB.
  if (sizeBytes / 1000 ** step >= 999.95 && step < SIZE_STEPS.length - 1) step++;
  return `${(sizeBytes / 1000 ** step).toFixed(1)} ${SIZE_STEPS[step]?.toUpperCase()}B`;
}
