import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConnectorFile } from "../connector/index.ts";
import { withAbsolutePaths } from "./connector-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-connector-file-"));
  await mkdir(join(folder, "catfact-map"));
  await mkdir(join(folder, "folder.wasm"));
  await writeFile(join(folder, "own.wasm"), "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a SmartModule is a path where a file is: a project's folder beside the connector file is the name of the module", () => {
  const config = loadConnectorFile(
    `name: c
type: http
topic: t
parameters:
  map: catfact-map
  filter: ./own.wasm
  body: own.wasm
transforms:
  - uses: own.wasm
  - uses: folder.wasm
  - uses: catfact-map
`,
    "connect.yml",
  );
  const { parameters, transforms } = withAbsolutePaths(config, folder);
  const own = join(folder, "own.wasm");
  expect(parameters).toEqual({ map: "catfact-map", filter: own, body: "own.wasm" });
  expect(transforms.map(({ uses }) => uses)).toEqual([own, "folder.wasm", "catfact-map"]);
});
