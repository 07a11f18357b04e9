import fc from "fast-check";
import picocolors from "picocolors";
import { describe, expect, it } from "vitest";
import { cellText, compactJson, type JsonNode, parseJsonText, prettyJson } from "./json-text.ts";

const plain = picocolors.createColors(false);

describe("JSON of records", () => {
  it("sorts keys and keeps the digits of numbers", () => {
    expect(prettyJson(parseJsonText('{"b":12345678901234567890,"a":[1.0,{}],"c":[]}'), plain)).toBe(
      '{\n  "a": [\n    1.0,\n    {}\n  ],\n  "b": 12345678901234567890,\n  "c": []\n}',
    );
  });

  it("colours on a terminal only", () => {
    expect(prettyJson(parseJsonText('{"a":"b"}'), picocolors.createColors(true))).toContain("\u001b[32m");
  });

  it("takes what JSON.parse takes, with the same meaning", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const node = parseJsonText(text);
        expect(JSON.parse(compactJson(node))).toEqual(JSON.parse(text));
        expect(JSON.parse(prettyJson(node, plain))).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each(["", "{", "nul", "{a:1}", "[1,]", '"\u0001"'])("refuses %j", (text) => {
    expect(() => parseJsonText(text)).toThrow(SyntaxError);
  });

  it("shows strings in cells without quotes", () => {
    expect(cellText(parseJsonText('"a\\"b"'))).toBe('a"b');
    expect(cellText(new Map<string, JsonNode>([["x", "1"]]))).toBe('{"x":1}');
  });
});
