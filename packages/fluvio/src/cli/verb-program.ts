import { type Command, command, flag, type Noun } from "./command.ts";

/** A command of a noun of `fluvio` as the first word of a program of its own: `smdk VERB` is `fluvio smartmodule VERB`. */
export function verbNoun([name, summary]: readonly [string, string], load: () => Promise<readonly Command[]>): Noun {
  return {
    name,
    summary,
    load: async () => {
      const found = (await load()).filter((one) => one.verb === name);
      return found.map((one) => ({ ...one, noun: name, verb: undefined }));
    },
  };
}

/** A command that is a first word by itself. */
export function ownNoun(own: Command): Noun {
  return { name: own.noun, summary: own.summary, load: async () => [own] };
}

/** `version` of a second program. */
export const programVersion = command({
  noun: "version",
  summary: "Version of the program",
  options: { json: flag({ long: "json", short: "j", summary: "As JSON" }) },
  run: async ({ json }, io) => {
    const { ownManifest } = await import("../npm/index.ts");
    const { version } = await ownManifest();
    io.stdout.print(json ? JSON.stringify({ name: io.program.name, version }) : version);
    return 0;
  },
});
