import type { CreateTopicOptions } from "../../../client/index.ts";
import { parseDurationMs, parseSizeBytes } from "../../../client/index.ts";
import { flvError, topicNameProblem } from "../../../protocol/index.ts";
import { command, flag, type OptionTable, optionalArg, value, valueOr } from "../../command.ts";
import { parseYamlText, readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { checked, integer, nonEmpty } from "../../values.ts";
import { parseRetentionSeconds, parseTopicCompression } from "./values.ts";

/** The official module that `--dedup` uses. */
const DEDUPLICATION_MODULE = "dedup";
/** As many as it takes. */
const DEDUPLICATION_COUNT_MAX = 10_000_000;
const ASSIGNED = ["partitions", "replication", "mirrorApply", "mirror"];
const OTHERS = [
  "name",
  "partitions",
  "replication",
  "ignoreRack",
  "replicaAssignment",
  "mirrorApply",
  "mirror",
  "homeToRemote",
  "dryRun",
  "retention",
  "segmentSize",
  "maxPartitionSize",
  "compression",
  "dedup",
  "dedupCount",
  "dedupAge",
  "system",
];

/** Retention and sizes, shared by `topic create` and `topic update`. */
export const storageOptions = {
  retention: value({
    long: "retention-time",
    value: "time",
    summary: "How long records are kept, e.g. 1h or 7days, or infinite",
    parse: checked(parseRetentionSeconds),
  }),
  segmentSize: value({
    long: "segment-size",
    value: "bytes",
    summary: "Size of a segment file, e.g. 2048, 2 Ki, 10 MiB, 1 GB",
    parse: checked(parseSizeBytes),
  }),
  maxPartitionSize: value({
    long: "max-partition-size",
    value: "bytes",
    summary: "Size at which the oldest segments of a partition are removed",
    parse: checked(parseSizeBytes),
  }),
} satisfies OptionTable;

export const topicCreate = command({
  noun: "topic",
  verb: "create",
  summary: "Create a topic",
  description: "Create a topic with the given name and wait until its partitions take records.",
  args: { name: optionalArg({ name: "name", summary: "Name of the topic" }) },
  options: {
    partitions: valueOr({
      long: "partitions",
      short: "p",
      value: "partitions",
      summary: "Number of partitions",
      parse: integer(1),
      default: 1,
    }),
    replication: valueOr({
      long: "replication",
      short: "r",
      value: "integer",
      summary: "Copies of each partition",
      parse: integer(1),
      default: 1,
    }),
    ignoreRack: flag({
      long: "ignore-rack-assignment",
      short: "i",
      aliases: ["ignore-rack"],
      summary: "Place copies without regard to racks",
    }),
    replicaAssignment: value({
      long: "replica-assignment",
      short: "f",
      value: "file.json",
      summary: "JSON file that names the SPUs of each partition",
      parse: nonEmpty,
      conflicts: ASSIGNED,
    }),
    mirrorApply: value({
      long: "mirror-apply",
      short: "m",
      value: "file.json",
      summary: "JSON file with the names of remote clusters",
      parse: nonEmpty,
    }),
    mirror: flag({ long: "mirror", summary: "Make a mirror topic" }),
    homeToRemote: flag({ long: "home-to-remote", summary: "Mirror from this cluster to the remote ones" }),
    dryRun: flag({ long: "dry-run", short: "d", summary: "Check only, create nothing" }),
    ...storageOptions,
    compression: value({
      long: "compression-type",
      value: "compression",
      summary: "Compression that producers have to use [default: any]",
      parse: checked(parseTopicCompression),
    }),
    dedup: flag({ long: "dedup", summary: "Drop records that repeat an earlier one" }),
    dedupCount: valueOr({
      long: "dedup-count",
      value: "N",
      summary: "Records that deduplication looks back on",
      parse: integer(1, DEDUPLICATION_COUNT_MAX),
      default: 5,
      requires: ["dedup"],
    }),
    dedupAge: valueOr({
      long: "dedup-age",
      value: "time",
      summary: "Time that deduplication looks back on",
      parse: checked(parseDurationMs),
      default: 5000,
      defaultText: "5s",
      requires: ["dedup"],
    }),
    system: flag({ long: "system", short: "s", summary: "Make a system topic", hidden: true }),
    config: value({
      long: "config",
      short: "c",
      value: "PATH",
      summary: "Topic configuration file (YAML)",
      parse: nonEmpty,
      conflicts: OTHERS,
    }),
  },
  examples: [
    { command: "fluvio topic create orders" },
    { command: "fluvio topic create orders --partitions 3 --retention-time 2h --compression-type gzip" },
    { command: "fluvio topic create --config topic.yaml" },
  ],
  run: async (input, io) => {
    const { name, options } = await topicOf(input, io);
    checkTopicName(name);
    const client = await io.connect();
    await client.admin().createTopic(name, { ...options, signal: io.signal });
    io.stdout.print(`topic "${name}" created`);
    return 0;
  },
});

interface CreateFlags {
  readonly name: string | undefined;
  readonly config: string | undefined;
  readonly partitions: number;
  readonly replication: number;
  readonly ignoreRack: boolean;
  readonly replicaAssignment: string | undefined;
  readonly mirrorApply: string | undefined;
  readonly mirror: boolean;
  readonly homeToRemote: boolean;
  readonly dryRun: boolean;
  readonly retention: number | "infinite" | undefined;
  readonly segmentSize: number | undefined;
  readonly maxPartitionSize: number | undefined;
  readonly compression: CreateTopicOptions["compression"] | undefined;
  readonly dedup: boolean;
  readonly dedupCount: number;
  readonly dedupAge: number;
  readonly system: boolean;
}

async function topicOf(input: CreateFlags, io: Io): Promise<{ name: string; options: CreateTopicOptions }> {
  if (input.config !== undefined) {
    const text = new TextDecoder().decode(await readUserFile(io, input.config));
    const { parseTopicConfig } = await import("./config.ts");
    return await parseTopicConfig(text, input.config);
  }
  if (input.name === undefined) {
    throw flvError("FLV_ARGUMENT", "Topic name is required", { hint: "Give a name, or a file with --config." });
  }
  return {
    name: input.name,
    options: { ...(await replicasOf(input, io)), ...storageOf(input), ...(await deduplicationOf(input, io)) },
  };
}

async function replicasOf(input: CreateFlags, io: Io): Promise<CreateTopicOptions> {
  const common = {
    ...(input.dryRun ? { dryRun: true } : {}),
    ...(input.system ? { system: true } : {}),
    ...(input.compression === undefined ? {} : { compression: input.compression }),
  };
  if (input.replicaAssignment !== undefined) {
    return {
      ...common,
      assignment: parseAssignment(await readJson(io, input.replicaAssignment), input.replicaAssignment),
    };
  }
  if (input.mirror || input.mirrorApply !== undefined) {
    const remoteClusters =
      input.mirrorApply === undefined ? [] : parseNames(await readJson(io, input.mirrorApply), input.mirrorApply);
    return { ...common, mirror: { remoteClusters, homeToRemote: input.homeToRemote } };
  }
  return {
    ...common,
    partitions: input.partitions,
    replicationFactor: input.replication,
    ignoreRackAssignment: input.ignoreRack,
  };
}

/** What `topic create` and `topic update` say about storage, as the client takes it. */
export function storageOf(input: Pick<CreateFlags, "retention" | "segmentSize" | "maxPartitionSize">) {
  return {
    ...(input.retention === undefined ? {} : { retentionSeconds: input.retention }),
    ...(input.segmentSize === undefined ? {} : { segmentSizeBytes: input.segmentSize }),
    ...(input.maxPartitionSize === undefined ? {} : { maxPartitionSizeBytes: input.maxPartitionSize }),
  };
}

async function deduplicationOf(input: CreateFlags, io: Io): Promise<Pick<CreateTopicOptions, "deduplication">> {
  if (!input.dedup) return {};
  const uses = await deduplicationModule(io, input.dryRun);
  return { deduplication: { count: input.dedupCount, ageMs: input.dedupAge, uses } };
}

/** Name of the module of this installation, which is stored in the cluster when it is not there. */
async function deduplicationModule(io: Io, dryRun: boolean): Promise<string> {
  const { officialModules } = await import("../../../smdk/index.ts");
  const module = (await officialModules()).find(({ name }) => name === DEDUPLICATION_MODULE);
  if (module === undefined) {
    throw flvError("FLV_FILE", `This installation lacks the SmartModule ${DEDUPLICATION_MODULE}`, {
      hint: "Install fluvio again, or name another module in a file: see --config.",
    });
  }
  const { packageId, registerModule } = await import("../smartmodule/register.ts");
  const name = packageId(module.metadata);
  const admin = (await io.connect()).admin();
  const found = await admin.listSmartModules([name], { signal: io.signal });
  if (found.length === 0 && !dryRun) {
    io.stdout.print("deduplication filter not found, installing");
    await registerModule(io, { name: module.name, wasm: module.wasm, meta: module.metadata, replace: false });
  }
  return name;
}

async function readJson(io: Io, path: string): Promise<unknown> {
  return await parseYamlText(new TextDecoder().decode(await readUserFile(io, path)), path);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `[{ "id": 0, "replicas": [5001] }]`, or the older form with the list under `partitions`. */
export function parseAssignment(parsed: unknown, path: string): { id: number; replicas: readonly number[] }[] {
  const list = isRecord(parsed) ? parsed.partitions : parsed;
  const invalid = (why: string) =>
    flvError("FLV_ARGUMENT", `Invalid replica assignment in "${path}": ${why}`, {
      details: { path },
      hint: 'Write for example [{ "id": 0, "replicas": [5001] }].',
    });
  if (!Array.isArray(list) || list.length === 0) throw invalid("a list of partitions was expected");
  const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
  const partitions = list.map((entry: unknown) => {
    if (!isRecord(entry) || !isId(entry.id)) throw invalid("every partition needs an id, a number from 0");
    const { id, replicas } = entry;
    if (!Array.isArray(replicas) || replicas.length === 0 || !replicas.every(isId)) {
      throw invalid(`partition ${id} needs replicas, a list of SPU ids that are not negative`);
    }
    if (new Set(replicas).size !== replicas.length) throw invalid(`partition ${id} names an SPU twice`);
    return { id, replicas: replicas as readonly number[] };
  });
  const ids = partitions.map(({ id }) => id).sort((a, b) => a - b);
  if (ids[0] !== 0) throw invalid("partition ids must start with 0");
  if (ids.some((id, index) => id !== index)) throw invalid("partition ids must have no gaps and no duplicates");
  const count = partitions[0]?.replicas.length;
  if (partitions.some(({ replicas }) => replicas.length !== count)) {
    throw invalid("all partitions must have the same number of replicas");
  }
  return partitions;
}

function parseNames(parsed: unknown, path: string): string[] {
  if (Array.isArray(parsed) && parsed.every((name) => typeof name === "string")) return parsed;
  throw flvError("FLV_ARGUMENT", `Invalid list of remote clusters in "${path}"`, {
    details: { path },
    hint: 'Write for example ["edge1", "edge2"].',
  });
}

/** @throws FLV_TOPIC_INVALID before the cluster is asked */
export function checkTopicName(name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== undefined) throw flvError("FLV_TOPIC_INVALID", `Invalid argument: ${problem}`, { details: { name } });
}
