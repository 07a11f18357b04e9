import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { afterAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { ModuleUnderTest } from "./testing/harness.ts";

const FOLDER = import.meta.dirname;
const NAMES = readdirSync(FOLDER).filter((name) => existsSync(join(FOLDER, name, "SmartModule.toml")));
const EXAMPLE =
  /```yaml\n(?<yaml>transforms:\n[\s\S]*?)```\n\n```text in(?<one> one)?\n(?<given>[\s\S]*?)\n```\n\n```text out(?<keys> keys)?\n(?<made>[\s\S]*?)\n```/g;

const modules = new Map(NAMES.map((name) => [name, new ModuleUnderTest(name)]));
afterAll(() => Promise.all([...modules.values()].map((module) => module[Symbol.asyncDispose]())));

interface PackageFile {
  readonly package: {
    readonly name: string;
    readonly description: string;
    readonly group: string;
    readonly version: string;
  };
  readonly params?: readonly { readonly name: string; readonly description: string; readonly optional?: boolean }[];
}

interface Transforms {
  readonly transforms: readonly [{ readonly uses: string; readonly with?: Readonly<Record<string, unknown>> }];
}

const text = (...path: string[]) => readFileSync(join(FOLDER, ...path), "utf8");
const packageFile = (name: string) => parseToml(text(name, "SmartModule.toml")) as unknown as PackageFile;
const overview = text("README.md");

describe.each(NAMES)("%s", (name) => {
  const readme = text(name, "README.md");
  const module = modules.get(name) as ModuleUnderTest;

  it("does what the examples of its README show", async () => {
    const examples = [...readme.matchAll(EXAMPLE)];
    expect(examples.length).toBe([...readme.matchAll(/^```text in/gm)].length);
    expect(examples.length).toBeGreaterThan(0);
    for (const { groups = {} } of examples) {
      const [step] = (parseYaml(groups.yaml as string) as Transforms).transforms;
      const { group, version } = packageFile(name).package;
      expect(step.uses).toBe(`${group}/${name}@${version}`);
      const given = groups.given as string;
      const { values, keys, error } = await module.run(paramsOf(step.with), groups.one ? [given] : given.split("\n"));
      expect(error).toBe(undefined);
      const shown = values.map((value, index) => (groups.keys ? `[${keys[index] ?? "null"}] ${value}` : value));
      expect(shown.join("\n")).toBe(groups.made);
    }
  });

  it("has its parameters in the README as in the package file, and takes no others", async () => {
    const { params = [], package: found } = packageFile(name);
    expect(found.name).toBe(name);
    expect(readme).toContain(`${found.description}. Kind: `);
    for (const { name: param, description, optional = false } of params) {
      expect(description.length).toBeGreaterThan(0);
      const cell = [`\`${param}\``, ...(optional ? [] : ["(required)"])].join(" ");
      const row = readme.split("\n").find((line) => line.startsWith(`| ${cell} `) && line.includes(description));
      expect(row, `a row of ${param} in the README of ${name}`).toBeDefined();
    }
    if (name === "counter") return;
    const refusal = await module.refusal({ "no-such": "x" });
    const unknown = refusal?.includes("Unknown param no-such") === true || refusal?.includes("Missing param") === true;
    expect(unknown || refusal?.includes("Give one of the params") === true, refusal).toBe(true);
  });

  it("is in the overview, with an example that does what it shows", async () => {
    const kind = /Kind: ([a-z-]+)\./.exec(readme)?.[1];
    expect(rowOf(`[${name}](${name}/README.md)`)).toEqual([kind, packageFile(name).package.description]);
    const [params, given, made] = rowOf(name).map((cell) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => (code as string).replaceAll("\\|", "|")),
    );
    const entries = (params as string[]).map((param) => {
      const at = param.indexOf("=");
      return [param.slice(0, at), param.slice(at + 1)];
    });
    expect((await module.run(Object.fromEntries(entries), given as string[])).values).toEqual(made);
  });
});

/** The cells of the row of the overview that begins with this one, without it. */
function rowOf(first: string): string[] {
  const row = overview.split("\n").find((line) => line.startsWith(`| ${first} `)) ?? "";
  return row
    .split(/(?<!\\)\|/)
    .slice(2, -1)
    .map((cell) => cell.trim());
}

/** Parameters as a transforms file gives them to a module: lists and maps become JSON. */
function paramsOf(given: Readonly<Record<string, unknown>> = {}): Record<string, string> {
  const entries = Object.entries(given).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
