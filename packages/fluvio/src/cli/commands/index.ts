import type { Noun } from "../command.ts";

/**
 * Every first word of the command line, in the order of the help. To add one, name it here. The commands are loaded
 * when they are asked for: loading all of them takes longer than most of them run.
 */
export const nouns: readonly Noun[] = [
  {
    name: "topic",
    summary: "Manage and view topics",
    load: async () => (await import("./topic/topic.ts")).topicCommands,
  },
  {
    name: "partition",
    summary: "Manage and view partitions",
    load: async () => (await import("./partition.ts")).partitionCommands,
  },
  {
    name: "produce",
    summary: "Write records to a topic",
    load: async () => (await import("./produce/produce.ts")).produceCommands,
  },
  {
    name: "consume",
    summary: "Read records of a topic",
    load: async () => (await import("./consume/consume.ts")).consumeCommands,
  },
  {
    name: "consumer",
    summary: "Manage and view the positions of named consumers",
    load: async () => (await import("./consumer.ts")).consumerCommands,
  },
  {
    name: "smartmodule",
    aliases: ["sm", "smart-module"],
    summary: "Manage and test SmartModules",
    load: async () => (await import("./smartmodule/smartmodule.ts")).smartmoduleCommands,
  },
  {
    name: "table-format",
    aliases: ["tf"],
    summary: "Manage column layouts of full-screen tables",
    load: async () => (await import("./table-format/table-format.ts")).tableFormatCommands,
  },
  {
    name: "connector",
    summary: "Connectors that the cluster runs",
    load: async () => (await import("./connector/connector.ts")).connectorCommands,
  },
  {
    name: "secret",
    summary: "Secrets of connectors",
    load: async () => (await import("./secret.ts")).secretCommands,
  },
  {
    name: "profile",
    summary: "Profiles: which cluster commands talk to",
    load: async () => (await import("./profile.ts")).profileCommands,
  },
  {
    name: "cluster",
    summary: "The cluster on this machine, and SPUs",
    load: async () => (await import("./cluster/cluster.ts")).clusterCommands,
  },
  {
    name: "version",
    summary: "Versions of program and cluster",
    load: async () => (await import("./version.ts")).versionCommands,
  },
  {
    name: "completions",
    summary: "Completion scripts for bash, zsh and fish",
    load: async () => (await import("./completions.ts")).completionsCommands,
  },
  {
    name: "metadata",
    summary: "What this program and its plugins can do",
    hidden: true,
    load: async () => (await import("./metadata.ts")).metadataCommands,
  },
];
