import { describe, expect, it } from "vitest";
import { arg, args, type Command, command, flag, maybeValue, value, valueOr, values } from "./command.ts";
import { parseCommand } from "./parse.ts";
import { integer, isDigits, keyValue, oneOf, oneOfAnyCase, text } from "./values.ts";

const sample = command({
  noun: "sample",
  args: { topic: arg({ name: "topic", summary: "" }) },
  summary: "",
  options: {
    partition: values({ long: "partition", short: "p", value: "N", summary: "", parse: integer() }),
    beginning: maybeValue({
      long: "beginning",
      short: "B",
      aliases: ["from-beginning"],
      value: "N",
      summary: "",
      parse: integer(),
      bare: 0,
      accepts: isDigits,
      conflicts: ["start"],
    }),
    start: value({ long: "start", aliases: ["o", "offset"], value: "N", summary: "", parse: integer() }),
    end: value({ long: "end", value: "N", summary: "", parse: integer(), requires: ["start"] }),
    disable: flag({ long: "disable-continuous", short: "d", summary: "" }),
    all: flag({ long: "all-partitions", short: "A", summary: "", conflicts: ["partition"] }),
    output: valueOr({
      long: "output",
      short: "O",
      value: "type",
      summary: "",
      parse: oneOf("table", "json"),
      choices: ["table", "json"],
      default: "table",
    }),
    isolation: value({
      long: "isolation",
      value: "kind",
      summary: "",
      parse: oneOfAnyCase("read_uncommitted", "read_committed"),
    }),
    params: values({
      long: "params",
      short: "e",
      aliases: ["extra-params"],
      value: "k=v",
      summary: "",
      parse: keyValue,
    }),
    key: value({ long: "key", value: "key", summary: "", parse: text }),
    filter: value({ long: "filter", value: "name", summary: "", parse: text }),
  },
  run: async () => 0,
});

function input(...words: string[]) {
  const parsed = parseCommand(sample, words);
  if (parsed.kind === "help") throw new Error("help");
  return parsed.input;
}

describe("options", () => {
  it.each([
    ["-B", "t"],
    ["t", "-B"],
    ["t", "--beginning"],
    ["t", "--from-beginning"],
    ["-dB", "t"],
  ])("takes a value that may be left out: %s %s", (...words) => {
    expect(input(...words)).toMatchObject({ topic: "t", beginning: 0 });
  });

  it.each([
    ["t", "-B", "5"],
    ["t", "-B=5"],
    ["t", "-B5"],
    ["t", "--beginning=5"],
    ["-B", "5", "t"],
  ])("takes its value where there is one: %s %s %s", (...words) => {
    expect(input(...words)).toMatchObject({ topic: "t", beginning: 5 });
  });

  it.each([
    [["t", "--filter", "x"], { filter: "x" }],
    [["t", "--filter=x"], { filter: "x" }],
    [["t", "-dA"], { disable: true, all: true }],
    [["t", "-p0", "-p", "1", "-p=2"], { partition: [0, 1, 2] }],
    [
      ["t", "-e", "a=b=c", "--extra-params", "d="],
      {
        params: [
          ["a", "b=c"],
          ["d", ""],
        ],
      },
    ],
    [["t", "-o", "3"], { start: 3 }],
    [["t", "--offset=3"], { start: 3 }],
    [["t", "-O", "JSON"], { output: "json" }],
    [["t", "--isolation", "ReadCommitted"], { isolation: "read_committed" }],
    [["t", "--isolation", "readuncommitted"], { isolation: "read_uncommitted" }],
    [["t", "--key", "-x"], { key: "-x" }],
    [["t", "--key="], { key: "" }],
    [["--", "-t"], { topic: "-t" }],
    [["t"], { output: "table", partition: [], disable: false, start: undefined }],
  ] as const)("reads %j", (words, expected) => {
    expect(input(...words)).toMatchObject(expected);
  });
});

describe("mistakes, in the words users search for", () => {
  it.each([
    [[], "the following required arguments were not provided:\n  <topic>"],
    [["t", "u"], "unexpected argument 'u' found"],
    [["t", "--foo"], "unexpected argument '--foo' found"],
    [["t", "-x"], "unexpected argument '-x' found"],
    [["t", "-d=1"], "unexpected value '1' for '--disable-continuous' found; no more were expected"],
    [["t", "--start"], "a value is required for '--start <N>' but none was supplied"],
    [["t", "--start", "--all-partitions"], "a value is required for '--start <N>' but none was supplied"],
    [["t", "-O"], "a value is required for '--output <type>' but none was supplied\n  [possible values: table, json]"],
    [["t", "--start", "x"], "invalid value 'x' for '--start <N>': invalid digit found in string"],
    [["t", "-O", "xml"], "invalid value 'xml' for '--output <type>'\n  [possible values: table, json]"],
    [["t", "-e", "x"], "invalid value 'x' for '--params <k=v>': invalid KEY=value: no `=` found in `x`"],
    [["t", "-e", "=1"], "invalid value '=1' for '--params <k=v>': invalid KEY=value: no name before the `=` of `=1`"],
    [["t", "-p", "1", "-A"], "the argument '--all-partitions' cannot be used with '--partition <N>'"],
    [["t", "-B", "--start", "1"], "the argument '--beginning [<N>]' cannot be used with '--start <N>'"],
    [["t", "--start", "1", "--start", "2"], "the argument '--start <N>' cannot be used multiple times"],
    [["t", "--end", "2"], "the following required arguments were not provided:\n  --start <N>"],
  ] as const)("%j", (words, message) => {
    expect(() => input(...words)).toThrow(message);
  });

  it("suggests the nearest option", () => {
    expect(() => input("t", "--ofset", "1")).toThrow(
      expect.objectContaining({ tip: "a similar argument exists: '--offset'" }),
    );
    expect(() => input("t", "--hlp")).toThrow(expect.objectContaining({ tip: "a similar argument exists: '--help'" }));
    expect(() => input("t", "--zzzz")).toThrow(expect.objectContaining({ tip: undefined }));
  });
});

describe("arguments", () => {
  const many: Command = command({
    noun: "many",
    summary: "",
    args: { names: args({ name: "name", summary: "" }) },
    run: async () => 0,
  });

  it("takes one or more", () => {
    expect(parseCommand(many, ["a", "b"])).toMatchObject({ input: { names: ["a", "b"] } });
    expect(() => parseCommand(many, [])).toThrow("<name>...");
  });

  it("asks for help wherever it stands", () => {
    expect(parseCommand(many, ["a", "--help"])).toEqual({ kind: "help", long: true });
    expect(parseCommand(many, ["-h"])).toEqual({ kind: "help", long: false });
  });
});
