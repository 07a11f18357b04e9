import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { flvError, isFluvioError, renderRuntimeError, type SectionRecord } from "../../../protocol/index.ts";
import type { RecordError } from "../../../smartengine/index.ts";
import type { RunRecord } from "../../../smdk/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArg, value, valueOr, values } from "../../command.ts";
import { fileError } from "../../files.ts";
import type { Io } from "../../io.ts";
import { BrokenPipe } from "../../output/stream.ts";
import { Exit, errorLine } from "../../report.ts";
import { integer, nonEmpty, text } from "../../values.ts";
import { decode } from "../consume/format.ts";
import { buildHere } from "./build.ts";
import { localChain, localChainOptions, namesModules } from "./local-chain.ts";
import { watchFiles } from "./watch-files.ts";

const NEWLINE = 0x0a;
const CLEAR_SCREEN = "\u001b[2J\u001b[3J\u001b[H";

const options = {
  text: value({
    long: "text",
    value: "text",
    summary: "One record with this value",
    parse: text,
    conflicts: ["stdin", "file"],
  }),
  stdin: flag({ long: "stdin", summary: "Records from standard input, one a line", conflicts: ["file"] }),
  file: value({ long: "file", value: "path", summary: "Records from a file, one a line", parse: nonEmpty }),
  raw: flag({ long: "raw", summary: "The whole input is one record" }),
  key: value({ long: "key", value: "key", summary: "Key of every record", parse: text }),
  keyValue: flag({ long: "key-value", short: "k", summary: "Print records as [key] value" }),
  record: values({
    long: "record",
    short: "r",
    value: "value",
    summary: "Stored record that a lookback sees; may be repeated",
    parse: text,
  }),
  lookbackLast: valueOr({
    long: "lookback-last",
    short: "l",
    value: "N",
    summary: "How many stored records a lookback sees",
    parse: integer(),
    default: 0,
  }),
  verbose: flag({ long: "verbose", short: "v", summary: "First print the number of records" }),
  watch: flag({ long: "watch", summary: "Run again at every save, until Ctrl-C" }),
  ...localChainOptions,
} satisfies OptionTable;

type Input = InputOf<{ readonly name: ReturnType<typeof optionalArg> }, typeof options>;

export const smartmoduleTest = command({
  noun: "smartmodule",
  verb: "test",
  summary: "Run a SmartModule on records, here, or the tests of this folder's project",
  description:
    "Run a SmartModule, or a chain of them, on records given on the command line, in a file or on standard input, and " +
    "print what comes out. Without a module, the project that the current folder is in is built and run; without records " +
    "too, its tests (*.test.mjs) run. What the module prints itself goes to standard error. The exit code is 1 when the " +
    "module reports an error for a record; the records before that are printed first.",
  args: { name: optionalArg({ name: "name", summary: "Stored SmartModule to test" }) },
  options,
  check: (input) => otherModule(input) ?? missingRecords(input),
  examples: [
    { text: "the tests of this folder's project", command: "fluvio smartmodule test" },
    { text: "this folder's project, at every save", command: "fluvio smartmodule test --watch --text apple" },
    { command: "fluvio smartmodule test --wasm-file my_filter.wasm --text apple" },
    { command: "fluvio smartmodule test my-filter --file fruits.txt -e key=value" },
  ],
  run: async (input, io) => {
    // Standard input can be read once, a watch runs many times.
    const stdin = input.stdin ? await buffer(io.stdin) : undefined;
    if (!input.watch) return await testOnce(input, stdin, io);
    return await testAtEverySave(input, stdin, io);
  },
});

/** A module by its name, and one by an option. */
function otherModule(input: Input): string | undefined {
  const others = namesModules({ ...input, name: undefined });
  return input.name !== undefined && others
    ? `'${input.name}' is a module already: it cannot be used with another`
    : undefined;
}

/** Without records and modules the project's tests run, which say themselves what is run how. */
function missingRecords(input: Input): string | undefined {
  if (namesModules(input) || input.text !== undefined || input.file !== undefined || input.stdin) return undefined;
  const options: readonly (readonly [isGiven: boolean, option: string])[] = [
    [input.raw, "--raw"],
    [input.key !== undefined, "--key"],
    [input.keyValue, "--key-value"],
    [input.record.length > 0, "--record"],
    [input.lookbackLast > 0, "--lookback-last"],
    [input.verbose, "--verbose"],
    [input.params.length > 0, "--params"],
    [input.aggregateInitial !== undefined, "--aggregate-initial"],
    [input.window !== undefined, "--window"],
  ];
  const given = options.find(([isGiven]) => isGiven)?.[1];
  return given === undefined ? undefined : `${given} needs records: give --text TEXT, --file PATH or --stdin`;
}

