import type { ConsumerOptions, SmartModuleStep, StartOffset } from "../../../client/index.ts";
import { isStateName, STATE_NAME_HINT } from "../../../protocol/index.ts";
import { flag, type InputOf, maybeValue, type OptionTable, ValueError, value, valueOr, values } from "../../command.ts";
import { integer, isDigits, nonEmpty, oneOf, oneOfAnyCase, text } from "../../values.ts";
import { smartmoduleOptions } from "../chain/options.ts";
import { AGGREGATE_SOURCES, windowOptions, windowSettings } from "../chain/window.ts";

const TAIL_DEFAULT = 10;
const STARTS = ["beginning", "head", "tail", "start"];
const KINDS = ["filter", "map", "filterMap", "arrayMap", "aggregate", "join"];
const others = (names: readonly string[], name: string) => names.filter((one) => one !== name);

const OUTPUTS = ["dynamic", "text", "binary", "json", "raw", "table", "full-table"] as const;
const TIMES = ["rfc3339", "local", "unix-ms", "relative"] as const;

const startOptions = {
  beginning: maybeValue({
    long: "beginning",
    short: "B",
    aliases: ["from-beginning"],
    value: "N",
    summary: "Start with the first stored record, or N records after it",
    parse: integer(),
    bare: 0,
    accepts: isDigits,
    conflicts: others(STARTS, "beginning"),
  }),
  head: value({
    long: "head",
    short: "H",
    value: "N",
    summary: "Start N records after the first stored one",
    parse: integer(),
    conflicts: others(STARTS, "head"),
  }),
  tail: maybeValue({
    long: "tail",
    short: "T",
    value: "N",
    summary: `Start N records before the end; N is ${TAIL_DEFAULT} when left out`,
    parse: integer(),
    bare: TAIL_DEFAULT,
    accepts: isDigits,
    conflicts: others(STARTS, "tail"),
  }),
  start: value({
    long: "start",
    aliases: ["offset", "o"],
    value: "offset",
    summary: "Start at this offset",
    parse: integer(),
    conflicts: others(STARTS, "start"),
  }),
  end: value({
    long: "end",
    aliases: ["end-offset"],
    value: "offset",
    summary: "Stop after this offset",
    parse: integer(),
  }),
} satisfies OptionTable;

const kindOption = (name: string, long: string, kind: string, aliases: readonly string[] = []) =>
  value({
    long,
    aliases,
    value: "name-or-path",
    summary: `Apply ${/^a/.test(kind) ? "an" : "a"} ${kind} SmartModule: a wasm file, or the name of a stored one`,
    parse: nonEmpty,
    conflicts: [...others(KINDS, name), "smartmodule", "smartmodulePath", "transforms", "transformsLine"],
  });

/** The spelling of the first releases: one option per kind of SmartModule. */
const kindOptions = {
  filter: kindOption("filter", "filter", "filter"),
  map: kindOption("map", "map", "map"),
  filterMap: kindOption("filterMap", "filter-map", "filter-map"),
  arrayMap: kindOption("arrayMap", "array-map", "array-map", ["arraymap"]),
  aggregate: kindOption("aggregate", "aggregate", "aggregate"),
  initial: value({
    long: "initial",
    aliases: ["accumulator"],
    value: "file-or-text",
    summary: "First accumulator of --aggregate: a file with it, or the text itself",
    parse: nonEmpty,
    requires: ["aggregate"],
    conflicts: ["aggregateInitial"],
  }),
  join: value({
    long: "join",
    value: "name-or-path",
    summary: "Apply a join SmartModule",
    parse: nonEmpty,
    hidden: true,
    conflicts: others(KINDS, "join"),
  }),
  joinTopic: value({
    long: "join-topic",
    value: "topic",
    summary: "Right side of --join",
    parse: nonEmpty,
    hidden: true,
  }),
  derivedStream: value({
    long: "derived-stream",
    value: "name",
    summary: "Run a stored derived stream",
    parse: nonEmpty,
    hidden: true,
  }),
} satisfies OptionTable;

function stateName(given: string): string {
  if (isStateName(given)) return given;
  throw new ValueError(given, `a state cannot have this name. ${STATE_NAME_HINT}`);
}

/** What an aggregate can do besides, in a stream. */
const aggregateOptions = {
  ...windowOptions,
  state: value({
    long: "state",
    value: "name",
    summary: "Keep the accumulator and the position in the cluster under this name, and go on from there",
    parse: stateName,
    requires: AGGREGATE_SOURCES,
  }),
} satisfies OptionTable;

