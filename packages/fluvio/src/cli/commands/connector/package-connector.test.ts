import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../../../../../../tests/free-port.ts";
import { installationDir } from "../../../npm/index.ts";
import { packFolder, type TestPackage, writePackage } from "../../../npm/testing/packages.ts";
import { startRegistry, type TestRegistry } from "../../../npm/testing/registry.ts";
import { Program } from "../../testing/program.ts";
import { type CliResult, runCli } from "../../testing/run.ts";

/** Connectors from npm packages, in a background cluster whose npm has a registry of this test. */
let home: string;
let program: Program;
let registry: TestRegistry;

const COUNTER = `import { defineSource, field, z } from "fluvio/connector";
import { prefix } from "./prefix.js";

export const connector = defineSource({
  name: "counter",
  version: "1.0.0",
  summary: "Counts",
  config: z.object({ start: field.integer({ doc: "first number", default: "1", min: 0, max: 1000 }) }),
  run: async ({ config, signal, send }) => {
    await send({ value: prefix + config.start });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  },
});
`;

const counter: TestPackage = {
  name: "@acme/counter",
  version: "1.0.0",
  files: { "index.js": COUNTER, "prefix.js": 'export const prefix = "number ";\n' },
  fields: { fluvio: { connector: "./index.js", connectorApi: 1 }, peerDependencies: { fluvio: "*" } },
};

/** Its module ends the process that imports it. */
const exits: TestPackage = {
  ...counter,
  name: "@acme/exits",
  files: { "index.js": "console.error('out of here'); process.exit(3);\n" },
};

const fluvio = (...argv: string[]): Promise<CliResult> => runCli(argv, { env: program.env, cwd: home });

async function ok(...argv: string[]): Promise<string> {
  const result = await fluvio(...argv);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
}

async function publish(one: TestPackage): Promise<void> {
  registry.add(one.name, one.version, (await packFolder(await writePackage(home, one))).content);
}

async function create(name: string, type: string, parameters = ""): Promise<CliResult> {
  await writeFile(join(home, `${name}.yml`), `name: ${name}\ntype: ${type}\ntopic: ${name}\n${parameters}`);
  return await fluvio("connector", "create", "-c", `${name}.yml`);
}

const firstRecord = async (topic: string) => await ok("consume", topic, "-B", "--end", "0");

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-package-connector-"));
  registry = await startRegistry();
  program = new Program(home, registry.env(home));
  await publish(counter);
  await publish(exits);
  const address = `127.0.0.1:${await freePort(1)}`;
  const spuPort = String(await freePort(1));
  await ok("cluster", "start", "--sc-pub-addr", address, "--spu-base-port", spuPort, "--gateway-addr", "off");
}, 60_000);

afterAll(async () => {
  await fluvio("cluster", "delete", "--force");
  registry.close();
  await rm(home, { recursive: true, force: true });
});

test("the cluster installs a package, checks the file against it, and runs it", async () => {
  expect(await create("counted", "npm:@acme/counter@1.0.0", "parameters:\n  start: 7\n")).toMatchObject({
    exitCode: 0,
    stdout: "",
  });
  expect(await firstRecord("counted")).toBe("number 7\n");
  expect(await ok("connector", "describe", "counted")).toContain('type: "npm:@acme/counter@1.0.0"');
});

test("a mistake in the file is refused with the nearest name", async () => {
  const { exitCode, stderr } = await create("typo", "npm:@acme/counter@1.0.0", "parameters:\n  strat: 7\n");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("unknown key `parameters.strat`");
  expect(await ok("connector", "list")).not.toContain("typo");
});

test("a folder is used where it is", async () => {
  const folder = await writePackage(home, { ...counter, version: "2.0.0" });
  await mkdir(join(folder, "node_modules"));
  await symlink(installationDir(), join(folder, "node_modules/fluvio"));
  expect((await create("local", "npm:./@acme-counter-2.0.0")).exitCode).toBe(0);
  expect(await firstRecord("local")).toBe("number 1\n");
});

describe("what is wrong with a package is told, and the cluster goes on", () => {
  test.each([
    ["npm:@acme/absent", "Package not found in the npm registry: @acme/absent"],
    ["npm:@acme/counter@9.9.9", "The npm registry has no such version: @acme/counter@9.9.9"],
    ["npm:@acme/exits", "ended the process that checked it: out of here"],
    ["npm:./nothing-here", "is no package: it has no package.json"],
    ["npm:git+ssh://host/x", "is no package"],
  ])("%s", async (type, sentence) => {
    const { exitCode, stderr } = await create("refused", type);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(sentence);
  });

  test("nothing of them is there", async () => {
    expect(await ok("connector", "list")).not.toContain("refused");
  });
});

test("without the registry what is installed runs on", async () => {
  registry.close();
  const updated = await fluvio("connector", "update", "-c", "counted.yml");
  expect(updated.exitCode, updated.stderr).toBe(0);
  await vi.waitFor(async () => expect(await ok("connector", "list")).toMatch(/counted +Running/), { timeout: 20_000 });
  const { exitCode, stderr } = await create("away", "npm:@acme/never-seen@1.0.0");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("The npm registry cannot be reached to install @acme/never-seen@1.0.0");
});
