import { arg, type Command, command, loadNoun, valueOr } from "../command.ts";
import { completionScript, SHELLS } from "../completion-script.ts";
import { globalOptions } from "../globals.ts";
import { nonEmpty } from "../values.ts";

const completions = command({
  noun: "completions",
  summary: "Print a completion script for a shell",
  args: { shell: arg({ name: "SHELL", summary: SHELLS.join(", ") }) },
  options: {
    name: valueOr({ long: "name", value: "NAME", summary: "Name of the program", parse: nonEmpty, default: "fluvio" }),
  },
  examples: [
    { text: "bash, for this session", command: "source <(fluvio completions bash)" },
    { text: "fish, for good", command: "fluvio completions fish > ~/.config/fish/completions/fluvio.fish" },
  ],
  check: ({ shell }) =>
    SHELLS.some((one) => one === shell)
      ? undefined
      : `unrecognized subcommand '${shell}'\n\n  [possible values: ${SHELLS.join(", ")}]`,
  run: async (input, io) => {
    const shell = SHELLS.find((one) => one === input.shell) ?? "bash";
    await io.stdout.write(
      completionScript(shell, input.name, await Promise.all(io.program.nouns.map(loadNoun)), globalOptions),
    );
    return 0;
  },
});

export const completionsCommands: readonly Command[] = [completions];
