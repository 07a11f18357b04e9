import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { FluvioClient } from "../client/index.ts";
import { configPath, userFolder } from "../npm/index.ts";
import type { Program } from "./command.ts";
import { connectTarget } from "./connection.ts";
import type { GlobalOptions } from "./globals.ts";
import { logLevel, stderrLogger } from "./log.ts";
import { createOutput, type Output } from "./output/stream.ts";

const COLUMNS_DEFAULT = 80;

/** Everything a command may touch of the process it runs in. */
export interface Io {
  readonly stdin: Readable;
  readonly stdinIsTty: boolean;
  /** Data, tables and messages of success. */
  readonly stdout: Output;
  /** Errors, progress and status lines. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly globals: GlobalOptions;
  /** The program that runs, with its whole command table: for help, completions and metadata. */
  readonly program: Program;
  /** Aborted by the first Ctrl-C, SIGTERM or broken pipe; a command then ends in good order. */
  readonly signal: AbortSignal;
  /** {@link configPath} of {@link env}: where the client library looks, too. */
  readonly configPath: string;
  /** {@link userFolder} of {@link env}. */
  readonly baseDir: string;
  /** Whether the standard streams are the ones of the process, so that a child can inherit them. */
  readonly ownsProcess: boolean;
  now(): number;
  /**
   * The cluster that the global options or the profile name; connects once, closed when the command has ended. Its
   * warnings go to standard error, but for a command that reports every failure itself (`silent`).
   */
  connect(options?: { readonly silent?: boolean }): Promise<FluvioClient>;
}

/** What a test or an embedding program can replace; the rest comes from the process. */
export interface IoParts {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  now(): number;
}

interface OpenIo {
  readonly io: Io;
  /** Closes what the command opened and lets the output drain. */
  close(): Promise<void>;
}

interface IoContext {
  readonly globals: GlobalOptions;
  readonly program: Program;
  readonly stop: AbortController;
}

export function openIo(parts: Partial<IoParts>, { globals, program, stop }: IoContext): OpenIo {
  const env = parts.env ?? process.env;
  const stdoutStream = parts.stdout ?? process.stdout;
  const stderrStream = parts.stderr ?? process.stderr;
  // A terminal that does not know its size says 0.
  const columns = parts.columns ?? (process.stdout.columns || COLUMNS_DEFAULT);
  const output = (stream: Writable, isTty: boolean) =>
    createOutput(stream, {
      isTty,
      columns,
      colors: isTty && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
      onBroken: () => stop.abort(),
    });
  const stdout = output(
    stdoutStream,
    parts.stdoutIsTty ?? (parts.stdout === undefined && process.stdout.isTTY === true),
  );
  const stderr = output(
    stderrStream,
    parts.stderrIsTty ?? (parts.stderr === undefined && process.stderr.isTTY === true),
  );
  const baseDir = userFolder(env);
  let client: Promise<FluvioClient> | undefined;
  const io: Io = {
    stdin: parts.stdin ?? process.stdin,
    stdinIsTty: parts.stdinIsTty ?? (parts.stdin === undefined && process.stdin.isTTY === true),
    stdout,
    stderr,
    env,
    cwd: parts.cwd ?? process.cwd(),
    globals,
    program,
    signal: stop.signal,
    configPath: configPath(env),
    baseDir,
    ownsProcess: parts.stdin === undefined && parts.stdout === undefined,
    now: parts.now ?? Date.now,
    connect: ({ silent = false } = {}) => {
      const logger = stderrLogger(stderr, logLevel(env.RUST_LOG, silent ? "off" : "warn"));
      client ??= connectTarget(globals, { configPath: io.configPath, env, signal: stop.signal, logger });
      return client;
    },
  };
  const close = async () => {
    // A connection that failed has told its error to the command already.
    await client?.then((open) => open.close()).catch(() => {});
    await stdout.flush();
    await stderr.flush();
  };
  return { io, close };
}

/** Directory of the running `fluvio` program. */
export function programDir(): string {
  return dirname(process.argv[1] ?? ".");
}
