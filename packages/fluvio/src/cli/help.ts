import type { Command, LoadedNoun, Noun, Option, OptionTable, Program } from "./command.ts";
import { argText } from "./parse.ts";

/** `fluvio topic create`, as usage lines name a command. */
function commandPath(program: string, command: Command): string {
  return [program, command.noun, command.verb].filter((word) => word !== undefined).join(" ");
}

export function usageLine(program: string, command: Command): string {
  const options = Object.values(command.options).some((option) => !option.hidden) ? " [OPTIONS]" : "";
  const args = Object.values(command.args).map((argument) => ` ${argText(argument)}`);
  return `Usage: ${commandPath(program, command)}${options}${args.join("")}`;
}

/** What follows every usage error. */
export function usageErrorText(message: string, tip: string | undefined, usage: string): string {
  const tipLines = tip === undefined ? "" : `\n\n  tip: ${tip}`;
  return `error: ${message}${tipLines}\n\n${usage}\n\nFor more information, try '--help'.\n`;
}

/** Help of one command; `long` adds the description and the examples. */
export function commandHelp(program: string, command: Command, long: boolean): string {
  const parts = [long ? (command.description ?? command.summary) : command.summary, usageLine(program, command)];
  const args = Object.values(command.args);
  if (args.length > 0) {
    parts.push(
      section(
        "Arguments",
        args.map((argument) => [argText(argument), argument.summary]),
      ),
    );
  }
  parts.push(section("Options", optionRows(command.options)));
  if (long && command.examples.length > 0) {
    const lines = command.examples.map(
      ({ command: line, text }) => `  ${text === undefined ? "" : `# ${text}\n  `}${line}`,
    );
    parts.push(`Examples:\n${lines.join("\n")}`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** Help of a noun: its commands; `under` narrows to those whose verb begins with these words (`cluster spu`). */
export function nounHelp(program: string, noun: LoadedNoun, under = ""): string {
  const prefix = under === "" ? "" : `${under} `;
  const rows = new Map<string, string>();
  for (const command of noun.commands) {
    if (command.hidden || command.verb === undefined || !command.verb.startsWith(prefix)) continue;
    const [word = "", ...more] = command.verb.slice(prefix.length).split(" ");
    if (more.length === 0) rows.set(word, command.summary);
    else if (!rows.has(word)) rows.set(word, `${word} commands: ${groupVerbs(noun, `${prefix}${word} `)}`);
  }
  const path = `${program} ${noun.name}${under === "" ? "" : ` ${under}`}`;
  const options: [string, string][] = [["-h, --help", "Print help"]];
  return `${noun.summary}\n\nUsage: ${path} <COMMAND>\n\n${section("Commands", [...rows])}\n\n${section("Options", options)}\n`;
}

function groupVerbs(noun: LoadedNoun, prefix: string): string {
  const verbs = noun.commands.map((command) => command.verb ?? "").filter((verb) => verb.startsWith(prefix));
  return verbs.map((verb) => verb.slice(prefix.length)).join(", ");
}

export function rootUsage(program: Program): string {
  return `Usage: ${program.name} [OPTIONS] <COMMAND>`;
}

interface PluginRow {
  readonly name: string;
  readonly text: string;
}

/** Help of the program. */
export function rootHelp(program: Program, globals: OptionTable, plugins: readonly PluginRow[]): string {
  const rows = program.nouns
    .filter((noun) => noun.hidden !== true)
    .map((noun): [string, string] => [noun.name, aliasText(noun)]);
  const parts = [program.title, rootUsage(program), section("Commands", rows)];
  if (plugins.length > 0)
    parts.push(
      section(
        "Plugins",
        plugins.map(({ name, text }) => [name, text]),
      ),
    );
  parts.push(section("Options", optionRows(globals)));
  return `${parts.join("\n\n")}\n`;
}

function aliasText(noun: Noun): string {
  const aliases = noun.aliases ?? [];
  return aliases.length === 0 ? noun.summary : `${noun.summary} [aliases: ${aliases.join(", ")}]`;
}

function optionRows(options: OptionTable): [string, string][] {
  const rows = Object.values(options)
    .filter((option) => option.hidden !== true)
    .map((option): [string, string] => [optionNames(option), optionSummary(option)]);
  return [...rows, ["-h, --help", "Print help"]];
}

function optionNames(option: Option<unknown>): string {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.value === undefined ? "" : option.optionalValue ? ` [<${option.value}>]` : ` <${option.value}>`;
  return `${short}--${option.long}${value}${option.repeatable ? "..." : ""}`;
}

function optionSummary(option: Option<unknown>): string {
  const notes: string[] = [option.summary];
  if (option.defaultText !== undefined) notes.push(`[default: ${option.defaultText}]`);
  if (option.choices !== undefined) notes.push(`[possible values: ${option.choices.join(", ")}]`);
  return notes.join(" ");
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(40, Math.max(...rows.map(([left]) => left.length)));
  const lines = rows.map(([left, right]) =>
    left.length > width ? `  ${left}\n${" ".repeat(width + 4)}${right}` : `  ${left.padEnd(width)}  ${right}`,
  );
  return `${title}:\n${lines.map((line) => line.trimEnd()).join("\n")}`;
}
