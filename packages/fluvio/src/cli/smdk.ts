import { command, type Noun, type Option, optionalArg, type Program } from "./command.ts";
import { globalOptions } from "./globals.ts";
import type { IoParts } from "./io.ts";
import { main } from "./main.ts";
import { ownNoun, programVersion, verbNoun } from "./verb-program.ts";

/** The verbs of `fluvio smartmodule` that are commands of `smdk`, in the order of its help. */
const VERBS: readonly (readonly [verb: string, summary: string])[] = [
  ["generate", "Make a new SmartModule project"],
  ["build", "Compile the SmartModule project of this folder"],
  ["test", "Run a SmartModule on records, here, or the tests of this folder's project"],
  ["load", "Store the SmartModule of this folder's project in the cluster"],
  ["publish", "Publish the SmartModule of this folder's project to the npm registry"],
  ["set-public", "Say in SmartModule.toml whether the module is published for everybody"],
  ["clean", "Remove what builds of this folder's project have left"],
];

const hub = command({
  noun: "hub",
  summary: "Who publishes where: the npm registry is the hub",
  args: { id: optionalArg({ name: "id", summary: "Only the name that you publish under" }) },
  check: ({ id }) => (id === undefined || id === "id" ? undefined : `unrecognized subcommand '${id}'`),
  run: async ({ id }, io) => {
    const { runNpm } = await import("../npm/index.ts");
    const npm = { cwd: io.cwd, env: io.env, signal: io.signal };
    if (id === undefined) io.stdout.print((await runNpm(["config", "get", "registry"], npm)).trim());
    else io.stdout.print((await runNpm(["whoami"], npm)).trim());
    return 0;
  },
});

const smartmoduleVerbs = async () => (await import("./commands/smartmodule/smartmodule.ts")).smartmoduleCommands;

const nouns: readonly Noun[] = [
  ...VERBS.map((verb) => verbNoun(verb, smartmoduleVerbs)),
  ownNoun(programVersion),
  ownNoun(hub),
];

const SMDK: Program = {
  name: "smdk",
  title: "smdk: the SmartModule kit, a second name of `fluvio smartmodule`",
  nouns,
  plugins: false,
};

/** Commands that talk to a cluster. The first smdk had the options of the cluster behind them, ours before them too. */
const CLUSTER_VERBS = ["load", "test"];

/** Puts the options that name a cluster before the command. */
function hoistClusterOptions(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => CLUSTER_VERBS.includes(word));
  if (at < 0) return argv;
  const hoisted: string[] = [];
  const rest: string[] = [];
  const words = argv.slice(at + 1);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") {
      rest.push(...words.slice(index));
      break;
    }
    const option = clusterOption(word);
    if (option === undefined) rest.push(word);
    else {
      hoisted.push(word);
      const takesNext = option.value !== undefined && !word.includes("=");
      if (takesNext) hoisted.push(...words.slice(++index, index + 1));
    }
  }
  return [...argv.slice(0, at), ...hoisted, argv[at] ?? "", ...rest];
}

function clusterOption(word: string): Option<unknown> | undefined {
  const { verbose: _, ...clusterOptions } = globalOptions;
  const [name] = word.split("=");
  return Object.values(clusterOptions).find((option: Option<unknown>) => {
    return name === `--${option.long}` || (option.short !== undefined && name === `-${option.short}`);
  });
}

/** Runs one command line of `smdk`; otherwise as {@link main}. */
export async function smdk(argv: readonly string[], parts: Partial<IoParts> = {}): Promise<number> {
  return await main(hoistClusterOptions(argv), parts, SMDK);
}
