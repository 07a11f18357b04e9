import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { flvError } from "../protocol/index.ts";
import type { ConnectorConfig } from "./config.ts";
import type { ConnectorDefinition } from "./define.ts";
import { nearest, problem } from "./problem.ts";

/** A connector that ships with the product. */
export interface CatalogueEntry {
  /** Names accepted in connector files. */
  readonly types: readonly string[];
  readonly direction: "source" | "sink";
  /** Its module, below the folder of the connectors: `system/part`. */
  readonly module: string;
}

const source = (module: string, ...types: readonly string[]): CatalogueEntry => ({
  types,
  direction: "source",
  module,
});
const sink = (module: string, ...types: readonly string[]): CatalogueEntry => ({ types, direction: "sink", module });

/** The connectors that ship with the product. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  source("http/source", "http-source", "http"),
  sink("http/sink", "http-sink", "http"),
];

/**
 * The entry for a connector's type. A type that is a source's and a sink's is the source's unless `direction` says more.
 * @throws FLV_CONNECTOR_INVALID for an unknown type (listing what exists) or a direction that is not the connector's
 */
function catalogueEntry(config: ConnectorConfig, file: string): CatalogueEntry {
  const { direction } = config;
  const entries = CATALOGUE.filter((one) => one.types.includes(config.type));
  const entry = entries.find((one) => one.direction === direction) ?? entries[0];
  if (entry === undefined) {
    const names = [...new Set(CATALOGUE.flatMap((one) => one.types))];
    const guess = nearest(config.type, names);
    const hint = `${guess === undefined ? "" : `Did you mean \`${guess}\`? `}Connectors: ${names.join(", ")}`;
    throw problem({ file }, `unknown connector type \`${config.type}\``, hint, { key: "type", value: config.type });
  }
  if (direction !== undefined && direction !== entry.direction) {
    const sentence = `\`direction: ${direction}\`, but ${config.type} is a ${entry.direction}`;
    throw problem({ file }, sentence, `Remove the line or write \`direction: ${entry.direction}\``, {
      key: "direction",
    });
  }
  return entry;
}

/** Loads the code of a connector. @throws FLV_CONNECTOR_INVALID as {@link catalogueEntry} */
export async function loadDefinition(config: ConnectorConfig, file: string): Promise<ConnectorDefinition> {
  const entry = catalogueEntry(config, file);
  const module = (await import(modulePath(entry.module))) as { readonly connector?: ConnectorDefinition };
  if (module.connector === undefined) throw new Error(`connector ${entry.module} exports no \`connector\``);
  return module.connector;
}

/** Connectors are compiled to a folder beside this one; when this file runs from source, to the package's `dist`. */
function modulePath(module: string): string {
  for (const base of ["../connectors", "../../dist/connectors"]) {
    const url = new URL(`${base}/${module}.js`, import.meta.url);
    if (existsSync(fileURLToPath(url))) return pathToFileURL(fileURLToPath(url)).href;
  }
  throw flvError("FLV_FILE", `Connector ${module} is not installed`, { hint: "Build the packages: npm run build" });
}
