import { existsSync } from "node:fs";
import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startRegistry, type TestRegistry } from "../npm/testing/registry.ts";
import { cdk } from "./cdk.ts";
import { useTestCli } from "./testing/cluster.ts";
import { keyboard } from "./testing/keyboard.ts";
import { type CliResult, runCli, runProgram } from "./testing/run.ts";

const REPOSITORY = fileURLToPath(new URL("../../../..", import.meta.url));

const cli = useTestCli();
let home = "";
let registry: TestRegistry;

beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), "fluvio-cdk-")));
  registry = await startRegistry();
});
afterAll(async () => {
  registry.close();
  await rm(home, { recursive: true, force: true });
});

const environment = () => ({ ...registry.env(home), TMPDIR: home, FLUVIO_DIR: join(home, ".fluvio") });

/** Runs `cdk` in a folder below the home. */
async function cdkIn(folder: string, ...argv: string[]): Promise<CliResult> {
  const cwd = join(home, folder);
  return await runProgram(["-c", cli.address, ...argv], { cwd, env: environment() }, cdk);
}

async function ok(folder: string, ...argv: string[]): Promise<string> {
  const result = await cdkIn(folder, ...argv);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
}

/** The compiler of this repository: a project's own comes from the registry. */
async function linkCompiler(folder: string): Promise<void> {
  const modules = join(home, folder, "node_modules");
  await symlink(join(REPOSITORY, "node_modules/typescript"), join(modules, "typescript"));
  await symlink(join(REPOSITORY, "node_modules/.bin"), join(modules, ".bin"));
  await symlink(join(REPOSITORY, "node_modules/@types"), join(modules, "@types"));
}

