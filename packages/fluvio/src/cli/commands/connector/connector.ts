import type { Command } from "../../command.ts";
import { pause, reset, restart, resume } from "./control.ts";
import { create, update } from "./create.ts";
import { remove } from "./delete.ts";
import { config, describe } from "./describe.ts";
import { list } from "./list.ts";
import { logs } from "./logs.ts";
import { projectCommands } from "./project.ts";
import { run } from "./run.ts";
import { stats } from "./stats.ts";
import { test } from "./test.ts";
import { schema, types } from "./types.ts";

export const connectorCommands: readonly Command[] = [
  create,
  update,
  list,
  describe,
  config,
  logs,
  stats,
  pause,
  resume,
  restart,
  reset,
  remove,
  run,
  test,
  types,
  schema,
  ...projectCommands,
];
