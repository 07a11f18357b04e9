import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { create as createTar, Header } from "tar";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { startRegistry, type TestRegistry } from "../../../npm/testing/registry.ts";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();

const TOML = (name: string) =>
  `[package]\nname = "${name}"\ngroup = "acme"\nversion = "1.2.0"\napiVersion = "0.1.0"\ndescription = "For tests"\n`;

interface PackageOptions {
  readonly modules: Readonly<Record<string, { wasm: string; toml: string }>>;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** A folder that is a npm package with a script that must never run. */
async function packageFolder(folder: string, { modules, files = {} }: PackageOptions): Promise<string> {
  const dir = join(cli.dir, folder);
  await mkdir(dir, { recursive: true });
  const script = `node -e "require('fs').writeFileSync('${join(cli.dir, "a-script-ran")}', '')"`;
  const manifest = {
    name: `@acme/${basename(folder)}`,
    version: "1.2.0",
    scripts: { preinstall: script, install: script, postinstall: script, prepare: script, prepack: script },
    fluvio: { smartmodules: modules },
  };
  await writeFile(join(dir, "package.json"), JSON.stringify(manifest));
  for (const [path, content] of Object.entries(files)) await writeFile(join(dir, path), content);
  return dir;
}

async function tarballOf(folder: string): Promise<string> {
  const path = join(cli.dir, `${basename(folder)}.tgz`);
  await createTar({ gzip: true, file: path, cwd: folder, prefix: "package" }, ["."]);
  return path;
}

const KEEP_A = { modules: { "keep-a": { wasm: "keep-a.wasm", toml: "SmartModule.toml" } } };
let folder = "";
let tarball = "";
let registry: TestRegistry | undefined;

beforeAll(async () => {
  const wasm = await buildAs("filter");
  const files = { "keep-a.wasm": wasm, "SmartModule.toml": TOML("keep-a") };
  folder = await packageFolder("keep-a", { ...KEEP_A, files });
  tarball = await tarballOf(folder);
  registry = await startRegistry();
  registry.add("@acme/keep-a", "1.2.0", await readFile(tarball));
});
afterAll(() => {
  registry?.close();
});

const npmEnv = () => registry?.env(cli.dir) ?? {};

const installed = async () => await cli.ok("sm", "list");

describe("smartmodule install", () => {
  it("takes a folder", async () => {
    expect(await cli.ok("sm", "install", "./keep-a", "--name", "from-folder")).toBe(
      'smartmodule "acme/from-folder@1.2.0" has been installed (filter).\n',
    );
    expect(await installed()).toContain("acme/from-folder@1.2.0");
    await cli.file("fruits.txt", "apple\nkiwi\n");
    expect(await cli.ok("sm", "test", "from-folder", "--file", "fruits.txt")).toBe("apple\n");
  });

  it("is pointed at `load` where a project's folder is given, which offers nothing", async () => {
    await packageFolder("project", { modules: {}, files: { "SmartModule.toml": TOML("mine") } });
    const { exitCode, stderr } = await cli.run(["sm", "install", "./project"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/offers no SmartModules: its package\.json does not name any.*`fluvio smartmodule load`/);
  });

  it("says what it did for programs", async () => {
    const args = ["sm", "install", folder, "--name", "told", "-O"];
    const told = { name: "acme/told@1.2.0", kind: "filter" };
    expect(JSON.parse(await cli.ok(...args, "json"))).toEqual([told]);
    expect(await cli.ok(...args, "yaml", "--replace")).toBe(`- name: ${told.name}\n  kind: filter\n\n`);
    const switched = { streams: 0, connectors: 0, failures: [] };
    expect(JSON.parse(await cli.ok(...args, "json", "--replace", "--hot"))).toEqual([{ ...told, switched }]);
    await cli.ok("sm", "delete", "told");
  });

  it("takes a tarball, once: --replace stores it again", async () => {
    const args = ["sm", "install", "./keep-a.tgz", "--name", "from-tarball"];
    expect(await cli.ok(...args)).toBe('smartmodule "acme/from-tarball@1.2.0" has been installed (filter).\n');
    const { exitCode, stderr } = await cli.run(args);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/FLV_SMARTMODULE_ALREADY_EXISTS\)\. Add --replace/);
    await cli.ok(...args, "--replace");
  });

  it.each(["@acme/keep-a", "@acme/keep-a@^1.0.0"])(
    "fetches %s with npm from the registry that npm is set up for",
    async (spec) => {
      const { exitCode, stdout, stderr } = await cli.run(["sm", "install", spec, "--replace"], { env: npmEnv() });
      expect(stderr).toBe("");
      expect(stdout).toBe('smartmodule "acme/keep-a@1.2.0" has been installed (filter).\n');
      expect(exitCode).toBe(0);
    },
    60_000,
  );

  it("runs no script of a package", async () => {
    await expect(readFile(join(cli.dir, "a-script-ran"))).rejects.toThrow("ENOENT");
  });

  it("says what a package that is not there was, where it was looked for, and what may be meant", async () => {
    const { exitCode, stderr } = await cli.run(["sm", "install", "@acme/absent"], { env: npmEnv() });
    expect(stderr).toMatch(
      /^SmartModule not found: @acme\/absent is no official one, and the npm registry http:\/\/[\w.:]+ has no package of this name \(FLV_PACKAGE\)/,
    );
    expect(stderr).toContain("`fluvio smartmodule install` lists the official ones");
    expect(exitCode).toBe(1);
    const similar = await cli.run(["sm", "install", "jsonn-map"], { env: npmEnv() });
    expect(similar.stderr).toMatch(/^SmartModule not found: jsonn-map .*similar name: json-map/);
    const sharing = await cli.run(["sm", "install", "json-something-else"], { env: npmEnv() });
    expect(sharing.stderr).toMatch(/Official ones with a similar name: json-\w+, json-\w+/);
  }, 60_000);

  it.each(["git+ssh://host/x", "github:acme/x", "--registry=http://elsewhere", "file:../x", "a b; rm -rf x"])(
    "refuses %j, which is no package of a registry",
    async (spec) => {
      const { exitCode, stderr } = await cli.run(["sm", "install", "--", spec], { env: npmEnv() });
      expect(stderr).toContain("is no package");
      expect(exitCode).toBe(1);
    },
  );

  it("chooses among several modules of a package", async () => {
    const wasm = await buildAs("filter");
    await packageFolder("two", {
      modules: {
        one: { wasm: "one.wasm", toml: "one.toml" },
        two: { wasm: "./two.wasm", toml: "two.toml" },
      },
      files: { "one.wasm": wasm, "two.wasm": wasm, "one.toml": TOML("one"), "two.toml": TOML("two") },
    });
    const failing = async (...flags: string[]) => (await cli.run(["sm", "install", "./two", ...flags])).stderr;
    expect(await failing("--name", "x")).toMatch(/--name is for one SmartModule.*--module: one, two/);
    expect(await failing("--module", "three")).toMatch(/has no SmartModule three.*It has one, two/);
    await cli.ok("sm", "install", "./two", "--module", "two", "--name", "second");
    expect(await cli.ok("sm", "install", "./two")).toBe(
      'smartmodule "acme/one@1.2.0" has been installed (filter).\nsmartmodule "acme/two@1.2.0" has been installed (filter).\n',
    );
  });

  it.each<[string, PackageOptions, string]>([
    ["nothing-offered", { modules: {} }, "offers no SmartModules: its package.json does not name any"],
    ["file-missing", KEEP_A, "offers no SmartModules: there is no keep-a.wasm"],
    [
      "not-wasm",
      { ...KEEP_A, files: { "keep-a.wasm": "text", "SmartModule.toml": TOML("x") } },
      "FLV_SMARTMODULE_INVALID",
    ],
    [
      "outside",
      { modules: { x: { wasm: "../keep-a/keep-a.wasm", toml: "../keep-a/SmartModule.toml" } } },
      "names a file outside of itself: ../keep-a/keep-a.wasm",
    ],
    ["absolute", { modules: { x: { wasm: "/etc/hosts", toml: "/etc/hosts" } } }, "names a file outside of itself"],
    ["bad-toml", { ...KEEP_A, files: { "keep-a.wasm": "text", "SmartModule.toml": "[package]\n" } }, "package.name"],
  ])("refuses the package %s and stores nothing of it", async (name, options, text) => {
    const before = await installed();
    const dir = await packageFolder(name, options);
    for (const source of [dir, await tarballOf(dir)]) {
      const { exitCode, stderr } = await cli.run(["sm", "install", source]);
      expect(stderr).toContain(text);
      expect(exitCode).toBe(1);
    }
    expect(await installed()).toBe(before);
  });

  it("does not follow a link out of the package", async () => {
    const dir = await packageFolder("linked", { ...KEEP_A, files: { "SmartModule.toml": TOML("linked") } });
    await symlink(join(folder, "keep-a.wasm"), join(dir, "keep-a.wasm"));
    expect((await cli.run(["sm", "install", dir])).stderr).toContain("names a file outside of itself");
    expect((await cli.run(["sm", "install", await tarballOf(dir)])).stderr).toContain("there is no keep-a.wasm");
  });

  it("is not filled up by a small tarball that claims to be large", async () => {
    const header = new Header({ path: "package/zeros", size: 300 * 1024 * 1024, type: "File", mode: 0o644 });
    header.encode();
    await cli.file("bomb.tgz", gzipSync(header.block ?? new Uint8Array()));
    const { exitCode, stderr } = await cli.run(["sm", "install", "./bomb.tgz"]);
    expect(stderr).toContain('"./bomb.tgz" is too large to be a package of SmartModules (FLV_PACKAGE)');
    expect(exitCode).toBe(1);
  });

  it("refuses what is no package at all", async () => {
    await cli.file("noise.tgz", "this is no tarball");
    expect((await cli.run(["sm", "install", "./noise.tgz"])).stderr).toContain('"./noise.tgz" is no tarball');
    expect((await cli.run(["sm", "install", "./absent.tgz"])).stderr).toContain("No such file or directory");
    await mkdir(join(cli.dir, "bare"));
    expect((await cli.run(["sm", "install", "./bare"])).stderr).toContain("there is no package.json");
  });
});

