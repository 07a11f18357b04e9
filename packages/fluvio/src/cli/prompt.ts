import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
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

/** Asks on standard error and reads one line of a terminal without showing it. @throws when Ctrl-C is pressed */
export async function askHidden(io: Io, question: string): Promise<string> {
  await io.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // With a terminal for its output it takes what is typed key by key, and would show it there.
  const lines = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  try {
    return await lines.question("", { signal: io.signal });
  } finally {
    lines.close();
    io.stderr.print();
  }
}
