import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { PackageStore } from "../../npm/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { ConnectorDefinition } from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { nearest, problem } from "../file/problem.ts";
import { type Drivers, installDrivers } from "./drivers.ts";
import { isPackageType, loadPackageConnector } from "./package-connector.ts";

/** What says which connector a file means. */
export type ConnectorKind = Pick<ConnectorConfig, "type" | "direction">;

/** A connector that ships with the product. */
export interface CatalogueEntry {
  /** Names accepted in connector files. */
  readonly types: readonly string[];
  readonly direction: "source" | "sink";
  /** Its module, below the folder of the connectors: `system/part`. */
  readonly module: string;
  /** What it imports with {@link importDriver}; it is installed when the connector is first used. */
  readonly drivers?: Drivers;
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
  source("webhook/source", "webhook-source", "webhook"),
  source("websocket/source", "websocket-source", "websocket"),
  sink("websocket/sink", "websocket-sink", "websocket"),
  sink("chat/slack-sink", "slack-sink", "slack"),
  sink("chat/discord-sink", "discord-sink", "discord"),
  sink("chat/chat-sink", "chat-sink", "chat"),
  source("mqtt/source", "mqtt-source", "mqtt"),
  sink("mqtt/sink", "mqtt-sink", "mqtt"),
  source("nats/source", "nats-source", "nats"),
  sink("nats/sink", "nats-sink", "nats"),
  source("redis/source", "redis-source", "redis"),
  sink("redis/sink", "redis-sink", "redis"),
  source("file/source", "file-source", "file"),
  source("s3/source", "s3-source", "s3"),
  sink("s3/sink", "s3-sink", "s3"),
  sink("sql/sink", "sql-sink", "sql", "mysql-sink", "mariadb-sink", "sqlite-sink"),
  { ...sink("duckdb/sink", "duckdb-sink", "duckdb"), drivers: { "@duckdb/node-api": "1.5.6-r.1" } },
  source("kafka/source", "kafka-source", "kafka"),
  sink("kafka/sink", "kafka-sink", "kafka"),
  source("postgres/source", "postgres-source", "postgres"),
  sink("sql/postgres-sink", "postgres-sink", "postgres"),
];

/**
 * The entry for a connector's type. A type that is a source's and a sink's is the source's unless `direction` says more.
 * @throws FLV_CONNECTOR_INVALID for an unknown type (listing what exists) or a direction that is not the connector's
 */
function catalogueEntry(config: ConnectorKind, file: string): CatalogueEntry {
  const { direction } = config;
  const entries = CATALOGUE.filter((one) => one.types.includes(config.type));
  const entry = entries.find((one) => one.direction === direction) ?? entries[0];
  if (entry === undefined) {
    const names = [...new Set(CATALOGUE.flatMap((one) => one.types))];
    const guess = nearest(config.type, names);
    const hint = `${guess === undefined ? "" : `Did you mean \`${guess}\`? `}Connectors: ${names.join(", ")}`;
    throw problem({ file }, `unknown connector type \`${config.type}\``, hint, { key: "type", value: config.type });
  }
  requireDirection(config, entry.direction, file);
  return entry;
}

/**
 * Loads the code of a connector. What is not part of the product is installed first: its drivers, and a package that the
 * type names; such a package's code runs with the rights of this process.
 * @param packages without it nothing is installed
 * @param newest looks for a newer version of a package whose type names no exact one
 * @throws FLV_CONNECTOR_INVALID as {@link catalogueEntry} | FLV_PACKAGE
 */
export async function loadDefinition(
  config: ConnectorKind,
  file: string,
  packages: PackageStore | undefined,
  { newest = false }: { readonly newest?: boolean } = {},
): Promise<ConnectorDefinition> {
  if (isPackageType(config.type)) {
    const definition = await loadPackageConnector(config.type, packages, { newest });
    requireDirection(config, definition.direction, file);
    return definition;
  }
  const entry = catalogueEntry(config, file);
  if (packages !== undefined) await installDrivers(entry.drivers ?? {}, packages);
  return await loadEntry(entry);
}

/** The code of an official connector. */
export async function loadEntry({ module: path }: CatalogueEntry): Promise<ConnectorDefinition> {
  const module = (await import(modulePath(path))) as { readonly connector?: ConnectorDefinition };
  if (module.connector === undefined) throw new Error(`connector ${path} exports no \`connector\``);
  return module.connector;
}

/** The drivers that a connector may import while it runs. */
export function driversOf({ type, direction }: ConnectorKind): Drivers {
  const entries = CATALOGUE.filter((one) => one.types.includes(type));
  return (entries.find((one) => one.direction === direction) ?? entries[0])?.drivers ?? {};
}

function requireDirection({ direction, type }: ConnectorKind, actual: "source" | "sink", file: string): void {
  if (direction === undefined || direction === actual) return;
  throw problem(
    { file },
    `\`direction: ${direction}\`, but ${type} is a ${actual}`,
    `Remove the line or write \`direction: ${actual}\``,
    { key: "direction" },
  );
}

/** Connectors are compiled to a folder beside this one; when this file runs from source, to the package's `dist`. */
function modulePath(module: string): string {
  for (const base of ["../../connectors", "../../../dist/connectors"]) {
    const url = new URL(`${base}/${module}.js`, import.meta.url);
    if (existsSync(fileURLToPath(url))) return pathToFileURL(fileURLToPath(url)).href;
  }
  throw flvError("FLV_FILE", `Connector ${module} is not installed`, { hint: "Build the packages: npm run build" });
}
