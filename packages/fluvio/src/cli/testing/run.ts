import { Readable, Writable } from "node:stream";
import type { IoParts } from "../io.ts";
import { main } from "../main.ts";

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends Partial<Omit<IoParts, "stdin" | "stdout" | "stderr">> {
  /** What is piped in. Default nothing. */
  readonly input?: string | Uint8Array | Readable;
  /** Called with everything written to standard output so far, after each write. */
  onStdout?(all: string): void;
  onStderr?(all: string): void;
}

/** Runs a command line of `fluvio` in this process with captured output. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<CliResult> {
  return await runProgram(argv, options, main);
}

/** Runs a command line of a program in this process with captured output. */
export async function runProgram(
  argv: readonly string[],
  options: RunOptions,
  program: (argv: readonly string[], parts: Partial<IoParts>) => Promise<number>,
): Promise<CliResult> {
  const { input, onStdout, onStderr, ...parts } = options;
  const stdout = collect(parts.stdoutIsTty === true, onStdout);
  const stderr = collect(parts.stderrIsTty === true, onStderr);
  const stdin =
    input instanceof Readable
      ? input
      : Readable.from(input === undefined || input.length === 0 ? [] : [Buffer.from(input)]);
  const exitCode = await program(argv, {
    env: {},
    columns: 80,
    ...parts,
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collect(isTTY: boolean, onWrite?: (all: string) => void) {
  const chunks: Buffer[] = [];
  const text = () => Buffer.concat(chunks).toString();
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      onWrite?.(text());
      done();
    },
  });
  // Libraries that draw on a terminal ask the stream itself.
  return { stream: Object.assign(stream, { isTTY }), text };
}