async function testOnce(input: Input, stdin: Buffer | undefined, io: Io): Promise<number> {
  const hasRecords = input.text !== undefined || input.file !== undefined || stdin !== undefined;
  const { findProject, runModules } = await import("../../../smdk/index.ts");
  if (!namesModules(input)) {
    const project = await findProject(io.cwd).catch((error: unknown) => {
      throw noModule(error);
    });
    if (!hasRecords) {
      await buildHere(io, project.dir);
      return await runProjectTests(io, project.dir);
    }
  }
  const records = await inputRecords(input, stdin, io);
  const chain = await localChain(input, io);
  const { lookbackLast } = input;
  const steps = chain.map((step) =>
    step.lookback === undefined && lookbackLast > 0 ? { ...step, lookback: { last: lookbackLast } } : step,
  );
  const {
    records: made,
    error,
    openWindows,
  } = await runModules({
    steps,
    records,
    history: input.record.map((stored) => Buffer.from(stored)),
    signal: io.signal,
    onOutput: (module, line) => io.stderr.print(`[${module}] ${line}`),
  });
  await printRecords(made, input, io);
  for (const { startMs, endMs, accumulator } of openWindows) {
    io.stderr.print(`open window ${startMs}/${endMs}: ${decode(accumulator)}`);
  }
  if (error !== undefined) throw recordError(error);
  return 0;
}

function noModule(error: unknown): unknown {
  if (!isFluvioError(error) || !error.message.startsWith("No SmartModule project")) return error;
  return flvError("FLV_ARGUMENT", "No SmartModule to test", {
    hint: "Give --wasm-file PATH, the name of a stored SmartModule, or --transforms FILE; or change into a project's folder.",
    cause: error,
  });
}

/** Runs `node --test` in the project; its `fluvio/testing` is this installation's where it has none of its own. */
async function runProjectTests(io: Io, dir: string): Promise<number> {
  const { resolverUrl } = await import("../../../npm/index.ts");
  const child = spawn(process.execPath, ["--import", resolverUrl(), "--test", "--test-reporter=spec"], {
    cwd: dir,
    env: io.env,
    signal: io.signal,
    stdio: io.ownsProcess ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  child.stdout?.on("data", (chunk: Buffer) => void io.stdout.write(chunk));
  child.stderr?.on("data", (chunk: Buffer) => void io.stderr.write(chunk));
  const exitCode = await new Promise<number>((done, reject) => {
    child.once("error", reject);
    child.once("close", (code) => done(code ?? 1));
  });
  return exitCode === 0 ? 0 : 1;
}

async function testAtEverySave(input: Input, stdin: Buffer | undefined, io: Io): Promise<number> {
  const { findProject } = await import("../../../smdk/index.ts");
  // What it names is checked once; mistakes in the sources are what the watch is for.
  const dirs = namesModules(input) ? [] : [(await findProject(io.cwd)).dir];
  const given = [input.file, input.wasmFile, input.smartmodulePath, input.transforms];
  const files = given.filter((path) => path !== undefined).map((path) => resolve(io.cwd, path));
  if (dirs.length + files.length === 0) {
    throw flvError("FLV_ARGUMENT", "There is nothing to watch: no project and no file is named", {
      hint: "Change into a project's folder, or give --wasm-file, --transforms or --file.",
    });
  }
  while (!io.signal.aborted) {
    const watching = await watchFiles({ dirs, files }, io.signal);
    try {
      if (io.stdout.isTty) await io.stdout.write(CLEAR_SCREEN);
      await testOnce(input, stdin, io).catch((error: unknown) => showError(error, io));
      if (io.signal.aborted) break;
      io.stderr.print(io.stderr.style.dim("Waiting for changes. Ctrl-C ends."));
      await watching.changed;
    } finally {
      watching.close();
    }
  }
  return 0;
}

function showError(error: unknown, io: Io): void {
  if (error instanceof BrokenPipe) throw error;
  if (error instanceof Exit || io.signal.aborted) return;
  io.stderr.print(io.stderr.style.red(errorLine(error)));
}

async function inputRecords(input: Input, stdin: Buffer | undefined, io: Io): Promise<RunRecord[]> {
  const key = input.key === undefined ? undefined : Buffer.from(input.key);
  const timestampMs = io.now();
  const toRecord = (bytes: Uint8Array): RunRecord => ({ key, value: bytes, timestampMs });
  if (input.text !== undefined) return [toRecord(Buffer.from(input.text))];
  const bytes = input.file === undefined ? stdin : await readInput(io, input.file);
  if (bytes === undefined) {
    throw flvError("FLV_ARGUMENT", "No valid input provided", { hint: "Give --text TEXT, --file PATH or --stdin." });
  }
  return (input.raw ? [bytes] : linesOf(bytes)).map(toRecord);
}

async function readInput(io: Io, path: string): Promise<Buffer> {
  return await readFile(resolve(io.cwd, path)).catch((error: unknown) => {
    throw fileError(path, error);
  });
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

async function printRecords(records: readonly SectionRecord[], input: Input, io: Io): Promise<void> {
  if (input.verbose) io.stdout.print(`${records.length} records outputted`);
  const prefix = (key: Uint8Array | undefined) =>
    input.keyValue ? `[${key === undefined ? "null" : decode(key)}] ` : "";
  await io.stdout.write(records.map(({ key, value: bytes }) => `${prefix(key)}${decode(bytes)}\n`).join(""));
}

function recordError(error: RecordError) {
  const kind = error.kind.replace(/_(\w)/, (_all, letter: string) => letter.toUpperCase()) as
    | "filter"
    | "map"
    | "filterMap"
    | "arrayMap"
    | "aggregate";
  const sentence = renderRuntimeError({
    hint: error.hint,
    offset: error.offset,
    kind,
    recordKey: error.key,
    recordValue: error.value,
  });
  return flvError("FLV_SMARTMODULE_RUNTIME", sentence, {
    details: { smartmodule: error.module, offset: error.offset },
  });
}
