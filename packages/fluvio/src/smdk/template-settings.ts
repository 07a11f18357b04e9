import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";
import { flvError } from "../protocol/index.ts";

/** Settings of a template, in its root. They are no part of the project. */
export const SETTINGS_FILE = "cargo-generate.toml";

const Placeholder = z.object({
  type: z.enum(["string", "bool"]).default("string"),
  prompt: z.string().optional(),
  default: z.union([z.string(), z.boolean()]).optional(),
  choices: z.array(z.string()).optional(),
  regex: z.string().optional(),
});

const Settings = z.object({
  template: z
    .object({
      include: z.array(z.string()).default([]),
      exclude: z.array(z.string()).default([]),
      ignore: z.array(z.string()).default([]),
    })
    .prefault({}),
  placeholders: z.record(z.string(), Placeholder).default({}),
});

/** A value that a template asks for. */
export interface TemplatePlaceholder {
  readonly name: string;
  readonly type: "string" | "bool";
  readonly prompt: string;
  readonly default?: string | boolean | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly regex?: string | undefined;
}

export interface TemplateSettings {
  /** Patterns of the only files whose places are filled in; empty: all. */
  readonly include: readonly string[];
  /** Patterns of files that are taken as they are. */
  readonly exclude: readonly string[];
  /** Patterns of files that are left out. */
  readonly ignore: readonly string[];
  readonly placeholders: readonly TemplatePlaceholder[];
}

/** What would change a project without a word when it was passed over: scripts, files by condition, templates in templates. */
const UNKNOWN_TABLES = ["hooks", "conditional"];

/** @param dir folder of a template @throws FLV_ARGUMENT naming the key, or the line, that is wrong */
export async function readTemplateSettings(dir: string): Promise<TemplateSettings> {
  const text = await readFile(join(dir, SETTINGS_FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  let raw: Readonly<Record<string, unknown>>;
  try {
    raw = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalid(`line ${error.line}, column ${error.column}: ${error.message.split("\n")[0]}`, error);
  }
  const refused = UNKNOWN_TABLES.find((table) => table in raw);
  if (refused !== undefined) throw invalid(`[${refused}] is not known here, no script of a template is run`);
  const parsed = Settings.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(`${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { template, placeholders } = parsed.data;
  return {
    ...template,
    placeholders: Object.entries(placeholders).map(([name, { prompt = `Value of ${name}`, ...rest }]) => {
      return { name, prompt, ...rest };
    }),
  };
}

function invalid(why: string, cause?: unknown) {
  return flvError("FLV_ARGUMENT", `Invalid template settings "${SETTINGS_FILE}": ${why}`, {
    cause,
    hint: "It may have include, exclude and ignore below [template], and type, prompt, default, choices and regex of [placeholders.NAME].",
  });
}

/** What is wrong with an answer to a placeholder; nothing when it fits. */
export function placeholderProblem({ choices, regex }: TemplatePlaceholder, answer: string): string | undefined {
  if (choices !== undefined && !choices.includes(answer)) return `choose one of ${choices.join(", ")}`;
  if (regex !== undefined && !new RegExp(`^(?:${regex})$`).test(answer)) return `it has to match ${regex}`;
  return undefined;
}
