import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import { flvError, type SmartModuleMetadata } from "../protocol/index.ts";

const Param = z.object({ description: z.string().optional(), optional: z.boolean().optional() });

const PackageFile = z.object({
  package: z.object({
    name: z.string(),
    group: z.string(),
    version: z.string(),
    apiVersion: z.string().optional(),
    description: z.string().optional(),
    license: z.string().optional(),
    visibility: z.enum(["private", "public"]).optional(),
    repository: z.string().optional(),
  }),
  params: z.union([z.record(z.string(), Param), z.array(Param.extend({ name: z.string() }))]).optional(),
});

/** Reads a SmartModule.toml. @throws FLV_ARGUMENT naming the offending key */
export function parsePackageFile(text: string, path: string): SmartModuleMetadata {
  const invalid = (why: string, cause?: unknown) =>
    flvError("FLV_ARGUMENT", `Invalid SmartModule package "${path}": ${why}`, { details: { path }, cause });
  let raw: unknown;
  try {
    raw = parseToml(text);
  } catch (error) {
    throw invalid(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error), error);
  }
  const parsed = PackageFile.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(`${issue?.path.join(".")}: ${issue?.message}`);
  }
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

/** The text of a SmartModule.toml with another visibility; everything else stays as it is written. */
export function withVisibility(text: string, visibility: "private" | "public"): string {
  const line = `visibility = "${visibility}"`;
  const present = /^[ \t]*visibility[ \t]*=.*$/m;
  return present.test(text) ? text.replace(present, line) : text.replace(/^\[package\].*$/m, `$&\n${line}`);
}
