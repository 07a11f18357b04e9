import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownManifest, type ProjectFiles, writeNewProject } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import { cloneRepository, type GitOptions, type GitSource } from "./git-clone.ts";
import { PACKAGE_FILE } from "./project.ts";
import type { TemplateValues } from "./template.ts";
import { placeholderProblem, readTemplateSettings, type TemplatePlaceholder } from "./template-settings.ts";
import type { Answers } from "./templates/answers.ts";
import { projectFiles } from "./templates/common.ts";

/** Release of the crate that a Rust project is generated with. */
const CRATE_VERSION = "0.50";

export interface GenerateOptions extends Omit<Answers, "crate" | "productVersion"> {
  /** Absolute path of the new folder. */
  readonly dir: string;
  /** Other release, or folder, of the crate fluvio-smartmodule. */
  readonly crateVersion?: string | undefined;
  readonly cratePath?: string | undefined;
  /** Or a repository of it, for git. */
  readonly crateRepo?: string | undefined;
}

/**
 * Writes a complete project into a new folder.
 * @returns the paths of its files in it
 * @throws FLV_ARGUMENT when the folder exists and is not empty
 */
export async function generateProject(options: GenerateOptions): Promise<readonly string[]> {
  const { dir, ...rest } = options;
  const files = projectFiles({ ...rest, crate: crateOf(options), productVersion: (await ownManifest()).version });
  return await writeNewProject(dir, files, rest.language === "typescript");
}

type CrateOptions = Pick<GenerateOptions, "crateVersion" | "cratePath" | "crateRepo">;

function crateOf({ crateVersion = CRATE_VERSION, cratePath, crateRepo }: CrateOptions): string {
  if (cratePath !== undefined) return `{ path = ${JSON.stringify(cratePath)} }`;
  return crateRepo === undefined ? JSON.stringify(crateVersion) : `{ git = ${JSON.stringify(crateRepo)} }`;
}

/** Where a template is: an absolute path, or a repository. */
export type TemplateSource = { readonly path: string } | GitSource;

export interface TemplateOptions extends Omit<GenerateOptions, "language">, GitOptions {
  readonly source: TemplateSource;
  /** Answers to placeholders of the template's own. */
  readonly defined: TemplateValues;
  /** Asks for one that is not defined. @throws when there is nobody to ask */
  ask(placeholder: TemplatePlaceholder): Promise<string | boolean>;
}

/**
 * Writes a project by a template into a new folder.
 * @returns the paths of its files in it
 * @throws FLV_ARGUMENT when the folder is not empty, the template has faults or an answer does not fit | FLV_PACKAGE when
 * its repository cannot be fetched | what `ask` throws
 */
export async function generateFromTemplate(options: TemplateOptions): Promise<readonly string[]> {
  const { source, dir } = options;
  if ("path" in source) return await write(dir, await filesOf(source.path, options));
  const fetched = await mkdtemp(join(tmpdir(), "fluvio-template-"));
  try {
    await cloneRepository(source, fetched, options);
    return await write(dir, await filesOf(fetched, options));
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
}

async function write(dir: string, files: ProjectFiles): Promise<readonly string[]> {
  const manifest = files.get("package.json");
  return await writeNewProject(dir, files, typeof manifest === "string" && manifest.includes('"fluvio"'));
}

async function filesOf(folder: string, options: TemplateOptions): Promise<ProjectFiles> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw flvError("FLV_ARGUMENT", `Template not found: there is no folder "${folder}"`, { details: { folder } });
  }
  const settings = await readTemplateSettings(folder);
  const values: Record<string, string | boolean> = { ...valuesOf(options), ...options.defined };
  for (const placeholder of settings.placeholders) {
    const answer = values[placeholder.name] ?? (await options.ask(placeholder));
    const problem = placeholderProblem(placeholder, String(answer));
    if (problem !== undefined) {
      throw flvError("FLV_ARGUMENT", `Invalid value for ${placeholder.name} ${JSON.stringify(answer)}: ${problem}`);
    }
    values[placeholder.name] = placeholder.type === "bool" ? String(answer) === "true" : String(answer);
  }
  // Its template language is for nothing else.
  const { renderTemplate } = await import("./template.ts");
  const files = await renderTemplate(folder, settings, values);
  if (files.has(PACKAGE_FILE)) return files;
  throw flvError("FLV_ARGUMENT", `This is no template of a SmartModule: it has no ${PACKAGE_FILE}`, {
    details: { folder },
    hint: `Add one to it: [package] with name = "{{project-name}}", group = "{{project-group}}", version = "0.1.0".`,
  });
}

/** Places that every template may have, with the names that smdk and its first templates give them. */
function valuesOf({ name, group, kind, withParams, visibility, env, ...crate }: TemplateOptions): TemplateValues {
  const user = env.GIT_AUTHOR_NAME ?? env.USER ?? env.USERNAME ?? "";
  return {
    "project-name": name,
    crate_name: name.replaceAll("-", "_"),
    "project-group": group,
    "smartmodule-type": kind,
    "smartmodule-params": withParams,
    "smartmodule-public": visibility === "public",
    "fluvio-smartmodule-cargo-dependency": crateOf(crate),
    "smart-module-type": kind,
    "smart-module-params": withParams,
    authors: user,
    username: user,
  };
}
