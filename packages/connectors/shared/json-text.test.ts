import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonAt, jsonElements, parseJsonPath, plainText } from "./json-text.ts";

const at = (json: string, path: string) => jsonAt(json, parseJsonPath(path) ?? []);

describe("parts of JSON", () => {
  test("are found by path", () => {
    const json = ' { "a" : { "b.c" : [ 10, {"d":"x\\"]"} ] , "n":12345678901234567890 }, "e": null } ';
    expect(at(json, "$.a.n")).toBe("12345678901234567890");
    expect(at(json, 'a["b.c"][1].d')).toBe('"x\\"]"');
    expect(at(json, 'a["b.c"].0')).toBe("10");
    expect(at(json, "e")).toBe("null");
    expect(at(json, "$")).toBe(json.trim());
    for (const path of ["x", "a.x", "a.n.x", 'a["b.c"].7', 'a["b.c"].x']) expect(at(json, path)).toBeUndefined();
  });

  test("of an array are its elements as they are written", () => {
    expect(jsonElements('[ 1.00 , "a,]" , {"b" : [2]} , [] ]')).toEqual(["1.00", '"a,]"', '{"b" : [2]}', "[]"]);
    expect(jsonElements(" [ ] ")).toEqual([]);
    expect(jsonElements('{"a":1}')).toBeUndefined();
  });

  test("mean the same as JSON.parse, whatever the document", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (list, space) => {
        const json = JSON.stringify(list, undefined, space);
        expect(jsonElements(json)?.map((one) => JSON.parse(one))).toEqual(JSON.parse(json));
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (object, space) => {
        const json = JSON.stringify(object, undefined, space);
        for (const name of Object.keys(object)) {
          expect(JSON.parse(jsonAt(json, [name]) ?? "")).toEqual((JSON.parse(json) as typeof object)[name]);
        }
      }),
    );
  });

  test.each(["", "a..b", "a[x]", "a b", '["a', "a."])("%j is no path", (path) => {
    expect(parseJsonPath(path)).toBeUndefined();
  });

  test("as plain text", () => {
    expect([plainText('"a\\nb"'), plainText("10.0"), plainText('{"a":1}')]).toEqual(["a\nb", "10.0", '{"a":1}']);
  });
});
