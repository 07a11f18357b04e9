import { isUtf8 } from "node:buffer";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Liquid, LiquidError } from "liquidjs";
import { glob } from "tinyglobby";
import type { ProjectFiles } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import { SETTINGS_FILE, type TemplateSettings } from "./template-settings.ts";

/** What stands for the places of a template, by their names. */
export type TemplateValues = Readonly<Record<string, string | boolean>>;

const FILES_MAX = 5000;
const BYTES_MAX = 64 * 1024 * 1024;
/** Ending that a file may have to say that it has places; the project's does not have it. */
const LIQUID_ENDING = ".liquid";

/**
 * The files of a project by a template: those of a folder with their places filled in, in their names, too. Files that are
 * no text, and those that the settings exclude, are taken as they are; links, which could lead out of it, are left out.
 * @param dir absolute
 * @throws FLV_ARGUMENT with file and line of a place that cannot be filled in; for a template that is empty or too large
 */
export async function renderTemplate(
  dir: string,
  { include, exclude, ignore }: TemplateSettings,
  values: TemplateValues,
): Promise<ProjectFiles> {
  const found = { cwd: dir, dot: true, followSymbolicLinks: false };
  const paths = await glob("**", { ...found, ignore: [".git/**", SETTINGS_FILE, ...ignore] });
  if (paths.length === 0) throw invalid(dir, "there is no file in it");
  if (paths.length > FILES_MAX) throw invalid(dir, `it has ${paths.length} files, at most ${FILES_MAX} are taken`);
  const filled = new Set(await glob(include.length === 0 ? "**" : [...include], { ...found, ignore: [...exclude] }));
  const fill = filler(values);
  const files = new Map<string, string | Uint8Array>();
  let sizeBytes = 0;
  for (const path of paths.sort()) {
    sizeBytes += (await lstat(join(dir, path))).size;
    if (sizeBytes > BYTES_MAX) throw invalid(dir, `its files are larger than ${BYTES_MAX} bytes`);
    const content = await readFile(join(dir, path));
    const isFilled = filled.has(path) && isUtf8(content) && !content.includes(0);
    files.set(filledPath(path, fill), isFilled ? fill(content.toString("utf8"), path) : content);
  }
  return files;
}

type Fill = (text: string, where: string) => string;

function filler(values: TemplateValues): Fill {
  // Without `templates` it would read files that a template names, wherever they are.
  const engine = new Liquid({ strictVariables: true, strictFilters: true, ownPropertyOnly: true, templates: {} });
  for (const [name, filter] of Object.entries(CASES)) engine.registerFilter(name, filter);
  return (text, where) => {
    try {
      return engine.parseAndRenderSync(text, values) as string;
    } catch (error) {
      if (!LiquidError.is(error)) throw error;
      throw flvError("FLV_ARGUMENT", `Invalid template file "${where}": ${error.message}`, {
        details: { path: where },
        cause: error,
        hint: `Places that can be filled in: ${Object.keys(values).join(", ")}. \`exclude\` below [template] in ${SETTINGS_FILE} leaves a file as it is.`,
      });
    }
  };
}

function filledPath(path: string, fill: Fill): string {
  const filled = path.split("/").map((part) => fill(part, path));
  if (filled.some((part) => part === "" || part === "." || part === ".." || /[/\\\0]/.test(part))) {
    throw flvError("FLV_ARGUMENT", `Invalid template file "${path}": ${filled.join("/")} is no name for it`, {
      details: { path },
    });
  }
  const name = filled.join("/");
  return name.endsWith(LIQUID_ENDING) ? name.slice(0, -LIQUID_ENDING.length) : name;
}

function invalid(dir: string, why: string) {
  return flvError("FLV_ARGUMENT", `Invalid template "${dir}": ${why}`, { details: { dir } });
}

const words = (name: string) =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
const pascal = (name: string) => words(name).map(capital).join("");

/** Filters of cargo-generate. */
const CASES: Readonly<Record<string, (name: string) => string>> = {
  kebab_case: (name) => words(name).join("-"),
  snake_case: (name) => words(name).join("_"),
  shouty_kebab_case: (name) => words(name).join("-").toUpperCase(),
  shouty_snake_case: (name) => words(name).join("_").toUpperCase(),
  title_case: (name) => words(name).map(capital).join(" "),
  pascal_case: pascal,
  upper_camel_case: pascal,
  lower_camel_case: (name) => pascal(name).replace(/^./, (first) => first.toLowerCase()),
};