describe("the official SmartModules", () => {
  it("are listed with what they do", async () => {
    const lines = (await cli.ok("sm", "install")).split("\n").map((line) => line.trim().split(/ {2,}/));
    expect(lines[0]).toEqual(["NAME", "KIND", "DESCRIPTION"]);
    expect(lines).toContainEqual(["regex-filter", "filter", "Keeps records that match a regular expression"]);
    const json = JSON.parse(await cli.ok("sm", "install", "-O", "json"));
    const counter = json.find(({ name }: { name: string }) => name === "counter");
    expect(counter).toMatchObject({ kind: "aggregate", version: expect.stringMatching(/^\d/) });
  });

  it("are installed by their short name, in the version that is there", async () => {
    expect(await cli.ok("sm", "install", "counter")).toMatch(
      /^smartmodule "fluvio\/counter@[\d.]+" has been installed \(aggregate\)\.\n$/,
    );
    expect(await cli.ok("sm", "test", "counter", "--text", "x")).toBe("1\n");
    const { exitCode, stderr } = await cli.run(["sm", "install", "counter@99.0.0"]);
    expect(stderr).toMatch(/This installation carries counter@[\d.]+, not 99\.0\.0/);
    expect(exitCode).toBe(1);
  });

  it("are suggested for a slip, after the registry was asked", async () => {
    const { stderr } = await cli.run(["sm", "install", "regexfilter"], { env: npmEnv() });
    expect(stderr).toContain("An official one with a similar name: regex-filter.");
  }, 60_000);
});

