import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";

const module = new ModuleUnderTest("line-splitter");
afterAll(() => module[Symbol.asyncDispose]());

/** Lines without their ends; a line feed at the end of the text begins no line. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, index) => (index < text.split("\n").length - 1 ? line.replace(/\r$/, "") : line));
}

describe("line-splitter", () => {
  it("makes a record of each line, with the key of the record", async () => {
    const records = [{ key: "k", value: "a\r\n\nb c\n" }, "", "last"];
    const result = await module.run({}, records);
    expect(result).toMatchObject({ values: ["a", "b c", "last"], keys: ["k", "k", undefined] });
    expect((await module.run({ "empty-lines": "keep" }, records)).values).toEqual(["a", "", "b c", "last"]);
  });

  it("keeps bytes that are no UTF-8, and takes 10 MB", async () => {
    const { bytes } = await module.run({}, [{ value: new Uint8Array([0xff, 0x0a, 0x0d, 0xc3]) }]);
    expect(bytes.map((line) => [...line])).toEqual([[0xff], [0x0d, 0xc3]]);
    const lines = Array.from({ length: 1 << 17 }, (_, i) => String(i).padStart(79, "."));
    expect((await module.run({}, [lines.join("\n")])).values).toEqual(lines);
  });

  it("refuses a wrong parameter", async () => {
    expect(await module.refusal({ "empty-lines": "no" })).toContain(
      "Invalid param empty-lines: no is none of drop, keep",
    );
  });

  it("splits as the model does", async () => {
    const text = fc.array(fc.constantFrom("\n", "\r\n", "\r", "a", "é", "12345678", ""), { maxLength: 12 });
    const property = fc.asyncProperty(text, async (parts) => {
      const value = parts.join("");
      expect((await module.run({ "empty-lines": "keep" }, [value])).values).toEqual(linesOf(value));
      expect((await module.run({}, [value])).values).toEqual(linesOf(value).filter((line) => line !== ""));
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
