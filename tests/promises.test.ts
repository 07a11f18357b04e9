import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** docs/PROMISES.md says which tests prove what. This keeps it true when tests are renamed or removed. */
const ROOT = new URL("../", import.meta.url);
const PAGE = readFileSync(new URL("docs/PROMISES.md", ROOT), "utf8");
const PROMISES_COUNT = 27;

interface Proof {
  readonly file: string;
  readonly title: string;
}

/** A path is from the root, or from the main package's sources. */
function urlOf(file: string): URL {
  const fromRoot = file.startsWith("tests/") || file.startsWith("packages/");
  return new URL(fromRoot ? file : `packages/fluvio/src/${file}`, ROOT);
}

/** Whether a test, or a group of tests, has the title: the first argument of a call, as it stands in the source. */
function hasTitle(source: string, title: string): boolean {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/"/g, '\\\\?"');
  return new RegExp(`\\(\\s*(["'\`])${literal}\\1,`).test(source);
}

const sections = PAGE.split(/^## /m).slice(1);

it(`there are ${PROMISES_COUNT} promises, each with a test`, () => {
  expect(sections.map((section) => Number.parseInt(section, 10))).toEqual(
    Array.from({ length: PROMISES_COUNT }, (_, index) => index + 1),
  );
});

describe("the tests that are said to prove", () => {
  it.each(sections.map((section) => [section.split("\n", 1)[0] ?? "", section] as const))("%s", (_, section) => {
    const lines = section.split("\n").filter((line) => line.startsWith("- "));
    const proofs = lines.map((line): Proof => {
      const [, file, title] = /^- `([^`]+)`: "(.+)"$/.exec(line) ?? [];
      if (file === undefined || title === undefined) throw new Error(`not a file and a title: ${line}`);
      return { file, title };
    });
    expect(proofs.length).toBeGreaterThan(0);
    const missing = proofs.filter(({ file, title }) => {
      const url = urlOf(file);
      return !existsSync(url) || !hasTitle(readFileSync(url, "utf8"), title);
    });
    expect(missing).toEqual([]);
  });
});
