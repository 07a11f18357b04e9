import { isFluvioError } from "../protocol/index.ts";

/** An error that has been reported already, or needs no words: only its exit code is left. */
export class Exit extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** One line for a user: `message (CODE). hint`; further mistakes of a build have lines of their own below it. */
export function errorLine(error: unknown): string {
  if (!isFluvioError(error)) return oneLine(error instanceof Error ? error.message : String(error));
  const hint = error.hint === undefined ? "" : ` ${sentence(error.hint)}`;
  // a compiler says several things, each with its place: what follows the first stands below it
  const [first = "", ...more] = error.code === "FLV_SMARTMODULE_BUILD" ? error.message.split("\n") : [error.message];
  return [`${oneLine(first).replace(/\.$/, "")} (${error.code}).${hint}`, ...more].join("\n");
}

/** With `--verbose`: the details and the chain of causes below the line. */
export function errorDetails(error: unknown): readonly string[] {
  const lines: string[] = [];
  if (isFluvioError(error)) {
    for (const [name, detail] of Object.entries(error.details)) lines.push(`  ${name}: ${detailText(detail)}`);
    if (error.retriable) lines.push("  the same command may succeed later");
  }
  let cause = error instanceof Error ? error.cause : undefined;
  // A cause chain is short; the bound is against one that refers back to itself.
  for (let depth = 0; cause !== undefined && depth < 16; depth++) {
    lines.push(`  caused by: ${errorLine(cause)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  if (!isFluvioError(error) && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return lines;
}

function detailText(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (detail instanceof Uint8Array) return `${detail.length} bytes`;
  return JSON.stringify(detail) ?? String(detail);
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, " ").trim();
}

/** A hint as a sentence, so that another can follow. */
export function sentence(hint: string): string {
  const text = oneLine(hint);
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
