import { AsyncLocalStorage } from "node:async_hooks";
import { importInstalled, installPackage, isPresent, type PackageStore, parsePackage } from "../../npm/index.ts";
import { flvError } from "../../protocol/index.ts";

/** Drivers that are too large to come with the product, by package name; the version, or the path of a tarball. */
export type Drivers = Readonly<Record<string, string>>;

interface DriverPlace {
  readonly drivers: Drivers;
  readonly packages: PackageStore;
}

/** What the connector whose code runs may import: several connectors may run in one process. */
const place = new AsyncLocalStorage<DriverPlace>();

/** Runs a connector's code so that {@link importDriver} finds the drivers that its catalogue entry names. */
export function withDrivers<T>(drivers: Drivers, packages: PackageStore, work: () => Promise<T>): Promise<T> {
  return place.run({ drivers, packages }, work);
}

/**
 * Imports a driver that is not part of the product: one that is installed beside it, else the version that the connector's
 * catalogue entry names, which is installed when it is not there yet. Call it while the connector runs.
 *
 * ```ts
 * const { DuckDBInstance } = await importDriver<typeof import("@duckdb/node-api")>("@duckdb/node-api");
 * ```
 * @throws FLV_PACKAGE with what npm complains about
 */
export async function importDriver<M>(name: string): Promise<M> {
  if (isPresent(name)) return (await import(name)) as M;
  const here = place.getStore();
  const version = here?.drivers[name];
  if (here === undefined || version === undefined) {
    throw flvError("FLV_PACKAGE", `The driver ${name} is not installed`, {
      details: { name },
      hint: `Install it beside fluvio: npm install ${name}`,
    });
  }
  return (await importInstalled(await installPackage(here.packages, driverSource(name, version)))) as M;
}

/** Installs the drivers that are not there yet. @throws FLV_PACKAGE */
export async function installDrivers(drivers: Drivers, packages: PackageStore): Promise<void> {
  for (const [name, version] of Object.entries(drivers)) {
    if (!isPresent(name)) await installPackage(packages, driverSource(name, version));
  }
}

function driverSource(name: string, version: string) {
  return parsePackage(version.startsWith("/") ? version : `${name}@${version}`);
}
