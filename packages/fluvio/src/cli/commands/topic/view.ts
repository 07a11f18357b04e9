import { formatDuration, formatSize } from "../../../client/index.ts";
import {
  durationToMs,
  type MetadataOf,
  type PartitionMirrorConfig,
  RETENTION_SECONDS_DEFAULT,
  RETENTION_SECONDS_INFINITE,
  type TopicResolution,
} from "../../../protocol/index.ts";
import { renderKeyValues, renderTable } from "../../output/table.ts";
import { Tagged } from "../../output/tagged.ts";

type Topic = MetadataOf<"Topic">;

/** What a topic holds, for `topic list --wide`. */
export interface TopicUsage {
  readonly records: number;
  readonly sizeBytes: number;
  /** Timestamp of the newest record; absent when there is none. */
  readonly lastProducedMs: number | undefined;
}

const RESOLUTIONS: Readonly<Record<TopicResolution, { readonly text: string; readonly variant: string }>> = {
  init: { text: "initializing", variant: "Init" },
  pending: { text: "pending", variant: "Pending" },
  insufficientResources: { text: "insufficient-resources", variant: "InsufficientResources" },
  invalidConfig: { text: "invalid-config", variant: "InvalidConfig" },
  provisioned: { text: "provisioned", variant: "Provisioned" },
  deleting: { text: "Deleting", variant: "Deleting" },
};

const HEADER = [
  "NAME",
  "TYPE",
  "PARTITIONS",
  "REPLICAS",
  "RETENTION TIME",
  "COMPRESSION",
  "DEDUPLICATION",
  "STATUS",
  "REASON",
];

/** The table of `topic list`; `usage` adds the columns of `--wide`. */
export function topicTable(topics: readonly Topic[], usage?: readonly TopicUsage[], nowMs = 0): string {
  const wide = usage === undefined ? [] : ["RECORDS", "SIZE", "LAST PRODUCED"];
  const rows = topics.map((topic, index) => [...topicCells(topic), ...usageCells(usage?.[index], nowMs)]);
  return renderTable([...HEADER, ...wide], rows);
}

function topicCells({ name, spec, status }: Topic): string[] {
  const { replicas } = spec;
  const computed = replicas.type === "computed";
  return [
    name,
    topicType(spec),
    computed ? String(replicas.partitions) : "",
    computed ? String(replicas.replicationFactor) : "",
    retentionText(spec),
    spec.compressionType,
    spec.deduplication?.uses ?? "none",
    status.resolution === "deleting" ? "Deleting" : `resolution::${RESOLUTIONS[status.resolution].text}`,
    status.reason,
  ];
}

function usageCells(usage: TopicUsage | undefined, nowMs: number): string[] {
  if (usage === undefined) return [];
  return [String(usage.records), formatSize(usage.sizeBytes), ageText(usage.lastProducedMs, nowMs)];
}

function ageText(atMs: number | undefined, nowMs: number): string {
  if (atMs === undefined) return "-";
  return `${formatDuration(Math.max(0, Math.floor((nowMs - atMs) / 1000)) * 1000)} ago`;
}

function topicType({ replicas }: Topic["spec"]): string {
  if (replicas.type !== "mirror") return replicas.type;
  const { config } = replicas;
  if (config.type === "remote") return config.target ? "from-home" : "to-home";
  return config.source ? "to-remote" : "from-remote";
}

function retentionText(spec: Topic["spec"]): string {
  const seconds = spec.cleanupPolicy?.timeInSeconds ?? RETENTION_SECONDS_DEFAULT;
  return seconds === RETENTION_SECONDS_INFINITE ? "infinite" : formatDuration(seconds * 1000);
}

/** The block of `topic describe`. */
export function topicDetails({ name, spec, status }: Topic): string {
  const { replicas, deduplication } = spec;
  const computed = replicas.type === "computed" ? replicas : undefined;
  const lines = [
    `Name:${name}`,
    `Type:${topicType(spec)}`,
    `Partition Count:${computed?.partitions ?? ""}`,
    `Replication Factor:${computed?.replicationFactor ?? ""}`,
    `Ignore Rack Assignment:${computed?.ignoreRackAssignment ?? ""}`,
  ];
  if (deduplication !== undefined) {
    lines.push(`Deduplication Filter:${deduplication.uses}`, `Deduplication Count Bound:${deduplication.count}`);
    if (deduplication.age !== undefined) {
      lines.push(`Deduplication Age Bound:${formatDuration(durationToMs(deduplication.age))}`);
    }
  }
  lines.push(`Status:${RESOLUTIONS[status.resolution].text}`, `Reason:${status.reason}`, "-".repeat(17));
  return renderKeyValues(lines);
}

/** Stable form for `-O json|yaml|toml`: camelCase keys, what is at its default left out. */
export function topicObject({ name, spec, status }: Topic, usage?: TopicUsage): Record<string, unknown> {
  return {
    name,
    spec: specObject(spec),
    status: {
      resolution: RESOLUTIONS[status.resolution].variant,
      replicaMap: Object.fromEntries(status.replicaMap),
      mirrorMap: Object.fromEntries([...status.mirrorMap].map(([id, mirror]) => [id, mirrorObject(mirror)])),
      reason: status.reason,
    },
    ...(usage === undefined ? {} : { usage: usageObject(usage) }),
  };
}

function specObject(spec: Topic["spec"]): Record<string, unknown> {
  const { cleanupPolicy, storage, deduplication } = spec;
  return {
    replicas: replicasObject(spec.replicas),
    ...(cleanupPolicy === undefined
      ? {}
      : { cleanupPolicy: new Tagged("segment", { timeInSeconds: cleanupPolicy.timeInSeconds }) }),
    ...(storage === undefined
      ? {}
      : { storage: { segmentSize: storage.segmentSize, maxPartitionSize: storage.maxPartitionSize } }),
    ...(spec.compressionType === "any" ? {} : { compressionType: spec.compressionType }),
    ...(deduplication === undefined ? {} : { deduplication: deduplicationObject(deduplication) }),
    ...(spec.system ? { system: true } : {}),
  };
}

function replicasObject(replicas: Topic["spec"]["replicas"]): Tagged {
  switch (replicas.type) {
    case "computed": {
      const { partitions, replicationFactor, ignoreRackAssignment } = replicas;
      return new Tagged("computed", { partitions, replicationFactor, ignoreRackAssignment });
    }
    case "assigned":
      return new Tagged(
        "assigned",
        replicas.partitions.map(({ id, replicas: spus }) => ({ id, replicas: spus })),
      );
    case "mirror": {
      const { type, ...rest } = replicas.config;
      return new Tagged("mirror", new Tagged(type, rest));
    }
  }
}

function deduplicationObject(deduplication: NonNullable<Topic["spec"]["deduplication"]>): Record<string, unknown> {
  const { count, age, uses } = deduplication;
  return {
    bounds: { count, ...(age === undefined ? {} : { age: formatDuration(durationToMs(age)) }) },
    filter: { transform: { uses, with: Object.fromEntries(deduplication.with) } },
  };
}

function mirrorObject(mirror: PartitionMirrorConfig): Tagged {
  const { type, ...rest } = mirror;
  return new Tagged(type, rest);
}

function usageObject({ records, sizeBytes, lastProducedMs }: TopicUsage): Record<string, unknown> {
  const lastProduced = lastProducedMs === undefined ? null : new Date(lastProducedMs).toISOString();
  return { records, sizeBytes, lastProduced };
}
