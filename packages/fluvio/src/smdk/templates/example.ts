import type { Answers, GeneratedKind } from "./answers.ts";

/** What the example of a kind does: the same in every language, so that one test file serves all. */
export interface Example {
  /** One sentence. */
  readonly does: string;
  readonly records: readonly string[];
  readonly expected: readonly string[];
  /** The parameter of the variant that has one. */
  readonly param?: {
    readonly name: string;
    readonly value: string;
    readonly description: string;
    /** Where it is a number: a value that is refused, and the error. */
    readonly refused?: { readonly value: string; readonly message: string };
  };
  /** A record that the example reports an error for, and the error. */
  readonly failing?: { readonly record: string; readonly message: string };
}

const NUMBER_FAILS = { record: "many", message: "not a number: many" };
/** Sums are whole: those of fractions would depend on how a language rounds and writes them. */
const WHOLE_FAILS = { record: "1.5", message: "not a whole number: 1.5" };

const PLAIN: Readonly<Record<GeneratedKind, Example>> = {
  filter: {
    does: "Keeps the records whose value contains the letter a.",
    records: ["apple", "kiwi", "banana"],
    expected: ["apple", "banana"],
  },
  map: {
    does: "Makes every value upper case.",
    records: ["apple", "kiwi"],
    expected: ["APPLE", "KIWI"],
  },
  "filter-map": {
    does: "Keeps the even numbers, halved.",
    records: ["2", "3", "10"],
    expected: ["1", "5"],
    failing: NUMBER_FAILS,
  },
  "array-map": {
    does: "Makes a record of each part of a value between commas.",
    records: ["apple,kiwi", "plum"],
    expected: ["apple", "kiwi", "plum"],
  },
  aggregate: {
    does: "Adds up whole numbers: each record becomes the sum so far.",
    records: ["1", "2", "3"],
    expected: ["1", "3", "6"],
    failing: WHOLE_FAILS,
  },
};

const WITH_PARAMS: Readonly<Record<GeneratedKind, Example>> = {
  filter: {
    ...PLAIN.filter,
    does: "Keeps the records whose value contains the text of the parameter `contains`.",
    param: { name: "contains", value: "a", description: "Text that a record must contain" },
  },
  map: {
    does: "Puts the text of the parameter `prefix` before every value.",
    records: ["apple", "kiwi"],
    expected: ["fruit: apple", "fruit: kiwi"],
    param: { name: "prefix", value: "fruit: ", description: "Text to put before every value" },
  },
  "filter-map": {
    ...PLAIN["filter-map"],
    does: "Keeps the numbers that the parameter `divisor` divides, divided by it.",
    param: {
      name: "divisor",
      value: "2",
      description: "Number to divide by",
      refused: { value: "two", message: "divisor is not a number: two" },
    },
  },
  "array-map": {
    does: "Makes a record of each part of a value between the separators that the parameter `separator` names.",
    records: ["apple;kiwi", "plum"],
    expected: ["apple", "kiwi", "plum"],
    param: { name: "separator", value: ";", description: "Text between the parts of a value" },
  },
  aggregate: {
    does: "Adds up whole numbers, each times the parameter `factor`: each record becomes the sum so far.",
    records: ["1", "2", "3"],
    expected: ["10", "30", "60"],
    param: {
      name: "factor",
      value: "10",
      description: "Whole number that every record is multiplied by",
      refused: { value: "1.5", message: "factor is not a whole number: 1.5" },
    },
    failing: WHOLE_FAILS,
  },
};

export function exampleOf({ kind, withParams }: Pick<Answers, "kind" | "withParams">): Example {
  return (withParams ? WITH_PARAMS : PLAIN)[kind];
}
