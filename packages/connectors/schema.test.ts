import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CATALOGUE } from "../fluvio/src/connector/catalogue/catalogue.ts";
import type { ConnectorDefinition } from "../fluvio/src/connector/define.ts";
import { connectorFileSchema, parametersSchema } from "../fluvio/src/connector/file/json-schema.ts";
import { loadConnectorFile, META_KEYS, PRODUCER_KEYS, SEED_KEYS } from "../fluvio/src/connector/file/load.ts";
import { CONSUMER_KEYS } from "../fluvio/src/connector/file/load-consumer.ts";
import { TOPIC_FILE_KEYS, TOPIC_OPTION_KEYS } from "../fluvio/src/connector/file/load-topic.ts";
import { STEP_KEYS } from "../fluvio/src/connector/file/load-transforms.ts";
import { canonicalKey } from "../fluvio/src/connector/file/problem.ts";
import { validateConnector } from "../fluvio/src/connector/options/validate.ts";

/** The JSON Schema of connector files, held against files that can be created and files that cannot. */
let validate: ValidateFunction;
let definitions: readonly ConnectorDefinition[];

/** Compiles fast rather than to fast code: each schema is used a few times. */
const ajv = () =>
  new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    inlineRefs: false,
    code: { optimize: false },
  });

beforeAll(async () => {
  const connectors = await Promise.all(
    CATALOGUE.map(async ({ module, types }) => {
      const [system, part] = module.split("/");
      const loaded = (await import(`./${system}/${part}.ts`)) as { readonly connector: ConnectorDefinition };
      return { types, definition: loaded.connector };
    }),
  );
  definitions = connectors.map(({ definition }) => definition);
  validate = ajv().compile(connectorFileSchema(connectors));
}, 60_000);

/** What the schema has against a file; nothing for a valid one. */
function problems(text: string): string {
  if (validate(parse(text))) return "";
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join("; ");
}

const here = (path: string) => new URL(path, import.meta.url);
const folders = [...new Set(CATALOGUE.map(({ module }) => module.split("/")[0] ?? ""))];
const examples = folders.flatMap((folder) =>
  readdirSync(here(`./${folder}/examples/`)).map((file) => `./${folder}/examples/${file}`),
);
const documents = [...folders.map((folder) => `./${folder}/README.md`), "../../docs/connectors.md"];

describe("every file that is shown is valid", () => {
  test.each([...examples.filter((path) => path.endsWith(".yml")), "../../examples/cat-facts/connect.yml"])(
    "%s",
    async (path) => {
      expect(problems(await readFile(here(path), "utf8"))).toBe("");
    },
  );

  test.each(documents)("%s", async (path) => {
    const blocks = [...(await readFile(here(path), "utf8")).matchAll(/```yaml\n(# connect\.yml\n.*?)```/gs)];
    for (const [, block = ""] of blocks) expect(problems(block), block).toBe("");
  });

  test("parameters of each connector are a schema of their own", () => {
    for (const definition of definitions) {
      ajv().compile(parametersSchema(definition));
    }
  });
});

test("the schema has the keys that the loader takes", () => {
  const { $defs } = connectorFileSchema([]) as { readonly $defs: Readonly<Record<string, Shape>> };
  const keysOf = (shape: Shape | undefined) =>
    [...new Set(Object.keys(shape?.properties ?? {}).map(canonicalKey))].sort();
  const canonical = (keys: readonly string[]) => keys.map(canonicalKey).sort();
  expect(keysOf($defs.seed)).toEqual(canonical(SEED_KEYS));
  expect(keysOf($defs.today?.properties?.meta)).toEqual(canonical(META_KEYS));
  expect(keysOf($defs.producer)).toEqual(canonical(PRODUCER_KEYS));
  expect(keysOf($defs.consumer)).toEqual(canonical(CONSUMER_KEYS));
  expect(keysOf($defs.transforms?.items)).toEqual(canonical(STEP_KEYS));
  expect(keysOf($defs.topicOptions)).toEqual(canonical(TOPIC_OPTION_KEYS));
  expect(keysOf($defs.topicFile)).toEqual(canonical(TOPIC_FILE_KEYS));
});

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

const SEED = "version: 0.3.0\nname: cat-facts\ntype: http\ntopic: cat-facts\ndirection: source\n";
const PARAMETERS = "parameters:\n  endpoint: https://catfact.ninja/fact\n";
const TODAY =
  "apiVersion: 0.1.0\nmeta:\n  version: 0.3.8\n  name: cat-facts\n  type: http-source\n  topic: cat-facts\n";

