import type { FluvioClient } from "../../../client/index.ts";
import { flvError, type MetadataOf, parsePartitionName } from "../../../protocol/index.ts";
import { arg, args, type Command, command, flag, valueOr } from "../../command.ts";
import type { Io } from "../../io.ts";
import { formatObject, outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { confirm } from "../../prompt.ts";
import { Exit, errorLine } from "../../report.ts";
import { integer } from "../../values.ts";
import { storageOf, storageOptions, topicCreate } from "./create.ts";
import { nearestTopicHint, suggestingTopic } from "./errors.ts";
import { type TopicUsage, topicDetails, topicObject, topicTable } from "./view.ts";

const topicArg = arg({ name: "name", summary: "Name of the topic" });

const topicList = command({
  noun: "topic",
  verb: "list",
  summary: "List the topics",
  options: {
    output: outputOption,
    system: flag({ long: "system", short: "s", summary: "List the system topics instead" }),
    wide: flag({ long: "wide", short: "w", summary: "Also records, size and time of the newest record" }),
  },
  run: async ({ output, system, wide }, io) => {
    const client = await io.connect();
    const topics = await client.admin().listTopics([], { system, signal: io.signal });
    const usage = wide ? await usageOf(client, topics, system, io.signal) : undefined;
    printListing(io.stdout, {
      format: output,
      plural: "topics",
      objects: topics.map((topic, index) => topicObject(topic, usage?.[index])),
      empty: "No topics found",
      table: () => topicTable(topics, usage, io.now()),
    });
    return 0;
  },
});

async function usageOf(
  client: FluvioClient,
  topics: readonly MetadataOf<"Topic">[],
  system: boolean,
  signal: AbortSignal,
): Promise<TopicUsage[]> {
  const partitions = await client.admin().listPartitions({ system, signal });
  return await Promise.all(
    topics.map(async ({ name }) => {
      const own = partitions.filter((partition) => parsePartitionName(partition.name)?.topic === name);
      // From the partitions themselves: what the SC knows of them is a moment old.
      const offsets = await client.partitionOffsets(name, { signal });
      const records = offsets.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
      const sizeBytes = own.reduce((sum, { status }) => sum + Math.max(0, status.size), 0);
      const lastProducedMs = records === 0 ? undefined : await newestTimestamp(client, name, signal);
      return { records, sizeBytes, lastProducedMs };
    }),
  );
}

/** Timestamp of the newest record of a topic: the last one of each partition is read. */
async function newestTimestamp(client: FluvioClient, topic: string, signal: AbortSignal): Promise<number | undefined> {
  let newest: number | undefined;
  const consumer = await client.consumer({
    topic,
    offset: { fromEnd: 1 },
    disableContinuous: true,
    maxBytes: 1,
    signal,
  });
  for await (const group of consumer.batches()) {
    for (const { timestampMs } of group) if (timestampMs > (newest ?? -1)) newest = timestampMs;
  }
  return newest;
}

const topicDescribe = command({
  noun: "topic",
  verb: "describe",
  summary: "Show a topic in detail",
  args: { name: topicArg },
  options: { output: outputOption },
  run: async ({ name, output }, io) => {
    const client = await io.connect();
    const topic = await client.admin().findTopic(name, { signal: io.signal });
    if (topic === undefined) {
      io.stdout.print("Retrieved 0 out of 0 topics");
      const hint = await nearestTopicHint(client, name);
      if (hint !== undefined) io.stderr.print(hint);
    } else if (output === "table") {
      await io.stdout.write(topicDetails(topic));
    } else {
      io.stdout.print(formatObject([topicObject(topic)], output, "topics"));
    }
    return 0;
  },
});

const topicDelete = command({
  noun: "topic",
  verb: "delete",
  summary: "Delete topics with their records",
  args: { names: args({ name: "name", summary: "Names of the topics" }) },
  options: {
    continueOnError: flag({
      long: "continue-on-error",
      short: "c",
      summary: "Go on with the next topic after an error",
    }),
    system: flag({ long: "system", short: "s", summary: "Allow system topics" }),
    force: flag({ long: "force", short: "f", summary: "Delete system topics without a question" }),
  },
  run: async ({ names, continueOnError, system, force }, io) => {
    const client = await io.connect();
    let failed = false;
    for (const name of names) {
      try {
        await deleteTopic(io, client, name, { system, force });
      } catch (error) {
        if (!continueOnError) throw error;
        failed = true;
        io.stdout.print(`topic "${name}" delete failed with: ${errorLine(error)}`);
      }
    }
    if (!failed) return 0;
    io.stderr.print("Failed deleting topic(s). Check previous errors.");
    throw new Exit(1);
  },
});

async function deleteTopic(
  io: Io,
  client: FluvioClient,
  name: string,
  { system, force }: { readonly system: boolean; readonly force: boolean },
): Promise<void> {
  const admin = client.admin();
  const isSystem = (await admin.findTopic(name, { signal: io.signal }))?.spec.system === true;
  if (!isSystem) {
    await suggestingTopic(client, name, () => admin.deleteTopic(name, { signal: io.signal }));
    io.stdout.print(`topic "${name}" deleted`);
    return;
  }
  if (!system) {
    throw flvError("FLV_SYSTEM_OBJECT", `system topic '${name}' can only be deleted forcibly`, {
      details: { topic: name },
      hint: "Add --system if you mean it: the cluster may stop working without it.",
    });
  }
  if (!force) {
    io.stderr.print(`You are trying to delete a system topic '${name}'. It can break the cluster.`);
    if (!(await confirm(io, "Are you sure you want to proceed?"))) {
      io.stdout.print("Aborted");
      return;
    }
  }
  await admin.deleteTopic(name, { force: true, signal: io.signal });
  io.stdout.print(`system topic "${name}" deleted`);
}

const topicAddPartition = command({
  noun: "topic",
  verb: "add-partition",
  summary: "Add partitions to a topic",
  args: { name: topicArg },
  options: {
    count: valueOr({
      long: "count",
      short: "c",
      value: "N",
      summary: "Partitions to add",
      parse: integer(1),
      default: 1,
    }),
  },
  run: async ({ name, count }, io) => {
    const client = await io.connect();
    const admin = client.admin();
    const before = await admin.findTopic(name, { signal: io.signal });
    if (before === undefined) {
      const hint = await nearestTopicHint(client, name);
      throw flvError("FLV_TOPIC_NOT_FOUND", `topic "${name}" not found`, {
        details: { topic: name },
        ...(hint === undefined ? {} : { hint }),
      });
    }
    await admin.addPartitions(name, count, { signal: io.signal });
    const after = await admin.findTopic(name, { signal: io.signal });
    const added = [...(after?.status.replicaMap ?? [])].filter(([id]) => !before.status.replicaMap.has(id));
    io.stdout.print(`added new partitions to topic: "${name}"`);
    const rows = added.sort(([a], [b]) => a - b).map(([id, spus]) => [String(id), String(spus[0] ?? "")]);
    await io.stdout.write(renderTable(["PARTITION", "SPU"], rows, { indent: 0 }));
    return 0;
  },
});

const topicAddMirror = command({
  noun: "topic",
  verb: "add-mirror",
  summary: "Mirror a topic with one more remote cluster",
  args: { name: topicArg, remote: arg({ name: "remote", summary: "Name of the remote cluster" }) },
  options: { homeToRemote: flag({ long: "home-to-remote", summary: "Mirror from this cluster to the remote one" }) },
  run: async ({ name, remote, homeToRemote }, io) => {
    const client = await io.connect();
    await suggestingTopic(client, name, () =>
      client.admin().addMirror(name, remote, { homeToRemote, signal: io.signal }),
    );
    io.stdout.print(`added new mirror: "${remote}" to topic: "${name}"`);
    return 0;
  },
});

const topicUpdate = command({
  noun: "topic",
  verb: "update",
  summary: "Change how long and how much a topic keeps",
  args: { name: topicArg },
  options: storageOptions,
  examples: [
    { command: "fluvio topic update orders --retention-time infinite" },
    { command: 'fluvio topic update orders --retention-time 2h --max-partition-size "10 GB"' },
  ],
  check: ({ retention, segmentSize, maxPartitionSize }) =>
    retention === undefined && segmentSize === undefined && maxPartitionSize === undefined
      ? "the following required arguments were not provided:\n  <--retention-time <time>|--segment-size <bytes>|--max-partition-size <bytes>>"
      : undefined,
  run: async ({ name, ...storage }, io) => {
    const client = await io.connect();
    await suggestingTopic(client, name, () =>
      client.admin().updateTopic(name, { ...storageOf(storage), signal: io.signal }),
    );
    io.stdout.print(`topic "${name}" updated`);
    return 0;
  },
});

export const topicCommands: readonly Command[] = [
  topicCreate,
  topicList,
  topicDescribe,
  topicDelete,
  topicAddPartition,
  topicAddMirror,
  topicUpdate,
];
