import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the installed package `fluvio` that this code is part of. */
export function installationDir(): string {
  return fileURLToPath(new URL("../..", import.meta.url));
}

/** What the package.json of this installation says. */
export async function ownManifest(): Promise<{ readonly name: string; readonly version: string }> {
  return JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    name: string;
    version: string;
  };
}

/**
 * For `node --import`: with it `fluvio` and its entries resolve to this installation where the importing project has none
 * of its own.
 */
export function resolverUrl(): string {
  return new URL("../../dist/npm/resolver.js", import.meta.url).href;
}

/** Whether a package can be imported by this product's own code. */
export function isPresent(name: string): boolean {
  for (let dir = installationDir(); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "node_modules", name, "package.json"))) return true;
    if (dirname(dir) === dir) return false;
  }
}
