import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  describePackage,
  type InstalledPackage,
  installPackage,
  type PackageSource,
  type PackageStore,
  packageOfFolder,
  parsePackage,
} from "../../npm/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { ConnectorDefinition } from "../define.ts";

/** Version of the interface between a connector and what runs it: {@link ConnectorDefinition} and the contexts. */
export const CONNECTOR_API = 1;

const TYPE_START = /^(?:npm:|file:)/;

/** Whether a connector's type names a package: `npm:PACKAGE[@version]`, `npm:./folder`, `file:/folder`. */
export function isPackageType(type: string): boolean {
  return TYPE_START.test(type);
}

/** The type with a path that does not depend on the current folder. */
export function absolutePackageType(type: string, cwd: string): string {
  if (!isPackageType(type)) return type;
  const source = packageSource(type);
  return source.kind === "path" && !isAbsolute(source.path) ? `npm:${resolve(cwd, source.path)}` : type;
}

function packageSource(type: string): PackageSource {
  return parsePackage(type.startsWith("npm:") ? type.slice("npm:".length) : type);
}

/** Whether its package is on this machine already, so that it can be looked at without npm. */
export function isLocalFolder(type: string): boolean {
  const source = isPackageType(type) ? packageSource(type) : undefined;
  return source?.kind === "path" && !/\.t(?:ar\.)?gz$/.test(source.path);
}

/**
 * Installs the package of a connector and loads its code. It runs with the rights of this process.
 * @param newest looks for a newer version where the type names no exact one
 * @throws FLV_PACKAGE naming what the package lacks
 */
export async function loadPackageConnector(
  type: string,
  packages: PackageStore | undefined,
  { newest = false }: { readonly newest?: boolean } = {},
): Promise<ConnectorDefinition> {
  const source = packageSource(type);
  const label = describePackage(source);
  if (packages !== undefined)
    return await connectorOfPackage(await installPackage(packages, source, { newest }), label);
  if (source.kind === "path" && isLocalFolder(type)) {
    return await connectorOfPackage(await packageOfFolder(source.path), label);
  }
  throw flvError("FLV_PACKAGE", `The package ${label} is not installed`, { details: { type } });
}

/** @param label how messages name the package */
async function connectorOfPackage(installed: InstalledPackage, label: string): Promise<ConnectorDefinition> {
  const path = connectorModule(installed, label);
  const file = join(installed.dir, path);
  let module: { readonly connector?: unknown };
  try {
    // A folder that was built anew is looked at anew. Its time would not do: clocks of files stand still for some ms.
    const digest = createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
    module = (await import(`${pathToFileURL(file).href}?${digest}`)) as typeof module;
  } catch (cause) {
    throw notLoaded(label, installed, path, cause);
  }
  if (!isDefinition(module.connector)) {
    const what = module.connector === undefined ? "exports no `connector`" : "exports a `connector` that is none";
    throw unusable(
      `${label}: ${path} ${what}`,
      'Write `export const connector = defineSource({ … })` of "fluvio/connector"',
      {
        path,
      },
    );
  }
  return module.connector;
}

/** What the field `fluvio` of a package.json says: `{ "connector": "./dist/connector.js", "connectorApi": 1 }`. */
function connectorModule({ manifest, dir }: InstalledPackage, label: string): string {
  const field = manifest.fluvio;
  const said: Readonly<Record<string, unknown>> = typeof field === "object" && field !== null ? { ...field } : {};
  const { connector: path, connectorApi: api = CONNECTOR_API } = said;
  if (typeof path !== "string") {
    const hint = 'Its package.json needs "fluvio": { "connector": "./dist/connector.js" }';
    throw unusable(`${label} is no connector: its package.json names none`, hint, { dir });
  }
  if (api !== CONNECTOR_API) {
    const sentence = `${label} is made for version ${String(api)} of the connector interface, this fluvio has ${CONNECTOR_API}`;
    throw unusable(sentence, "Take another version of the package, or of fluvio", { dir });
  }
  if (isAbsolute(path) || !join(dir, path).startsWith(join(dir, "/"))) {
    throw unusable(`${label} names a file outside of itself: ${path}`, "Name a file of the package", { dir });
  }
  return path;
}

function isDefinition(value: unknown): value is ConnectorDefinition {
  if (typeof value !== "object" || value === null) return false;
  const { direction, name, run, config } = value as Partial<Record<keyof ConnectorDefinition, unknown>>;
  const hasSchema = typeof config === "object" && config !== null && "shape" in config && "safeParse" in config;
  return (
    (direction === "source" || direction === "sink") &&
    typeof name === "string" &&
    typeof run === "function" &&
    hasSchema
  );
}

function notLoaded(label: string, { dir }: InstalledPackage, path: string, cause: unknown) {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint =
    code === "ERR_MODULE_NOT_FOUND" || code === "ENOENT"
      ? `Build it, and install what it needs: npm install && npm run build in ${dirname(join(dir, "package.json"))}`
      : "The module must be imported without an error";
  return flvError("FLV_PACKAGE", `${label}: ${path} cannot be loaded: ${reason}`, { details: { path }, hint, cause });
}

function unusable(sentence: string, hint: string, details: object) {
  return flvError("FLV_PACKAGE", sentence, { hint, details: { ...details } });
}
