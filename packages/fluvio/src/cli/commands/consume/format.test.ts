import picocolors from "picocolors";
import { describe, expect, it } from "vitest";
import type { ConsumerRecord } from "../../../client/index.ts";
import { type FormatOptions, groupFormatter } from "./format.ts";
import { keyAction, TableModel } from "./full-table.ts";
import { timeFormatter } from "./time.ts";

const TIME_MS = Date.UTC(2022, 4, 4, 15, 12, 21);

function record(value: string | Uint8Array, key?: string, offset = 0): ConsumerRecord {
  return {
    topic: "t",
    partition: 1,
    offset,
    timestampMs: TIME_MS,
    key: key === undefined ? undefined : Buffer.from(key),
    value: Buffer.from(value),
  };
}

async function format(records: readonly ConsumerRecord[], options: Partial<FormatOptions> = {}): Promise<string> {
  const formatter = await groupFormatter({
    output: "dynamic",
    template: undefined,
    keyValue: false,
    suppressUnknown: false,
    truncate: undefined,
    style: picocolors.createColors(false),
    time: timeFormatter("rfc3339", () => TIME_MS),
    ...options,
  });
  return Buffer.from(formatter(records)).toString();
}

const binary = Buffer.from([0, 1, 2]);
const notUtf8 = Buffer.from([0x61, 0xff, 0x62]);

describe("output types", () => {
  it("dynamic: text as it is, a hex dump for bytes", async () => {
    expect(await format([record("a"), record("é<>&"), record("")])).toBe("a\né<>&\n\n");
    expect(await format([record("a"), record(binary)])).toMatch(/^a\n00000000 {2}00 01 02 .*\|\n-{78}\n\n$/s);
  });

  it("dynamic: bytes that are no UTF-8 are replaced, and only those", async () => {
    expect(await format([record("é"), record(notUtf8)])).toBe("é\na\uFFFDb\n");
  });

  it("text: bytes are counted; with --suppress-unknown shown", async () => {
    expect(await format([record(binary)], { output: "text" })).toBe("binary: (3 bytes)\n");
    expect(await format([record(binary)], { output: "text", suppressUnknown: true })).toBe("\0\u0001\u0002\n");
  });

  it("raw: the value and a line end", async () => {
    expect(await format([record(binary)], { output: "raw" })).toBe("\0\u0001\u0002\n");
  });

  it("binary: always a hex dump", async () => {
    expect(await format([record("hi")], { output: "binary" })).toContain("00000000  68 69 ");
  });

  it("json: pretty, sorted, never cut (complaint: long JSON cut or not pretty)", async () => {
    const long = "x".repeat(5000);
    expect(await format([record(`{"b":1,"a":"${long}"}`)], { output: "json" })).toBe(
      `{\n  "a": "${long}",\n  "b": 1\n}\n`,
    );
  });

  it("json: what is none becomes an error object, or nothing", async () => {
    expect(JSON.parse(await format([record("x")], { output: "json" }))).toEqual({ error: expect.any(String) });
    expect(await format([record("x"), record("1")], { output: "json", suppressUnknown: true })).toBe("1\n");
  });

  it("table: a bordered table per record, the upper border once", async () => {
    expect(await format([record('{"id":1,"name":"ann"}'), record('{"id":20,"name":"b"}')], { output: "table" })).toBe(
      [
        "+----+------+",
        "| id | name |",
        "+====+======+",
        "| 1  | ann  |",
        "+----+------+",
        "| id | name |",
        "+====+======+",
        "| 20 | b    |",
        "+----+------+",
        "",
      ].join("\n"),
    );
  });

  it("table: an array of objects gives a row per element", async () => {
    expect(await format([record('[{"a":1},{"a":{"b":2}}]')], { output: "table" })).toContain(
      '| 1       |\n| {"b":2} |\n',
    );
  });

  it("table: says what it cannot show", async () => {
    expect(await format([record("x")], { output: "table" })).toMatch(/^error parsing record as json: /);
    expect(await format([record("3")], { output: "table" })).toBe("error: Unable to parse json as object map\n");
  });
});

