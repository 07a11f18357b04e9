import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitLines } from "./lines.ts";

async function lines(chunks: readonly Uint8Array[], signal = new AbortController().signal): Promise<string[]> {
  const out: string[] = [];
  for await (const group of splitLines(Readable.from(chunks), signal)) {
    out.push(...group.map((line) => Buffer.from(line).toString("latin1")));
  }
  return out;
}

describe("splitLines", () => {
  it.each([
    ["a\nb\n", ["a", "b"]],
    ["a\nb", ["a", "b"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["\n\n", ["", ""]],
    ["", []],
    ["a\rb\n", ["a\rb"]],
  ])("%j", async (text, expected) => {
    expect(await lines([Buffer.from(text)])).toEqual(expected);
  });

  it("gives the same lines however the input is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "bc", "\n", "\r\n", "é"), { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 60 }),
        async (parts, cuts) => {
          const bytes = Buffer.from(parts.join(""));
          const chunks: Buffer[] = [];
          for (let at = 0, index = 0; at < bytes.length; index++) {
            const end = at + (cuts[index % cuts.length] ?? 1);
            chunks.push(bytes.subarray(at, end));
            at = end;
          }
          expect(await lines(chunks)).toEqual(await lines([bytes]));
        },
      ),
    );
  });

  it("ends quietly when the signal is aborted", async () => {
    const stop = new AbortController();
    const endless = new Readable({ read: () => {} });
    endless.push("a\n");
    const groups = splitLines(endless, stop.signal);
    expect((await groups.next()).value).toHaveLength(1);
    stop.abort();
    expect(await groups.next()).toEqual({ done: true, value: undefined });
  });
});
