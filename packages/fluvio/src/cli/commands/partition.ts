import { formatSize } from "../../client/index.ts";
import {
  type MetadataOf,
  PARTITION_SIZE_UNKNOWN,
  type PartitionMirrorConfig,
  type PartitionResolution,
  parsePartitionName,
} from "../../protocol/index.ts";
import { type Command, command, flag } from "../command.ts";
import { outputOption, printListing } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { Tagged } from "../output/tagged.ts";

type Partition = MetadataOf<"Partition">;

const HEADER = [
  "TOPIC",
  "PARTITION",
  "LEADER",
  "MIRROR",
  "REPLICAS",
  "RESOLUTION",
  "SIZE",
  "BASE",
  "HW",
  "LEO",
  "LRS",
  "FOLLOWER OFFSETS",
];

const RESOLUTIONS: Readonly<Record<PartitionResolution, string>> = {
  offline: "Offline",
  online: "Online",
  leaderOffline: "LeaderOffline",
  electionLeaderFound: "ElectionLeaderFound",
  outOfStorage: "OutOfStorage",
};

const partitionList = command({
  noun: "partition",
  verb: "list",
  summary: "List the partitions of all topics",
  options: {
    output: outputOption,
    system: flag({ long: "system", short: "s", summary: "List those of the system topics instead" }),
  },
  run: async ({ output, system }, io) => {
    const client = await io.connect();
    const partitions = [...(await client.admin().listPartitions({ system, signal: io.signal }))].sort(byName);
    printListing(io.stdout, {
      format: output,
      plural: "partitions",
      objects: partitions.map(partitionObject),
      empty: "No partitions found",
      table: () => renderTable(HEADER, partitions.map(partitionRow)),
    });
    return 0;
  },
});

export const partitionCommands: readonly Command[] = [partitionList];

function byName(a: Partition, b: Partition): number {
  const [left, right] = [topicAndIndex(a.name), topicAndIndex(b.name)];
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}

function topicAndIndex(name: string): { topic: string; partition: number } {
  return parsePartitionName(name) ?? { topic: name, partition: 0 };
}

/** The rows have one cell more than the header: scripts that count columns expect LEO twice, as it always was. */
function partitionRow({ name, spec, status }: Partition): string[] {
  const { topic, partition: index } = topicAndIndex(name);
  const { leader } = status;
  return [
    topic,
    String(index),
    String(spec.leader),
    spec.mirror === undefined ? "" : mirrorText(spec.mirror),
    `[${spec.replicas.filter((id) => id !== spec.leader).join(", ")}]`,
    RESOLUTIONS[status.resolution],
    sizeText(status.size),
    String(status.baseOffset),
    String(leader.hw),
    String(leader.leo),
    String(leader.leo),
    String(status.lsr),
    `[${status.replicas.map(({ spu, hw, leo }) => `(${spu}: ${hw}, ${leo})`).join(", ")}]`,
  ];
}

function mirrorText(mirror: PartitionMirrorConfig): string {
  if (mirror.type === "remote") return `${mirror.homeCluster}(${mirror.target ? "from-home" : "to-home"})`;
  return `${mirror.remoteCluster}(${mirror.source ? "to-remote" : "from-remote"})`;
}

function sizeText(sizeBytes: number): string {
  if (sizeBytes >= 0) return formatSize(sizeBytes);
  return sizeBytes === PARTITION_SIZE_UNKNOWN ? "NA" : "ERROR";
}

function partitionObject({ name, spec, status }: Partition): Record<string, unknown> {
  const { cleanupPolicy, storage, mirror } = spec;
  return {
    name,
    spec: {
      leader: spec.leader,
      replicas: spec.replicas,
      ...(cleanupPolicy === undefined
        ? {}
        : { cleanupPolicy: new Tagged("segment", { timeInSeconds: cleanupPolicy.timeInSeconds }) }),
      ...(storage === undefined
        ? {}
        : { storage: { segmentSize: storage.segmentSize, maxPartitionSize: storage.maxPartitionSize } }),
      ...(spec.compressionType === "any" ? {} : { compressionType: spec.compressionType }),
      ...(spec.system ? { system: true } : {}),
      ...(mirror === undefined ? {} : { mirror: mirrorObject(mirror) }),
    },
    status: {
      resolution: RESOLUTIONS[status.resolution],
      leader: status.leader,
      lsr: status.lsr,
      replicas: status.replicas,
      size: status.size,
      isBeingDeleted: status.isBeingDeleted,
      baseOffset: status.baseOffset,
    },
  };
}

function mirrorObject(mirror: PartitionMirrorConfig): Tagged {
  const { type, ...rest } = mirror;
  return new Tagged(type, rest);
}
