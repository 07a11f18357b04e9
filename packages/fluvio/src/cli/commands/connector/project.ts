import type { Command } from "../../command.ts";
import { connectorBuild } from "./build.ts";
import { connectorGenerate } from "./generate.ts";
import { connectorPublish, connectorSetPublic } from "./publish.ts";

/** Commands that work on a connector's project. */
export const projectCommands: readonly Command[] = [
  connectorGenerate,
  connectorBuild,
  connectorPublish,
  connectorSetPublic,
];
