import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import type { FluvioClient, SmartModuleStep } from "../../client/index.ts";
import {
  BatchBuilder,
  decodeRecords,
  encodeRecords,
  flvError,
  renderRuntimeError,
  type SectionRecord,
} from "../../protocol/index.ts";
import type { ChainStep, RecordError, SmartChain } from "../../smartengine/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArg, value, valueOr, values } from "../command.ts";
import { fileError } from "../files.ts";
import type { Io } from "../io.ts";
import { integer, nonEmpty, text } from "../values.ts";
import { decode } from "./consume-format.ts";
import { readWasmFile, smartmoduleOptions, smartmoduleSteps, stepRest } from "./smartmodule-options.ts";

const NEWLINE = 0x0a;

const options = {
  wasmFile: value({
    long: "wasm-file",
    value: "path",
    summary: "Module to test",
    parse: nonEmpty,
    conflicts: ["smartmodule", "smartmodulePath", "transforms", "transformsLine"],
  }),
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
  ...smartmoduleOptions,
  params: { ...smartmoduleOptions.params, requires: ["wasmFile", "smartmodule", "smartmodulePath", "name"] },
  aggregateInitial: {
    ...smartmoduleOptions.aggregateInitial,
    requires: ["wasmFile", "smartmodule", "smartmodulePath", "name"],
  },
} satisfies OptionTable;

type Input = InputOf<{ readonly name: ReturnType<typeof optionalArg> }, typeof options>;

export const smartmoduleTest = command({
  noun: "smartmodule",
  verb: "test",
  summary: "Run a SmartModule on records, here",
  description:
    "Run a SmartModule, or a chain of them, on records given on the command line, in a file or on standard input, and " +
    "print what comes out. What the module prints itself goes to standard error.",
  args: { name: optionalArg({ name: "name", summary: "Stored SmartModule to test" }) },
  options,
  examples: [
    { command: "fluvio smartmodule test --wasm-file my_filter.wasm --text apple" },
    { command: "fluvio smartmodule test my-filter --file fruits.txt -e key=value" },
  ],
  run: async (input, io) => {
    const records = await inputRecords(input, io);
    const steps = await chainSteps(input, io);
    const { createSmartEngine } = await import("../../smartengine/index.ts");
    await using engine = createSmartEngine({
      onModuleOutput: (module, _stream, line) => io.stderr.print(`[${module}] ${line}`),
    });
    await using chain = await engine.chain(steps, { signal: io.signal });
    await feedLookback(chain, input, io.now());
    const { records: section, error } = await chain.processRecords(encodeRecords(records), io.now());
    await printRecords(decodeRecords(section), input, io);
    if (error !== undefined) throw recordError(error);
    return 0;
  },
});

async function chainSteps(input: Input, io: Io): Promise<readonly ChainStep[]> {
  const rest = stepRest(input.params, input.aggregateInitial);
  const chosen: readonly SmartModuleStep[] =
    input.wasmFile !== undefined
      ? [{ name: input.wasmFile, wasm: await readWasmFile(io, input.wasmFile), ...rest }]
      : input.name !== undefined
        ? [{ name: input.name, ...rest }]
        : await smartmoduleSteps(input, io);
  if (chosen.length === 0) {
    throw flvError("FLV_ARGUMENT", "No SmartModule to test", {
      hint: "Give --wasm-file PATH, the name of a stored SmartModule, or --transforms FILE.",
    });
  }
  const stored = chosen.some((step) => step.wasm === undefined);
  const client = stored ? await io.connect() : undefined;
  return await Promise.all(chosen.map((step) => engineStep(step, client, input, io.signal)));
}

async function engineStep(
  step: SmartModuleStep,
  client: FluvioClient | undefined,
  input: Input,
  signal: AbortSignal,
): Promise<ChainStep> {
  const name = step.name ?? "smartmodule";
  const wasm = step.wasm ?? (await client?.admin().downloadSmartModule(name, { signal })) ?? new Uint8Array(0);
  const lookback = step.lookback ?? (input.lookbackLast > 0 ? { last: input.lookbackLast } : undefined);
  const initial = step.aggregateInitial;
  return {
    name,
    wasm,
    params: new Map(Object.entries(step.params ?? {})),
    ...(lookback === undefined ? {} : { lookback }),
    ...(initial === undefined
      ? {}
      : { accumulator: typeof initial === "string" ? Buffer.from(initial) : new Uint8Array(initial) }),
  };
}

async function inputRecords(input: Input, io: Io): Promise<SectionRecord[]> {
  const key = input.key === undefined ? undefined : Buffer.from(input.key);
  const toRecord = (bytes: Uint8Array, index: number): SectionRecord => ({
    timestampDelta: 0,
    offsetDelta: index,
    key,
    value: bytes,
  });
  if (input.text !== undefined) return [toRecord(Buffer.from(input.text), 0)];
  if (input.file === undefined && !input.stdin) {
    throw flvError("FLV_ARGUMENT", "No valid input provided", { hint: "Give --text TEXT, --file PATH or --stdin." });
  }
  const bytes = input.file === undefined ? await buffer(io.stdin) : await readInput(io, input.file);
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

/** Gives the stored records to every module that looks back. */
async function feedLookback(chain: SmartChain, { record }: Input, nowMs: number): Promise<void> {
  for (const [index, lookback] of chain.lookbacks.entries()) {
    if (lookback === undefined) continue;
    const seen = lookback.last > 0 ? record.slice(-lookback.last) : record;
    const builder = new BatchBuilder();
    for (const stored of seen) builder.append(undefined, Buffer.from(stored), nowMs);
    const batches = seen.length === 0 ? [] : [builder.build("none")];
    await chain.lookBack(index, batches, 0);
  }
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
