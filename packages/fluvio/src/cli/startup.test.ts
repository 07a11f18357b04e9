import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Program } from "./testing/program.ts";

/** Each costs a simple command more than all of its own work. */
const HEAVY = [
  "zod",
  "yaml",
  "pino",
  "handlebars",
  "undici",
  "lmdb",
  "tar",
  "semver",
  "cli-progress",
  "@clack/prompts",
];

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-cli-startup-"));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

/** Names of the packages, and the layers of our own, that a command line loads: coverage names every script. */
async function loadedBy(argv: readonly string[]): Promise<ReadonlySet<string>> {
  const folder = await mkdtemp(join(home, "coverage-"));
  await new Program(home).run(argv, { NODE_V8_COVERAGE: folder });
  const loaded = new Set<string>();
  for (const file of await readdir(folder)) {
    const report = JSON.parse(await readFile(join(folder, file), "utf8")) as { result: { url: string }[] };
    for (const { url } of report.result) {
      const found = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/|\/fluvio\/dist\/([^/]+)\//.exec(url);
      const name = found?.[1] ?? found?.[2];
      if (name !== undefined) loaded.add(name);
    }
  }
  return loaded;
}

describe("what a command does not need is not loaded", () => {
  it.each([
    ["version"],
    ["topic list"],
    ["profile list"],
    ["produce --help"],
    ["consume nope -B -d"],
    ["cluster status"],
    ["smartmodule list"],
    ["smartmodule stats"],
  ])("by fluvio %s", async (line) => {
    const loaded = await loadedBy(line.split(" "));
    expect(loaded).toContain("cli");
    expect([...loaded].filter((name) => HEAVY.includes(name))).toEqual([]);
    expect(loaded).not.toContain("connector");
  });

  it("the server, by commands that only talk to one", async () => {
    for (const line of ["version", "topic list", "connector list", "smartmodule list"]) {
      const loaded = await loadedBy(line.split(" "));
      for (const layer of ["server", "gateway", "storage", "smdk"]) expect(loaded).not.toContain(layer);
    }
  });
});
