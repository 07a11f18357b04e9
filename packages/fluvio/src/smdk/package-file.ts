import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";
import { flvError, type SmartModuleMetadata } from "../protocol/index.ts";

const Param = z.object({ description: z.string().optional(), optional: z.boolean().optional() });

/** As the cluster has it for every name. */
const NAME = /^[a-z0-9](?:[\w.-]*[a-z0-9])?$/i;
const NAME_RULE = "use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
const VERSION =
  /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?(?:\+[0-9a-z-]+(?:\.[0-9a-z-]+)*)?$/i;

const PackageFile = z.object({
  package: z.object({
    name: z.string().regex(NAME, NAME_RULE),
    // A project without one can be built and tested; what needs one says so.
    group: z.string().refine((group) => group === "" || NAME.test(group), NAME_RULE),
    version: z.string().regex(VERSION, "a version has three numbers, as semver.org says"),
    apiVersion: z.string().optional(),
    description: z.string().optional(),
    license: z.string().optional(),
    visibility: z.enum(["private", "public"]).optional(),
    repository: z.string().optional(),
  }),
  params: z.union([z.record(z.string(), Param), z.array(Param.extend({ name: z.string() }))]).optional(),
});

/** What keys of `[package]` look like. */
const EXAMPLES: Readonly<Record<string, string>> = {
  name: 'name = "my-filter"',
  group: 'group = "your-organisation"',
  version: 'version = "0.1.0"',
  visibility: 'visibility = "private"',
};

/** Reads a SmartModule.toml. @throws FLV_ARGUMENT naming the offending key and its line, with what to write in the hint */
export function parsePackageFile(text: string, path: string): SmartModuleMetadata {
  const raw = readToml(text, path);
  const parsed = PackageFile.safeParse(raw);
  if (!parsed.success) throw wrongKey(parsed.error.issues[0], raw, text, path);
  const { package: found, params = {} } = parsed.data;
  const named = Array.isArray(params)
    ? params.map(({ name, ...param }) => [name, param] as const)
    : Object.entries(params);
  return {
    package: {
      name: found.name,
      group: found.group,
      version: found.version,
      apiVersion: found.apiVersion ?? "0.1.0",
      description: found.description,
      license: found.license,
      visibility: found.visibility ?? "private",
      repository: found.repository,
    },
    params: new Map(
      named.map(([name, { description, optional }]) => [name, { description, optional: optional ?? false }]),
    ),
  };
}

function readToml(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const reason = message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw flvError("FLV_ARGUMENT", `Invalid SmartModule package "${path}": line ${line}, column ${column}: ${reason}`, {
      details: { path, line, column },
      cause: error,
      hint: 'A key is written name = "value", a table [package].',
    });
  }
}

function wrongKey(issue: z.core.$ZodIssue | undefined, raw: unknown, text: string, path: string) {
  const keys = issue?.path.map(String) ?? [];
  const [table, key = ""] = keys;
  const given = keys.reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], raw);
  const line = table === "package" ? lineOf(text, key) : undefined;
  const where = `${keys.join(".")}${line === undefined ? "" : ` (line ${line})`}`;
  const why = given === undefined ? "is missing" : `${JSON.stringify(given)}: ${issue?.message}`;
  const example = table === "package" ? (EXAMPLES[key] ?? (key === "" ? EXAMPLES.name : undefined)) : undefined;
  return flvError("FLV_ARGUMENT", `Invalid SmartModule package "${path}": ${where} ${why}`, {
    details: { path, key: keys.join("."), ...(line === undefined ? {} : { line }) },
    ...(example === undefined ? {} : { hint: `Write it below [package], such as: ${example}.` }),
  });
}

/** The line, from 1, that a key of `[package]` stands in. */
function lineOf(text: string, key: string): number | undefined {
  const lines = text.split("\n");
  const table = lines.findIndex((line) => /^\s*\[\s*package\s*\]/.test(line));
  const at = lines.findIndex((line, index) => index > table && line.split("=")[0]?.trim() === key);
  return table < 0 || at < 0 ? undefined : at + 1;
}

/** The text of a SmartModule.toml with another visibility; everything else stays as it is written. */
export function withVisibility(text: string, visibility: "private" | "public"): string {
  const line = `visibility = "${visibility}"`;
  const present = /^[ \t]*visibility[ \t]*=.*$/m;
  return present.test(text) ? text.replace(present, line) : text.replace(/^\[package\].*$/m, `$&\n${line}`);
}
