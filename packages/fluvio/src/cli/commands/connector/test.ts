import { type FluvioClient, formatDuration, parseDurationMs } from "../../../client/index.ts";
import type { ConnectorConfig, TrialPlan } from "../../../connector/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { command, flag, type InputOf, type OptionTable, value, valueOr, values } from "../../command.ts";
import { readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { formatObject, outputOption } from "../../output/format.ts";
import { checked, integer, nonEmpty, text } from "../../values.ts";
import { engineStep } from "../smartmodule/local-chain.ts";
import { fileOptions, needsConfig } from "./connector-options.ts";
import { refuseUnknownModules } from "./known-modules.ts";
import { type Made, runStages, type Stage, stagesObject, stagesTable } from "./stages.ts";
import { loadUserConnector } from "./user-file.ts";

const RECORDS_DEFAULT = 5;
const TIMEOUT_MS_DEFAULT = 15_000;
const TIMEOUT_MS_MAX = 3_600_000;

function timeLimit(given: string): number {
  const timeMs = parseDurationMs(given, { bareUnitMs: 1000 });
  if (timeMs > 0 && timeMs <= TIMEOUT_MS_MAX) return timeMs;
  throw flvError("FLV_ARGUMENT", "not between 1ms and 1h");
}

const options = {
  ...fileOptions,
  records: valueOr({
    long: "records",
    short: "n",
    value: "N",
    summary: "How many records are tried",
    parse: integer(1, 10_000),
    default: RECORDS_DEFAULT,
  }),
  timeout: valueOr({
    long: "timeout",
    value: "TIME",
    summary: "How long a source may take to bring them, e.g. 30s or 2m; a number means seconds",
    parse: checked(timeLimit),
    default: TIMEOUT_MS_DEFAULT,
    defaultText: "15s",
  }),
  text: values({
    long: "text",
    value: "TEXT",
    summary: "A record with this value, in place of what the source brings or the topic holds; may be repeated",
    parse: text,
    conflicts: ["file"],
  }),
  file: value({ long: "file", value: "FILE", summary: "The same, a record for each line", parse: nonEmpty }),
  key: value({ long: "key", value: "KEY", summary: "Key of these records", parse: text, requires: ["text", "file"] }),
  write: flag({ long: "write", summary: "Sinks: really write what comes out to the target" }),
  output: outputOption,
} satisfies OptionTable;

type Input = InputOf<Record<never, never>, typeof options>;

export const test = command({
  noun: "connector",
  verb: "test",
  summary: "Run the stages of a connector on a few records and show what each stage made of them",
  description:
    "A source is asked for a few records, which go through the SmartModules of the file one by one and are shown as they would " +
    "be produced; nothing is, and nothing is acknowledged to its system. For a sink the newest records of its topic go through " +
    "the SmartModules and are shown as they would be written; with --write they are, in the target a second time. No " +
    "position is stored. The cluster is only asked for SmartModules by name, and for the records of a sink. The exit code is 1 " +
    "when a stage failed.",
  options,
  check: needsConfig,
  examples: [
    { command: "fluvio connector test --config=./connect.yml --records 3" },
    {
      text: "a sink, without its topic",
      command: `fluvio connector test --config=./sink.yml --text '{"a":1}' --text '{"a":2}'`,
    },
  ],
  run: async (input, io) => {
    const path = input.config ?? "";
    const { withLine } = await import("../../../connector/index.ts");
    const { config, content, lookup } = await loadUserConnector(io, path, input.secrets);
    try {
      return await tryOut(input, config, lookup, io);
    } catch (error) {
      throw withLine(error, content, path);
    }
  },
});

async function tryOut(
  input: Input,
  config: ConnectorConfig,
  lookup: (name: string) => string | undefined,
  io: Io,
): Promise<number> {
  const { planTrial } = await import("../../../connector/index.ts");
  const plan = await planTrial({
    config,
    file: input.config ?? "",
    lookup,
    baseDir: io.baseDir,
    write: (line) => void io.stderr.write(line),
  });
  const { direction } = plan.definition;
  if (input.write && direction === "source") {
    throw flvError("FLV_ARGUMENT", "--write is for sinks: a source writes nothing but its topic", {
      hint: "Run it with `fluvio connector run`.",
    });
  }
  await refuseUnknownModules(config, { file: input.config ?? "" }, io);
  const engine = await chain(plan, io);
  const first = await firstStage(input, config, plan, io);
  const origins = first.made.map(({ origin }) => origin);
  const stages: Stage[] = [first];
  stages.push(
    ...(await runStages(first.made, engine, {
      signal: io.signal,
      onOutput: (module, line) => io.stderr.print(`[${module}] ${line}`),
    })),
  );
  stages.push(await lastStage(stages.at(-1) ?? first, input, plan, io));
  if (input.output === "table") await io.stdout.write(stagesTable(stages, origins));
  else io.stdout.print(formatObject(stagesObject(stages, origins), input.output, "records"));
  return stages.some(({ errors }) => errors.size > 0) ? 1 : 0;
}

/** The modules with their code. The cluster is asked only where something is missing. */
async function chain(plan: TrialPlan, io: Io) {
  const steps = await plan.steps(await clusterForUseLast(plan, io));
  return await Promise.all(
    steps.map(async (step, index) => {
      // The cluster keeps states; here each trial begins anew.
      const { state: _, ...rest } = step;
      return { step, engine: await engineStep(rest, index, io) };
    }),
  );
}

async function clusterForUseLast({ options: { parameters } }: TrialPlan, io: Io): Promise<FluvioClient | undefined> {
  return Object.values(parameters).includes("use-last") ? await io.connect() : undefined;
}

async function firstStage(input: Input, config: ConnectorConfig, plan: TrialPlan, io: Io): Promise<Stage> {
  const given = await givenRecords(input, io);
  if (given !== undefined) return { name: "given", made: given, errors: new Map() };
  if (plan.definition.direction === "source") return await extracted(input, plan, io);
  return { name: "topic", made: await newestRecords(config.topic, plan, input.records, io), errors: new Map() };
}

async function givenRecords({ text: texts, file, key }: Input, io: Io): Promise<readonly Made[] | undefined> {
  if (texts.length === 0 && file === undefined) return undefined;
  const lines = file === undefined ? texts : linesOf(new TextDecoder().decode(await readUserFile(io, file)));
  const timestampMs = io.now();
  return lines.map((line, origin) => ({
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from(line),
    timestampMs,
    origin,
  }));
}

function linesOf(content: string): string[] {
  const lines = content.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

const bytesOf = (data: Uint8Array | string): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data);

/** What the source brings. @throws FLV_TIMEOUT when that is nothing */
async function extracted(input: Input, plan: TrialPlan, io: Io): Promise<Stage> {
  const { definition, options: own } = plan;
  if (definition.direction !== "source") throw new Error("a source was expected");
  const { trySource } = await import("../../../connector/index.ts");
  const reasons: string[] = [];
  const { records, ended } = await plan.run(() =>
    trySource(definition, {
      ...own,
      records: input.records,
      timeoutMs: input.timeout,
      signal: io.signal,
      trouble: (reason) => void (reason === "" || reasons.push(reason)),
    }),
  );
  io.signal.throwIfAborted();
  if (records.length === 0) {
    const why =
      reasons.at(-1) ??
      (ended ? "it has no more to give" : `it brought no record within ${formatDuration(input.timeout)}`);
    throw flvError("FLV_TIMEOUT", `No record of the source ${definition.name}: ${plan.hide(why)}`, {
      hint: "See what it does with --timeout TIME, or try the SmartModules alone with --text.",
    });
  }
  if (records.length < input.records) {
    const why = ended ? "it has no more to give" : `no more came within ${formatDuration(input.timeout)}`;
    io.stderr.print(`${records.length} of ${input.records} records: ${why}`);
  }
  const timestampMs = io.now();
  const made = records.map(({ key, value: bytes }, origin) => ({
    key: key === undefined ? undefined : bytesOf(key),
    value: bytesOf(bytes),
    timestampMs,
    origin,
  }));
  return { name: "extract", made, errors: new Map() };
}

/** The newest records of the topic, over all partitions that the sink reads, in the order of their times. */
async function newestRecords(
  topic: string,
  { partitions }: TrialPlan,
  count: number,
  io: Io,
): Promise<readonly Made[]> {
  const client = await io.connect();
  const stored = await client.partitionOffsets(topic, { signal: io.signal });
  const chosen = stored.filter(({ partition }) => partitions?.includes(partition) ?? true);
  const found: Omit<Made, "origin">[] = [];
  for (const { partition, startOffset, endOffset } of chosen) {
    const from = Math.max(startOffset, endOffset - count);
    if (from >= endOffset) continue;
    const offset = { absolute: from };
    await using consumer = await client.consumer({ topic, partitions: partition, offset, disableContinuous: true });
    for await (const { key, value: bytes, timestampMs } of consumer) {
      found.push({ key: key && Uint8Array.from(key), value: Uint8Array.from(bytes), timestampMs });
    }
  }
  if (found.length === 0) {
    throw flvError("FLV_ARGUMENT", `There is no record in the topic ${topic}`, {
      hint: "Give records with --text TEXT or --file FILE.",
    });
  }
  const newest = found.sort((a, b) => a.timestampMs - b.timestampMs).slice(-count);
  return newest.map((record, origin) => ({ ...record, origin }));
}

/** What would be produced or written; with --write, what became of that. */
async function lastStage({ made }: Stage, input: Input, plan: TrialPlan, io: Io): Promise<Stage> {
  const { definition, options: own } = plan;
  if (definition.direction === "source") return { name: "produce", made, errors: new Map() };
  if (!input.write || made.length === 0) return { name: "write (not done)", made, errors: new Map() };
  const { trySink } = await import("../../../connector/index.ts");
  const records = made.map(({ key, value: bytes, timestampMs }) => ({
    ...(key === undefined ? {} : { key }),
    value: bytes,
    timestampMs,
  }));
  const { outcomes } = await plan.run(() => trySink(definition, { ...own, records, signal: io.signal }));
  const errors = new Map<number, string>();
  for (const [index, { reason }] of outcomes.entries()) {
    const origin = made[index]?.origin;
    if (reason !== undefined && origin !== undefined) errors.set(origin, plan.hide(reason));
  }
  return { name: "write", made: made.filter((_, index) => outcomes[index]?.written === true), errors };
}
