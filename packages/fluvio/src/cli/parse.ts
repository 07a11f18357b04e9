import { Command as Commander, CommanderError, Option as CommanderOption } from "commander";
import { type ArgTable, type Command, type Option, type OptionTable, ValueError } from "./command.ts";
import { nearest } from "./suggest.ts";

/** A mistake on the command line: exit 2. The text is what follows `error: `. */
export class UsageError extends Error {
  readonly tip: string | undefined;
  constructor(message: string, tip?: string) {
    super(message);
    this.tip = tip;
  }
}

type Parsed =
  | { readonly kind: "help"; readonly long: boolean }
  | { readonly kind: "input"; readonly input: Readonly<Record<string, unknown>> };

interface Tables {
  readonly args: ArgTable;
  readonly options: OptionTable;
}

/**
 * Parses the words after a command's name by its table.
 * @throws UsageError with clap's wording
 */
export function parseCommand(command: Command, words: readonly string[]): Parsed {
  const walked = normalise(command, words);
  if (walked.help !== undefined) return { kind: "help", long: walked.help };
  const input = parseTables(command, walked.words);
  const problem = command.check(input);
  if (problem !== undefined) throw new UsageError(problem);
  return { kind: "input", input };
}

/** Splits off the global options, which stand before the first command word. @throws UsageError */
export function parseGlobals(
  options: OptionTable,
  words: readonly string[],
): {
  readonly globals: Readonly<Record<string, unknown>>;
  readonly help: boolean | undefined;
  readonly rest: readonly string[];
} {
  const tables = { args: {}, options };
  const walked = normalise(tables, words, true);
  return { globals: parseTables(tables, walked.words), help: walked.help, rest: walked.rest };
}

interface Walked {
  /** `--long`, `--long=value` or positional words only; what commander parses. */
  readonly words: readonly string[];
  /** Words not walked (after the first positional one, if asked to stop there). */
  readonly rest: readonly string[];
  /** Whether help was asked for: `true` for the long one. */
  readonly help: boolean | undefined;
}

/** What commander has no notion of: further names, `-x=value`, values that may be left out, grouped short options with values. */
function normalise(tables: Tables, words: readonly string[], stopAtPositional = false): Walked {
  const names = optionNames(tables.options);
  const out: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") return { words: [...out, ...words.slice(index)], rest: [], help: undefined };
    if (word === "-h" || word === "--help") return { words: [], rest: [], help: word === "--help" };
    if (!word.startsWith("-") || word === "-") {
      if (stopAtPositional) return { words: out, rest: words.slice(index), help: undefined };
      out.push(word);
      continue;
    }
    const parts = word.startsWith("--") ? [splitLong(word)] : splitShort(word, names);
    for (const { name, attached } of parts) {
      const option = names.get(name);
      if (option === undefined) throw unexpectedArgument(name, names);
      if (option.value === undefined) {
        if (attached !== undefined)
          throw new UsageError(`unexpected value '${attached}' for '--${option.long}' found; no more were expected`);
        out.push(`--${option.long}`);
        continue;
      }
      if (attached !== undefined) {
        out.push(`--${option.long}=${attached}`);
        continue;
      }
      const next = words[index + 1];
      if (next !== undefined && (option.optionalValue === true ? option.accepts?.(next) === true : !names.has(next))) {
        index++;
        out.push(`--${option.long}=${next}`);
      } else if (option.optionalValue === true) {
        out.push(`--${option.long}=`);
      } else {
        throw missingValue(option);
      }
    }
  }
  return { words: out, rest: [], help: undefined };
}

interface OptionWord {
  readonly name: string;
  readonly attached: string | undefined;
}

function missingValue(option: Option<unknown>): UsageError {
  const values = option.choices === undefined ? "" : `\n  [possible values: ${option.choices.join(", ")}]`;
  return new UsageError(`a value is required for '${optionText(option)}' but none was supplied${values}`);
}

function splitLong(word: string): OptionWord {
  const at = word.indexOf("=");
  return at < 0 ? { name: word, attached: undefined } : { name: word.slice(0, at), attached: word.slice(at + 1) };
}

/** `-dA`, `-p0`, `-p=0`, `-dp0`. */
function splitShort(word: string, names: ReadonlyMap<string, Option<unknown>>): OptionWord[] {
  // A slip like `-tail` or a two-letter alias such as `-ds` is one name.
  if (names.has(word)) return [{ name: word, attached: undefined }];
  const parts: OptionWord[] = [];
  for (let at = 1; at < word.length; at++) {
    const name = `-${word[at]}`;
    const rest = word.slice(at + 1);
    const option = names.get(name);
    const takesRest = rest.startsWith("=") || (option?.value !== undefined && rest !== "");
    if (takesRest) return [...parts, { name, attached: rest.startsWith("=") ? rest.slice(1) : rest }];
    parts.push({ name, attached: undefined });
  }
  return parts;
}

function optionNames(options: OptionTable): Map<string, Option<unknown>> {
  const names = new Map<string, Option<unknown>>();
  for (const option of Object.values(options)) {
    names.set(`--${option.long}`, option);
    if (option.short !== undefined) names.set(`-${option.short}`, option);
    for (const alias of option.aliases ?? []) names.set(alias.length === 1 ? `-${alias}` : `--${alias}`, option);
  }
  return names;
}

