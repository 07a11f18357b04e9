import type { z } from "zod";
import type { ConnectorDefinition } from "../define.ts";
import { COMMON_PARAMETERS } from "./common-parameters.ts";
import { type FieldMeta, fieldMeta } from "./fields.ts";

const HEAD = "| parameter | type, default | |\n| --- | --- | --- |\n";

/** A connector's own options as a Markdown table, made from the schema that checks them. */
export function parameterTable(definition: Pick<ConnectorDefinition, "config">): string {
  const shape: Readonly<Record<string, z.ZodType>> = definition.config.shape;
  return HEAD + rowsOf(shape, "");
}

/** The options that every connector of a direction takes besides its own, as a Markdown table. */
export function commonParameterTable(direction: "source" | "sink"): string {
  const taken = [...COMMON_PARAMETERS].filter(([, { only = direction }]) => only === direction);
  return `| parameter | |\n| --- | --- |\n${taken.map(([name, { doc }]) => `| \`${name}\` | ${cell(doc)} |\n`).join("")}`;
}

function rowsOf(shape: Readonly<Record<string, z.ZodType>>, prefix: string): string {
  return Object.entries(shape)
    .map(([name, field]) => {
      const meta = fieldMeta(field);
      const aliases = meta.aliases.map((alias) => ` (\`${prefix}${alias}\`)`).join("");
      const row = `| \`${prefix}${name}\`${aliases} | ${cell(kindOf(meta, field))} | ${cell(meta.description)} |\n`;
      return meta.fields === undefined ? row : row + rowsOf(meta.fields, `${prefix}${name}.`);
    })
    .join("");
}

function kindOf(meta: FieldMeta, field: z.ZodType): string {
  const kind = meta.fields === undefined ? meta.kind : "map";
  if (meta.default !== undefined) return `${kind}, \`${meta.default}\``;
  return field.safeParse(undefined).success ? kind : `${kind}, required`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
