import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installationDir } from "../../npm/index.ts";
import { type TestPackage, writePackage } from "../../npm/testing/packages.ts";
import { absolutePackageType, isLocalFolder, isPackageType, loadPackageConnector } from "./package-connector.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-package-connector-"));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const WORKING = `import { defineSource, z } from "fluvio/connector";
export const connector = defineSource({ name: "x", version: "1.0.0", summary: "", config: z.object({}), run: async () => {} });
`;

/** Loads the connector of a folder that is such a package. */
async function load(name: string, change: Partial<TestPackage>, connects = true) {
  const folder = await writePackage(home, {
    name,
    version: "1.0.0",
    files: { "index.js": WORKING },
    fields: { fluvio: { connector: "./index.js", connectorApi: 1 } },
    ...change,
  });
  if (connects) {
    await mkdir(join(folder, "node_modules"));
    await symlink(installationDir(), join(folder, "node_modules/fluvio"), "junction");
  }
  return await loadPackageConnector(`npm:${folder}`, undefined);
}

describe("the connector of a package", () => {
  test("is what its package.json names", async () => {
    expect(await load("works", {})).toMatchObject({ name: "x", direction: "source" });
    expect(await load("no-api", { fields: { fluvio: { connector: "index.js" } } })).toMatchObject({ name: "x" });
  });

  test.each<[string, Partial<TestPackage>, string]>([
    ["no-field", { fields: {} }, "is no connector: its package.json names none"],
    ["no-export", { files: { "index.js": "export const other = 1;\n" } }, "./index.js exports no `connector`"],
    [
      "no-connector",
      { files: { "index.js": "export const connector = { name: 'x' };\n" } },
      "./index.js exports a `connector` that is none",
    ],
    [
      "other-api",
      { fields: { fluvio: { connector: "./index.js", connectorApi: 99 } } },
      "is made for version 99 of the connector interface, this fluvio has 1",
    ],
    ["outside", { fields: { fluvio: { connector: "../x.js" } } }, "names a file outside of itself: ../x.js"],
    ["throws", { files: { "index.js": "throw new Error('broken');\n" } }, "./index.js cannot be loaded: broken"],
    ["not-built", { files: {} }, "./index.js cannot be loaded: ENOENT"],
  ])("%s is refused", async (name, change, sentence) => {
    const failing = expect(load(name, change)).rejects;
    await failing.toMatchObject({ code: "FLV_PACKAGE", message: expect.stringContaining(sentence) });
  });

  test("needs fluvio beside it", async () => {
    await expect(load("alone", {}, false)).rejects.toMatchObject({
      message: expect.stringContaining("Cannot find package 'fluvio"),
      hint: expect.stringContaining("npm install && npm run build in "),
    });
  });

  test("is looked at anew when it was built anew", async () => {
    await load("again", {});
    const index = join(home, "again-1.0.0", "index.js");
    await writeFile(index, WORKING.replace('"x"', '"y"'));
    expect(await loadPackageConnector(`file:${join(home, "again-1.0.0")}`, undefined)).toMatchObject({ name: "y" });
  });
});

test("types that name packages", () => {
  expect(["npm:x", "npm:@acme/x@1", "file:/x", "npm:."].every(isPackageType)).toBe(true);
  expect(["http", "http-source"].some(isPackageType)).toBe(false);
  expect(absolutePackageType("npm:.", "/here")).toBe("npm:/here");
  expect(absolutePackageType("npm:../x.tgz", "/here")).toBe("npm:/x.tgz");
  expect(absolutePackageType("file:./x", "/here")).toBe("npm:/here/x");
  expect(absolutePackageType("npm:@acme/x", "/here")).toBe("npm:@acme/x");
  expect(absolutePackageType("http", "/here")).toBe("http");
  expect(["npm:/x", "npm:x", "npm:/x.tgz"].map(isLocalFolder)).toEqual([true, false, false]);
});
