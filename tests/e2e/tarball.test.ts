import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../free-port.ts";
import { blocksOf, followGuide } from "./guide.ts";
import { atTerminal } from "./terminal.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** The product as users get it: packed, installed into an empty prefix, driven through its binary. */
describe("the tarball", () => {
  let prefix: string;
  let environment: NodeJS.ProcessEnv;
  let gatewayPort = 0;

  const fluvio = (args: readonly string[], input?: string) =>
    new Promise<{ status: number | null; stdout: string; stderr: string }>((done) => {
      const child = spawn(join(prefix, "node_modules/.bin/fluvio"), args, { env: environment, cwd: prefix });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (data) => (stdout += data));
      child.stderr.on("data", (data) => (stderr += data));
      child.on("close", (status) => done({ status, stdout, stderr }));
      child.stdin.end(input ?? "");
    });

  beforeAll(async () => {
    prefix = await mkdtemp(join(tmpdir(), "fluvio-e2e-"));
    environment = { ...process.env, HOME: prefix, FLUVIO_DIR: join(prefix, ".fluvio") };
    const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", prefix, "-w", "fluvio"], {
      cwd: root,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    await writeFile(join(prefix, "package.json"), '{ "private": true, "type": "module" }');
    await run("npm", ["install", "--omit=dev", join(prefix, filename)], { cwd: prefix });
    const address = `127.0.0.1:${await freePort()}`;
    gatewayPort = await freePort();
    const started = await fluvio([
      "cluster",
      "start",
      "--sc-pub-addr",
      address,
      "--spu-base-port",
      String(await freePort()),
      "--gateway-addr",
      `127.0.0.1:${gatewayPort}`,
    ]);
    expect(started.stderr + started.stdout).toContain("Successfully installed Local Fluvio cluster");
    expect(started.status).toBe(0);
  }, 180_000);

  afterAll(async () => {
    const stopped = await fluvio(["cluster", "delete", "--force"]);
    expect(stopped.status).toBe(0);
    await rm(prefix, { recursive: true, force: true });
  }, 60_000);

  test("metrics over HTTP", async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gatewayPort}/metrics`)).text();
    expect(metrics).toMatch(/^fluvio_spu_up\{spu="5001"\} 1$/m);
  });

  test("a topic, records in, the same records out", async () => {
    expect((await fluvio(["topic", "create", "hello"])).stdout).toBe('topic "hello" created\n');
    expect((await fluvio(["produce", "hello"], "one\ntwo\nthree\n")).status).toBe(0);
    const consumed = await fluvio(["consume", "hello", "-B", "-d"]);
    expect(consumed).toEqual({ status: 0, stdout: "one\ntwo\nthree\n", stderr: "" });
  });

  describe("SmartModules", () => {
    const guide = join(root, "docs/smartmodules.md");
    let folder = "";
    // Beside the installation, not in it: a project must find it without packages of its own.
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "fluvio-modules-"));
    });
    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
    });
    const shell = () => ({
      cwd: folder,
      env: { ...environment, PATH: `${join(prefix, "node_modules/.bin")}:${process.env.PATH}` },
    });

    test("every command of docs/smartmodules.md does what it says there", async () => {
      const blocks = await blocksOf(guide);
      expect(blocks.filter(({ info }) => info === "sh").length).toBeGreaterThan(15);
      await followGuide(blocks, shell());
    }, 600_000);

    test("every module of docs/smartmodules.md compiles", async () => {
      const sources = (await blocksOf(guide)).filter(({ info }) => info === "ts");
      expect(sources.length).toBeGreaterThan(3);
      const script = join(prefix, "compile.mjs");
      await writeFile(
        script,
        `import { compileSmartModule } from "fluvio/smartmodule";
         for (const entry of process.argv.slice(2)) console.log((await compileSmartModule({ entry, optimize: false })).kind);`,
      );
      const entries = await Promise.all(
        sources.map(async ({ text, line }) => {
          const entry = join(folder, `line-${line}`, "index.ts");
          await mkdir(dirname(entry));
          await writeFile(entry, text);
          return entry;
        }),
      );
      const { stdout } = await run(process.execPath, [script, ...entries], shell());
      expect(stdout.trim().split("\n")).toHaveLength(sources.length);
    }, 120_000);

    test.each(["filter", "map", "filter-map", "array-map", "aggregate"])(
      "smdk generates projects of the kind %s that pass their tests",
      async (kind) => {
        for (const params of ["--with-params", "--no-params"]) {
          const name = `${kind}-${params.slice(2)}`;
          await run("smdk", ["generate", name, "--silent", "--sm-type", kind, params], shell());
          const { stdout } = await run("smdk", ["test"], { ...shell(), cwd: join(folder, name) });
          expect(stdout).toMatch(/pass [1-9]\d*\n.*fail 0\n/);
        }
      },
      120_000,
    );
  });

  describe("the kits at a terminal", () => {
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "fluvio-kits-"));
    });
    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
    });
    const shell = (below = "") => ({
      cwd: join(folder, below),
      env: { ...environment, PATH: `${join(prefix, "node_modules/.bin")}:${process.env.PATH}` },
    });
    const said = async (below: string, program: string, ...words: string[]) =>
      (await run(program, words, shell(below))).stdout;

    test("smdk generate asks; the module is built, tried and stored", async () => {
      const { status, output } = await atTerminal(
        "smdk generate",
        [
          [/Name of the SmartModule/, "typed\r"],
          [/What does it do with a record/, "\u001b[B\r"],
          [/Language/, "\r"],
          [/Does it take parameters/, "n"],
          [/Group, such as/, "\r"],
        ],
        shell(),
      );
      expect(status, output).toBe(0);
      expect(output).toContain('SmartModule project "typed" has been created');
      expect(await said("typed", "smdk", "build")).toContain("typed");
      expect(await said("typed", "smdk", "test", "--text", "a record")).not.toBe("");
      await said("typed", "smdk", "load");
      expect(await said("", "fluvio", "smartmodule", "list")).toContain(" local/typed@0.1.0 ");
      expect(await said("", "smdk", "hub")).toMatch(/^https?:\/\/.+\n$/);
    }, 120_000);

    test("cdk generate asks; the connector is built, deployed and packed", async () => {
      const { status, output } = await atTerminal(
        "cdk generate",
        [
          [/Name of the connector/, "ticker\r"],
          [/Which way do records go/, "\r"],
          [/What does it do/, "\r"],
          [/Scope of its npm package/, "\r"],
        ],
        shell(),
      );
      expect(status, output).toBe(0);
      expect(output).toContain('Connector project "ticker" has been created');
      // a project's own compiler comes from the registry
      for (const name of ["typescript", ".bin", "@types"]) {
        await symlink(join(root, "node_modules", name), join(folder, "ticker/node_modules", name));
      }
      expect(await said("ticker", "cdk", "build")).toBe("Built @local/ticker@0.1.0: ./dist/connector.js\n");
      expect(await said("ticker", "cdk", "deploy", "start")).toContain("Started connector `my-ticker-test-connector`");
      expect(await said("ticker", "cdk", "deploy", "list")).toMatch(/ my-ticker-test-connector +Running/);
      const log = async () => await said("ticker", "cdk", "deploy", "log");
      await vi.waitFor(async () => expect(await log()).toContain("Starting Processing"), { timeout: 20_000 });
      expect(await said("", "fluvio", "consume", "test-ticker-topic", "-B", "--end", "0")).toMatch(/^hello \d+\n$/);
      expect(await said("ticker", "cdk", "deploy", "shutdown")).toContain("Shutting down connector");
      expect(await said("ticker", "cdk", "publish", "--dry-run")).toMatch(/^Would publish @local\/ticker@0\.1\.0 to /m);
      expect(await said("", "cdk", "hub")).toMatch(/^https?:\/\/.+\n$/);
    }, 120_000);
  });

  test("version names the commit it was packed from", async () => {
    const { stdout } = await run("git", ["rev-parse", "HEAD"], { cwd: root });
    expect((await fluvio(["version"])).stdout).toMatch(new RegExp(`Git Commit +: ${stdout.trim()}(-dirty)?$`, "m"));
  });

  test("the http connector that ships with it runs managed", async () => {
    const { createServer } = await import("node:http");
    const server = createServer((_, response) => response.end('{"fact":"cats sleep","length":10}')).listen(
      0,
      "127.0.0.1",
    );
    await new Promise((listening) => server.once("listening", listening));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    const file = join(prefix, "connect.yml");
    await writeFile(
      file,
      `version: 0.3.0\nname: cats\ntype: http\ntopic: cats\ndirection: source\nparameters:\n  endpoint: http://127.0.0.1:${address.port}/\n  interval: 100ms\n`,
    );
    expect((await fluvio(["connector", "create", `--config=${file}`])).stderr).toBe("");
    const consumed = await fluvio(["consume", "cats", "-B", "--end", "2"]);
    expect(consumed.stdout).toBe('{"fact":"cats sleep","length":10}\n'.repeat(3));
    expect((await fluvio(["connector", "delete", "cats"])).status).toBe(0);
    server.close();
  }, 60_000);

  test("the library is imported by its main export, with types", async () => {
    const script = join(prefix, "library.mjs");
    await writeFile(
      script,
      `import { Fluvio } from "fluvio";
       const fluvio = await Fluvio.connect();
       const names = (await fluvio.admin().listTopics()).map((topic) => topic.name);
       console.log(names.includes("hello"));
       await fluvio[Symbol.asyncDispose]();`,
    );
    const { stdout } = await run(process.execPath, [script], { env: environment, cwd: prefix });
    expect(stdout.trim()).toBe("true");
    const manifest = JSON.parse(await readFile(join(prefix, "node_modules/fluvio/package.json"), "utf8")) as {
      exports: Record<string, { types: string }>;
    };
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry === "object") await readFile(join(prefix, "node_modules/fluvio", entry.types), "utf8");
    }
  });
});