describe("a source from its generation to its publication", () => {
  test("generate", async () => {
    const args = ["ticker", "--group", "acme", "--conn-description", "Ticks", "--conn-public", "true"];
    expect(await ok(".", "generate", ...args)).toBe(
      'Connector project "ticker" has been created in ticker\n  package.json\n  tsconfig.json\n  src/connector.ts\n' +
        "  tests/connector.test.mjs\n  sample-config.yaml\n  README.md\n  .gitignore\n\nNext:\n  cd ticker\n" +
        "  fluvio connector build\n  fluvio connector test --config sample-config.yaml\n",
    );
    const manifest = JSON.parse(await readFile(join(home, "ticker/package.json"), "utf8")) as object;
    expect(manifest).toMatchObject({
      name: "@acme/ticker",
      description: "Ticks",
      fluvio: { connector: "./dist/connector.js", connectorApi: 1 },
      publishConfig: { access: "public" },
    });
    await linkCompiler("ticker");
  });

  test("build, and its own tests pass", async () => {
    expect(await ok("ticker", "build")).toBe("Built @acme/ticker@0.1.0: ./dist/connector.js\n");
    const { runNpm } = await import("../npm/index.ts");
    const said = await runNpm(["run", "test"], { cwd: join(home, "ticker"), env: environment() });
    expect(said).toMatch(/^(#|ℹ) pass 3$/m);
    expect(said).toMatch(/^(#|ℹ) fail 0$/m);
  }, 120_000);

  test("fluvio connector test shows what it makes", async () => {
    const argv = ["connector", "test", "-c", "sample-config.yaml", "-n", "2"];
    const result = await runCli(argv, { cwd: join(home, "ticker"), env: environment() });
    expect(result.stderr).toBe("");
    expect(result.stdout).toMatch(/^ {2}1 +extract +- +hello 1 /m);
  });

  test("cdk test runs it in the foreground", async () => {
    const stop = new AbortController();
    const running = runProgram(
      ["-c", cli.address, "test"],
      {
        cwd: join(home, "ticker"),
        env: environment(),
        signal: stop.signal,
        onStdout: (all) => all.includes("Starting Processing") && stop.abort(),
      },
      cdk,
    );
    expect(await running).toMatchObject({ exitCode: 0 });
  });

  test("deploy start, list, log, shutdown", async () => {
    expect(await ok("ticker", "deploy", "list")).toBe("No connectors found\n");
    const name = "my-ticker-test-connector";
    const started = await ok("ticker", "deploy", "start", "--log-level", "debug");
    expect(started).toMatch(
      /^Log file: .*\/ticker\/my-ticker-test-connector\.log\nConnector runs with process id: \d+\n/,
    );
    expect(started).toContain(`Started connector \`${name}\`\n`);
    expect(await ok(".", "deploy", "list")).toBe(`  NAME                      STATUS  \n  ${name}  Running \n`);
    expect((await cdkIn("ticker", "deploy", "start")).stderr).toContain(`Connector with name ${name} already exists`);
    const log = () => ok("ticker", "deploy", "log", "--name", name);
    await vi.waitFor(async () => expect(await log()).toContain("Starting Processing"), { timeout: 25_000 });
    const values = await cli.run(["consume", "test-ticker-topic", "-B", "--end", "0"], {
      signal: AbortSignal.timeout(30_000),
    });
    expect(values.stdout).toMatch(/^hello \d+\n$/);
    expect(await ok("ticker", "deploy", "shutdown")).toMatch(
      /^Shutting down connector: my-ticker-test-connector\n {2}process id: \d+\n {2}log file: .*\.log\n$/,
    );
    expect(await readFile(join(home, "ticker", `${name}.log`), "utf8")).toContain("Stop signal received");
    expect(await ok("ticker", "deploy", "list")).toBe("No connectors found\n");
    expect((await cdkIn("ticker", "deploy", "log", "-n", name)).stderr).toContain(`Connector not found: ${name}`);
  }, 120_000);

  test("a file with a mistake is not started", async () => {
    await writeFile(
      join(home, "ticker/bad.yaml"),
      "name: bad\ntype: npm:.\ntopic: bad\nparameters:\n  intervall: 1s\n",
    );
    const { exitCode, stderr } = await cdkIn("ticker", "deploy", "start", "-c", "bad.yaml");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("bad.yaml:5: unknown key `parameters.intervall`");
    await writeFile(
      join(home, "ticker/bad.yaml"),
      "name: bad\ntype: npm:.\ntopic: bad\nparameters:\n  map: none-such\n",
    );
    const unknown = await cdkIn("ticker", "deploy", "start", "-c", "bad.yaml");
    expect(unknown.stderr).toMatch(
      /bad\.yaml:5: SmartModule not found: none-such \(FLV_CONNECTOR_INVALID\)\. Register it first/,
    );
    expect(await ok("ticker", "deploy", "list")).toBe("No connectors found\n");
  });

  test("publish --dry-run, --pack, publish", async () => {
    const dry = await ok("ticker", "publish", "--no-build", "--dry-run");
    expect(dry).toMatch(/^Creating package @acme\/ticker@0\.1\.0\n/);
    expect(dry).toMatch(/^ {2}dist\/connector\.js \(\d+ bytes\)$/m);
    expect(dry).not.toContain("src/connector.ts");
    expect(dry).toMatch(/Would publish @acme\/ticker@0\.1\.0 to http:\/\/127\.0\.0\.1:\d+\/?, public\n$/);
    expect(registry.names()).toEqual([]);
    expect(await ok("ticker", "publish", "--no-build", "--pack")).toContain("Package acme-ticker-0.1.0.tgz created\n");
    expect((await cdkIn("ticker", "publish", "--no-build")).stderr).toContain("needs a confirmation");
    expect(await ok("ticker", "publish", "--no-build", "--public-yes")).toContain("Published @acme/ticker@0.1.0\n");
    expect(registry.names()).toEqual(["@acme/ticker"]);
    expect(await ok(".", "hub", "list")).toContain(" @acme/ticker@0.1.0  public ");
    await ok("ticker", "set-public", "false");
    expect(await readFile(join(home, "ticker/package.json"), "utf8")).toContain('"access": "restricted"');
  }, 120_000);

  test("others run what was published, by name and as a package file", async () => {
    await writeFile(
      join(home, "published.yml"),
      "name: published\ntype: npm:@acme/ticker@0.1.0\ntopic: published\nparameters:\n  text: published\n",
    );
    const argv = ["connector", "test", "-c", "published.yml", "-n", "1"];
    // npm of the packages' store is set up by the process's environment, as the cluster's is.
    vi.stubEnv("npm_config_registry", registry.url);
    vi.stubEnv("npm_config_cache", join(home, "npm-cache"));
    try {
      const result = await runCli(argv, { cwd: home, env: environment() });
      expect(result.stderr).toMatch(/^installing @acme\/ticker@0\.1\.0 with npm\ninstalled @acme\/ticker@0\.1\.0 in/);
      expect(result.stdout).toMatch(/produce +- +published 0/);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("generate on a terminal", () => {
  const atTerminal = (argv: readonly string[], answers: Parameters<typeof keyboard>[0]) =>
    runProgram(argv, { cwd: home, env: environment(), ...keyboard(answers) }, cdk);

  test("asks for what is not given, in order", async () => {
    const { exitCode, stdout } = await atTerminal(
      ["generate"],
      [
        [/Name of the connector/, "asked\r"],
        [/Which way do records go/, "\u001b[B\r"],
        [/What does it do/, " of mine\r"],
        [/Scope of its npm package/, "\r"],
      ],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Connector project "asked" has been created in asked\n');
    expect(JSON.parse(await readFile(join(home, "asked/package.json"), "utf8"))).toMatchObject({
      name: "@local/asked",
      description: "Brings the records of a topic somewhere else of mine",
    });
    expect(await readFile(join(home, "asked/src/connector.ts"), "utf8")).toContain("defineSink");
  });

  test("asks a wrong name again, and nothing that was given", async () => {
    const given = ["generate", "--conn-type", "source", "--conn-description", "Ticks", "--group", "acme"];
    const { exitCode, stdout } = await atTerminal(given, [
      [/Name of the connector/, "Bad_Name\r"],
      [/use up to 40 lowercase/, `${"\u007f".repeat(8)}good\r`],
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/Which way|What does it do|Scope/);
    expect(await readFile(join(home, "good/package.json"), "utf8")).toContain('"@acme/good"');
  });

  test("ends with 130 and makes nothing when it is left with Ctrl-C; asks nothing with --silent", async () => {
    expect((await atTerminal(["generate", "left"], [[/Which way do records go/, "\u0003"]])).exitCode).toBe(130);
    expect(existsSync(join(home, "left"))).toBe(false);
    const silent = await atTerminal(["generate", "quiet", "--silent"], []);
    expect(silent).toMatchObject({ exitCode: 0, stdout: "" });
    expect(existsSync(join(home, "quiet/package.json"))).toBe(true);
  });
});

describe("a sink", () => {
  test("is generated, built and tested", async () => {
    await ok(".", "generate", "lines", "--conn-type", "sink", "--silent");
    await linkCompiler("lines");
    const { runNpm } = await import("../npm/index.ts");
    const said = await runNpm(["run", "test"], { cwd: join(home, "lines"), env: environment() });
    expect(said).toMatch(/^(#|ℹ) pass 3$/m);
    const written = join(home, "lines/written.txt");
    const sample = await readFile(join(home, "lines/sample-config.yaml"), "utf8");
    await writeFile(join(home, "lines/own.yaml"), sample.replace("./received.txt", written));
    const argv = ["connector", "test", "-c", "own.yaml", "--text", "a line", "--write"];
    const result = await runCli(argv, { cwd: join(home, "lines"), env: environment() });
    expect(result.stderr).toBe("");
    expect(result.stdout).toMatch(/write +- +a line/);
    expect(await readFile(written, "utf8")).toBe("a line\n");
  });

  test("a mistake of the compiler is shown", async () => {
    await writeFile(join(home, "lines/src/connector.ts"), "export const connector: number = 'x';\n");
    const result = await cdkIn("lines", "build");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/src\/connector\.ts.*error TS2322/);
  });
});

test("what is missing is told", async () => {
  expect((await cdkIn(".", "build")).stderr).toContain("No connector project");
  expect((await cdkIn(".", "generate")).stderr).toContain("The connector needs a name");
  expect((await cdkIn(".", "generate", "Bad_Name")).stderr).toContain("Invalid name for connector Bad_Name");
  expect((await cdkIn(".", "generate", "ticker")).stderr).toContain("exists and is not empty");
  expect(await ok(".", "version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(JSON.parse(await ok(".", "version", "-j"))).toMatchObject({ name: "cdk" });
  expect(await ok(".", "hub")).toContain(registry.url);
});
