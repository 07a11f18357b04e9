import { describe, expect, test } from "vitest";
import { quoteName, quoteTable, tableBeside, tableOf, tableParts } from "./names.ts";

describe("a table", () => {
  test.each([
    ["facts", ["facts"]],
    ["public.facts", ["public", "facts"]],
    ["db.public.facts", ["db", "public", "facts"]],
    ['"a.b"', ["a.b"]],
    ["`a.b`", ["a.b"]],
    ['my."a.b"', ["my", "a.b"]],
    ['"my.schema"."a ""b"""', ["my.schema", 'a "b"']],
    ["`a``b`.c", ["a`b", "c"]],
    ["two words.t", ["two words", "t"]],
    // no part is enclosed
    ['12" records', ['12" records']],
    ['s.12" records', ["s", '12" records']],
    ['"a"b.c', ['"a"b', "c"]],
    ["a..b", ["a", "", "b"]],
  ])("%s has the parts %j", (table, parts) => {
    expect(tableParts(table)).toEqual(parts);
  });

  test.each([[["a"]], [["a", "b"]], [["a.b"]], [["s", 'x"y.z']], [["`", "t"]]])(
    "of the parts %j has these",
    (parts) => {
      expect(tableParts(tableOf(parts))).toEqual(parts);
    },
  );

  test("is quoted part by part", () => {
    expect(quoteTable("public.facts", '"')).toBe('"public"."facts"');
    expect(quoteTable('s."a.b"', "`")).toBe("`s`.`a.b`");
    expect(quoteTable("a`b", "`")).toBe("`a``b`");
  });

  test("has others beside it", () => {
    expect(tableBeside("s.offsets", "_relations")).toBe("s.offsets_relations");
    expect(tableBeside('"my.offsets"', "_relations")).toBe('"my.offsets_relations"');
  });
});

test("a column is quoted as a whole", () => {
  expect(quoteName("a.b", '"')).toBe('"a.b"');
  expect(quoteName('a"b', '"')).toBe('"a""b"');
});
