import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { LogLevel } from "../options/common-parameters.ts";
import type { Hide } from "./hide.ts";

const ORDER: readonly LogLevel[] = ["error", "warn", "info", "debug"];

export interface LineLoggerOptions {
  readonly level: LogLevel;
  /** Takes one whole line, newline included. */
  readonly write: (line: string) => void;
  /** Hides what must never appear, i.e. the values of secrets. */
  readonly hide?: Hide;
  readonly now?: () => Date;
}

/** Writes `TIME LEVEL message key=value …` lines, for people and for `grep`. */
export function lineLogger(options: LineLoggerOptions, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  const hide = options.hide ?? ((line: string) => line);
  const now = options.now ?? (() => new Date());
  const at = (level: LogLevel) => (details: object, message: string) => {
    if (ORDER.indexOf(level) > ORDER.indexOf(options.level)) return;
    const pairs = Object.entries({ ...bindings, ...details }).map(([key, value]) => ` ${key}=${show(value)}`);
    const line = `${now().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${pairs.join("")}`;
    options.write(`${hide(line).replaceAll("\n", "\\n")}\n`);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (more) => lineLogger(options, { ...bindings, ...more }),
  };
}

/** Of a record in the log this much is shown. */
const BYTES_SHOWN_MAX = 1024;

function show(value: unknown): string {
  if (value instanceof Uint8Array) return showBytes(value);
  if (typeof value === "string") return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(errorText(value));
  return JSON.stringify(value) ?? "none";
}

function showBytes(bytes: Uint8Array): string {
  const text = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, BYTES_SHOWN_MAX)));
  return bytes.length <= BYTES_SHOWN_MAX ? text : `${text}… (${bytes.length} bytes)`;
}

/** An error in one line: code, sentence, hint, and the sentences of its causes. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const head = isFluvioError(error) ? `${error.code}: ${error.message}` : error.message || error.name;
  const hint = isFluvioError(error) && error.hint !== undefined ? ` (${error.hint})` : "";
  const cause = error.cause === undefined || error.cause === error ? "" : `: ${errorText(error.cause)}`;
  return `${head}${hint}${cause}`;
}
