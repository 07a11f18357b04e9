import { createInterface } from "node:readline/promises";
import type { Io } from "./io.ts";

/** Asks on standard error and reads one line; an ended input answers nothing. */
async function ask(io: Io, question: string): Promise<string> {
  io.stderr.print(question);
  const lines = createInterface({ input: io.stdin, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) return line.trim();
    return "";
  } finally {
    lines.close();
  }
}

export async function confirm(io: Io, question: string): Promise<boolean> {
  const answer = (await ask(io, `${question} (y/n)`)).toLowerCase();
  return answer === "y" || answer === "yes";
}
