import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { parseTemplate } from "../shared/template.ts";
import { addCommand, type CommandOptions, isRefusal } from "./commands.ts";
import { asJson, fieldNamed } from "./entries.ts";
import { connector } from "./sink.ts";

const record = (key?: string) => ({
  topic: "t",
  partition: 0,
  offset: 1,
  timestampMs: 0,
  key: key === undefined ? undefined : new TextEncoder().encode(key),
  value: new TextEncoder().encode("v"),
});

/** What is added for a record with the key `k`; nothing is sent. */
function added(options: Partial<CommandOptions>, target = "{{key}}", key: string | undefined = "k") {
  const template = parseTemplate(target);
  if (template === undefined) throw new Error("no template");
  const pipeline = new Redis({ lazyConnect: true }).pipeline();
  const byDefault = { mode: "set", ttlMs: undefined, push: "right", lengthMax: undefined } as const;
  const names = { valueField: "value", keyField: "key" };
  const result = addCommand(pipeline, record(key), { ...byDefault, ...names, key: template, ...options });
  return { result, length: pipeline.length };
}

describe("commands", () => {
  test("are one for a record, and one more that keeps a list short", () => {
    for (const mode of ["set", "list", "stream", "pub"] as const)
      expect(added({ mode })).toEqual({ result: 1, length: 1 });
    expect(added({ mode: "list", lengthMax: 3 })).toEqual({ result: 2, length: 2 });
    expect(added({ mode: "stream", lengthMax: 3 })).toEqual({ result: 1, length: 1 });
  });

  test("cannot be made without a key", () => {
    expect(added({}, "{{value.x}}").result).toEqual({
      problem: expect.stringContaining("the record has no `x` in its value"),
    });
    expect(added({}, "{{key}}", "").result).toEqual({ problem: "the key is empty" });
  });
});

test.each([
  ["WRONGTYPE Operation against a key holding the wrong kind of value", true],
  ["NOPERM this user has no permissions", true],
  ["ERR invalid expire time", true],
  ["LOADING Redis is loading the dataset in memory", false],
  ["READONLY You can't write against a read only replica.", false],
  ["OOM command not allowed when used memory > 'maxmemory'.", false],
  ["NOAUTH Authentication required.", false],
])("%s", (message, refused) => {
  const said = new Error(message);
  said.name = "ReplyError";
  expect(isRefusal(said)).toBe(refused);
  expect(isRefusal(new Error(message))).toBe(false);
});

test("entries are objects of their fields, or one of them as it is", () => {
  const fields = ["a", "1", "é", "ü", "a", "2"].map((text) => Buffer.from(text));
  expect(asJson(fields)).toBe('{"a":"2","é":"ü"}');
  expect(fieldNamed(fields, "é")?.toString()).toBe("ü");
  expect(fieldNamed(fields, "1")).toBeUndefined();
});

test("options of the sink have the words of Redis", () => {
  const check = (parameters: Readonly<Record<string, string>>) =>
    checkOptions(
      connector,
      {
        name: "c",
        type: "redis-sink",
        topic: "t",
        version: "latest",
        parameters: { url: "cache", ...parameters },
        secrets: {},
        transforms: [],
      },
      "connect.yml",
    );
  expect(check({ stream: "s", "max-length": "5" })).toMatchObject({ target: { source: "s" }, "max-length": 5 });
  expect(check({ ttl: "1m" })).toMatchObject({ ttl: 60_000, mode: "set" });
  expect(() => check({ ttl: "soon" })).toThrow(/not a duration/);
  expect(() => check({ "max-length": "0" })).toThrow(/not a whole number from 1/);
});
