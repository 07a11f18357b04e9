import { isFluvioError, type Logger } from "../protocol/index.ts";
import type { Output } from "./output/stream.ts";
import { errorLine } from "./report.ts";

const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
type Level = (typeof LEVELS)[number] | "off";

/**
 * The level that `RUST_LOG` asks for: the most talkative one of a filter such as `info,fluvio=debug`.
 * @param fallback where the variable is not set or says nothing
 */
export function logLevel(filter: string | undefined, fallback: Level): Level {
  const words = (filter ?? "")
    .toLowerCase()
    .split(",")
    .map((part) => part.slice(part.lastIndexOf("=") + 1).trim());
  return LEVELS.findLast((level) => words.includes(level)) ?? (words.includes("off") ? "off" : fallback);
}

/** Log lines of the client on standard error: what a user should know of, or what `RUST_LOG` asks for. */
export function stderrLogger(out: Output, level: Level, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  const writer = (own: (typeof LEVELS)[number], word: string) => {
    if (level === "off" || LEVELS.indexOf(own) > LEVELS.indexOf(level)) return () => {};
    return (details: object, message: string) =>
      out.print(`${word}: ${message}${fieldsText({ ...bindings, ...details })}`);
  };
  return {
    debug: writer("debug", "debug"),
    info: writer("info", "info"),
    warn: writer("warn", "warning"),
    error: writer("error", "error"),
    child: (more) => stderrLogger(out, level, { ...bindings, ...more }),
  };
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(fields).map(([name, field]) => `${name}=${fieldText(field)}`);
  return texts.length === 0 ? "" : ` (${texts.join(", ")})`;
}

function fieldText(field: unknown): string {
  if (isFluvioError(field) || field instanceof Error) return errorLine(field);
  return typeof field === "string" ? field : (JSON.stringify(field) ?? String(field));
}
