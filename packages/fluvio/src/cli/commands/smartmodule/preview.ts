import type { FluvioClient, PartitionOffsets } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import type { ChainStep } from "../../../smartengine/index.ts";
import type { ReplayRecord } from "../../../smdk/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArg, value, valueOr, values } from "../../command.ts";
import type { Io } from "../../io.ts";
import { integer, nonEmpty, oneOf } from "../../values.ts";
import { localChain, localChainOptions } from "./local-chain.ts";
import { type PreviewedPartition, previewObject, previewRows, previewSummary } from "./preview-view.ts";

/** All of them are in memory at once. */
const LAST_MAX = 100_000;
const LAST_DEFAULT = 1000;
/** How far a module that looks back by age alone is served. */
const HISTORY_MAX = 10_000;

const options = {
  topic: value({
    long: "topic",
    short: "T",
    value: "topic",
    summary: "Topic whose records are tried",
    parse: nonEmpty,
  }),
  last: valueOr({
    long: "last",
    value: "N",
    summary: "How many of the newest records are tried",
    parse: integer(1, LAST_MAX),
    default: LAST_DEFAULT,
  }),
  partition: values({
    long: "partition",
    short: "p",
    value: "N",
    summary: "Only this partition; may be repeated",
    parse: integer(),
  }),
  full: flag({ long: "full", summary: "Do not cut long values to the width of the terminal" }),
  keyValue: flag({ long: "key-value", short: "k", summary: "Show keys: [key] value" }),
  output: valueOr({
    long: "output",
    short: "O",
    value: "type",
    summary: "Output format",
    parse: oneOf("table", "json"),
    choices: ["table", "json"],
    default: "table",
  }),
  ...localChainOptions,
} satisfies OptionTable;

type Input = InputOf<{ readonly name: ReturnType<typeof optionalArg> }, typeof options>;

export const smartmodulePreview = command({
  noun: "smartmodule",
  verb: "preview",
  summary: "Show what a SmartModule would do with the newest records of a topic",
  description:
    "Read the newest records of a topic and run a SmartModule, or a chain of them, on copies of them, here: before and " +
    "after side by side, counts, and the time it takes. The topic is not touched, and nothing in the cluster runs the " +
    "module. Each partition has a chain of its own, as streams have. Without a module, this folder's project is built.",
  args: { name: optionalArg({ name: "name", summary: "Stored SmartModule to try" }) },
  options,
  examples: [
    { command: "fluvio smartmodule preview my-filter --topic orders --last 100" },
    { text: "this folder's project", command: "fluvio smartmodule preview --topic orders -e contains=error" },
  ],
  check: ({ topic }) =>
    topic === undefined ? "the following required arguments were not provided:\n  --topic <topic>" : undefined,
  run: async (input, io) => {
    const steps = await localChain(input, io);
    const client = await io.connect();
    const found = await readNewest(client, input, steps, io.signal);
    const partitions = await replayAll(found, steps, io);
    const failure = partitions.find(({ result }) => result.failure !== undefined)?.result.failure;
    if (input.output === "json") io.stdout.print(JSON.stringify(previewObject(partitions), null, 2));
    else if (failure === undefined || partitions.some(({ result }) => result.records.length > 0)) {
      const { full, keyValue } = input;
      await io.stdout.write(previewRows(partitions, { ...io.stdout, full, keyValue }));
      await io.stdout.write(previewSummary(partitions, io.stdout));
    }
    if (failure !== undefined) throw failure;
    return 0;
  },
});

interface NewestRecords {
  readonly partition: number;
  readonly history: readonly ReplayRecord[];
  readonly records: readonly ReplayRecord[];
}

async function replayAll(
  found: readonly NewestRecords[],
  steps: readonly ChainStep[],
  io: Io,
): Promise<readonly PreviewedPartition[]> {
  const { createSmartEngine } = await import("../../../smartengine/index.ts");
  const { replay } = await import("../../../smdk/index.ts");
  await using engine = createSmartEngine({
    onModuleOutput: (module, _stream, line) => io.stderr.print(`[${module}] ${line}`),
  });
  const previewed: PreviewedPartition[] = [];
  for (const { partition, history, records } of found) {
    const result = await replay(engine, { steps, records, history, signal: io.signal });
    previewed.push({ partition, result });
    if (result.failure !== undefined) break;
  }
  return previewed;
}

/** The newest records of the chosen partitions together, with those before them that modules look back on. */
async function readNewest(
  client: FluvioClient,
  input: Input,
  steps: readonly ChainStep[],
  signal: AbortSignal,
): Promise<readonly NewestRecords[]> {
  const topic = input.topic ?? "";
  const stored = await client.partitionOffsets(topic, { signal });
  const unknown = input.partition.find((wanted) => !stored.some(({ partition }) => partition === wanted));
  if (unknown !== undefined) {
    throw flvError("FLV_PARTITION_NOT_FOUND", `Partition not found: ${topic}-${unknown}`, {
      details: { topic, partition: unknown },
      hint: `The topic has the partitions 0 to ${stored.length - 1}.`,
    });
  }
  const chosen = stored.filter(({ partition }) => input.partition.length === 0 || input.partition.includes(partition));
  const wanted = Math.max(
    0,
    ...steps.map(({ lookback }) => (lookback === undefined ? 0 : lookback.last || HISTORY_MAX)),
  );
  const all = await Promise.all(
    chosen.map(async (offsets) => ({
      partition: offsets.partition,
      records: await readTail(client, topic, offsets, input.last + wanted, signal),
    })),
  );
  const since = oldestOfNewest(
    all.flatMap(({ records }) => records.slice(-input.last)),
    input.last,
  );
  return all.map(({ partition, records }) => {
    const newest = records.slice(-input.last);
    const first = chosen.length === 1 ? 0 : newest.findIndex(({ timestampMs }) => timestampMs >= since);
    const kept = first < 0 ? [] : newest.slice(first);
    const before = records.length - kept.length;
    return { partition, records: kept, history: records.slice(Math.max(0, before - wanted), before) };
  });
}

/** Time of the oldest of the `last` newest records of several partitions. */
function oldestOfNewest(records: readonly ReplayRecord[], last: number): number {
  const times = records.map(({ timestampMs }) => timestampMs).sort((a, b) => b - a);
  return times[Math.min(last, times.length) - 1] ?? 0;
}

async function readTail(
  client: FluvioClient,
  topic: string,
  { partition, startOffset, endOffset }: PartitionOffsets,
  count: number,
  signal: AbortSignal,
): Promise<readonly ReplayRecord[]> {
  const from = Math.max(startOffset, endOffset - count);
  if (from >= endOffset) return [];
  const records: ReplayRecord[] = [];
  await using consumer = await client.consumer({
    topic,
    partitions: partition,
    offset: { absolute: from },
    disableContinuous: true,
    signal,
  });
  for await (const batch of consumer.batches()) for (const record of batch) records.push(record);
  return records;
}
