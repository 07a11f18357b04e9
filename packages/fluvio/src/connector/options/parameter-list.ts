import type { z } from "zod";
import type { ConnectorDefinition } from "../define.ts";
import { COMMON_PARAMETERS } from "./common-parameters.ts";
import { fieldMeta } from "./fields.ts";

/** One option of a connector, as help and listings show it. */
export interface ParameterInfo {
  /** Of a key in a map: `map.key`. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** What its value is, in words. */
  readonly type: string;
  readonly required: boolean;
  readonly default?: string;
  readonly isSecret: boolean;
  readonly description: string;
}

/** A connector's own options, from the schema that checks them, in its order. */
export function parameterList({ config }: Pick<ConnectorDefinition, "config">): readonly ParameterInfo[] {
  return listOf(config.shape, "");
}

function listOf(shape: Readonly<Record<string, z.ZodType>>, prefix: string): readonly ParameterInfo[] {
  return Object.entries(shape).flatMap(([name, schema]): readonly ParameterInfo[] => {
    const meta = fieldMeta(schema);
    const info: ParameterInfo = {
      name: `${prefix}${name}`,
      aliases: meta.aliases,
      type: meta.fields === undefined ? meta.kind : "map",
      required: !schema.safeParse(undefined).success,
      ...(meta.default === undefined ? {} : { default: meta.default }),
      isSecret: meta.isSecret,
      description: meta.description,
    };
    return meta.fields === undefined ? [info] : [info, ...listOf(meta.fields, `${prefix}${name}.`)];
  });
}

/** The options that every connector of a direction takes besides its own. */
export function commonParameterList(
  direction: "source" | "sink",
): readonly Pick<ParameterInfo, "name" | "description">[] {
  const taken = [...COMMON_PARAMETERS].filter(([, { only = direction }]) => only === direction);
  return taken.map(([name, { doc }]) => ({ name, description: doc }));
}
