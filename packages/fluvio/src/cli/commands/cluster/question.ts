import { createInterface } from "node:readline";
import type { Io } from "../../io.ts";

/** Asks on the terminal for one line; empty when the terminal is closed instead. */
export async function askText(io: Io, question: string): Promise<string> {
  await io.stderr.write(question);
  const reader = createInterface({ input: io.stdin, terminal: false });
  try {
    for await (const line of reader) return line.trim();
    return "";
  } finally {
    reader.close();
  }
}
