import { readFile } from "node:fs/promises";
import { commonParameterTable, parameterTable } from "fluvio/connector";
import { describe, expect, test } from "vitest";
import { loadConnectorFile } from "../fluvio/src/connector/load.ts";
import { validateConnector } from "../fluvio/src/connector/supervisor.ts";
import { connector as httpSource } from "./http/index.ts";
import { connector as httpSink } from "./http-sink/index.ts";

const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");

/** What stands between a mark and the next `<!-- end -->`. */
function marked(text: string, mark: string): string {
  const start = text.indexOf(`<!-- ${mark} -->`);
  expect(start, `no mark "${mark}"`).toBeGreaterThan(-1);
  const from = text.indexOf("\n", start) + 1;
  return text.slice(from, text.indexOf("<!-- end -->", from)).trim();
}

describe("tables in the documents are those of the schemas", () => {
  test.each([
    ["./http/README.md", httpSource],
    ["./http-sink/README.md", httpSink],
  ] as const)("%s", async (path, connector) => {
    expect(marked(await read(path), "parameters")).toBe(parameterTable(connector).trim());
  });

  test("common parameters", async () => {
    const text = await read("../../docs/connectors.md");
    expect(marked(text, "common parameters of sinks")).toBe(commonParameterTable("sink").trim());
    expect(commonParameterTable("sink").startsWith(commonParameterTable("source"))).toBe(true);
  });
});

describe("connector files in the documents can be created", () => {
  test.each(["./http/README.md", "./http-sink/README.md", "../../docs/connectors.md"])("%s", async (path) => {
    const files = [...(await read(path)).matchAll(/```yaml\n(# connect\.yml\n.*?)```/gs)].map(
      (match) => match[1] ?? "",
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      await validateConnector(loadConnectorFile(file, path), path);
    }
  });

  test.each(["./http/examples/connect.yml", "./http-sink/examples/connect.yml"])("%s", async (path) => {
    await validateConnector(loadConnectorFile(await read(path), path), path);
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
