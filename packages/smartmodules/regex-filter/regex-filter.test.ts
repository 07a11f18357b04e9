import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";

const module = new ModuleUnderTest("regex-filter");
afterAll(() => module[Symbol.asyncDispose]());

const kept = async (params: Record<string, string>, values: string[]) => (await module.run(params, values)).values;

describe("regex-filter", () => {
  it("keeps records with a match, byte for byte, with their keys", async () => {
    const records = [
      { key: "a", value: "error: disk" },
      { key: "b", value: "all is well" },
      { key: "c", value: "an ERROR" },
    ];
    expect(await module.run({ regex: "error" }, records)).toMatchObject({ values: ["error: disk"], keys: ["a"] });
    expect(await module.run({ regex: "(?i)error" }, records)).toMatchObject({ keys: ["a", "c"] });
    expect(await module.run({ regex: "error", "ignore-case": "true" }, records)).toMatchObject({ keys: ["a", "c"] });
    // the sign for kelvin is a k too
    expect((await module.run({ regex: "(?i)k" }, ["\u212a", "x"])).values).toEqual(["\u212a"]);
    expect(await module.run({ regex: "error", invert: "true" }, records)).toMatchObject({ keys: ["b", "c"] });
  });

  it("looks at keys; a record without one has no match", async () => {
    const records = [{ key: "user-1", value: "x" }, { value: "user-2" }];
    expect((await module.run({ regex: "^user", of: "key" }, records)).values).toEqual(["x"]);
    expect((await module.run({ regex: "^user", of: "key", invert: "true" }, records)).values).toEqual(["user-2"]);
  });

  it.each([
    ["a(b", "unclosed ( at position 1 of a(b"],
    ["[z-a]", "a range whose end is below its start at position 1 of [z-a]"],
    ["x**", "nothing to repeat at position 2 of x**"],
    ["(?=x)", "look-around is not supported (matching takes linear time) at position 0 of (?=x)"],
    ["(a)\\1", "back references are not supported (matching takes linear time) at position 3 of (a)\\1"],
    ["a{9999}", "a repeat above 1000 at position 1 of a{9999}"],
    ["((a{1000}){1000})", "too large when its repeats are written out: ((a{1000}){1000})"],
  ])("refuses %s with the place", async (regex, problem) => {
    expect(await module.refusal({ regex })).toContain(`Invalid param regex: ${problem}`);
  });

  it("refuses parameters that are missing, unknown or wrong", async () => {
    expect(await module.refusal({})).toContain("Missing param regex");
    expect(await module.refusal({ regex: "a", inverted: "true" })).toContain("Unknown param inverted");
    expect(await module.refusal({ regex: "a", invert: "yes" })).toContain("Invalid param invert: yes");
  });

  it("takes empty values, bytes that are no UTF-8 and 10 MB", async () => {
    expect(await kept({ regex: "^$" }, ["", "a"])).toEqual([""]);
    const odd = new Uint8Array([0xff, 0x61, 0xc3]);
    expect((await module.run({ regex: "a", of: "value" }, [{ value: new Uint8Array([0xc3, 0x61]) }, "b"])).error).toBe(
      undefined,
    );
    await using chain = await module.chain({ params: { regex: "zz$" } });
    const large = new Uint8Array(10 << 20).fill(0x61);
    large.set([0x7a, 0x7a], large.length - 2);
    const { encodeRecords, decodeRecords } = await import("../../fluvio/src/protocol/index.ts");
    const section = encodeRecords(
      [large, odd].map((value, offsetDelta) => ({ timestampDelta: 0, offsetDelta, key: odd, value })),
    );
    const output = decodeRecords((await chain.processRecords(section, 0)).records);
    expect(output).toHaveLength(1);
    expect(Buffer.compare(output[0]?.value as Uint8Array, large)).toBe(0);
    expect(output[0]?.key).toEqual(odd);
  });

  it("needs linear time where others try every way", async () => {
    const text = "a".repeat(1 << 20);
    expect(await kept({ regex: "^(a|aa)+$" }, [text, `${text}b`])).toEqual([text]);
    expect(await kept({ regex: "(a*)*(a|b)*c" }, [text])).toEqual([]);
    // a deterministic automaton of this has 2^13 states: more than are kept
    const mixed = Array.from({ length: 1 << 18 }, (_, i) => (((i * 7919) >> 3) & 1 ? "a" : "b")).join("");
    expect(await kept({ regex: "a[ab]{13}c" }, [mixed, `${mixed}a${"b".repeat(13)}c`])).toHaveLength(1);
  });

  it("means the same as JavaScript", async () => {
    const texts = fc.array(
      fc.array(fc.constantFrom(...TEXT_PARTS), { maxLength: 8 }).map((parts) => parts.join("")),
      {
        minLength: 8,
        maxLength: 16,
      },
    );
    const property = fc.asyncProperty(
      PATTERN,
      fc.boolean(),
      fc.boolean(),
      texts,
      async (pattern, ignoreCase, multiline, given) => {
        const flags = `${ignoreCase ? "i" : ""}${multiline ? "m" : ""}`;
        const oracle = new RegExp(pattern, `usy${flags}`);
        const regex = `(?s${flags})${pattern}`;
        expect(await kept({ regex }, given)).toEqual(given.filter((text) => matches(oracle, text)));
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});

/** Tries every character. Left to search by itself, V8 also tries the middle of a surrogate pair, where `\B` holds. */
function matches(sticky: RegExp, text: string): boolean {
  let at = 0;
  for (const character of [...text, ""]) {
    sticky.lastIndex = at;
    if (sticky.test(text)) return true;
    at += character.length;
  }
  return false;
}

const TEXT_PARTS = [
  "a",
  "b",
  "A",
  "é",
  "É",
  "ß",
  "k",
  "_",
  " ",
  "\n",
  "1",
  "-",
  "😀",
  "😁",
  "x",
  "σ",
  "ς",
  "Σ",
  "\u00a0",
];

/** Expressions that JavaScript and this module both take; `\w` and `\b` of JavaScript know more letters without case. */
const PATTERN: fc.Arbitrary<string> = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "a",
      "b",
      "é",
      "σ",
      "k",
      "_",
      " ",
      "\\n",
      "1",
      "-",
      "😀",
      ".",
      "\\d",
      "\\s",
      "\\D",
      "\\S",
      "^",
      "$",
      "\\b",
      "\\B",
    ),
    fc.constantFrom(
      "[ab]",
      "[^a]",
      "[a-é]",
      "[^\\d]",
      "[\\w-]",
      "(?:)",
      "[😀-😂x]",
      "\\u00e9",
      "\\x61",
      "[^]",
      "\\u{1f600}",
      "\\.",
      "\\w",
    ),
    fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
    fc.tuple(tie("pattern"), tie("pattern")).map(([left, right]) => `(?:${left}|${right})`),
    fc
      .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?", "+?"))
      .map(([inner, repeat]) => `(${inner})${repeat}`),
  ),
})).pattern;
