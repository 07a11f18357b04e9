import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REGISTRY_USER, startRegistry, type TestRegistry } from "../npm/testing/registry.ts";
import { cdk } from "./cdk.ts";
import { smdk } from "./smdk.ts";
import { type CliResult, runProgram } from "./testing/run.ts";

/** The hub of both kits, which is the npm registry. */
let home = "";
let registry: TestRegistry;
/** Another one, that `--remote` names. */
let other: TestRegistry;
const TARBALL = Buffer.from("what was published");

beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "fluvio-hub-")));
  registry = await startRegistry();
  other = await startRegistry();
});
afterAll(async () => {
  registry.close();
  other.close();
  await rm(home, { recursive: true, force: true });
});

const run = (kit: typeof cdk, ...argv: string[]): Promise<CliResult> =>
  runProgram(argv, { cwd: home, env: registry.env(home) }, kit);
async function ok(kit: typeof cdk, ...argv: string[]): Promise<string> {
  const result = await run(kit, ...argv);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
}

describe.each([
  ["cdk", cdk],
  ["smdk", smdk],
])("%s hub", (_, kit) => {
  test("names the registry, and who publishes there", async () => {
    expect(await ok(kit, "hub")).toMatch(new RegExp(`^${registry.url}/?\n$`));
    expect(await ok(kit, "hub", "id")).toBe(`${REGISTRY_USER}\n`);
    const { exitCode, stderr } = await run(kit, "hub", "lst");
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("unrecognized subcommand 'lst'")]);
  });

  test("says why nobody is known", async () => {
    const env = { ...registry.env(home), ...other.env(home), npm_config_registry: "http://127.0.0.1:1" };
    const result = await runProgram(["hub", "id"], { cwd: home, env }, kit);
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(/^npm whoami failed: .*\(FLV_PACKAGE\)/);
  });
});

describe("connectors of the registry", () => {
  test("are listed by their keyword, in a table and as JSON; without any that is said", async () => {
    expect(await ok(cdk, "hub", "list")).toBe("No connectors found\n");
    registry.add("@acme/ticker", "1.2.0", TARBALL, { keywords: ["fluvio-connector"], description: "Ticks" });
    registry.add("left-pad", "1.0.0", TARBALL, { keywords: ["text"] });
    expect(await ok(cdk, "hub", "list")).toBe(
      "  CONNECTOR           Visibility  Released   \n  @acme/ticker@1.2.0  public      2026-03-01 \n",
    );
    expect(JSON.parse(await ok(cdk, "hub", "list", "-O", "json"))).toEqual([
      { name: "@acme/ticker", version: "1.2.0", description: "Ticks", date: "2026-03-01T12:00:00.000Z" },
    ]);
  });

  test("of another registry with --remote", async () => {
    other.add("elsewhere", "0.1.0", TARBALL, { keywords: ["fluvio-connector"] });
    expect(await ok(cdk, "hub", "list", "--remote", other.url)).toContain(" elsewhere@0.1.0 ");
    expect(await ok(cdk, "hub", "download", "elsewhere", "--remote", other.url)).toBe("elsewhere-0.1.0.tgz\n");
    expect(await readFile(join(home, "elsewhere-0.1.0.tgz"))).toEqual(TARBALL);
    expect(await ok(cdk, "hub", "--remote", other.url)).toBe(`${other.url}\n`);
  });

  test("are downloaded as packages; one that is not there is told by its name", async () => {
    expect(await ok(cdk, "hub", "download", "@acme/ticker@1.2.0")).toBe("acme-ticker-1.2.0.tgz\n");
    expect(await readFile(join(home, "acme-ticker-1.2.0.tgz"))).toEqual(TARBALL);
    const absent = await run(cdk, "hub", "download", "@acme/none");
    expect(absent).toMatchObject({ exitCode: 1, stdout: "" });
    expect(absent.stderr).toMatch(/^npm pack failed: .*@acme.*none.*\(FLV_PACKAGE\)/);
    expect((await run(cdk, "hub", "download", "npm:../x")).exitCode).toBe(1);
    expect((await run(cdk, "hub", "download")).stderr).toContain(
      "the following required arguments were not provided:\n  <PACKAGE[@VERSION]>",
    );
  });
});
