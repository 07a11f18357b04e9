import type * as Assembly from "assemblyscript";
import { type FluvioError, flvError } from "fluvio/protocol";

/** A place in a source; line and column count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The place where a range of a source begins. */
export function locationOf(range: Assembly.Range, file: string): Location {
  const line = range.source.lineAt(range.start);
  return { file, line, column: range.source.columnAt() };
}

/** An error of a build: the sentence begins with where it is. */
export function buildError(
  location: Location,
  message: string,
  hint: string,
  more: readonly string[] = [],
): FluvioError {
  const { file, line, column } = location;
  const sentence = [`${file}:${line}:${column}: ${message}`, ...more].join("\n");
  return flvError("FLV_SMARTMODULE_BUILD", sentence, {
    details: { file, line, column, message },
    ...(hint === "" ? {} : { hint }),
  });
}
