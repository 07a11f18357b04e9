import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { flvError, isFluvioError } from "../protocol/index.ts";
import { installationDir } from "./installation.ts";
import { runNpm } from "./npm.ts";
import { userFolder } from "./user-folder.ts";

/** Where packages are installed that this product needs while it runs, each in a folder of its own. */
export interface PackageStore {
  /** Absolute; made when the first package is installed. */
  readonly dir: string;
  /** Environment of npm: registry and login are the user's. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Told what takes time, in a sentence. */
  progress(sentence: string): void;
}

/** A store of the user who runs this process. @param dir default `packages` in {@link userFolder} */
export function userPackages(
  dir = join(userFolder(), "packages"),
  progress: (sentence: string) => void = () => {},
): PackageStore {
  return { dir, env: process.env, progress };
}

/** What is to be installed. */
export type PackageSource =
  /** From the registry that npm is set up for; `version` is a version, a range or a tag. */
  | { readonly kind: "registry"; readonly name: string; readonly version: string }
  /** A folder, used where it is, or a tarball as `npm pack` writes it. */
  | { readonly kind: "path"; readonly path: string };

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** The package's own folder, with its package.json. */
  readonly dir: string;
  /** The whole package.json. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** A name, and behind an `@` a version, a range or a tag. Nothing that runs or clones. */
