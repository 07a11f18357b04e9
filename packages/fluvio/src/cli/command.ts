import type { Io } from "./io.ts";

/**
 * A command is data: parsing, help, completions and the reference page all derive from this table. `run` gets the
 * parsed input and the {@link Io} of the process, and returns the exit code; it never touches `process` or `console`.
 */
interface CommandSpec<A extends ArgTable, O extends OptionTable> {
  /** First word, e.g. `topic`. */
  readonly noun: string;
  /** Words after the noun, e.g. `create` or `spu list`; absent when the noun itself is the command (`produce`). */
  readonly verb?: string;
  readonly aliases?: readonly string[];
  /** One line, for lists of commands and `-h`. */
  readonly summary: string;
  /** Paragraphs for `--help` and the reference. */
  readonly description?: string;
  readonly args?: A;
  readonly options?: O;
  readonly examples?: readonly Example[];
  readonly hidden?: boolean;
  /** What cannot be said per option; returns the sentence of a usage error (exit 2), or nothing. */
  check?(input: InputOf<A, O>): string | undefined;
  run(input: InputOf<A, O>, io: Io): Promise<number>;
}

interface Example {
  readonly command: string;
  readonly text?: string;
}

/** A command with its input type erased, as the parser and the help see it. */
export interface Command {
  readonly noun: string;
  readonly verb: string | undefined;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly description: string | undefined;
  readonly args: ArgTable;
  readonly options: OptionTable;
  readonly examples: readonly Example[];
  readonly hidden: boolean;
  check(input: Readonly<Record<string, unknown>>): string | undefined;
  run(input: Readonly<Record<string, unknown>>, io: Io): Promise<number>;
}

interface NounText {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly hidden?: boolean;
}

/** A first word of the command line. */
export interface Noun extends NounText {
  /** The commands under it. */
  load(): Promise<readonly Command[]>;
}

/** A program: a name that users type, and its command table. */
export interface Program {
  readonly name: string;
  /** First line of its help. */
  readonly title: string;
  readonly nouns: readonly Noun[];
  /** Whether an unknown first word may be a plugin. */
  readonly plugins: boolean;
}

/** A first word of the command line with its commands. */
export interface LoadedNoun extends NounText {
  readonly commands: readonly Command[];
}

export async function loadNoun({ load, ...text }: Noun): Promise<LoadedNoun> {
  return { ...text, commands: await load() };
}

/** A positional argument; the order in the table is the order on the command line. */
export interface Arg<T> {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  /** Takes all that is left. Only for the last one. */
  readonly many: boolean;
  finish(values: readonly string[]): T;
}

interface OptionText {
  /** Long name without dashes. */
  readonly long: string;
  readonly short?: string;
  /** Further long names (or short ones, of one letter), accepted but not shown. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly hidden?: boolean;
  /** Names (table keys) of options and arguments that cannot be given together with this one. */
  readonly conflicts?: readonly string[];
  /** Names of options of which at least one must be given together with this one. */
  readonly requires?: readonly string[];
}

export interface Option<T> extends OptionText {
  /** Placeholder of the value, e.g. `N`; absent for a flag. */
  readonly value?: string;
  /** The value may be left out; it is taken from the next word only when `accepts` says so. */
  readonly optionalValue?: boolean;
  readonly repeatable?: boolean;
  readonly defaultText?: string;
  readonly choices?: readonly string[];
  accepts?(word: string): boolean;
  /** Turns what was given (in order; `true` for a bare option) into the value. @throws ValueError */
  finish(given: readonly (string | true)[]): T;
}

// The tables hold options of any type; `unknown` works because T only appears as a result.
export type ArgTable = Readonly<Record<string, Arg<unknown>>>;
export type OptionTable = Readonly<Record<string, Option<unknown>>>;
type Value<S> = S extends Arg<infer T> ? T : S extends Option<infer T> ? T : never;
export type InputOf<A extends ArgTable, O extends OptionTable> = {
  readonly [K in keyof A]: Value<A[K]>;
} & { readonly [K in keyof O]: Value<O[K]> };

/** A value that an option cannot take; becomes clap's `invalid value 'x' for '--y <Z>': reason`. */
export class ValueError extends Error {
  readonly given: string;
  constructor(given: string, reason: string) {
    super(reason);
    this.given = given;
  }
}

// biome-ignore lint/complexity/noBannedTypes: an absent table adds no input
type None = {};

export function command<A extends ArgTable = None, O extends OptionTable = None>(spec: CommandSpec<A, O>): Command {
  return {
    noun: spec.noun,
    verb: spec.verb,
    aliases: spec.aliases ?? [],
    summary: spec.summary,
    description: spec.description,
    args: spec.args ?? {},
    options: spec.options ?? {},
    examples: spec.examples ?? [],
    hidden: spec.hidden ?? false,
    // The parser builds the input from these very tables, so its shape is InputOf<A, O>.
    check: (input) => spec.check?.(input as InputOf<A, O>),
    run: (input, io) => spec.run(input as InputOf<A, O>, io),
  };
}

type ArgText = { readonly name: string; readonly summary: string };

export function arg(text: ArgText): Arg<string> {
  return { ...text, required: true, many: false, finish: (values) => values[0] ?? "" };
}

export function optionalArg(text: ArgText): Arg<string | undefined> {
  return { ...text, required: false, many: false, finish: (values) => values[0] };
}

/** Any number of words, also none. */
export function optionalArgs(text: ArgText): Arg<readonly string[]> {
  return { ...text, required: false, many: true, finish: (values) => values };
}

/** One or more words. */
export function args(text: ArgText): Arg<readonly string[]> {
  return { ...text, required: true, many: true, finish: (values) => values };
}

export function flag(text: OptionText): Option<boolean> {
  return { ...text, finish: (given) => given.length > 0 };
}

type Parse<T> = (text: string) => T;
interface ValueText<T> extends OptionText {
  readonly value: string;
  readonly parse: Parse<T>;
  readonly choices?: readonly string[];
}

/** An option with a value; `undefined` when it is not given. */
export function value<T>(text: ValueText<T>): Option<T | undefined> {
  const { parse, ...rest } = text;
  return { ...rest, finish: (given) => (given.length === 0 ? undefined : parseOne(parse, given.at(-1))) };
}

/** An option with a value and a default. */
export function valueOr<T>(text: ValueText<T> & { readonly default: T; readonly defaultText?: string }): Option<T> {
  const { parse, default: fallback, ...rest } = text;
  return {
    ...rest,
    defaultText: text.defaultText ?? String(fallback),
    finish: (given) => (given.length === 0 ? fallback : parseOne(parse, given.at(-1))),
  };
}

/** An option that may be given several times. */
export function values<T>(text: ValueText<T>): Option<readonly T[]> {
  const { parse, ...rest } = text;
  return { ...rest, repeatable: true, finish: (given) => given.map((one) => parseOne(parse, one)) };
}

/**
 * An option whose value may be left out (`-B`, `-B 5`, `-B=5`): `bare` stands for the missing value. The next word
 * is taken as the value only when `accepts` says so, so that `-B TOPIC` still works.
 */
export function maybeValue<T>(
  text: ValueText<T> & { readonly bare: T; accepts(word: string): boolean },
): Option<T | undefined> {
  const { parse, bare, ...rest } = text;
  return {
    ...rest,
    optionalValue: true,
    finish: (given) => {
      const last = given.at(-1);
      return last === undefined ? undefined : last === true ? bare : parseOne(parse, last);
    },
  };
}

function parseOne<T>(parse: Parse<T>, given: string | true | undefined): T {
  return parse(typeof given === "string" ? given : "");
}
