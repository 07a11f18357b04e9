import { z } from "zod";
import type { ConfigSchema } from "../define.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED } from "../file/config.ts";
import { canonicalKey, problem, unknownKey } from "../file/problem.ts";
import { COMMON_PARAMETERS } from "./common-parameters.ts";
import { fieldMeta } from "./fields.ts";

/** What is needed of a connector to check its options. */
export interface CheckedDefinition<S extends ConfigSchema> {
  readonly direction: "source" | "sink";
  readonly config: S;
  readonly removed?: Readonly<Record<string, string>>;
}

/**
 * Checks a connector's own options against its schema and converts them.
 * @param file as the user named it, for messages
 * @param secrets values of the declared secrets: some options are taken from there when the file does not have them
 * @throws FLV_CONNECTOR_INVALID with the first offending key, its value and the nearest valid name
 */
export function checkOptions<S extends ConfigSchema>(
  definition: CheckedDefinition<S>,
  config: ConnectorConfig,
  file: string,
  secrets: Readonly<Record<string, string>> = config.secrets,
): z.output<S> {
  const place = { file };
  const shape: Readonly<Record<string, z.ZodType>> = definition.config.shape;
  const byKey = fieldsByKey(definition.config);
  const given: Record<string, ParameterValue> = {};
  const writtenAs = new Map<string, string>();
  for (const [written, value] of Object.entries(config.parameters)) {
    const canonical = canonicalKey(written);
    const key = byKey.get(canonical)?.key;
    if (key !== undefined) {
      if (writtenAs.has(key)) {
        throw problem(
          place,
          `\`parameters.${written}\` and \`parameters.${writtenAs.get(key)}\` are the same option`,
          "Keep one",
        );
      }
      writtenAs.set(key, written);
      given[key] = value;
      continue;
    }
    const common = COMMON_PARAMETERS.get(canonical);
    if (common !== undefined && (common.only ?? definition.direction) === definition.direction) continue;
    if (common !== undefined) {
      throw problem(place, `\`parameters.${written}\` belongs to ${common.only} connectors`, "Remove it", {
        key: `parameters.${written}`,
      });
    }
    const removed = Object.entries(definition.removed ?? {}).find(([name]) => canonicalKey(name) === canonical);
    if (removed !== undefined) {
      throw problem(place, `\`parameters.${written}\` no longer exists`, removed[1], { key: `parameters.${written}` });
    }
    throw unknownKey(place, "parameters", written, [...Object.keys(shape), ...commonKeys(definition.direction)]);
  }
  for (const [key, field] of Object.entries(shape)) {
    const { secret = "" } = fieldMeta(field);
    const value = secrets[secret];
    if (given[key] === undefined && value !== undefined) given[key] = value;
  }
  const result = visiblePart(definition.config, given).safeParse(given);
  if (result.success) return result.data as z.output<S>;
  throw explain(result.error, shape, given, writtenAs, file);
}

/** Names of the options that every connector of the direction takes. */
function commonKeys(direction: "source" | "sink"): readonly string[] {
  return [...COMMON_PARAMETERS].filter(([, { only = direction }]) => only === direction).map(([key]) => key);
}

/** Options by each name under which they are accepted, in canonical form. */
export function fieldsByKey(
  config: ConfigSchema,
): ReadonlyMap<string, { readonly key: string; readonly field: z.ZodType }> {
  const found = new Map<string, { readonly key: string; readonly field: z.ZodType }>();
  for (const [key, field] of Object.entries<z.ZodType>(config.shape)) {
    for (const one of [key, ...fieldMeta(field).aliases]) found.set(canonicalKey(one), { key, field });
  }
  return found;
}

/** What cannot be seen cannot be checked: the cluster, which knows the values, does. */
function visiblePart(config: ConfigSchema, given: Readonly<Record<string, ParameterValue>>): ConfigSchema {
  const hidden = Object.keys(given).filter((key) => JSON.stringify(given[key]).includes(REDACTED));
  if (hidden.length === 0) return config;
  return z.object({ ...config.shape, ...Object.fromEntries(hidden.map((key) => [key, z.unknown()])) });
}

function explain(
  error: z.ZodError,
  shape: Readonly<Record<string, z.ZodType>>,
  given: Readonly<Record<string, ParameterValue>>,
  writtenAs: ReadonlyMap<string, string>,
  file: string,
) {
  const issue = error.issues[0];
  const key = String(issue?.path[0] ?? "");
  const field = shape[key];
  const path = `parameters.${writtenAs.get(key) ?? key}`;
  const about = field === undefined ? { description: "", kind: "" } : fieldMeta(field);
  const hint =
    about.description === "" ? `\`${key}\` is ${about.kind}` : `\`${key}\` (${about.kind}): ${about.description}`;
  const value = given[key];
  if (value === undefined) {
    return problem({ file }, `missing required option \`${path}\``, hint, { key: path });
  }
  const shown = typeof value === "string" ? JSON.stringify(value) : `a ${Array.isArray(value) ? "list" : "map"}`;
  return problem({ file }, `\`${path}\` is ${shown}, which ${issue?.message ?? "is not valid"}`, hint, {
    key: path,
    value,
  });
}