function unexpectedArgument(name: string, names: ReadonlyMap<string, Option<unknown>>): UsageError {
  const visible = [...names].filter(([known, option]) => option.hidden !== true && known.startsWith("--"));
  const similar = name.startsWith("--") ? nearest(name, ["--help", ...visible.map(([known]) => known)]) : undefined;
  return new UsageError(
    `unexpected argument '${name}' found`,
    similar === undefined ? undefined : `a similar argument exists: '${similar}'`,
  );
}

function parseTables(tables: Tables, words: readonly string[]): Readonly<Record<string, unknown>> {
  const given = new Map<string, (string | true)[]>();
  const commander = new Commander("fluvio").exitOverride().helpOption(false).allowExcessArguments(false);
  commander.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const [key, option] of Object.entries(tables.options)) {
    const occurrences: (string | true)[] = [];
    given.set(key, occurrences);
    const value = option.value === undefined ? "" : option.optionalValue ? ` [${option.value}]` : ` <${option.value}>`;
    commander.addOption(new CommanderOption(`--${option.long}${value}`));
    commander.on(`option:${option.long}`, (text: string | null | undefined) => {
      occurrences.push(text === null || text === undefined || (text === "" && option.optionalValue) ? true : text);
    });
  }
  for (const argument of Object.values(tables.args)) {
    const name = argument.many ? `${argument.name}...` : argument.name;
    commander.argument(argument.required ? `<${name}>` : `[${name}]`);
  }
  runCommander(commander, tables, words);
  // processedArgs and not args: a variadic argument is one array there.
  const positional = commander.processedArgs as readonly (string | readonly string[] | undefined)[];
  Object.keys(tables.args).forEach((key, index) => {
    const found = positional[index];
    given.set(key, found === undefined ? [] : typeof found === "string" ? [found] : [...found]);
  });
  checkRelations(tables, given);
  return finish(tables, given);
}

function runCommander(commander: Commander, tables: Tables, words: readonly string[]): void {
  try {
    // Commander runs an action only to learn the processed arguments; ours is empty.
    commander.action(() => {});
    commander.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const excess = commander.args[Object.keys(tables.args).length];
    if (error.code === "commander.excessArguments") throw new UsageError(`unexpected argument '${excess}' found`);
    throw clapError(error, tables);
  }
}

/** Options are checked before; what is left to commander is how many words there are. */
function clapError(error: CommanderError, tables: Tables): UsageError {
  if (error.code !== "commander.missingArgument") return new UsageError(error.message.replace(/^error: /, ""));
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  const required = Object.values(tables.args).filter((argument) => argument.required);
  const from = Math.max(
    0,
    required.findIndex((argument) => argument.name === quoted),
  );
  const lines = required.slice(from).map((argument) => `  ${argText(argument)}`);
  return new UsageError(`the following required arguments were not provided:\n${lines.join("\n")}`);
}

function checkRelations(tables: Tables, given: ReadonlyMap<string, readonly (string | true)[]>): void {
  const has = (key: string) => (given.get(key)?.length ?? 0) > 0;
  const name = (key: string): string => {
    const option = tables.options[key];
    const argument = tables.args[key];
    return option !== undefined ? optionText(option) : argument !== undefined ? argText(argument) : key;
  };
  for (const [key, option] of Object.entries(tables.options)) {
    const count = given.get(key)?.length ?? 0;
    if (count === 0) continue;
    if (count > 1 && option.value !== undefined && option.repeatable !== true) {
      throw new UsageError(`the argument '${optionText(option)}' cannot be used multiple times`);
    }
    const conflicting = option.conflicts?.find((other) => has(other));
    if (conflicting !== undefined) {
      throw new UsageError(`the argument '${optionText(option)}' cannot be used with '${name(conflicting)}'`);
    }
    const requires = option.requires?.filter((other) => other in tables.options || other in tables.args);
    if (requires !== undefined && !requires.some(has)) {
      throw new UsageError(`the following required arguments were not provided:\n  ${requires.map(name).join("|")}`);
    }
  }
}

function finish(
  tables: Tables,
  given: ReadonlyMap<string, readonly (string | true)[]>,
): Readonly<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  for (const [key, argument] of Object.entries(tables.args)) {
    input[key] = argument.finish((given.get(key) ?? []).filter((word) => word !== true));
  }
  for (const [key, option] of Object.entries(tables.options)) {
    try {
      input[key] = option.finish(given.get(key) ?? []);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      const reason = error.message.startsWith("[") ? `\n  ${error.message}` : `: ${error.message}`;
      throw new UsageError(`invalid value '${error.given}' for '${optionText(option)}'${reason}`);
    }
  }
  return input;
}

/** `--partitions <N>`, as help and errors name an option. */
function optionText(option: Option<unknown>): string {
  if (option.value === undefined) return `--${option.long}`;
  return option.optionalValue ? `--${option.long} [<${option.value}>]` : `--${option.long} <${option.value}>`;
}

/** `<TOPIC>`, `[NAME]`, `<NAME>...`. */
export function argText(argument: { name: string; required: boolean; many: boolean }): string {
  const name = argument.required ? `<${argument.name}>` : `[${argument.name}]`;
  return argument.many ? `${name}...` : name;
}
