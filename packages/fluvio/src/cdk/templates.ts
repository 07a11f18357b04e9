import { CONNECTOR_API } from "../connector/index.ts";
import type { ProjectFiles } from "../npm/index.ts";

/** What a project is generated from. */
export interface ConnectorAnswers {
  /** Name of the folder, the connector and (behind the group) the package. */
  readonly name: string;
  /** The package's scope; empty for none. */
  readonly group: string;
  readonly direction: "source" | "sink";
  readonly description: string;
  readonly isPublic: boolean;
}

const TYPESCRIPT_VERSION = "^7.0.2";
const NODE_TYPES_VERSION = "^20.19.0";

/** Every file of a new project. @param productVersion of the package `fluvio` */
export function connectorFiles(answers: ConnectorAnswers, productVersion: string): ProjectFiles {
  const isSource = answers.direction === "source";
  return new Map([
    ["package.json", manifest(answers, productVersion)],
    ["tsconfig.json", TSCONFIG],
    ["src/connector.ts", isSource ? sourceCode(answers) : sinkCode(answers)],
    ["tests/connector.test.mjs", isSource ? SOURCE_TEST : SINK_TEST],
    ["sample-config.yaml", sampleConfig(answers)],
    ["README.md", readme(answers)],
    [".gitignore", "/node_modules/\n/dist/\n/*.log\n/*.tgz\n"],
  ]);
}

const packageName = ({ name, group }: ConnectorAnswers): string => (group === "" ? name : `@${group}/${name}`);

function manifest(answers: ConnectorAnswers, productVersion: string): string {
  const json = {
    name: packageName(answers),
    version: "0.1.0",
    description: answers.description,
    keywords: ["fluvio", "fluvio-connector", answers.direction],
    license: "Apache-2.0",
    type: "module",
    exports: "./dist/connector.js",
    files: ["dist", "README.md"],
    fluvio: { connector: "./dist/connector.js", connectorApi: CONNECTOR_API },
    publishConfig: { access: answers.isPublic ? "public" : "restricted" },
    scripts: { build: "tsc -p .", test: "npm run build && node --test" },
    peerDependencies: { fluvio: `^${productVersion}` },
    devDependencies: { "@types/node": NODE_TYPES_VERSION, typescript: TYPESCRIPT_VERSION },
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2023",
    "module": "nodenext",
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "skipLibCheck": true,
    "declaration": true,
    "types": ["node"],
    "rootDir": "src",
    "outDir": "dist"
  },
  "include": ["src/**/*.ts"]
}
`;

function sourceCode({ name, description }: ConnectorAnswers): string {
  return `import { setTimeout as sleep } from "node:timers/promises";
import { defineSource, field, z } from "fluvio/connector";

/** The only list of options: checks, messages, help and editors' completion are made of it. */
const config = z.object({
  text: field.text({ doc: "what every record says", default: "hello" }),
  interval: field.duration({ doc: "time from one record to the next", default: "1s", minMs: 1 }),
});

