import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { knownOptions } from "./client-options.ts";

test("the README lists the properties that `kafka-option` takes", async () => {
  const text = await readFile(new URL("./README.md", import.meta.url), "utf8");
  const sink = new Set(knownOptions("sink"));
  const source = knownOptions("source");
  const names = [...new Set([...source, ...sink])];
  const side = (name: string) => (!sink.has(name) ? "source" : source.includes(name) ? "both" : "sink");
  const rows = names.map((name) => `| \`${name}\` | ${side(name)} |`);
  expect(text).toContain(`| property | of |\n| --- | --- |\n${rows.join("\n")}\n`);
});
