import { describe, expect, test } from "vitest";
import { type DecoderPlace, type RecordDecoder, recordDecoder } from "./decoder.ts";
import type { FormatOptions } from "./format-options.ts";

const CSV = { delimiter: ",", header: true, columns: undefined };
const options = (format: FormatOptions["format"], more: Partial<FormatOptions> = {}): FormatOptions => ({
  format,
  csv: undefined,
  "max-record-size": 1000,
  key: "none",
  "on-invalid": "skip",
  ...more,
});

interface Read {
  readonly values: string[];
  readonly invalid: string[];
  readonly places: DecoderPlace[];
}

/** Reads a document in pieces of this size. */
function read(decoder: RecordDecoder, document: string | Uint8Array, sizeBytes: number, ends = true): Read {
  const bytes = Buffer.from(document);
  const found: Read = { values: [], invalid: [], places: [] };
  const take = ({ values, invalid }: ReturnType<RecordDecoder["push"]>) => {
    found.values.push(...values.map((value) => Buffer.from(value).toString()));
    found.invalid.push(...invalid.map(({ offset, reason }) => `${offset}: ${reason}`));
    found.places.push(decoder.place);
  };
  for (let at = 0; at < bytes.length; at += sizeBytes) take(decoder.push(bytes.subarray(at, at + sizeBytes)));
  if (ends) take(decoder.end());
  return found;
}

const DOCUMENTS: readonly (readonly [string, FormatOptions, string, readonly string[]])[] = [
  ["lines", options("lines"), "a\nbc\r\n\nd ü\nlast", ["a", "bc", "", "d ü", "last"]],
  ["lines with a byte order mark", options("lines"), "\ufeffa\nb\n", ["a", "b"]],
  ["ndjson", options("ndjson"), '{"a":1}\n\n[1,2]\r\n"x"\n3', ['{"a":1}', "[1,2]", '"x"', "3"]],
  [
    "an array of JSON",
    options("json"),
    ' [ {"a":"]}\\"["},\n {"b":{"c":[1,2]}}, [[3],4], "x,y]", 12 , true]\n',
    ['{"a":"]}\\"["}', '{"b":{"c":[1,2]}}', "[[3],4]", '"x,y]"', "12", "true"],
  ],
  [
    "values of JSON",
    options("json"),
    '{\n"a": 1\n}{"b":2}\n3 "x"\n[4,5]\n[]\n6',
    ['{\n"a": 1\n}', '{"b":2}', "3", '"x"', "4", "5", "6"],
  ],
  [
    "csv",
    options("csv"),
    '\ufeffid,"the name"\r\n1,Ann\r\n2,"line\nbreak, ""quoted"""\n\n3,5" pipe',
    [
      '{"id":"1","the name":"Ann"}',
      '{"id":"2","the name":"line\\nbreak, \\"quoted\\""}',
      '{"id":"3","the name":"5\\" pipe"}',
    ],
  ],
  [
    "csv with other columns",
    options("csv", { csv: { ...CSV, delimiter: ";", columns: ["x", "y"] } }),
    "a;b\n1;2\n",
    ['{"x":"1","y":"2"}'],
  ],
  ["csv without names", options("csv", { csv: { ...CSV, header: false } }), "1,2\n3\n", ['["1","2"]', '["3"]']],
  ["csv with a nameless column", options("csv"), ",b\n1,2\n", ['{"column_1":"1","b":"2"}']],
];

describe.each(DOCUMENTS)("%s", (_, own, document, expected) => {
  test.each([1, 2, 3, 7, 1000])("in pieces of %i bytes", (sizeBytes) => {
    const { values, invalid } = read(recordDecoder(own), document, sizeBytes);
    expect(values).toEqual(expected);
    expect(invalid).toEqual([]);
  });

  test("goes on at every place it was at", () => {
    const whole = read(recordDecoder(own), document, 1);
    let before = 0;
    const bytes = Buffer.from(document);
    for (const place of whole.places) {
      const rest = read(recordDecoder(own, JSON.parse(JSON.stringify(place))), bytes.subarray(place.offset), 1000);
      before = Math.max(before, expected.length - rest.values.length);
      expect(rest.values).toEqual(expected.slice(expected.length - rest.values.length));
    }
    expect(before).toBe(expected.length);
    expect(whole.places.at(-1)?.offset).toBe(bytes.length);
  });
});

describe("what is no record", () => {
  test.each([1, 5, 1000])("larger than allowed: named with its place, the rest goes on (pieces of %i)", (sizeBytes) => {
    const own = options("lines", { "max-record-size": 5 });
    expect(read(recordDecoder(own), "ab\n123456789\ncd\n", sizeBytes)).toMatchObject({
      values: ["ab", "cd"],
      invalid: ["3: it has 10 bytes, more than max-record-size"],
    });
  });

  test("a large record is not held", () => {
    const decoder = recordDecoder(options("lines", { "max-record-size": 5 }));
    decoder.push(Buffer.alloc(100, "x"));
    expect(decoder.place.offset).toBe(0);
    expect(decoder.push(Buffer.from("\nnext\n"))).toMatchObject({
      values: [Buffer.from("next")],
      invalid: [{ offset: 0 }],
    });
  });

  test("JSON that is broken: the others go on", () => {
    expect(read(recordDecoder(options("ndjson")), '{"a":1}\n{"b":\n{"c":3}\n', 4)).toMatchObject({
      values: ['{"a":1}', '{"c":3}'],
      invalid: [expect.stringContaining("8: it is not JSON")],
    });
    expect(read(recordDecoder(options("json")), '[{"a":1},{b},{"c":3}]', 4)).toMatchObject({
      values: ['{"a":1}', '{"c":3}'],
      invalid: [expect.stringContaining("it is not JSON")],
    });
  });

  test("bytes that are no UTF-8 are no JSON, and lines as they are", () => {
    const bytes = Buffer.from([0x22, 0xff, 0x22, 0x0a]);
    expect(read(recordDecoder(options("ndjson")), bytes, 10).invalid).toHaveLength(1);
    expect(recordDecoder(options("lines")).push(bytes).values).toEqual([bytes.subarray(0, 3)]);
  });

  test("a document that ends within a record", () => {
    expect(read(recordDecoder(options("json")), '[{"a":1},{"b"', 3)).toMatchObject({
      values: ['{"a":1}'],
      invalid: ["8: the document ends within it"],
    });
    expect(read(recordDecoder(options("csv")), 'a,b\n1,"x', 3)).toMatchObject({
      values: [],
      invalid: ["4: the document ends within it"],
    });
  });

  test("a row with other columns than the header's", () => {
    const { values, invalid } = read(recordDecoder(options("csv")), "a,b\n1,2\n3\n4,5,6\n7,8\n", 1000);
    expect(values).toEqual(['{"a":"1","b":"2"}', '{"a":"7","b":"8"}']);
    expect(invalid).toEqual([expect.stringContaining("8: "), expect.stringContaining("10: ")]);
  });
});

test("a line without its end waits", () => {
  const decoder = recordDecoder(options("lines"));
  expect(read(decoder, "a\nb", 10, false).values).toEqual(["a"]);
  expect(decoder.hasPending).toBe(true);
  expect(decoder.place).toEqual({ offset: 2, state: undefined });
  expect(read(decoder, "c\n", 10, false).values).toEqual(["bc"]);
  expect(decoder.hasPending).toBe(false);
});
