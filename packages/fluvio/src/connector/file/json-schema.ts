import { CATALOGUE, type CatalogueEntry, loadEntry } from "../catalogue/catalogue.ts";
import type { ConnectorDefinition } from "../define.ts";
import { COMMON_PARAMETERS, isModuleParameter } from "../options/common-parameters.ts";
import { ON_ERROR } from "../options/error-options.ts";
import { COMPRESSIONS, ISOLATIONS, RUNTIMES } from "./config.ts";
import {
  type JsonSchema,
  object,
  objectOfFields,
  reference,
  SCALAR,
  VALUE_DEFINITIONS,
  words,
} from "./json-schema-values.ts";
import { sectionNames, TODAY_KEYS } from "./load-options.ts";

/** A connector whose files a schema describes. */
export interface SchemaConnector {
  readonly types: readonly string[];
  readonly definition: ConnectorDefinition;
}

const DIALECT = "https://json-schema.org/draft/2020-12/schema";
const NAME: JsonSchema = {
  type: "string",
  pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
  description: "lowercase letters, digits and `-`, 63 at most",
};
const compression: JsonSchema = { description: "how batches are compressed", ...words(COMPRESSIONS) };

/** The official connectors, or those of one type. */
export async function officialConnectors(type?: string): Promise<readonly SchemaConnector[]> {
  const entries = CATALOGUE.filter(({ types }) => type === undefined || types.includes(type));
  return await Promise.all(
    entries.map(async (entry: CatalogueEntry) => ({ types: entry.types, definition: await loadEntry(entry) })),
  );
}

/** A connector's own options and the common ones as a JSON Schema: what stands below `parameters`. */
export function parametersSchema(definition: ConnectorDefinition): JsonSchema {
  return { $schema: DIALECT, ...parametersOf(definition), $defs: VALUE_DEFINITIONS };
}

/**
 * The JSON Schema of connector files of both kinds. Every key and value is checked as the loader does, but for the words that
 * only a connector itself can judge.
 * @param connectors those that `type` may name, besides packages
 */
export function connectorFileSchema(connectors: readonly SchemaConnector[]): JsonSchema {
  const isToday = { anyOf: [{ required: ["apiVersion"] }, { required: ["meta"] }] };
  return {
    $schema: DIALECT,
    title: "Fluvio connector",
    description: "A connector file, such as connect.yml",
    type: "object",
    if: isToday,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: reference("today"),
    else: reference("seed"),
    $defs: {
      ...VALUE_DEFINITIONS,
      ...sections,
      type: typeSchema(connectors),
      seed: seedSchema(connectors),
      today: todaySchema(connectors),
      ...Object.fromEntries(connectors.map((one) => [definitionName(one), parametersOf(one.definition)])),
    },
  };
}

const definitionName = ({ types, definition }: SchemaConnector) => `${types[0]}-${definition.direction}`;

function typeSchema(connectors: readonly SchemaConnector[]): JsonSchema {
  const names = [...new Set(connectors.flatMap(({ types }) => types))];
  const texts = connectors.map(({ types, definition }) => `${types[0]}: ${definition.summary}`);
  return {
    description: `the connector. ${texts.join("; ")}`,
    anyOf: [{ enum: names }, { type: "string", pattern: "^(npm|file):." }],
  };
}

const topLevel = {
  name: { ...NAME, description: "name of the connector, unique in the cluster" },
  type: reference("type"),
  version: { description: "version of the connector; any is accepted", ...SCALAR },
  direction: { description: "needed where a type is both", ...words(["source", "sink"]) },
  runtime: { description: "how the cluster runs it; default `process`", ...words(RUNTIMES) },
  image: { description: "of `runtime: container`: the image; default the official one of the type", type: "string" },
  producer: reference("producer"),
  consumer: reference("consumer"),
};

function seedSchema(connectors: readonly SchemaConnector[]): JsonSchema {
  const keys = object(
    {
      ...topLevel,
      topic: { ...NAME, description: "topic that is written or read; created when it does not exist" },
      create_topic: reference("flag"),
      "topic-options": reference("topicOptions"),
      parameters: { description: "options of the connector", type: "object" },
      secrets: { description: "values by name", type: "object", additionalProperties: SCALAR },
      transforms: reference("transforms"),
    },
    ["name", "type", "topic"],
  );
  const conditions = connectors.map((one) => ({
    if: typeIs(one, connectors),
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      properties: { parameters: reference(definitionName(one)) },
      ...(requiresOptions(one) ? { required: ["parameters"] } : {}),
    },
  }));
  return { ...keys, allOf: [...((keys.allOf as readonly JsonSchema[] | undefined) ?? []), ...conditions] };
}

