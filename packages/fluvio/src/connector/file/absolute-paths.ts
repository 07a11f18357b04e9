import { resolve } from "node:path";
import type { z } from "zod";
import { loadDefinition } from "../catalogue/catalogue.ts";
import { isLocalFolder, isPackageType } from "../catalogue/package-connector.ts";
import type { ConfigSchema } from "../define.ts";
import { fieldsByKey } from "../options/check.ts";
import { type AbsoluteText, fieldMeta } from "../options/fields.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED } from "./config.ts";
import { canonicalKey } from "./problem.ts";

/**
 * The configuration with absolute paths in its options, for a connector that runs elsewhere than its file is. Of a package
 * that is not in a folder here nothing is known, and in a container paths are those of the container: both stay as they are,
 * and so does a file with a mistake, which is told when it is checked.
 * @param folder of the connector's file
 */
export async function withAbsoluteOptions(config: ConnectorConfig, folder: string): Promise<ConnectorConfig> {
  if (config.runtime === "container" || (isPackageType(config.type) && !isLocalFolder(config.type))) return config;
  const definition = await loadDefinition(config, "", undefined).catch(() => undefined);
  return definition === undefined ? config : absoluteOptions(config, definition.config, folder);
}

/** As {@link withAbsoluteOptions}, of a connector whose schema is known. */
export function absoluteOptions(config: ConnectorConfig, schema: ConfigSchema, folder: string): ConnectorConfig {
  const fields = fieldsByKey(schema);
  return { ...config, parameters: absoluteFields(config.parameters, (key) => fields.get(key)?.field, folder) };
}

type Parameters = Readonly<Record<string, ParameterValue>>;

function absoluteFields(
  values: Parameters,
  fieldOf: (key: string) => z.ZodType | undefined,
  folder: string,
): Parameters {
  const made = Object.entries(values).map(([key, value]): [string, ParameterValue] => {
    const field = fieldOf(canonicalKey(key));
    if (field === undefined) return [key, value];
    const { absolute, fields } = fieldMeta(field);
    if (absolute !== undefined && typeof value === "string") return [key, absoluteText(value, absolute, folder)];
    if (fields === undefined || typeof value !== "object" || Array.isArray(value)) return [key, value];
    const byKey = new Map(Object.entries(fields).map(([name, one]): [string, z.ZodType] => [canonicalKey(name), one]));
    return [key, absoluteFields(value as Parameters, (name) => byKey.get(name), folder)];
  });
  return Object.fromEntries(made);
}

/** What is hidden, or comes from a secret, may be a path or something else. */
function absoluteText(value: string, absolute: AbsoluteText, folder: string): string {
  try {
    return absolute(value, (path) => {
      const isOpen = path === "" || path.startsWith("${{") || path.includes(REDACTED);
      return isOpen ? path : resolve(folder, path);
    });
  } catch {
    // It cannot be read, and is refused when it is checked.
    return value;
  }
}
