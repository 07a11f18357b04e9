import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { flvError, type SmartModuleMetadata } from "../protocol/index.ts";
import { parsePackageFile } from "./package-file.ts";

export const PACKAGE_FILE = "SmartModule.toml";
/** Where builds go, below the project. */
export const TARGET_DIR = "target";

/** Files that a TypeScript module may begin in; the first that exists is taken. */
const ENTRIES = ["src/index.ts", "assembly/index.ts", "index.ts"];

type ProjectLanguage = "typescript" | "rust";

/** A SmartModule with its source: a folder with a SmartModule.toml. */
export interface Project {
  /** Absolute. */
  readonly dir: string;
  readonly language: ProjectLanguage;
  readonly metadata: SmartModuleMetadata;
  /** Absolute path of the file that the module begins in; Cargo.toml for Rust. */
  readonly entry: string;
}

/**
 * The project that `from` is in: the nearest folder upwards with a SmartModule.toml.
 * @throws FLV_ARGUMENT when there is none, or no source in it
 */
export async function findProject(from: string): Promise<Project> {
  const dir = await findUpwards(resolve(from), PACKAGE_FILE);
  if (dir === undefined) {
    throw flvError("FLV_ARGUMENT", `No SmartModule project: there is no ${PACKAGE_FILE} in "${from}" or above it`, {
      details: { from },
      hint: "Change into a project's folder, or make one with `fluvio smartmodule generate`.",
    });
  }
  const metadata = await readPackageFile(dir);
  if (await exists(join(dir, "Cargo.toml"))) {
    return { dir, language: "rust", metadata, entry: join(dir, "Cargo.toml") };
  }
  for (const entry of ENTRIES) {
    if (await exists(join(dir, entry))) return { dir, language: "typescript", metadata, entry: join(dir, entry) };
  }
  throw flvError("FLV_ARGUMENT", `No source in the SmartModule project "${dir}"`, {
    details: { dir },
    hint: `A project in TypeScript begins in ${ENTRIES.join(" or ")}; one in Rust has a Cargo.toml.`,
  });
}

/** Reads the SmartModule.toml of a folder. @throws FLV_FILE | FLV_ARGUMENT naming the offending key */
export async function readPackageFile(dir: string): Promise<SmartModuleMetadata> {
  const path = join(dir, PACKAGE_FILE);
  try {
    return parsePackageFile(await readFile(path, "utf8"), relativeTo(process.cwd(), path));
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
    throw flvError("FLV_FILE", `cannot read "${path}": No such file or directory (os error 2)`, {
      details: { path },
      cause: error,
    });
  }
}

async function findUpwards(from: string, name: string): Promise<string | undefined> {
  for (let dir = from; ; dir = dirname(dir)) {
    if (await exists(join(dir, name))) return dir;
    if (dirname(dir) === dir) return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The shorter way to name a path: relative where it is below `dir`. */
function relativeTo(dir: string, path: string): string {
  const short = relative(dir, path);
  return short.startsWith("..") || short === "" ? path : short;
}

/** Name of the crate's or the module's file, without directory. */
export function moduleFileName(name: string): string {
  return `${name}.wasm`;
}