function todaySchema(connectors: readonly SchemaConnector[]): JsonSchema {
  const meta = object(
    {
      ...topLevel,
      topic: { description: "topic that is written or read", anyOf: [NAME, reference("topicFile")] },
      secrets: {
        description: "names of secrets",
        type: "array",
        items: object({ name: { type: "string" } }, ["name"]),
      },
    },
    ["name", "type", "topic"],
  );
  const conditions = connectors.map((one) => ({
    if: { properties: { meta: typeIs(one, connectors) }, required: ["meta"] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: todayOptions(one),
  }));
  return {
    type: "object",
    properties: {
      apiVersion: { description: "version of the file's form", enum: ["0.1.0", "0.2.0"] },
      meta,
      transforms: reference("transforms"),
    },
    required: ["meta"],
    // One section of options, named after the connector.
    maxProperties: 4,
    allOf: conditions,
  };
}

/** Options stand in a section under one of a few names. */
function todayOptions(one: SchemaConnector): JsonSchema {
  const names = sectionNames(one.types);
  const sections = names.map((name): [string, JsonSchema] => [name, reference(definitionName(one))]);
  return {
    properties: { ...Object.fromEntries([...TODAY_KEYS.map((key) => [key, true]), ...sections]) },
    additionalProperties: false,
    ...(requiresOptions(one) ? { anyOf: names.map((name) => ({ required: [name] })) } : {}),
  };
}

/** Whether the file's type means this connector: of those that share a type, the source, unless the direction is given. */
function typeIs({ types, definition }: SchemaConnector, all: readonly SchemaConnector[]): JsonSchema {
  const { direction } = definition;
  const alternatives = types.map((type): JsonSchema => {
    const isShared = all.some((other) => other.definition.direction !== direction && other.types.includes(type));
    const named = { properties: { type: { const: type } }, required: ["type"] };
    if (!isShared) return named;
    const sink = { properties: { direction: words(["sink"]) }, required: ["direction"] };
    return { allOf: [named, direction === "sink" ? sink : { not: sink }] };
  });
  return { anyOf: alternatives };
}

function requiresOptions({ definition }: SchemaConnector): boolean {
  return "allOf" in parametersOf(definition);
}

function parametersOf(definition: ConnectorDefinition): JsonSchema {
  const common = [...COMMON_PARAMETERS]
    .filter(([, { only }]) => only === undefined || only === definition.direction)
    .map(([name, { doc }]): [string, JsonSchema] => [name, { description: doc, ...commonValue(name) }]);
  return objectOfFields(definition.config.shape, Object.fromEntries(common));
}

function commonValue(name: string): JsonSchema {
  if (isModuleParameter(name)) return reference("module");
  if (name === "retry") return reference("retry");
  if (name === "on-error") return words([...ON_ERROR, "dead_letter"]);
  if (name === "smartmodule-parameters") return reference("pairs");
  if (name.endsWith("partition")) return reference("texts");
  return SCALAR;
}

/** Parts that are the same for every connector. */
const sections: Readonly<Record<string, JsonSchema>> = {
  producer: {
    description: "how a source sends",
    ...object({
      linger: { description: "how long a batch waits for more records", ...reference("duration") },
      "batch-size": { description: "size of a batch that waits no longer", ...reference("size") },
      compression,
      timeout: { description: "how long the cluster may take to commit a batch", ...reference("duration") },
      isolation: {
        description: "what is acknowledged: what the leader has, or what is committed",
        ...words(ISOLATIONS),
      },
    }),
  },
  consumer: {
    description: "how a sink reads",
    ...object({
      partition: {
        description: "a number, a list of numbers, or all",
        anyOf: [reference("integer"), { const: "all" }, { type: "array", items: reference("integer"), minItems: 1 }],
      },
      "max-bytes": { description: "asked for at once, per partition", ...reference("size") },
      id: { description: "name under which the position is kept", type: "string" },
      offset: object({
        start: {
          description: "where the first start begins",
          anyOf: [
            words(["beginning", "end"]),
            ...["absolute", "from-beginning", "from-end"].map((form) =>
              object({ [form]: { description: "a number of records", ...reference("integer") } }, [form]),
            ),
          ],
        },
        strategy: { description: "when the position is stored", ...words(["none", "manual", "auto"]) },
        "flush-period": { description: "of the strategy auto", ...reference("duration") },
      }),
    }),
  },
  transforms: {
    description: "SmartModules, in the order in which they apply",
    type: "array",
    items: object(
      {
        uses: { description: "name, group/name@version, or path of a wasm file", type: "string" },
        with: { description: "parameters of the SmartModule", type: "object" },
        lookback: object({ last: reference("integer"), age: reference("duration") }),
        window: {
          anyOf: [
            reference("duration"),
            object({ size: reference("duration"), slide: reference("duration"), grace: reference("duration") }, [
              "size",
            ]),
          ],
        },
        limits: object({ time: reference("duration"), memory: reference("size"), output: reference("size") }),
        state: NAME,
      },
      ["uses"],
    ),
  },
  topicOptions: {
    description: "of a topic that does not exist yet",
    ...object({
      partitions: reference("integer"),
      replication: reference("integer"),
      retention: reference("duration"),
      "segment-size": reference("size"),
      "max-partition-size": reference("size"),
      compression: { type: "string" },
      deduplication: object(
        { count: reference("integer"), age: reference("duration"), uses: { type: "string" }, with: { type: "object" } },
        ["count", "uses"],
      ),
    }),
  },
  topicFile: object(
    {
      version: SCALAR,
      meta: object({ name: NAME }, ["name"]),
      partition: object({
        count: reference("integer"),
        replication: reference("integer"),
        "max-size": reference("size"),
        "ignore-rack-assignment": reference("flag"),
      }),
      retention: object({ time: reference("duration"), "segment-size": reference("size") }),
      compression: object({ type: { type: "string" } }),
      deduplication: object({
        bounds: object({ count: reference("integer"), age: reference("duration") }, ["count"]),
        filter: object({ transform: object({ uses: { type: "string" }, with: { type: "object" } }, ["uses"]) }, [
          "transform",
        ]),
      }),
    },
    ["meta"],
  ),
};