const REGISTRY_PACKAGE = /^((?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*)(?:@([\w.^~<>=*|+ -]+))?$/i;
const EXACT_VERSION = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/;
const PATH_START = /^(?:\.{1,2}(?:[/\\]|$)|file:|[/\\]|[a-z]:[/\\])/i;

/**
 * `name`, `name@version`, `./folder`, `./package.tgz`, `file:…`.
 * @throws FLV_ARGUMENT when it is none of them
 */
export function parsePackage(given: string): PackageSource {
  if (PATH_START.test(given)) return { kind: "path", path: given.replace(/^file:(?:\/\/)?/, "") };
  const [, name, version = "latest"] = REGISTRY_PACKAGE.exec(given) ?? [];
  if (name !== undefined) return { kind: "registry", name, version };
  throw flvError("FLV_ARGUMENT", `"${given}" is no package: a name, with @version behind it if you like`, {
    details: { given },
    hint: "A folder or a tarball is given by its path: ./folder, ./package.tgz.",
  });
}

/** As it is written. */
export function describePackage(source: PackageSource): string {
  return source.kind === "path" ? source.path : `${source.name}@${source.version}`;
}

/**
 * The package, installed when it is not there yet. No script of a package runs, and packages that are installed side by
 * side do not see each other. Several processes may install the same one at the same time.
 * @param newest looks for a newer one where the source names no exact version; without the registry the one of before does
 * @throws FLV_PACKAGE with what npm complains about | FLV_ARGUMENT for a relative path
 */
export async function installPackage(
  store: PackageStore,
  source: PackageSource,
  { newest = false }: { readonly newest?: boolean } = {},
): Promise<InstalledPackage> {
  if (source.kind === "path") return await installPath(store, source.path);
  const { name, version } = source;
  const isExact = EXACT_VERSION.test(version);
  const known = isExact ? version : await knownVersion(store, source);
  const present = known === undefined ? undefined : await presentPackage(store, name, known);
  if (present !== undefined && (isExact || !newest)) return present;
  try {
    const installed = await install(store, name, `${name}@${version}`);
    if (!isExact) await replaceFile(pointerPath(store, source), installed.version);
    return installed;
  } catch (error) {
    if (present === undefined || !isUnreachable(error)) throw error;
    store.progress(`${describePackage(source)}: the registry cannot be reached, ${present.version} is used`);
    return present;
  }
}

/** A folder that is a package, where it is. @throws FLV_PACKAGE */
export async function packageOfFolder(dir: string): Promise<InstalledPackage> {
  const text = await readFile(join(dir, "package.json"), "utf8").catch((cause: unknown) => {
    throw flvError("FLV_PACKAGE", `"${dir}" is no package: it has no package.json`, { details: { dir }, cause });
  });
  let manifest: Readonly<Record<string, unknown>>;
  try {
    manifest = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw flvError("FLV_PACKAGE", `"${dir}" is no package: its package.json is not JSON`, { details: { dir }, cause });
  }
  return { name: String(manifest.name ?? ""), version: String(manifest.version ?? ""), dir, manifest };
}

async function installPath(store: PackageStore, path: string): Promise<InstalledPackage> {
  if (!isAbsolute(path)) {
    throw flvError("FLV_ARGUMENT", `The package path "${path}" is not absolute`, { details: { path } });
  }
  const found = await stat(path).catch((cause: unknown) => {
    throw flvError("FLV_PACKAGE", `Package not found: "${path}"`, { details: { path }, cause });
  });
  if (found.isDirectory()) return await packageOfFolder(await realpath(path));
  // By its content: a tarball that was packed anew is another package.
  const content = await readFile(path);
  const folder = join(store.dir, `tarball-${createHash("sha256").update(content).digest("hex").slice(0, 16)}`);
  const name = await readFile(join(folder, "name"), "utf8").catch(() => undefined);
  if (name !== undefined) return await packageOfFolder(join(folder, "node_modules", name));
  return await install(store, undefined, path, folder);
}

/** Installs into a folder beside, which takes its name when it is complete. */
async function install(
  store: PackageStore,
  name: string | undefined,
  wanted: string,
  place?: string,
): Promise<InstalledPackage> {
  await mkdir(store.dir, { recursive: true });
  const partial = await mkdtemp(join(store.dir, ".partial-"));
  const startedMs = performance.now();
  store.progress(`installing ${wanted} with npm`);
  try {
    await writeFile(join(partial, "package.json"), '{ "private": true }\n');
    await npmInstall(store, partial, wanted);
    const installedName = name ?? (await onlyDependency(partial));
    await writeFile(join(partial, "name"), installedName);
    await writeFile(join(partial, ENTRY), `export const load = () => import(${JSON.stringify(installedName)});\n`);
    await linkInstallation(partial);
    const { version } = await packageOfFolder(join(partial, "node_modules", installedName));
    const folder = place ?? packageFolder(store, installedName, version);
    // Another process may have been quicker; what it has installed is the same.
    await rename(partial, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
    store.progress(`installed ${installedName}@${version} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    return await packageOfFolder(join(folder, "node_modules", installedName));
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const NPM_INSTALL = [
  "install",
  "--ignore-scripts",
  "--omit=dev",
  // Peers are what the product itself provides.
  "--legacy-peer-deps",
  "--no-audit",
  "--no-fund",
  "--no-package-lock",
];

async function npmInstall(store: PackageStore, cwd: string, wanted: string): Promise<void> {
  const { env, signal } = store;
  try {
    await runNpm([...NPM_INSTALL, wanted], { cwd, env, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    throw flvError("FLV_PACKAGE", installSentence(wanted, error.details.npmCode) ?? error.message, {
      details: { ...error.details, package: wanted },
      cause: error,
      retriable: isUnreachable(error),
      hint: isUnreachable(error)
        ? "Check the network and npm's registry (`npm config get registry`) as the user that runs the cluster."
        : "See what there is with `npm view PACKAGE versions`; npm's registry and login are those of the user that runs it.",
    });
  }
}

const UNREACHABLE = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED"];

function isUnreachable(error: unknown): boolean {
  return isFluvioError(error) && UNREACHABLE.includes(String(error.details.npmCode));
}

function installSentence(wanted: string, code: unknown): string | undefined {
  if (code === "E404") return `Package not found in the npm registry: ${wanted}`;
  if (code === "ETARGET" || code === "ENOVERSIONS") return `The npm registry has no such version: ${wanted}`;
  if (UNREACHABLE.includes(String(code))) return `The npm registry cannot be reached to install ${wanted} (${code})`;
  return undefined;
}

async function onlyDependency(dir: string): Promise<string> {
  const { manifest } = await packageOfFolder(dir);
  const [name] = Object.keys((manifest.dependencies ?? {}) as Record<string, string>);
  if (name === undefined) throw flvError("FLV_PACKAGE", "npm installed nothing", { details: { dir } });
  return name;
}

/** A package's own `fluvio` is always this one: its peer. */
async function linkInstallation(dir: string): Promise<void> {
  const link = join(dir, "node_modules", "fluvio");
  await rm(link, { recursive: true, force: true });
  await symlink(installationDir(), link, "junction");
}

/** Imports the package of its folder, as code beside it would. */
const ENTRY = "entry.mjs";

/** Imports a package that was installed here; a folder that is used where it is has no name to be imported by. */
export async function importInstalled({ name, dir }: InstalledPackage): Promise<unknown> {
  const root = name.split("/").reduce((above) => dirname(above), dirname(dir));
  const entry = (await import(pathToFileURL(join(root, ENTRY)).href)) as { load(): Promise<unknown> };
  return await entry.load();
}

function packageFolder(store: PackageStore, name: string, version: string): string {
  return join(store.dir, `${name.replaceAll("/", "+")}@${version}`);
}

async function presentPackage(
  store: PackageStore,
  name: string,
  version: string,
): Promise<InstalledPackage | undefined> {
  const dir = join(packageFolder(store, name, version), "node_modules", name);
  return (await exists(join(dir, "package.json"))) ? await packageOfFolder(dir) : undefined;
}

type RegistrySource = Extract<PackageSource, { kind: "registry" }>;

/** Remembers which version a range or a tag came to. */
function pointerPath(store: PackageStore, { name, version }: RegistrySource): string {
  return join(store.dir, `${name.replaceAll("/", "+")}@${encodeURIComponent(version)}.version`);
}

async function knownVersion(store: PackageStore, source: RegistrySource): Promise<string | undefined> {
  return await readFile(pointerPath(store, source), "utf8").catch(() => undefined);
}

async function replaceFile(path: string, content: string): Promise<void> {
  const partial = `${path}.${randomUUID()}`;
  await writeFile(partial, content);
  await rename(partial, path);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
