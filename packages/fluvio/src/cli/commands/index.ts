import type { Noun } from "../command.ts";
import { consume } from "./consume.ts";
import { consumer } from "./consumer.ts";
import { partition } from "./partition.ts";
import { produce } from "./produce.ts";
import { smartmodule } from "./smartmodule.ts";
import { tableFormat } from "./table-format.ts";
import { topic } from "./topic.ts";

/** Every first word of the command line, in the order of the help. To add one, import it and name it here. */
export const nouns: readonly Noun[] = [topic, partition, produce, consume, consumer, smartmodule, tableFormat];
