import { readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type InstalledPackage, ownManifest, packageOfFolder, writeNewProject } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import { type ConnectorAnswers, connectorFiles } from "./templates.ts";

/** A connector with its source: a folder whose package.json names a connector. */
export interface ConnectorProject extends InstalledPackage {
  /** Its built module, as package.json names it. */
  readonly module: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly isPublic: boolean;
}

/**
 * Writes a complete project into a new folder.
 * @returns the paths of its files in it
 * @throws FLV_ARGUMENT when the folder exists and is not empty
 */
export async function generateConnector(dir: string, answers: ConnectorAnswers): Promise<readonly string[]> {
  const { version } = await ownManifest();
  return await writeNewProject(dir, connectorFiles(answers, version), true);
}

/** The project that `from` is in. @throws FLV_ARGUMENT when there is none */
export async function findConnectorProject(from: string): Promise<ConnectorProject> {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    const found = (await isFile(join(dir, "package.json"))) ? projectOf(await packageOfFolder(dir)) : undefined;
    if (found !== undefined) return found;
    if (dirname(dir) !== dir) continue;
    throw flvError("FLV_ARGUMENT", `No connector project: no package.json in "${from}" or above it names a connector`, {
      details: { from },
      hint: "Change into a project's folder, or make one with `cdk generate`.",
    });
  }
}

function projectOf(found: InstalledPackage): ConnectorProject | undefined {
  const { fluvio, scripts, publishConfig } = found.manifest as {
    readonly fluvio?: { readonly connector?: unknown };
    readonly scripts?: Readonly<Record<string, string>>;
    readonly publishConfig?: { readonly access?: string };
  };
  if (typeof fluvio?.connector !== "string") return undefined;
  return { ...found, module: fluvio.connector, scripts: scripts ?? {}, isPublic: publishConfig?.access === "public" };
}

/** Says in package.json whether the package is published for everybody; everything else stays as it is. */
export async function setPublic({ dir }: ConnectorProject, isPublic: boolean): Promise<void> {
  const path = join(dir, "package.json");
  const json = JSON.parse(await readFile(path, "utf8")) as { publishConfig?: object };
  json.publishConfig = { ...json.publishConfig, access: isPublic ? "public" : "restricted" };
  await writeFile(path, `${JSON.stringify(json, null, 2)}\n`);
}

export async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
