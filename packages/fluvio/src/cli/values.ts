import { isFluvioError } from "../protocol/index.ts";
import { ValueError } from "./command.ts";

/** Parsers of option values; each throws {@link ValueError} with the reason. */

export function text(given: string): string {
  return given;
}

export function nonEmpty(given: string): string {
  if (given === "") throw new ValueError(given, "a value is required");
  return given;
}

/** A whole number from `min` to `max`. */
export function integer(min = 0, max = Number.MAX_SAFE_INTEGER): (given: string) => number {
  return (given) => {
    if (!/^[+-]?\d+$/.test(given)) {
      throw new ValueError(
        given,
        given === "" ? "cannot parse integer from empty string" : "invalid digit found in string",
      );
    }
    const number = Number(given);
    if (number < min || number > max) throw new ValueError(given, `${given} is not in ${min}..=${max}`);
    return number;
  };
}

export const isDigits = (word: string): boolean => /^\d+$/.test(word);

/** One of the words, in any case. */
export function oneOf<const W extends readonly string[]>(...words: W): (given: string) => W[number] {
  return (given) => {
    const found = words.find((word) => word.toLowerCase() === given.toLowerCase());
    if (found === undefined) throw new ValueError(given, `[possible values: ${words.join(", ")}]`);
    return found;
  };
}

/** One of the words in snake, kebab, camel or Pascal case: `read_committed`, `ReadCommitted`, `readCommitted`. */
export function oneOfAnyCase<const W extends readonly string[]>(...words: W): (given: string) => W[number] {
  const plain = (word: string) => word.replace(/[-_]/g, "").toLowerCase();
  return (given) => {
    const found = words.find((word) => plain(word) === plain(given));
    if (found === undefined) throw new ValueError(given, `[possible values: ${words.join(", ")}]`);
    return found;
  };
}

/** `key=value`, split at the first `=`. */
export function keyValue(given: string): readonly [string, string] {
  const at = given.indexOf("=");
  if (at < 0) throw new ValueError(given, `invalid KEY=value: no \`=\` found in \`${given}\``);
  if (at === 0) throw new ValueError(given, `invalid KEY=value: no name before the \`=\` of \`${given}\``);
  return [given.slice(0, at), given.slice(at + 1)];
}

/** Makes an option parser of a parser that throws a FluvioError. */
export function checked<T>(parse: (given: string) => T): (given: string) => T {
  return (given) => {
    try {
      return parse(given);
    } catch (error) {
      if (isFluvioError(error)) throw new ValueError(given, error.message);
      throw error;
    }
  };
}