export const consumeOptions = {
  partition: values({
    long: "partition",
    short: "p",
    value: "integer",
    summary: "Partition to read; may be repeated [default: all]",
    parse: integer(),
  }),
  allPartitions: flag({ long: "all-partitions", short: "A", summary: "Read all partitions", conflicts: ["partition"] }),
  mirror: value({
    long: "mirror",
    short: "m",
    value: "name",
    summary: "Read the partition of this remote or home cluster",
    parse: nonEmpty,
    conflicts: ["partition", "allPartitions"],
  }),
  ...startOptions,
  disableContinuous: flag({ long: "disable-continuous", short: "d", summary: "End at the current end of the topic" }),
  disableProgressbar: flag({ long: "disable-progressbar", summary: "Show no spinner on a terminal" }),
  keyValue: flag({ long: "key-value", short: "k", summary: "Print records as [key] value" }),
  format: value({
    long: "format",
    short: "F",
    value: "template",
    summary: "Print each record by a template: {{key}} {{value}} {{offset}} {{partition}} {{time}}",
    parse: text,
    conflicts: ["output"],
  }),
  timeFormat: valueOr({
    long: "time-format",
    value: "format",
    summary: "How {{time}} is written",
    parse: oneOf(...TIMES),
    choices: TIMES,
    default: "rfc3339" as (typeof TIMES)[number],
  }),
  output: valueOr({
    long: "output",
    short: "O",
    value: "type",
    summary: "How a record is shown",
    parse: oneOf(...OUTPUTS),
    choices: OUTPUTS,
    default: "dynamic" as (typeof OUTPUTS)[number],
  }),
  tableFormat: value({
    long: "table-format",
    value: "name",
    summary: "Stored column layout for --output full-table",
    parse: nonEmpty,
  }),
  truncate: flag({
    long: "truncate",
    summary: "Cut lines to the width of the terminal",
    conflicts: ["output", "format"],
  }),
  suppressUnknown: flag({ long: "suppress-unknown", summary: "Leave out records that the output type cannot show" }),
  maxBytes: value({
    long: "maxbytes",
    short: "b",
    aliases: ["max-bytes"],
    value: "integer",
    summary: "Bytes asked for at once [default: 1048588]",
    parse: integer(1),
  }),
  isolation: value({
    long: "isolation",
    value: "isolation",
    summary: "read_uncommitted or read_committed [default: read_uncommitted]",
    parse: oneOfAnyCase("read_uncommitted", "read_committed"),
  }),
  consumer: value({
    long: "consumer",
    short: "c",
    value: "id",
    summary: "Keep the position in the cluster under this id, and go on from it",
    parse: nonEmpty,
  }),
  strictOffset: flag({ long: "strict-offset", summary: "Fail when records were removed before they could be read" }),
  ...kindOptions,
  ...smartmoduleOptions,
  ...aggregateOptions,
} satisfies OptionTable;

export type ConsumeFlags = InputOf<Record<never, never>, typeof consumeOptions>;

/** The window and the state of an aggregate, as the client takes them. */
export function aggregateSettings(flags: ConsumeFlags): Pick<SmartModuleStep, "window" | "state"> {
  return { ...windowSettings(flags), ...(flags.state === undefined ? {} : { state: flags.state }) };
}

/** Where to start, as the client takes it. */
export function startOffset(flags: ConsumeFlags): StartOffset {
  const { beginning, head, tail, start } = flags;
  const skipped = head ?? beginning;
  if (skipped !== undefined) return skipped === 0 ? "beginning" : { fromBeginning: skipped };
  if (tail !== undefined) return { fromEnd: tail };
  return start === undefined ? "end" : { absolute: start };
}

/** `Consuming records from 'T' starting …`, for a terminal. */
export function statusLine(topic: string, flags: ConsumeFlags): string {
  const from = startOffset(flags);
  let text = `Consuming records from '${topic}'`;
  if (from === "beginning") text += " starting from the beginning of log";
  else if (from !== "end") {
    if ("fromBeginning" in from) text += ` starting ${from.fromBeginning} from the beginning of log`;
    else if ("fromEnd" in from) text += ` starting ${from.fromEnd} from the end of log`;
    else text += ` starting at offset ${from.absolute}`;
  }
  return flags.end === undefined ? text : `${text} until offset ${flags.end} (inclusive)`;
}

/** The settings that map one to one. */
export function plainOptions(
  flags: ConsumeFlags,
  env: Readonly<Record<string, string | undefined>>,
): Partial<ConsumerOptions> {
  const fromEnv = Number(env.FLUVIO_CLIENT_MAX_FETCH_BYTES);
  const maxBytes = flags.maxBytes ?? (Number.isInteger(fromEnv) && fromEnv > 0 ? fromEnv : undefined);
  return {
    offset: startOffset(flags),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(flags.isolation === undefined
      ? {}
      : { isolation: flags.isolation === "read_committed" ? "readCommitted" : "readUncommitted" }),
    ...(flags.disableContinuous ? { disableContinuous: true } : {}),
    ...(flags.strictOffset ? { strictOffset: true } : {}),
  };
}