describe("smartmodule load", () => {
  beforeAll(async () => {
    await mkdir(join(cli.dir, "project/src"), { recursive: true });
    await cli.file(
      "project/SmartModule.toml",
      `${TOML("loaded")}\n[[params]]\nname = "needle"\ndescription = "what to find"\n`,
    );
    await cli.file("project/built.wasm", await buildAs("filter"));
  });
  const load = (...flags: string[]) =>
    cli.run(["sm", "load", "--wasm-file", "built.wasm", ...flags], { cwd: join(cli.dir, "project") });

  it("says what --dry-run would do, and stores nothing", async () => {
    const { exitCode, stdout } = await load("--dry-run");
    expect(stdout).toMatch(/\nWould create SmartModule: acme\/loaded@1\.2\.0 \(\d+ bytes\)\n$/);
    expect(exitCode).toBe(0);
    expect(await installed()).not.toContain("loaded");
  });

  it("stores name, group, version and parameters; the same version again needs --replace", async () => {
    const { stdout } = await load();
    expect(stdout).toBe(
      `Loading package at: ${join(cli.dir, "project")}\n` +
        "Found SmartModule package: loaded\n" +
        `Trying connection to fluvio ${cli.address}\n` +
        "Creating SmartModule: acme/loaded@1.2.0\n",
    );
    expect(await cli.ok("sm", "describe", "acme/loaded@1.2.0")).toMatch(/Parameter:needle what to find/);
    expect((await load()).stderr).toMatch(/FLV_SMARTMODULE_ALREADY_EXISTS\)\. Add --replace/);
    expect((await load("--replace")).exitCode).toBe(0);
    expect((await load("--name", "other")).exitCode).toBe(0);
    expect(await installed()).toContain("acme/other@1.2.0");
  });

  it("needs a group, and a module that can run", async () => {
    await cli.file("project/broken.wasm", await buildAs("no-transform"));
    const at = { cwd: join(cli.dir, "project") };
    expect((await cli.run(["sm", "load", "--wasm-file", "broken.wasm"], at)).stderr).toContain(
      "FLV_SMARTMODULE_INVALID",
    );
    const toml = await readFile(join(cli.dir, "project/SmartModule.toml"), "utf8");
    await cli.file("project/SmartModule.toml", toml.replace('group = "acme"', 'group = ""'));
    expect((await load()).stderr).toContain("SmartModule.toml names no group");
    await cli.file("project/SmartModule.toml", toml);
  });
});

