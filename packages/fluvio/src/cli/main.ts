import { type Command, type LoadedNoun, loadNoun, type Program } from "./command.ts";
import { nouns } from "./commands/index.ts";
import { type GlobalOptions, globalOptions } from "./globals.ts";
import { commandHelp, nounHelp, rootHelp, rootUsage, usageErrorText, usageLine } from "./help.ts";
import { type Io, type IoParts, openIo } from "./io.ts";
import { BrokenPipe } from "./output/stream.ts";
import { parseCommand, parseGlobals, UsageError } from "./parse.ts";
import { extensionsDir, findPlugin, listPlugins, pluginMetadata, runPlugin } from "./plugins.ts";
import { Exit, errorDetails, errorLine } from "./report.ts";
import { nearest } from "./suggest.ts";

const EXIT_ERROR = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

export const FLUVIO: Program = {
  name: "fluvio",
  title: "Fluvio: event streaming, programmable in flight",
  nouns,
  plugins: true,
};

/**
 * Runs one command line, without the program's name, and gives the exit code: 0 success, 1 error, 2 wrong usage,
 * 130 interrupted. `parts` replaces streams, environment and the like; without it the process's own are used and
 * Ctrl-C is handled: the first ends the command in good order, the second at once.
 */
export async function main(
  argv: readonly string[],
  parts: Partial<IoParts> = {},
  program: Program = FLUVIO,
): Promise<number> {
  const stop = new AbortController();
  const release = followSignals(stop, parts);
  let globals: GlobalOptions = parseGlobals(globalOptions, []).globals as GlobalOptions;
  let split: ReturnType<typeof parseGlobals> | undefined;
  let usageError: UsageError | undefined;
  try {
    split = parseGlobals(globalOptions, argv);
    // Built from this very table.
    globals = split.globals as GlobalOptions;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    usageError = error;
  }
  const { io, close } = openIo(parts, { globals, program, stop });
  try {
    if (split === undefined || usageError !== undefined) {
      await io.stderr.write(usageErrorText(usageError?.message ?? "", usageError?.tip, rootUsage(program)));
      return EXIT_USAGE;
    }
    return await dispatch(io, split.rest, split.help !== undefined);
  } catch (error) {
    return report(io, error);
  } finally {
    await close();
    release();
  }
}

function followSignals(stop: AbortController, parts: Partial<IoParts>): () => void {
  if (parts.signal !== undefined) {
    const outer = parts.signal;
    const forward = () => stop.abort(outer.reason);
    if (outer.aborted) forward();
    outer.addEventListener("abort", forward, { once: true });
    return () => outer.removeEventListener("abort", forward);
  }
  if (Object.keys(parts).length > 0) return () => {};
  const onSignal = () => {
    // The second one: whatever the command waits for, the user does not.
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return () => process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
}

function report(io: Io, error: unknown): number {
  if (error instanceof BrokenPipe) return 0;
  if (error instanceof Exit) return error.exitCode;
  if (io.signal.aborted && (error === io.signal.reason || isAbort(error))) return EXIT_INTERRUPTED;
  io.stderr.print(io.stderr.style.red(errorLine(error)));
  if (io.globals.verbose) for (const line of errorDetails(error)) io.stderr.print(line);
  return EXIT_ERROR;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "FLV_ABORTED"));
}

async function dispatch(io: Io, words: readonly string[], helpAsked: boolean): Promise<number> {
  const [word, ...rest] = words;
  if (helpAsked || word === undefined || word === "help") {
    await io.stdout.write(rootHelp(io.program, globalOptions, io.program.plugins ? await pluginRows(io) : []));
    return 0;
  }
  const noun = io.program.nouns.find((one) => one.name === word || one.aliases?.includes(word));
  if (noun === undefined) return await runUnknown(io, word, rest);
  return await dispatchNoun(io, await loadNoun(noun), rest);
}

