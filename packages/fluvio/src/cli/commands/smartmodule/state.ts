import { isUtf8 } from "node:buffer";
import { type AggregateState, formatDuration, formatSize } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { arg, type Command, command, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { formatObject, outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { nearest } from "../../suggest.ts";
import { nonEmpty } from "../../values.ts";

const topicOption = value({
  long: "topic",
  short: "t",
  value: "topic",
  summary: "Only over this topic",
  parse: nonEmpty,
});
const nameArg = arg({ name: "name", summary: "Name of the state, as given with --state" });

const HEADER = ["NAME", "TOPIC", "PARTITION", "OFFSET", "LAG", "SIZE", "MODIFIED"];
const ALIGN = HEADER.map((_, column) => (column < 2 ? "left" : "right"));

const stateList = command({
  noun: "smartmodule",
  verb: "state list",
  summary: "List the kept states of aggregates",
  description:
    "States that consumers keep with --state: per name, topic and partition the offset of the first record that is not " +
    "in it, and how many records are behind that (LAG; - when the SPU is away).",
  options: { topic: topicOption, output: outputOption },
  examples: [{ command: "fluvio smartmodule state list" }],
  run: async ({ topic, output }, io) => {
    const admin = (await io.connect()).admin();
    const states = await admin.aggregateStates({ signal: io.signal, ...(topic === undefined ? {} : { topic }) });
    printListing(io.stdout, {
      format: output,
      plural: "states",
      objects: states.map(stateObject),
      empty: "no states",
      table: () =>
        renderTable(
          HEADER,
          states.map((state) => cells(state, io.now())),
          { align: ALIGN },
        ),
    });
    return 0;
  },
});

const stateShow = command({
  noun: "smartmodule",
  verb: "state show",
  summary: "Show a kept state: accumulators and open windows",
  description:
    "Shows what a state holds, for each partition that it was kept for: the accumulator of each aggregate of the chain, " +
    "and with windows those that are still open. What is no text is shown by its size; -O json has it in base64.",
  args: { name: nameArg },
  options: { topic: topicOption, output: outputOption },
  examples: [{ command: "fluvio smartmodule state show totals" }],
  run: async ({ name, topic, output }, io) => {
    const admin = (await io.connect()).admin();
    const filter = { name, contents: true, signal: io.signal, ...(topic === undefined ? {} : { topic }) };
    const states = await admin.aggregateStates(filter);
    if (states.length === 0) throw await notFound(name, topic, io);
    if (output === "table") await io.stdout.write(states.map((state) => stateText(state, io.now())).join("\n"));
    else io.stdout.print(formatObject(states.map(stateContents), output, "states"));
    return 0;
  },
});

const stateReset = command({
  noun: "smartmodule",
  verb: "state reset",
  summary: "Forget a kept state: the next consumer begins anew",
  description:
    "Removes what was kept under a name. A consumer that works on it ends with an error; the next one begins with the " +
    "first accumulator, where its own options tell it to.",
  args: { name: nameArg },
  options: { topic: topicOption },
  examples: [{ command: "fluvio smartmodule state reset totals --topic orders" }],
  run: async ({ name, topic }, io) => {
    const admin = (await io.connect()).admin();
    const removed = await admin.resetAggregateState(name, {
      signal: io.signal,
      ...(topic === undefined ? {} : { topic }),
    });
    if (removed.length === 0) throw await notFound(name, topic, io);
    for (const { topic: of, partition, offset } of removed) {
      io.stdout.print(
        `state "${name}" of topic "${of}" and partition "${partition}" reset (it was at offset ${offset})`,
      );
    }
    return 0;
  },
});

export const smartmoduleStateCommands: readonly Command[] = [stateList, stateShow, stateReset];

async function notFound(name: string, topic: string | undefined, io: Io): Promise<Error> {
  const states = await (await io.connect()).admin().aggregateStates({ signal: io.signal });
  const names = [...new Set(states.map((state) => state.name))];
  const similar = nearest(name, names);
  const where = topic === undefined || !names.includes(name) ? "" : ` of topic ${topic}`;
  return flvError("FLV_AGGREGATE_STATE", `State not found: ${name}${where}`, {
    details: { name, topic },
    hint:
      similar === undefined || similar === name
        ? "List what is kept with `fluvio smartmodule state list`."
        : `Did you mean ${similar}?`,
  });
}

function lagOf({ offset, highWatermark }: AggregateState): number | undefined {
  return highWatermark === undefined ? undefined : Math.max(0, highWatermark - offset);
}

function cells(state: AggregateState, nowMs: number): readonly string[] {
  const { name, topic, partition, offset, sizeBytes, modifiedTimeMs } = state;
  const lag = lagOf(state);
  const ageSeconds = Math.max(0, Math.floor((nowMs - modifiedTimeMs) / 1000));
  return [
    name,
    topic,
    String(partition),
    String(offset),
    lag === undefined ? "-" : String(lag),
    formatSize(sizeBytes),
    `${formatDuration(ageSeconds * 1000)} ago`,
  ];
}

function stateObject(state: AggregateState) {
  const { name, topic, partition, offset, sizeBytes, modifiedTimeMs } = state;
  return {
    name,
    topic,
    partition,
    offset,
    lag: lagOf(state) ?? null,
    sizeBytes,
    modified: new Date(modifiedTimeMs).toISOString(),
  };
}

/** With what is in it; bytes that are no text in base64. */
function stateContents(state: AggregateState) {
  return {
    ...stateObject(state),
    modules: state.modules.map(({ step, module, accumulator, watermarkMs, windows }) => ({
      step,
      module,
      ...accumulatorObject(accumulator),
      ...(watermarkMs === undefined
        ? {}
        : {
            watermark: new Date(watermarkMs).toISOString(),
            windows: windows.map(({ startMs, endMs, recordCount, accumulator: ofWindow }) => ({
              start: new Date(startMs).toISOString(),
              end: new Date(endMs).toISOString(),
              records: recordCount,
              ...accumulatorObject(ofWindow),
            })),
          }),
    })),
  };
}

function accumulatorObject(bytes: Uint8Array): Record<string, string> {
  return isUtf8(bytes)
    ? { accumulator: Buffer.from(bytes).toString() }
    : { accumulatorBase64: Buffer.from(bytes).toString("base64") };
}

function stateText(state: AggregateState, nowMs: number): string {
  let text = renderTable(HEADER, [cells(state, nowMs)], { align: ALIGN });
  for (const { module, accumulator, watermarkMs, windows } of state.modules) {
    if (watermarkMs === undefined) {
      text += `  ${module}: ${accumulatorText(accumulator)}\n`;
      continue;
    }
    text += `  ${module}, open windows at ${new Date(watermarkMs).toISOString()}: ${windows.length}\n`;
    if (windows.length === 0) continue;
    const rows = windows.map((window) => [
      new Date(window.startMs).toISOString(),
      new Date(window.endMs).toISOString(),
      String(window.recordCount),
      accumulatorText(window.accumulator),
    ]);
    text += renderTable(["FROM", "TO", "RECORDS", "ACCUMULATOR"], rows, {
      indent: 3,
      align: ["left", "left", "right"],
    });
  }
  return text;
}

function accumulatorText(bytes: Uint8Array): string {
  return isUtf8(bytes) ? Buffer.from(bytes).toString() : `Binary: ${bytes.length} bytes`;
}
