import type { Noun } from "../command.ts";

/** Every first word of the command line, in the order of the help. To add one, import it and name it here. */
export const nouns: readonly Noun[] = [];
