import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type {
  Consumer,
  ConsumerOptions,
  ConsumerRecord,
  FluvioClient,
  SmartModuleStep,
} from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import type { SmartModuleKind } from "../../../smartengine/index.ts";
import { arg, type Command, command } from "../../command.ts";
import type { Io } from "../../io.ts";
import { noSpinner, type Spinner, startSpinner } from "../../output/spinner.ts";
import { pathOrName, smartmoduleSteps, stepRest } from "../chain/options.ts";
import { mirrorPartition } from "../mirror-partition.ts";
import { suggestingTopic } from "../topic/errors.ts";
import { type GroupFormatter, groupFormatter } from "./format.ts";
import { loadColumns, runFullTable } from "./full-table.ts";
import {
  aggregateSettings,
  type ConsumeFlags,
  consumeOptions,
  plainOptions,
  startOffset,
  statusLine,
} from "./options.ts";
import { timeFormatter } from "./time.ts";

const OFFSET_FLUSH_PERIOD_MS = 2000;
/** After Ctrl-C, how long the consumer may take to store its position. */
const CLOSE_TIMEOUT_MS = 2000;
const HINT_AFTER_MS = 1000;

const consumeCommand = command({
  noun: "consume",
  summary: "Read records of a topic",
  description:
    "Read records of a topic and print them as they come. Without a start option only records that arrive from now on " +
    "are shown; -B shows the stored ones too, and -d ends when all of them are printed.",
  args: { topic: arg({ name: "topic", summary: "Name of the topic" }) },
  options: consumeOptions,
  examples: [
    { command: "fluvio consume greetings -B", text: "all records, then new ones" },
    { command: "fluvio consume greetings -B -d", text: "all stored records" },
    { command: "fluvio consume greetings --tail 5 --format '{{offset}} {{time}} {{value}}'" },
    {
      command: "fluvio consume orders -B --filter my-filter",
      text: "a stored SmartModule, or the path of a wasm file",
    },
    {
      command: "fluvio consume orders -B --aggregate sum --window 10s --state sums",
      text: "a sum of every ten seconds, going on where it was",
    },
  ],
  check: checkFlags,
  run: async (flags, io) => {
    const format = await prepare(flags, io);
    const client = await io.connect();
    return await suggestingTopic(client, flags.topic, () =>
      format === undefined ? consumeToFullTable(client, flags, io) : consumeToLines(client, flags, io, format),
    );
  },
});

export const consumeCommands: readonly Command[] = [consumeCommand];

type Flags = ConsumeFlags & { readonly topic: string };

function checkFlags(flags: Flags): string | undefined {
  if (flags.tableFormat !== undefined && flags.output !== "full-table") {
    return "the argument '--table-format <name>' needs '--output full-table'";
  }
  return undefined;
}

/** What is wrong with the command whatever the cluster holds. @throws FLV_ARGUMENT */
async function prepare(flags: Flags, io: Io): Promise<GroupFormatter | undefined> {
  if (flags.start !== undefined && flags.end !== undefined && flags.end < flags.start) {
    throw flvError(
      "FLV_ARGUMENT",
      "Argument end-offset must be greater than or equal to specified start offset: " +
        `End offset: ${flags.end} cannot be less than starting offset: ${flags.start}`,
      { details: { start: flags.start, end: flags.end } },
    );
  }
  if (flags.join !== undefined || flags.derivedStream !== undefined) {
    const what = flags.join === undefined ? "--derived-stream" : "--join";
    throw flvError("FLV_UNSUPPORTED", `${what} is not supported`, {
      hint: "Joins left the protocol together with derived streams; read both topics and join them in a consumer.",
    });
  }
  if (flags.output === "full-table") {
    if (io.stdout.isTty && io.stdinIsTty) return undefined;
    throw flvError("FLV_ARGUMENT", "The output type full-table needs a terminal", {
      hint: "Use --output table or --output json in a pipe or a file.",
    });
  }
  return await groupFormatter({
    output: flags.output,
    template: flags.format,
    keyValue: flags.keyValue,
    suppressUnknown: flags.suppressUnknown,
    truncate: flags.truncate ? io.stdout.columns : undefined,
    style: io.stdout.style,
    time: timeFormatter(flags.timeFormat, io.now),
  });
}

async function consumeToLines(client: FluvioClient, flags: Flags, io: Io, format: GroupFormatter): Promise<number> {
  await using consumer = await openConsumer(client, flags, io);
  if (io.stdout.isTty) io.stderr.print(io.stderr.style.bold(statusLine(flags.topic, flags)));
  const spinner = spins(flags, io) ? startSpinner(io.stderr) : noSpinner;
  const cancelHint = hintWhenSilent(client, flags, io, spinner);
  const show = async (records: readonly ConsumerRecord[]) => {
    cancelHint();
    const chunk = format(records);
    if (chunk.length === 0) return;
    spinner.clear();
    await io.stdout.write(chunk);
  };
  try {
    const partitions = await endPartitions(client, flags);
    const endReached = await eachGroup(consumer, { io, end: flags.end, partitions, show });
    spinner.stop();
    if (endReached) io.stderr.print("End-offset has been reached; exiting");
    if (!flags.disableContinuous) io.stderr.print("Consumer stream has closed");
    return 0;
  } finally {
    cancelHint();
    spinner.stop();
  }
}

function spins(flags: Flags, io: Io): boolean {
  const terminal = io.stdout.isTty && io.stderr.isTty;
  return terminal && !flags.disableProgressbar && !flags.disableContinuous && (io.env.CI ?? "") === "";
}