/** Files of the documents that people have, in both forms. */
const VALID: Readonly<Record<string, string>> = {
  "the first one": `${SEED}create-topic: true\n${PARAMETERS}  interval: 30\n`,
  "without a version": `name: cat-facts\ntype: http\ntopic: cat-facts\n${PARAMETERS}`,
  "with SmartModules": `${SEED}${PARAMETERS}  map: catfact-map\n  smartmodule-parameters: { a: 1 }\n`,
  "with producer, consumer, secrets": `${SEED}${PARAMETERS}producer:\n  linger: 1 ms\n  batch-size: 1 MB\n  compression: gzip\nconsumer:\n  partition: 10\nsecrets:\n  TOKEN: abc\n`,
  "with both spellings": `${SEED}${PARAMETERS}  user_agent: me\n  output-type: json\n  headers:\n    - "a: b"\n`,
  "a sink": `name: out\ntype: http\ndirection: sink\ntopic: t\nparameters:\n  endpoint: http://x/\n  batch: { size: 10 }\n  on-error: dead-letter\n`,
  "with transforms": `${SEED}${PARAMETERS}transforms:\n  - uses: infinyon/jolt@0.3.0\n    with:\n      spec:\n        - operation: shift\n          spec: { a: b }\n    lookback: { last: 1 }\n`,
  "a package": "name: x\ntype: npm:@acme/x@1.0.0\ntopic: x\nparameters:\n  anything: { goes: here }\n",
  "today's": `${TODAY}http:\n  endpoint: https://catfact.ninja/fact\n  interval: 10s\n`,
  "today's with all": `apiVersion: 0.2.0\nmeta:\n  version: 0.3.8\n  name: cat-facts\n  type: http-source\n  topic:\n    meta: { name: cat-facts }\n    partition: { count: 2 }\n    compression: { type: gzip }\n  secrets:\n    - name: TOKEN\n  producer:\n    batch_size: 1MB\nhttp:\n  endpoint: { secret: { name: URL } }\n  interval: \${{ secrets.TOKEN }}\ntransforms:\n  - uses: x\n`,
  "today's with a section by another of its names": `${TODAY.replace("http-source", "mariadb-sink")}mariadb:\n  url: mysql://h/d\n`,
  "today's with the section `custom`": `${TODAY}custom:\n  endpoint: https://catfact.ninja/fact\n`,
  "today's of others": `${TODAY.replace("http-source", "npm:@acme/x@1.0.0")}acme:\n  anything: { goes: here }\n`,
  "today's sink": `apiVersion: 0.1.0\nmeta:\n  version: 0.1.0\n  name: out\n  type: http-sink\n  topic: t\n  consumer:\n    id: me\n    partition: [0, 1]\n    max_bytes: 1MB\n    offset:\n      start: { from-beginning: 5 }\n      strategy: auto\n      flush-period: { secs: 10, nanos: 0 }\nhttp:\n  endpoint: http://x/\n`,
};

/** Files with a mistake, each of which the loader refuses as well. */
const INVALID: Readonly<Record<string, string>> = {
  "a typo in a parameter": `${SEED}${PARAMETERS}  intervall: 10s\n`,
  "a typo at the top": `${SEED}${PARAMETERS}paramters: {}\n`,
  "a missing parameter": `${SEED}parameters:\n  interval: 10s\n`,
  "no parameters at all": SEED,
  "no name": `type: http\ntopic: t\n${PARAMETERS}`,
  "an unknown type": `name: a\ntype: htp\ntopic: t\n`,
  "a bad duration": `${SEED}${PARAMETERS}  interval: soon\n`,
  "a bad word": `${SEED}${PARAMETERS}  method: GRAB\n`,
  "a bad compression": `${SEED}${PARAMETERS}producer:\n  compression: zip\n`,
  "an option of sinks in a source": `${SEED}${PARAMETERS}  retry: { attempts: 1 }\n`,
  "an option of the source in the sink": `name: out\ntype: http\ndirection: sink\ntopic: t\n${PARAMETERS}  interval: 10s\n`,
  "a key that a map does not have": `name: out\ntype: http-sink\ntopic: t\n${PARAMETERS}  batch: { sise: 10 }\n`,
  "a number that is too small": `name: out\ntype: http-sink\ntopic: t\n${PARAMETERS}  batch: { size: 0 }\n`,
  "a step without its module": `${SEED}${PARAMETERS}transforms:\n  - with: { a: b }\n`,
  "a typo in today's section": `${TODAY}http:\n  endpoint: http://x/\n  interval: 10s\n  metod: GET\n`,
  "a typo in meta": `${TODAY}  produser: {}\nhttp:\n  endpoint: http://x/\n`,
  "an unknown apiVersion": `${TODAY.replace("0.1.0", "7.0.0")}http:\n  endpoint: http://x/\n`,
  "a misspelt section": `${TODAY}httpp:\n  endpoint: http://x/\n`,
  "the section of another connector": `${TODAY}mqtt:\n  endpoint: http://x/\n`,
  "a misspelt transforms in its place": `${TODAY}transform:\n  endpoint: http://x/\n`,
  "today's without the options that it needs": TODAY,
  "an offset that is none": `name: out\ntype: http-sink\ntopic: t\n${PARAMETERS}consumer:\n  offset: { start: middle }\n`,
};

const check = async (text: string) =>
  await validateConnector(loadConnectorFile(text, "connect.yml"), "connect.yml", { lookup: () => "http://secret/" });

describe("the schema and the loader agree", () => {
  test.each(Object.entries(VALID))("valid: %s", async (name, text) => {
    expect(problems(text)).toBe("");
    if (!name.includes("with all")) await check(text);
    else loadConnectorFile(text, "connect.yml");
  });

  test.each(Object.entries(INVALID))("refused: %s", async (_name, text) => {
    expect(problems(text)).not.toBe("");
    await expect(check(text)).rejects.toMatchObject({ code: "FLV_CONNECTOR_INVALID" });
  });
});
