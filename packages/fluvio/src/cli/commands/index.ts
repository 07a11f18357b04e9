import type { Noun } from "../command.ts";
import { partition } from "./partition.ts";
import { topic } from "./topic.ts";

/** Every first word of the command line, in the order of the help. To add one, import it and name it here. */
export const nouns: readonly Noun[] = [topic, partition];
