import { isUtf8 } from "node:buffer";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { compileSdk } from "../../../tests/fixtures/build-sdk.ts";
import { encodeRecords } from "../../fluvio/src/protocol/index.ts";
import { TestHost } from "./testing/host.ts";

const PROBE = fileURLToPath(new URL("../../../tests/fixtures/assembly-sdk/probes/bytes.ts", import.meta.url));
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

function parses(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** Long numbers may differ in the last of their binary digits. */
function expectNear(text: string, value: number): void {
  expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -48, Number.MIN_VALUE));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every part of a JSON value with the path that leads to it. */
function* paths(value: unknown, path = ""): Generator<readonly [path: string, part: unknown]> {
  yield [path, value];
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) yield* paths(element, `${path}[${index}]`);
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      // a name with a quote and a bracket cannot be written in a path
      if (!key.includes('"]')) yield* paths(member, `${path}["${key}"]`);
    }
  }
}

describe("bytes", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = new TestHost(await compileSdk(PROBE));
  });

  /** What a method gives, as text; an error of the record in brackets. */
  function ask(method: string, bytes: string | Uint8Array, argument: string | Uint8Array = ""): string {
    const content = Buffer.from(bytes);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(content.length);
    const value = Buffer.concat([size, content, Buffer.from(argument)]);
    const records = encodeRecords([{ timestampDelta: 0, offsetDelta: 0, key: Buffer.from(method), value }]);
    const { code, output } = host.call("map", { records });
    if (code === 0) return `[${text(output.subarray(7, 7 + new DataView(output.buffer).getUint16(5)))}]`;
    // what stands between the key and the two zeros at the end is the size of the value, and the value
    let start = Buffer.from(output).indexOf(method) + method.length;
    while (((output[start] as number) & 0x80) !== 0) start += 1;
    return text(output.subarray(start + 1, -2));
  }

  it("are found as Buffer finds them", () => {
    const part = fc.uint8Array({ max: 3, maxLength: 20 });
    const property = fc.property(fc.uint8Array({ max: 3, maxLength: 80 }), part, (bytes, needle) => {
      const buffer = Buffer.from(bytes);
      const index = needle.length === 0 ? 0 : buffer.indexOf(needle);
      for (const method of ["indexOf", "indexOfText", "indexOfArray"])
        expect(ask(method, bytes, needle)).toBe(`${index}`);
      const lastIndex = needle.length === 0 ? bytes.length : buffer.lastIndexOf(needle);
      expect(ask("lastIndexOf", bytes, needle)).toBe(`${lastIndex}`);
      expect(ask("includes", bytes, needle)).toBe(`${index >= 0}`);
      expect(ask("startsWith", bytes, needle)).toBe(`${buffer.subarray(0, needle.length).equals(needle)}`);
      const end = buffer.subarray(Math.max(0, buffer.length - needle.length));
      expect(ask("endsWith", bytes, needle)).toBe(`${end.equals(needle)}`);
      expect(ask("equals", bytes, needle)).toBe(`${buffer.equals(needle)}`);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("become text as TextDecoder makes it, and know whether they are", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: "binary", maxLength: 40 }).map((value) => new TextEncoder().encode(value)),
    );
    const property = fc.property(bytes, (content) => {
      expect(ask("toString", content)).toBe(text(content));
      expect(ask("isUtf8", content)).toBe(`${isUtf8(content)}`);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("say what is wrong with text and numbers as Rust does", () => {
    expect(ask("toText", "héllo")).toBe("héllo");
    expect(ask("toText", Buffer.from([0x61, 0xff]))).toBe("[invalid utf-8 sequence of 1 bytes from index 1]");
    expect(ask("toText", Buffer.from([0x61, 0xe2, 0x82]))).toBe("[incomplete utf-8 byte sequence from index 1]");
    expect(ask("toI64", "-9223372036854775808")).toBe("-9223372036854775808");
    expect(ask("toI64", "+12")).toBe("12");
    expect(ask("toI64", "9223372036854775808")).toBe("[number too large to fit in target type]");
    expect(ask("toI64", "-9223372036854775809")).toBe("[number too small to fit in target type]");
    expect(ask("toI64", "")).toBe("[cannot parse integer from empty string]");
    for (const wrong of ["-", "+", "1 ", "1.5", "x"])
      expect(ask("toI64", wrong)).toBe("[invalid digit found in string]");
  });

  it("are cut and trimmed", () => {
    expect(ask("slice", "abcdef", "2")).toBe("cdef");
    expect(ask("slice", "abcdef", "-2")).toBe("ef");
    expect(ask("slice", "abcdef", "9")).toBe("");
    expect(ask("trim", " \t\r\n a b \n")).toBe("a b");
    expect(ask("copy", "abc")).toBe("abc");
    expect(ask("at", "abc", "1")).toBe("98");
  });

  it("are numbers where JavaScript has the same number", () => {
    const short = fc.tuple(fc.integer({ min: -999_999_999, max: 999_999_999 }), fc.nat({ max: 9 }));
    fc.assert(
      fc.property(short, ([digits, places]) => {
        const value = Number((digits / 10 ** places).toFixed(places));
        expect(Number(ask("toF64", value.toFixed(places)))).toBe(value);
      }),
    );
    const property = fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expectNear(ask("toF64", String(value)), value);
    });
    fc.assert(property, { numRuns: 500 });
    for (const wrong of ["", "x", "1x", "1e", "--1", "1.2.3", " 1"]) expect(ask("toF64", wrong)).toBe("NaN");
  });

  it("are JSON exactly when JSON.parse takes them", () => {
    const broken = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0e.-+ 1tn\n'), maxLength: 3 }),
    );
    const property = fc.property(broken, ([json, at, change]) => {
      const place = at % (json.length + 1);
      const content = json.slice(0, place) + change + json.slice(place + (at % 3));
      const verdict = ask("jsonError", content);
      // JavaScript has an infinity for numbers that are too large
      if (!verdict.startsWith("number out of range")) expect(verdict === "fine", content).toBe(parses(content));
    });
    fc.assert(property, { numRuns: 2000 });
  });

  it("say what is wrong with JSON as serde_json does", () => {
    const cases = {
      nope: "expected ident at line 1 column 2",
      "": "EOF while parsing a value at line 1 column 0",
      "[1,]": "trailing comma at line 1 column 4",
      '{"a":1,}': "trailing comma at line 1 column 8",
      "{a:1}": "key must be a string at line 1 column 2",
      '{"a" 1}': "expected `:` at line 1 column 6",
      "[1 2]": "expected `,` or `]` at line 1 column 4",
      '{"a":1 "b"': "expected `,` or `}` at line 1 column 8",
      "1 2": "trailing characters at line 1 column 3",
      "01": "invalid number at line 1 column 2",
      "1.": "EOF while parsing a value at line 1 column 2",
      '"\\x"': "invalid escape at line 1 column 3",
      '"abc': "EOF while parsing a string at line 1 column 4",
      '\n\n"\u0001"': "control character (\\u0000-\\u001F) found while parsing a string at line 3 column 2",
      "1e999": "number out of range at line 1 column 5",
      [`${"[".repeat(200)}`]: "recursion limit exceeded at line 1 column 128",
    };
    for (const [json, message] of Object.entries(cases)) expect(ask("jsonError", json), json).toBe(message);
  });

  it("have the JSON fields that JSON.parse finds", () => {
    const property = fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, indent) => {
      const json = JSON.stringify(value, undefined, indent);
      for (const [path, part] of paths(value)) {
        expect(JSON.parse(ask("jsonField", json, path)), path).toEqual(JSON.parse(JSON.stringify(part)));
        if (typeof part === "string") expect(ask("jsonText", json, path)).toBe(part);
        if (typeof part === "number") expectNear(ask("jsonNumber", json, path), part);
        const counts = Array.isArray(part) ? [part.length, 0] : [0, isObject(part) ? Object.keys(part).length : 0];
        expect(ask("jsonCount", json, path)).toBe(counts.join(" "));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it("take a backslash in a name for no escape in the JSON", () => {
    const json = JSON.stringify({ '"': 0, "\n": 1, "\\": 2, "\\n": 3 });
    expect(ask("jsonField", json, '["\\"]')).toBe("2");
    expect(ask("jsonField", json, '["\\n"]')).toBe("3");
    expect(ask("jsonField", json, '["\n"]')).toBe("1");
  });

  it("tell a path that leads nowhere from one that is none", () => {
    const json = '{"a":{"b":[1,{"c":"x"}]},"a.b":2,"a":{"b":[7]}}';
    const cases = {
      "a.b[0]": "7",
      '["a.b"]': "2",
      "$.a.b": "[7]",
      "a.x": "missing",
      "a.b[5]": "missing",
      "a.b.c": "missing",
    };
    for (const [path, found] of Object.entries(cases)) expect(ask("jsonField", json, path), path).toBe(found);
    for (const path of ["a.", "a..b", "a[", "a[x]", "a[-1]", 'a["b', "a[]", "a]b["]) {
      expect(ask("jsonField", json, path)).toBe(`[${path} is no path into JSON]`);
    }
  });

  it("become strings of JSON", () => {
    const property = fc.property(fc.string({ unit: "binary" }), (value) => {
      expect(JSON.parse(ask("jsonQuote", value))).toBe(value);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
