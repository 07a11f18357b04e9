import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { commonParameterTable, parameterTable } from "fluvio/connector";
import { describe, expect, test } from "vitest";
import { CATALOGUE } from "../fluvio/src/connector/catalogue/catalogue.ts";
import type { ConnectorDefinition } from "../fluvio/src/connector/define.ts";
import { encodeConfig, redactSecrets } from "../fluvio/src/connector/file/config.ts";
import { describeConfig } from "../fluvio/src/connector/file/describe.ts";
import { loadConnectorFile } from "../fluvio/src/connector/file/load.ts";
import { refuseHidden, validateConnector } from "../fluvio/src/connector/options/validate.ts";

const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");

/** The official connectors: the system's folder and the name of its part, such as `source`. */
const CONNECTORS = CATALOGUE.map(({ module }) => module.split("/") as [system: string, part: string]);
const SYSTEMS = [...new Set(CONNECTORS.map(([system]) => system))];

/** Secrets of the examples. */
function secretOf(name: string): string {
  if (name === "WEBHOOK_URL") return "https://example.com/hook";
  return name.endsWith("_URL") ? "postgres://db.example.com/shop" : "a secret";
}

/** What stands between a mark and the next `<!-- end -->`. */
function marked(text: string, mark: string): string {
  const start = text.indexOf(`<!-- ${mark} -->`);
  expect(start, `no mark "${mark}"`).toBeGreaterThan(-1);
  const from = text.indexOf("\n", start) + 1;
  return text.slice(from, text.indexOf("<!-- end -->", from)).trim();
}

test("every folder is in the catalogue", () => {
  const folders = readdirSync(new URL(".", import.meta.url), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && !["node_modules", "testing", "shared"].includes(entry.name) ? [entry.name] : [],
  );
  expect([...SYSTEMS].sort()).toEqual(folders.sort());
});

describe("tables in the documents are those of the schemas", () => {
  test.each(CONNECTORS)("%s %s", async (system, part) => {
    const { connector } = (await import(`./${system}/${part}.ts`)) as { readonly connector: ConnectorDefinition };
    expect(marked(await read(`./${system}/README.md`), `parameters of the ${part}`)).toBe(
      parameterTable(connector).trim(),
    );
  });

  test("common parameters", async () => {
    const text = await read("../../docs/connectors.md");
    expect(marked(text, "common parameters of sinks")).toBe(commonParameterTable("sink").trim());
    expect(commonParameterTable("sink").startsWith(commonParameterTable("source"))).toBe(true);
  });
});

/**
 * Checks a file as the command does, and then as the cluster does, which gets it in the form that it is stored in; what is
 * described of it makes the same connector again.
 */
async function checkFile(content: string, path: string): Promise<void> {
  const config = loadConnectorFile(content, path);
  const shown = await validateConnector(config, path, { lookup: secretOf });
  const stored = loadConnectorFile(new TextDecoder().decode(encodeConfig(config)), path);
  expect(stored).toEqual(config);
  const again = loadConnectorFile(describeConfig(shown), path);
  refuseHidden(again, path);
  await validateConnector(again, path, { lookup: secretOf });
  // the direction is only described where the type leaves it open
  expect({ direction: undefined, ...again }).toEqual({ ...redactSecrets(config), direction: again.direction });
}

describe("connector files in the documents can be created", () => {
  test.each([...SYSTEMS.map((system) => `./${system}/README.md`), "../../docs/connectors.md"])("%s", async (path) => {
    const files = [...(await read(path)).matchAll(/```yaml\n(# connect\.yml\n.*?)```/gs)].map(
      (match) => match[1] ?? "",
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) await checkFile(file, path);
  });

  test.each(CONNECTORS)("examples of %s %s", async (system, part) => {
    const path = `./${system}/examples/${part}.yml`;
    await checkFile(await read(path), path);
  });

  test("the chain of the document", async () => {
    const text = await read("../../docs/connectors.md");
    const chain = /```yaml\n(transforms:\n.*?)```/s.exec(text)?.[1] ?? "";
    const file = `name: a\ntype: http-sink\ntopic: t\nparameters:\n  endpoint: http://x/\n${chain}`;
    const config = loadConnectorFile(file, "connectors.md");
    expect(config.transforms).toHaveLength(2);
    await validateConnector(config, "connectors.md");
  });
});
