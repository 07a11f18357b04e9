import type { Noun } from "../command.ts";
import { clusterNoun } from "./cluster.ts";
import { completionsNoun } from "./completions.ts";
import { connectorNoun } from "./connector.ts";
import { consume } from "./consume.ts";
import { consumer } from "./consumer.ts";
import { metadataNoun } from "./metadata.ts";
import { partition } from "./partition.ts";
import { produce } from "./produce.ts";
import { profileNoun } from "./profile.ts";
import { smartmodule } from "./smartmodule.ts";
import { tableFormat } from "./table-format.ts";
import { topic } from "./topic.ts";
import { versionNoun } from "./version.ts";

/** Every first word of the command line, in the order of the help. To add one, import it and name it here. */
export const nouns: readonly Noun[] = [
  topic,
  partition,
  produce,
  consume,
  consumer,
  smartmodule,
  tableFormat,
  connectorNoun,
  profileNoun,
  clusterNoun,
  versionNoun,
  completionsNoun,
  metadataNoun,
];
