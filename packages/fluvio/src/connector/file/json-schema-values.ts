import type { z } from "zod";
import { fieldMeta } from "../options/fields.ts";

/** A JSON Schema (draft 2020-12), as far as it is used here. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A value that YAML writers do not quote: the loader makes text of it. */
export const SCALAR: JsonSchema = { type: ["string", "number", "boolean"] };
const SECRET_TEMPLATE = "\\$\\{\\{.*\\}\\}";

/** Definitions that schemas of connector files refer to. */
export const VALUE_DEFINITIONS: Readonly<Record<string, JsonSchema>> = {
  secret: {
    description: "the value of a secret",
    anyOf: [
      { type: "string", pattern: SECRET_TEMPLATE },
      object({ secret: object({ name: { type: "string" } }, ["name"]) }, ["secret"]),
    ],
  },
  duration: {
    description: "a span of time: 500ms, 10s, 5m, 1h 30m; a bare number means seconds",
    anyOf: [
      { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s*\\p{L}*(\\s*\\d+(\\.\\d+)?\\s*\\p{L}+)*\\s*$" },
      { type: "number", minimum: 0 },
      object({ secs: SCALAR, nanos: SCALAR }, ["secs"]),
    ],
  },
  size: {
    description: "bytes: 512, 64KB, 1 MB, 1MiB",
    anyOf: [
      { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s*\\p{L}*\\s*$" },
      { type: "integer", minimum: 1 },
    ],
  },
  flag: { description: "true or false", enum: [true, false, "true", "false"] },
  integer: { anyOf: [{ type: "integer" }, { type: "string", pattern: "^\\s*-?\\d+\\s*$" }] },
  scalar: SCALAR,
  texts: { anyOf: [SCALAR, { type: "array", items: SCALAR, minItems: 1 }] },
  pairs: {
    anyOf: [SCALAR, { type: "array", items: SCALAR }, { type: "object", additionalProperties: SCALAR }],
  },
  retry: object({
    "initial-delay": { $ref: "#/$defs/duration" },
    "max-delay": { $ref: "#/$defs/duration" },
    attempts: SCALAR,
  }),
  module: {
    description: "a SmartModule: its name, or the path of a wasm file",
    type: "string",
    minLength: 1,
  },
};

export const reference = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });

/** A map with these keys and no others, each also with `_` in place of `-` and the other way round. */
export function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = []): JsonSchema {
  const spelled = Object.entries(properties).flatMap(([name, schema]) =>
    spellings(name).map((one): [string, JsonSchema] => [one, schema]),
  );
  return {
    type: "object",
    properties: Object.fromEntries(spelled),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { allOf: required.map((name) => present([name])) }),
  };
}

/** One of the names, however it is spelled, is there. */
function present(names: readonly string[]): JsonSchema {
  const all = names.flatMap(spellings);
  return all.length === 1 ? { required: all } : { anyOf: all.map((name) => ({ required: [name] })) };
}

function spellings(name: string): readonly string[] {
  return [...new Set([name, name.replaceAll("_", "-"), name.replaceAll("-", "_")])];
}

/** A word in any case; editors offer the words as they are. */
export function words(choices: readonly string[]): JsonSchema {
  const anyCase = (word: string) =>
    [...word]
      .map((letter) => (/[a-z]/i.test(letter) ? `[${letter.toLowerCase()}${letter.toUpperCase()}]` : escaped(letter)))
      .join("");
  // YAML writers do not quote numbers.
  const numbers = choices.filter((choice) => /^\d+$/.test(choice)).map(Number);
  return {
    anyOf: [{ enum: [...choices, ...numbers] }, { type: "string", pattern: `^(${choices.map(anyCase).join("|")})$` }],
  };
}

const escaped = (letter: string): string => letter.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");

const KINDS: Readonly<Record<string, string>> = {
  text: "scalar",
  duration: "duration",
  size: "size",
  integer: "integer",
  "true or false": "flag",
  URL: "scalar",
  path: "scalar",
  "list of texts": "texts",
  "list of name:value": "pairs",
};

/** What a field of a connector's configuration takes in a file. */
function fieldSchema(field: z.ZodType): JsonSchema {
  const meta = fieldMeta(field);
  const described = {
    description: `${meta.description}${meta.kind === "text" || meta.fields !== undefined ? "" : ` (${meta.kind})`}`,
    ...(meta.default === undefined ? {} : { default: meta.default }),
  };
  if (meta.fields !== undefined) return { ...described, ...objectOfFields(meta.fields, {}) };
  if (meta.bounds !== undefined) return { ...described, anyOf: [bounded(meta.bounds), reference("secret")] };
  const kind = KINDS[meta.kind];
  const choices = /^one of (.*)$/.exec(meta.kind)?.[1]?.split(", ");
  const value = kind !== undefined ? reference(kind) : choices !== undefined ? words(choices) : undefined;
  // A kind of the connector's own: what it reads is its business.
  return value === undefined ? described : { ...described, anyOf: [value, reference("secret")] };
}

function bounded({ min, max }: { readonly min: number; readonly max: number }): JsonSchema {
  return {
    anyOf: [
      { type: "integer", minimum: min, maximum: max },
      { type: "string", pattern: "^\\s*-?\\d+\\s*$" },
    ],
  };
}

type Fields = Readonly<Record<string, z.ZodType>>;

/** A map of fields and of `others`; what is required, is so under any of its names. */
export function objectOfFields(fields: Fields, others: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const properties: Record<string, JsonSchema> = { ...others };
  const required: JsonSchema[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const { aliases, secret } = fieldMeta(field);
    for (const one of [name, ...aliases]) properties[one] = fieldSchema(field);
    const isRequired = secret === undefined && !field.safeParse(undefined).success;
    if (isRequired) required.push(present([name, ...aliases]));
  }
  return { ...object(properties), ...(required.length === 0 ? {} : { allOf: required }) };
}
