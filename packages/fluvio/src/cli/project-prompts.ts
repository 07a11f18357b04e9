import { isAbsolute, join, relative } from "node:path";
import type { Readable, Writable } from "node:stream";
import { flvError } from "../protocol/index.ts";
import { ValueError } from "./command.ts";
import type { Io } from "./io.ts";
import { Exit } from "./report.ts";

const EXIT_CANCELLED = 130;

/** Questions of commands that make a project. Ctrl-C ends the command. */
export interface Prompts {
  text(
    message: string,
    options?: { readonly placeholder?: string; readonly initial?: string; readonly checked?: boolean },
  ): Promise<string>;
  choose<const T extends string>(
    message: string,
    choices: readonly { readonly value: T; readonly hint: string }[],
  ): Promise<T>;
  confirm(message: string): Promise<boolean>;
}

export async function projectPrompts(io: Io): Promise<Prompts> {
  const prompts = await import("@clack/prompts");
  const terminal: { input: Readable; output: Writable; signal: AbortSignal } = {
    input: io.stdin,
    output: io.stdout.stream,
    signal: io.signal,
  };
  const answered = <T extends string | boolean>(answer: T | symbol): T => {
    if (typeof answer === "symbol") throw new Exit(EXIT_CANCELLED);
    return answer;
  };
  return {
    text: async (message, { placeholder, initial, checked = true } = {}) =>
      answered<string>(
        await prompts.text({
          message,
          ...(placeholder === undefined ? {} : { placeholder }),
          ...(initial === undefined ? {} : { initialValue: initial }),
          ...(checked ? { validate: (given: string | undefined) => nameProblem(given ?? "") } : {}),
          ...terminal,
        }),
      ),
    choose: async <const T extends string>(message: string, choices: readonly { value: T; hint: string }[]) =>
      // The prompt cannot infer that T is a text, which it shows as it is.
      answered<string>(
        await prompts.select<string>({
          message,
          options: choices.map(({ value: choice, hint }) => ({ value: choice, label: choice, hint })),
          ...terminal,
        }),
      ) as T,
    confirm: async (message) => answered<boolean>(await prompts.confirm({ message, initialValue: false, ...terminal })),
  };
}

/** A project's name is a folder, a npm package and more at once. */
function nameProblem(name: string): string | undefined {
  if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) && name.length <= 40) return undefined;
  return "use up to 40 lowercase letters, digits and single hyphens, beginning with a letter";
}

/** @param what "SmartModule", "connector" @throws FLV_ARGUMENT */
export function checkProjectName(what: string, name: string): void {
  const problem = nameProblem(name);
  if (problem === undefined) return;
  throw flvError("FLV_ARGUMENT", `Invalid name for ${what} ${name === "" ? '""' : name}: ${problem}`, {
    details: { name },
  });
}

/** Parser of an option that names a group. */
export function groupName(given: string): string {
  const problem = nameProblem(given);
  if (problem !== undefined) throw new ValueError(given, problem);
  return given;
}

/** Relative where it is below the current folder. */
export function shortPath(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short === "" || short.startsWith("..") || isAbsolute(short) ? join(path) : short;
}