/** An example that counts: put your system in the place of the counter. */
export const connector = defineSource({
  name: ${JSON.stringify(name)},
  version: "0.1.0",
  summary: ${JSON.stringify(description)},
  config,
  run: async ({ config, position, signal, send, checkpoint }) => {
    // What was kept by the last run; undefined before the first.
    let count = typeof position === "number" ? position : 0;
    while (!signal.aborted) {
      await send({ value: \`\${config.text} \${count}\` });
      count++;
      // Kept once the records before it are stored: a later run goes on here.
      checkpoint({ position: count });
      await sleep(config.interval, undefined, { signal }).catch(() => {});
    }
  },
});
`;
}

function sinkCode({ name, description }: ConnectorAnswers): string {
  return `import { open } from "node:fs/promises";
import { defineSink, field, z } from "fluvio/connector";

/** The only list of options: checks, messages, help and editors' completion are made of it. */
const config = z.object({
  path: field.path({ doc: "file that records are appended to" }),
  batch: field.integer({ doc: "records that are written at once, at most", default: "100", min: 1, max: 10_000 }),
});

/** An example that appends lines to a file: put your system in the place of the file. */
export const connector = defineSink({
  name: ${JSON.stringify(name)},
  version: "0.1.0",
  summary: ${JSON.stringify(description)},
  config,
  run: async ({ config, deliver }) => {
    const file = await open(config.path, "a");
    const decoder = new TextDecoder();
    try {
      await deliver(
        async (group) => {
          // A line break would make two records of one: the target will never take it.
          for (const record of group.records) {
            if (record.value.includes(0x0a)) group.refuse(record, "the value has several lines");
          }
          const written = group.records.filter(({ value }) => !value.includes(0x0a));
          await file.appendFile(written.map(({ value }) => \`\${decoder.decode(value)}\\n\`).join(""));
          // Resolve only when the records are durable: their position is stored then.
          await file.sync();
        },
        { recordsMax: config.batch },
      );
    } finally {
      await file.close();
    }
  },
});
`;
}

const SOURCE_TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { trySource } from "fluvio/connector";
import { connector } from "../dist/connector.js";

const parameters = { text: "tick", interval: "1ms" };

test("counts", async () => {
  const { records } = await trySource(connector, { parameters, records: 3 });
  assert.deepEqual(records.map(({ value }) => value), ["tick 0", "tick 1", "tick 2"]);
});

test("goes on where it was", async () => {
  const first = await trySource(connector, { parameters, records: 2 });
  const { records } = await trySource(connector, { parameters, position: first.positions.at(-1) });
  assert.deepEqual(records.map(({ value }) => value), ["tick 2"]);
});

test("names an option that is wrong", async () => {
  await assert.rejects(trySource(connector, { parameters: { interval: "soon" } }), /is not a duration/);
});
`;

const SINK_TEST = `import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { trySink } from "fluvio/connector";
import { connector } from "../dist/connector.js";

const dir = await mkdtemp(join(tmpdir(), "connector-test-"));
after(() => rm(dir, { recursive: true }));

test("appends records as lines", async () => {
  const parameters = { path: join(dir, "lines.txt") };
  const { outcomes } = await trySink(connector, { parameters, records: [{ value: "one" }, { value: "two" }] });
  assert.deepEqual(outcomes, [{ written: true }, { written: true }]);
  assert.equal(await readFile(parameters.path, "utf8"), "one\\ntwo\\n");
});

test("refuses a record of several lines", async () => {
  const parameters = { path: join(dir, "refused.txt") };
  const { outcomes } = await trySink(connector, { parameters, records: [{ value: "a\\nb" }, { value: "c" }] });
  assert.deepEqual(outcomes, [{ written: false, reason: "the value has several lines" }, { written: true }]);
  assert.equal(await readFile(parameters.path, "utf8"), "c\\n");
});

test("names an option that is missing", async () => {
  await assert.rejects(trySink(connector, { records: [] }), /missing required option/);
});
`;

function sampleConfig({ name, direction }: ConnectorAnswers): string {
  const isSource = direction === "source";
  return `apiVersion: 0.1.0
meta:
  version: 0.1.0
  name: my-${name}-test-connector
  type: npm:.                # this folder; when it is published: npm:PACKAGE@VERSION
  direction: ${direction}
  topic: test-${name}-topic
${isSource ? "" : "  consumer:\n    offset: { start: beginning, strategy: manual }\n"}custom:
${isSource ? "  text: hello\n  interval: 1s\n" : "  path: ./received.txt\n"}`;
}

function readme(answers: ConnectorAnswers): string {
  const { name, direction, description } = answers;
  return `# ${name}

${description}. A ${direction} connector for Fluvio.

| to do | run |
| --- | --- |
| build \`src/connector.ts\` | \`cdk build\` |
| run the tests in \`tests/\` | \`npm test\` |
| see what it makes of a few records | \`fluvio connector test --config sample-config.yaml\` |
| run it in the foreground | \`cdk test\` |
| run it in the background | \`cdk deploy start\`, \`cdk deploy list\`, \`cdk deploy log\`, \`cdk deploy shutdown\` |
| have the cluster run it | \`fluvio connector create --config sample-config.yaml\` |
| offer it to others | \`cdk publish --dry-run\`, then \`cdk publish\` |

Others write \`type: npm:${packageName(answers)}@0.1.0\` in their connector files: the cluster installs the package, and runs it as a
process of its own with the rights of its user.
`;
}