async function dispatchNoun(io: Io, noun: LoadedNoun, words: readonly string[]): Promise<number> {
  const found = findCommand(noun, words);
  if (found !== undefined) return await runCommand(io, found.command, found.rest);
  const group = groupWords(noun, words);
  const next = words[group.length];
  const help = nounHelp(io.program.name, noun, group.join(" "));
  if (next === "-h" || next === "--help") {
    await io.stdout.write(help);
    return 0;
  }
  if (next === undefined) {
    await io.stderr.write(help);
    return EXIT_USAGE;
  }
  const path = [io.program.name, noun.name, ...group].join(" ");
  await io.stderr.write(unknownVerb(noun, group, next, `Usage: ${path} <COMMAND>`));
  return EXIT_USAGE;
}

function unknownVerb(noun: LoadedNoun, group: readonly string[], word: string, usage: string): string {
  if (word.startsWith("-")) return usageErrorText(`unexpected argument '${word}' found`, undefined, usage);
  const verbs = noun.commands.flatMap((command) => [command.verb ?? "", ...command.aliases]);
  const similar = nearest([...group, word].join(" "), verbs);
  const tip = similar === undefined ? undefined : `a similar subcommand exists: '${similar.split(" ").at(-1)}'`;
  return usageErrorText(`unrecognized subcommand '${word}'`, tip, usage);
}

/** The command with the most words that the line begins with; a noun's own command takes what no other does. */
function findCommand(
  noun: LoadedNoun,
  words: readonly string[],
): { command: Command; rest: readonly string[] } | undefined {
  let best: { command: Command; length: number } | undefined;
  for (const command of noun.commands) {
    for (const verb of command.verb === undefined ? [] : [command.verb, ...command.aliases]) {
      const parts = verb.split(" ");
      const matches = parts.every((part, index) => words[index] === part);
      if (matches && (best === undefined || parts.length > best.length)) best = { command, length: parts.length };
    }
  }
  if (best !== undefined) return { command: best.command, rest: words.slice(best.length) };
  const own = noun.commands.find((command) => command.verb === undefined);
  const takesIt = noun.commands.length === 1 || words[0] === undefined;
  return own !== undefined && takesIt ? { command: own, rest: words } : undefined;
}

/** Leading words that name a group of commands: `spu` of `cluster spu list`. */
function groupWords(noun: LoadedNoun, words: readonly string[]): readonly string[] {
  const group: string[] = [];
  for (const word of words) {
    const prefix = [...group, word, ""].join(" ");
    if (!noun.commands.some((command) => command.verb?.startsWith(prefix) === true)) break;
    group.push(word);
  }
  return group;
}

async function runCommand(io: Io, command: Command, words: readonly string[]): Promise<number> {
  try {
    const parsed = parseCommand(command, words);
    if (parsed.kind === "input") return await command.run(parsed.input, io);
    await io.stdout.write(commandHelp(io.program.name, command, parsed.long));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await io.stderr.write(usageErrorText(error.message, error.tip, usageLine(io.program.name, command)));
    return EXIT_USAGE;
  }
}

async function runUnknown(io: Io, word: string, rest: readonly string[]): Promise<number> {
  const similar = nearest(
    word,
    io.program.nouns.flatMap((noun) => [noun.name, ...(noun.aliases ?? [])]),
  );
  if (!io.program.plugins) {
    const tip = similar === undefined ? undefined : `a similar subcommand exists: '${similar}'`;
    await io.stderr.write(usageErrorText(`unrecognized subcommand '${word}'`, tip, rootUsage(io.program)));
    return EXIT_USAGE;
  }
  const plugin = await findPlugin(io, word);
  if (plugin !== undefined) return await runPlugin(io, plugin, rest);
  io.stdout.print(`Unable to find plugin 'fluvio-${word}'. Make sure it is installed in "${extensionsDir(io)}".`);
  if (similar !== undefined) io.stderr.print(`  tip: a similar command exists: '${similar}'`);
  return EXIT_ERROR;
}

async function pluginRows(io: Io): Promise<{ name: string; text: string }[]> {
  const plugins = await listPlugins(io);
  return await Promise.all(
    plugins.map(async (plugin) => {
      const metadata = await pluginMetadata(io, plugin);
      return { name: plugin.name, text: metadata === undefined ? "" : `${metadata.title}: ${metadata.description}` };
    }),
  );
}