describe("keys and widths", () => {
  it("prints [key] value and [null] without a key; an empty key is not none", async () => {
    expect(await format([record("v", "k"), record("v"), record("v", "")], { keyValue: true })).toBe(
      "[k] v\n[null] v\n[] v\n",
    );
  });

  it("cuts lines only with --truncate", async () => {
    const long = "y".repeat(200);
    expect(await format([record(long)])).toBe(`${long}\n`);
    expect(await format([record(`${long}\nz`)], { truncate: 10 })).toBe(`${"y".repeat(10)}\nz\n`);
  });
});

describe("templates", () => {
  it("have every field, without HTML escapes", async () => {
    const template = "{{key}}|{{value}}|{{offset}}|{{partition}}|{{time}}";
    expect(await format([record('<a>&"', "k", 7), record("v")], { template })).toBe(
      'k|<a>&"|7|1|2022-05-04T15:12:21.000Z\nnull|v|0|1|2022-05-04T15:12:21.000Z\n',
    );
  });

  it("show NA for a record without a timestamp", async () => {
    expect(await format([{ ...record("v"), timestampMs: -1 }], { template: "{{time}}" })).toBe("NA\n");
  });

  it("are refused when they cannot be read", async () => {
    await expect(format([], { template: "{{value" })).rejects.toThrow(
      /^Failed to parse format string: Parse error on line 1, at \{\{value$/,
    );
  });
});

describe("--time-format (complaint: timestamps on consume)", () => {
  const write = (name: Parameters<typeof timeFormatter>[0], now = TIME_MS) => timeFormatter(name, () => now)(TIME_MS);

  it("writes rfc3339, unix-ms, relative and local time", () => {
    expect(write("rfc3339")).toBe("2022-05-04T15:12:21.000Z");
    expect(write("unix-ms")).toBe(String(TIME_MS));
    expect(write("relative", TIME_MS + 61_500)).toBe("1m 1s ago");
    expect(write("relative", TIME_MS - 2000)).toBe("in 2s");
    expect(Date.parse(write("local").replace(" ", "T"))).toBe(TIME_MS);
  });
});

describe("full-table", () => {
  const column = (keyPath: string, primaryKey?: boolean) => ({
    keyPath,
    headerLabel: keyPath.toUpperCase(),
    primaryKey,
    width: undefined,
    alignment: undefined,
    format: undefined,
    display: undefined,
    headerBgColor: undefined,
    headerTextColor: undefined,
  });

  it("replaces rows with the same primary key and takes objects and arrays", () => {
    const model = new TableModel([column("id", true), column("a.b")]);
    model.update(Buffer.from('{"id":1,"a":{"b":"old"}}'));
    model.update(Buffer.from('[{"id":1,"a":{"b":"new"}},{"id":2}]'));
    model.update(Buffer.from("no json"));
    expect(model.lines(40, 10).map((line) => line.trimEnd())).toEqual([
      "('c' to clear table | 'q' or ESC to exit",
      "     ID  A.B",
      "1 >> 1   new",
      "     2",
    ]);
  });

  it("scrolls with the selection and clears", () => {
    const model = new TableModel(undefined);
    for (let id = 0; id < 20; id++) model.update(Buffer.from(`{"id":${id}}`));
    model.move(100);
    expect(model.lines(40, 5).at(-1)?.trimEnd()).toBe("20 >> 19");
    model.clear();
    expect(model.size).toBe(0);
  });

  it.each([
    ["q", "quit"],
    ["\u001b", "quit"],
    ["c", "clear"],
    ["\u001b[A", -1],
    ["\u001b[6~", 5],
    ["\u001b[H", "first"],
    ["\u001b[<65;10;10M", 1],
    ["x", undefined],
  ])("knows the key %j", (bytes, expected) => {
    expect(keyAction(bytes)).toBe(expected);
  });
});