describe("smartmodule preview", () => {
  const fruits = ["apple", "kiwi", "banana", "error", "plum", "pear"];
  beforeAll(async () => {
    await cli.ok("topic", "create", "fruits");
    await cli.produce("fruits", `${fruits.join("\n")}\n`);
    await cli.file("map.wasm", await buildAs("map"));
    await cli.file("kitchen.wasm", await buildAs("kitchen"));
    await cli.file("keep-a.wasm", await buildAs("filter"));
    await cli.file("look-back.wasm", await buildAs("look-back"));
  });
  const preview = async (...flags: string[]) => await cli.ok("sm", "preview", "--topic", "fruits", ...flags);

  it("shows before and after side by side, with counts and times", async () => {
    const lines = (await preview("--wasm-file", "keep-a.wasm")).split("\n");
    expect(lines.slice(0, 7).map((line) => line.split(/ {2,}/).filter((cell) => cell !== ""))).toEqual([
      ["OFFSET", "BEFORE", "AFTER"],
      ["0", "apple", "apple"],
      ["1", "kiwi", "-"],
      ["2", "banana", "banana"],
      ["3", "error", "-"],
      ["4", "plum", "-"],
      ["5", "pear", "pear"],
    ]);
    expect(lines[8]).toBe("6 in, 3 out: 3 kept, 0 changed, 3 dropped, 0 errors");
    expect(lines[9]).toMatch(/^[\d.]+ ms: [\d.]+ us a record \(p50\), [\d.]+ us \(mean\)$/);
    expect(lines[10]).toMatch(/^batch times █ up to [\d.]+ ms$/);
    expect(lines[11]).toMatch(/^out per in {2}[▁▂▃▄▅▆▇█] 50 % to 50 %$/);
  });

  it("--last takes the newest alone, with their own offsets; a stored module and a chain work alike", async () => {
    await cli.ok("sm", "create", "upper", "--wasm-file", "map.wasm");
    const names = (text: string) =>
      text
        .split("\n")
        .slice(1, 3)
        .map((line) => line.trim().split(/ +/)[0]);
    expect(names(await preview("upper", "--last", "2"))).toEqual(["4", "5"]);
    const chain = ["--transforms-line", '{"uses":"upper"}', "--transforms-line", '{"uses":"upper"}'];
    expect(names(await preview(...chain, "--last", "2"))).toEqual(["4", "5"]);
  });

  it("shows the errors of records and goes on after them", async () => {
    const json = JSON.parse(await preview("--wasm-file", "kitchen.wasm", "-O", "json"));
    expect(json.counts).toMatchObject({ in: 6, errors: 1 });
    expect(json.records[3]).toMatchObject({ offset: 3, status: "error", before: { value: "error" } });
    expect(json.records[3].error).toContain("asked to fail");
    expect(json.records.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await preview("--wasm-file", "kitchen.wasm")).toMatch(/^ +3 {2}error +error: asked to fail/m);
  });

  it("says why a module was stopped, and nothing of records that it never gave", async () => {
    await cli.ok("topic", "create", "trapping");
    await cli.produce("trapping", "trap\n");
    const result = await cli.run(["sm", "preview", "-T", "trapping", "--wasm-file", "kitchen.wasm"]);
    expect(result).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("it trapped in filter") });
  });

  it("gives a module that looks back the records before", async () => {
    await cli.ok("sm", "create", "look-back", "--wasm-file", "look-back.wasm");
    await cli.ok("topic", "create", "repeating");
    await cli.produce("repeating", "a\nb\nc\na\nb\nd\n");
    const step = ["--transforms-line", '{"uses":"look-back","lookback":{"last":2}}'];
    const json = JSON.parse(await cli.ok("sm", "preview", "-T", "repeating", ...step, "--last", "3", "-O", "json"));
    const statuses = json.records.map(({ status }: { status: string }) => status);
    expect(statuses).toEqual(["kept", "dropped", "kept"]);
  });

  it("cuts long values to the width of the terminal, unless --full", async () => {
    const long = "a".repeat(300);
    await cli.ok("topic", "create", "wide");
    await cli.produce("wide", `${long}\n`);
    const line = async (...flags: string[]) => {
      const { stdout } = await cli.run(["sm", "preview", "-T", "wide", "--wasm-file", "keep-a.wasm", ...flags], {
        columns: 60,
      });
      return stdout.split("\n")[1] ?? "";
    };
    expect((await line()).length).toBeLessThanOrEqual(60);
    expect(await line()).toContain("…");
    expect(await line("--full")).toBe(`     0  ${long}  ${long}`);
  });

  it("colours only a terminal: red what is dropped, yellow what is changed", async () => {
    const args = ["sm", "preview", "-T", "fruits", "--wasm-file", "keep-a.wasm", "--last", "2"];
    expect((await cli.run(args, { stdoutIsTty: true })).stdout).toContain("\u001b[31m     4  plum");
    expect((await cli.run(args)).stdout).not.toContain("\u001b[");
  });

  it("takes several partitions together, newest first chosen", async () => {
    await cli.ok("topic", "create", "spread", "-p", "3");
    await cli.produce("spread", "1\n2\n3\n4\n5\n6\n");
    const json = JSON.parse(await cli.ok("sm", "preview", "-T", "spread", "--wasm-file", "map.wasm", "-O", "json"));
    expect(json.counts.in).toBe(6);
    const one = await cli.ok("sm", "preview", "-T", "spread", "-p", "1", "--wasm-file", "map.wasm", "-O", "json");
    expect(JSON.parse(one).counts.in).toBe(2);
  });

  it.each([
    [["--topic", "absent"], 1, "Topic not found: absent"],
    [["--topic", "fruits", "-p", "7"], 1, "Partition not found: fruits-7"],
    [[], 2, "--topic <topic>"],
    [["--topic", "fruits", "--last", "0"], 2, "--last"],
  ])("%j: exit %i", async (flags, exitCode, text) => {
    const result = await cli.run(["sm", "preview", "--wasm-file", "map.wasm", ...flags]);
    expect(result.stderr).toContain(text);
    expect(result.exitCode).toBe(exitCode);
  });

  it("does not touch the topic", async () => {
    const partition = async () => {
      const all = JSON.parse(await cli.ok("partition", "list", "-O", "json")) as { name: string; status: object }[];
      return all.find(({ name }) => name === "fruits-0")?.status;
    };
    // an SPU reports what its partitions hold from time to time
    const full = { leader: { hw: fruits.length, leo: fruits.length } };
    await vi.waitFor(async () => expect(await partition()).toMatchObject(full), { timeout: 25_000 });
    await preview("--wasm-file", "keep-a.wasm");
    expect(await partition()).toMatchObject(full);
    expect(await cli.ok("consume", "fruits", "-B", "-d")).toBe(`${fruits.join("\n")}\n`);
  });
});
