import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packFolder, writePackage } from "../../npm/testing/packages.ts";
import { importDriver, installDrivers, withDrivers } from "./drivers.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-drivers-"));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

test("a driver that is not part of the product is installed when it is first used", async () => {
  const folder = await writePackage(home, {
    name: "@acme/driver",
    version: "1.0.0",
    files: { "index.js": "export const speak = () => 'driven';\n" },
  });
  const drivers = { "@acme/driver": (await packFolder(folder)).path };
  const progress: string[] = [];
  const packages = {
    dir: join(home, "packages"),
    env: { PATH: process.env.PATH, HOME: home },
    progress: (sentence: string) => progress.push(sentence),
  };
  const speak = () =>
    withDrivers(drivers, packages, async () => (await importDriver<{ speak(): string }>("@acme/driver")).speak());
  expect(await speak()).toBe("driven");
  expect(progress).toHaveLength(2);
  await installDrivers(drivers, packages);
  expect(await speak()).toBe("driven");
  expect(progress).toHaveLength(2);
});

test("a driver that is there is imported, one that nothing names is refused", async () => {
  expect(await importDriver<typeof import("yaml")>("yaml")).toHaveProperty("parse");
  await expect(importDriver("@acme/other")).rejects.toMatchObject({
    code: "FLV_PACKAGE",
    message: "The driver @acme/other is not installed",
  });
});