async function consumeToFullTable(client: FluvioClient, flags: Flags, io: Io): Promise<number> {
  const columns = flags.tableFormat === undefined ? undefined : await loadColumns(client, flags.tableFormat);
  await using consumer = await openConsumer(client, flags, io);
  await runFullTable(io, consumer, columns);
  return 0;
}

/** Opens the consumer; Ctrl-C during that is an error, afterwards it closes the consumer in good order. */
async function openConsumer(client: FluvioClient, flags: Flags, io: Io): Promise<Consumer> {
  const smartmodules = await chainOf(flags, io);
  const partitions =
    flags.mirror === undefined ? flags.partition : [await mirrorPartition(client, flags.topic, flags.mirror)];
  const options: ConsumerOptions = {
    topic: flags.topic,
    ...plainOptions(flags, io.env),
    ...(partitions.length === 0 ? {} : { partitions }),
    ...(smartmodules.length === 0 ? {} : { smartmodules }),
    ...(flags.consumer === undefined
      ? {}
      : { consumerId: flags.consumer, offsetStrategy: "auto", offsetFlushPeriodMs: OFFSET_FLUSH_PERIOD_MS }),
  };
  io.signal.throwIfAborted();
  return await client.consumer(options);
}

async function chainOf(flags: Flags, io: Io): Promise<readonly SmartModuleStep[]> {
  const settings = aggregateSettings(flags);
  return (await plainChain(flags, io)).map((step) => ({ ...step, ...settings }));
}

async function plainChain(flags: Flags, io: Io): Promise<readonly SmartModuleStep[]> {
  const chosen = chosenKind(flags);
  if (chosen === undefined) return await smartmoduleSteps(flags, io);
  const initial = flags.initial === undefined ? flags.aggregateInitial : await initialValue(io, flags.initial);
  return [{ ...(await pathOrName(io, chosen.given, chosen.kind)), ...stepRest(flags.params, initial) }];
}

/** The one of `--filter`, `--map` and so on that is given. */
function chosenKind(flags: Flags): { readonly kind: SmartModuleKind; readonly given: string } | undefined {
  const { filter, map, filterMap, arrayMap, aggregate } = flags;
  if (filter !== undefined) return { kind: "filter", given: filter };
  if (map !== undefined) return { kind: "map", given: map };
  if (filterMap !== undefined) return { kind: "filter_map", given: filterMap };
  if (arrayMap !== undefined) return { kind: "array_map", given: arrayMap };
  return aggregate === undefined ? undefined : { kind: "aggregate", given: aggregate };
}

/** The content of a file where there is one of that name, else the text itself. */
async function initialValue(io: Io, given: string): Promise<string | Uint8Array> {
  const path = resolve(io.cwd, given);
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? await readFile(path) : given;
}

/** With `--end`, the partitions that have to reach it. */
async function endPartitions(client: FluvioClient, flags: Flags): Promise<readonly number[]> {
  if (flags.end === undefined) return [];
  if (flags.partition.length > 0) return flags.partition;
  return (await client.partitionOffsets(flags.topic)).map(({ partition }) => partition);
}

interface GroupLoop {
  readonly io: Io;
  readonly end: number | undefined;
  readonly partitions: readonly number[];
  show(records: readonly ConsumerRecord[]): Promise<void>;
}

/** Shows every group until the consumer ends, the end offset is reached (gives true) or the signal is aborted. */
async function eachGroup(consumer: Consumer, { io, end, partitions, show }: GroupLoop): Promise<boolean> {
  let release: (() => void) | undefined;
  let forced: NodeJS.Timeout | undefined;
  const gaveUp = new Promise<void>((done) => {
    const stop = () => {
      void consumer.close();
      forced = setTimeout(done, CLOSE_TIMEOUT_MS);
    };
    if (io.signal.aborted) stop();
    io.signal.addEventListener("abort", stop, { once: true });
    release = () => io.signal.removeEventListener("abort", stop);
  });
  const open = new Set(partitions);
  const loop = async () => {
    for await (const group of consumer.batches()) {
      if (end === undefined) {
        await show(group);
        continue;
      }
      const last = group.at(-1);
      await show(last !== undefined && last.offset > end ? group.filter(({ offset }) => offset <= end) : group);
      if (last !== undefined && last.offset >= end) open.delete(last.partition);
      if (open.size === 0) return true;
    }
    return false;
  };
  try {
    return await Promise.race([loop(), gaveUp.then(() => false)]);
  } finally {
    release?.();
    clearTimeout(forced);
  }
}

/** On a terminal, when only new records are asked for and none comes: says that there are stored ones. */
function hintWhenSilent(client: FluvioClient, flags: Flags, io: Io, spinner: Spinner): () => void {
  if (!io.stdout.isTty || flags.disableContinuous || flags.consumer !== undefined || startOffset(flags) !== "end") {
    return () => {};
  }
  let cancelled = false;
  const timer = setTimeout(async () => {
    // Only a courtesy: where the offsets cannot be had, the consumer reports what is wrong.
    const offsets = await client.partitionOffsets(flags.topic).catch(() => []);
    const stored = offsets.reduce((sum, { startOffset: from, endOffset }) => sum + endOffset - from, 0);
    if (cancelled || stored === 0) return;
    spinner.clear();
    io.stderr.print(`No new records yet; ${stored} are stored: show them with \`fluvio consume ${flags.topic} -B\`.`);
  }, HINT_AFTER_MS);
  return () => {
    cancelled = true;
    clearTimeout(timer);
  };
}
