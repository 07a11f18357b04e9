import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { startRegistry } from "../../../npm/testing/registry.ts";
import { modulesOfRegistry, modulesOfTarball } from "../../../smdk/index.ts";
import { smdk } from "../../smdk.ts";
import { keyboard } from "../../testing/keyboard.ts";
import { type RunOptions, runCli, runProgram } from "../../testing/run.ts";
import { smartmoduleCommands } from "./smartmodule.ts";

const KINDS = ["filter", "map", "filter-map", "array-map", "aggregate"] as const;
const env = { PATH: process.env.PATH ?? "" };

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-smdk-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const run = (argv: readonly string[], options: RunOptions = {}) => runCli(argv, { cwd: dir, env, ...options });
const ok = async (argv: readonly string[], options: RunOptions = {}) => {
  const result = await run(argv, options);
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stdout}${result.stderr}`);
  return result.stdout;
};

describe("smartmodule generate", () => {
  it.each(["typescript", "rust"])(
    "writes a complete project in %s for every kind, with and without parameters",
    async (language) => {
      for (const kind of KINDS) {
        for (const params of ["--with-params", "--no-params"]) {
          const name = `${language}-${kind}-${params.slice(2)}`;
          await ok([
            "sm",
            "generate",
            name,
            "--language",
            language,
            "--sm-type",
            kind,
            params,
            "--project-group",
            "acme",
          ]);
          const files = await readdir(join(dir, name), { recursive: true });
          const own = files.filter((file) => !file.startsWith("node_modules"));
          const expected =
            language === "rust"
              ? ["Cargo.toml", "rust-toolchain.toml", "src", "src/lib.rs"]
              : ["package.json", "src", "src/index.ts", "tsconfig.json"];
          expect(own.sort()).toEqual(
            [".gitignore", "README.md", "SmartModule.toml", "tests", "tests/smartmodule.test.mjs", ...expected].sort(),
          );
          const toml = await readFile(join(dir, name, "SmartModule.toml"), "utf8");
          expect(toml).toContain(`name = "${name}"\ngroup = "acme"\nversion = "0.1.0"`);
          expect(toml.includes("[[params]]")).toBe(params === "--with-params");
        }
      }
    },
  );

  it("takes documented defaults, and says what to do next", async () => {
    const stdout = await ok(["smartmodule", "generate", "plain"]);
    expect(stdout).toMatch(/^SmartModule project "plain" has been created in plain\n/);
    expect(stdout).toContain("  src/index.ts\n");
    expect(stdout).toContain("  cd plain\n  fluvio smartmodule build\n  fluvio smartmodule test\n");
    expect(await readFile(join(dir, "plain/src/index.ts"), "utf8")).toContain("export function filter(");
    expect(await readFile(join(dir, "plain/SmartModule.toml"), "utf8")).toMatch(
      /group = "local"\n(?:.*\n)*visibility = "private"/,
    );
  });

  it("goes where --destination says, and says nothing with --silent", async () => {
    expect(await ok(["sm", "generate", "quiet", "--silent", "--destination", "elsewhere", "--sm-public", "true"])).toBe(
      "",
    );
    expect(await readFile(join(dir, "elsewhere/quiet/SmartModule.toml"), "utf8")).toContain('visibility = "public"');
  });

  it("refuses a folder that is not empty, and leaves it as it is", async () => {
    await mkdir(join(dir, "occupied"));
    await writeFile(join(dir, "occupied/mine.txt"), "mine");
    const { exitCode, stderr } = await run(["sm", "generate", "occupied"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/occupied" exists and is not empty \(FLV_ARGUMENT\)\. Choose another name/);
    expect(await readdir(join(dir, "occupied"))).toEqual(["mine.txt"]);
  });

  it.each([
    [["generate"], 1, "The SmartModule needs a name"],
    [["generate", "My_Filter"], 1, "Invalid name for SmartModule My_Filter: use up to 40 lowercase letters"],
    [["generate", "../out"], 1, "Invalid name for SmartModule ../out"],
    [["generate", "x", "--sm-type", "sort"], 2, "[possible values: filter, map, filter-map, array-map, aggregate]"],
    [["generate", "x", "--language", "go"], 2, "[possible values: typescript, rust]"],
    [["generate", "x", "--with-params", "--no-params"], 2, "cannot be used with"],
    [["generate", "x", "--project-group", ""], 2, "--project-group"],
  ])("%j: exit %i", async (words, exitCode, text) => {
    const result = await run(["sm", ...words]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(text);
  });

  it("asks on a terminal for what is not given", async () => {
    const answers = keyboard([
      [/Name of the SmartModule/, "asked\r"],
      [/What does it do with a record/, "\u001b[B\r"],
      [/Language/, "\u001b[B\r"],
      [/Does it take parameters/, "y"],
      [/Group, such as/, "\r"],
    ]);
    const { exitCode, stdout } = await run(["sm", "generate"], answers);
    expect(stdout).toContain('SmartModule project "asked" has been created');
    expect(exitCode).toBe(0);
    const source = await readFile(join(dir, "asked/src/lib.rs"), "utf8");
    expect(source).toContain("#[smartmodule(map)]");
    expect(source).toContain('params.get("prefix")');
  });

  it("ends with 130 and makes nothing when the questions are left with Ctrl-C", async () => {
    const { exitCode } = await run(["sm", "generate", "left"], keyboard([[/What does it do/, "\u0003"]]));
    expect(exitCode).toBe(130);
    expect(existsSync(join(dir, "left"))).toBe(false);
  });
});

describe("a project in TypeScript", () => {
  const project = () => ({ cwd: join(dir, "halves") });
  const source = () => join(dir, "halves/src/index.ts");

  beforeAll(async () => {
    await ok(["sm", "generate", "halves", "--sm-type", "filter-map", "--with-params"]);
  });

  it("is built once, also from a folder below", async () => {
    const first = await ok(["sm", "build"], project());
    expect(first).toMatch(/^target\/halves\.wasm: filter-map, \d+ bytes, built in [\d.]+ s\n$/);
    const again = await ok(["sm", "build"], { cwd: join(dir, "halves/src") });
    expect(again).toMatch(/halves\.wasm: filter-map, \d+ bytes, nothing has changed\n$/);
  }, 60_000);

  it.each([[["--release", "fast"]], [["-p", "crate"]], [["--nowasi"]], [["--", "--features"]]])(
    "is in TypeScript: %s of cargo is refused",
    async (words) => {
      const { exitCode, stderr } = await run(["sm", "build", ...words], project());
      expect(stderr).toMatch(/^--[a-z-]+ is for projects in Rust, and this one is in TypeScript \(FLV_ARGUMENT\)/);
      expect(exitCode).toBe(1);
    },
  );

  it.each([[["-e", "divisor=2"]], [["--raw"]], [["--lookback-last", "2"]], [["--aggregate-initial", "1"]], [["-v"]]])(
    "runs its tests without %s, which need records",
    async (words) => {
      const { exitCode, stdout, stderr } = await run(["sm", "test", ...words], project());
      expect(stderr).toMatch(/^error: --[a-z-]+ needs records: give --text TEXT, --file PATH or --stdin\n/);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    },
  );

  it("passes its own tests, which find this installation", async () => {
    const { exitCode, stdout } = await run(["sm", "test"], project());
    expect(stdout).toMatch(/pass 4/);
    expect(exitCode).toBe(0);
  }, 60_000);

  it("fails with 1 when one of its tests fails", async () => {
    const path = join(dir, "halves/tests/more.test.mjs");
    await writeFile(
      path,
      'import { test } from "node:test";\ntest("no", () => { throw new Error("not this time"); });\n',
    );
    const { exitCode, stdout } = await run(["sm", "test"], project());
    await rm(path);
    expect(stdout).toContain("not this time");
    expect(exitCode).toBe(1);
  }, 60_000);

  it("runs on records: those before an error are printed, the error ends it with 1", async () => {
    const args = ["sm", "test", "--stdin", "-e", "divisor=2", "-v", "-k", "--key", "n"];
    const { exitCode, stdout, stderr } = await run(args, { ...project(), input: "4\n5\n6\nmany\n8\n" });
    expect(stdout).toBe("2 records outputted\n[n] 2\n[n] 3\n");
    expect(stderr).toMatch(/^not a number: many SmartModule Info: Type: FilterMap Offset: 3 Key: n Value: many/);
    expect(exitCode).toBe(1);
  });

  it("names the parameter that is missing", async () => {
    const { exitCode, stderr } = await run(["sm", "test", "--text", "4"], project());
    expect(stderr).toContain("Missing param divisor");
    expect(exitCode).toBe(1);
  });

  it("--watch runs again at a save, goes on after a mistake, and Ctrl-C ends it with 0", async () => {
    const before = await readFile(source(), "utf8");
    const stop = new AbortController();
    // in one step: half a file would be a mistake of its own
    const save = async (content: string) => {
      const written = join(dir, "halves/src/.index.ts");
      await writeFile(written, content);
      await rename(written, source());
    };
    const saves = [
      { seen: "2\n", write: () => save(before.replace("i64(number /", "i64(100.0 + number /")) },
      { seen: "2\n102\n", write: () => save(`${before}\nlet broken: Nothing = 1;\n`) },
    ];
    let stderr = "";
    const result = await run(["sm", "test", "--watch", "--text", "4", "-e", "divisor=2"], {
      ...project(),
      signal: stop.signal,
      onStdout: (all) => {
        if (all === saves[0]?.seen) void saves.shift()?.write();
      },
      onStderr: (all) => {
        stderr = all;
        if (all.includes("FLV_SMARTMODULE_BUILD") && all.trimEnd().endsWith("Ctrl-C ends.")) stop.abort();
      },
    });
    await writeFile(source(), before);
    expect(stderr).toMatch(/index\.ts:\d+:\d+/);
    expect(result).toMatchObject({ exitCode: 0, stdout: "2\n102\n" });
  }, 120_000);

  it("names file, line and column of a mistake", async () => {
    const before = await readFile(source(), "utf8");
    await writeFile(source(), before.replace("divisor != 0", "diviser != 0"));
    const { exitCode, stderr } = await run(["sm", "build"], project());
    await writeFile(source(), before);
    expect(stderr).toMatch(/src\/index\.ts:\d+:\d+.*diviser.*\(FLV_SMARTMODULE_BUILD\)/);
    expect(exitCode).toBe(1);
  }, 60_000);

  it("names each mistake on a line of its own", async () => {
    const before = await readFile(source(), "utf8");
    await writeFile(source(), before.replace("divisor != 0", "diviser != 0 && nothing"));
    const { stderr } = await run(["sm", "build"], project());
    await writeFile(source(), before);
    const [first, second] = stderr.split("\n");
    expect(first).toMatch(/:\d+:\d+: there is nothing named diviser \(FLV_SMARTMODULE_BUILD\)\. Import or declare it/);
    expect(second).toMatch(/src\/index\.ts:\d+:\d+: there is nothing named nothing$/);
  }, 60_000);

  it("is packed for npm: what is packed can be installed", async () => {
    const stdout = await ok(["sm", "publish", "--pack"], project());
    expect(stdout).toBe("Package made: .hub/local-halves-0.1.0.tgz\n");
    const manifest = JSON.parse(await readFile(join(dir, "halves/.hub/halves/package.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: "@local/halves",
      version: "0.1.0",
      fluvio: { smartmodules: { halves: { wasm: "halves.wasm", toml: "SmartModule.toml" } } },
    });
    const [offered] = await modulesOfTarball(join(dir, "halves/.hub/local-halves-0.1.0.tgz"));
    expect(offered).toMatchObject({ name: "halves", metadata: { package: { name: "halves", group: "local" } } });
    expect(offered?.wasm).toEqual(await readFile(join(dir, "halves/target/halves.wasm")));
  }, 60_000);

  it("is published with npm, after a question", async () => {
    const registry = await startRegistry();
    const options = { ...project(), env: registry.env(dir) };
    const unasked = await run(["sm", "publish"], options);
    expect(unasked.stderr).toMatch(/Publishing @local\/halves needs a confirmation.*--public-yes/);
    expect(await ok(["sm", "publish", "--dry-run"], options)).toContain("Would publish @local/halves@0.1.0");
    const declined = await run(["sm", "publish"], { ...options, stdinIsTty: true, input: "n\n" });
    expect(declined.exitCode).toBe(1);
    expect(registry.names()).toEqual([]);
    const stdout = await ok(["sm", "publish", "--public-yes"], options);
    expect(stdout).toContain(`Published @local/halves@0.1.0 to ${registry.url}, private\n`);
    expect(registry.names()).toEqual(["@local/halves"]);
    const [fetched] = await modulesOfRegistry("@local/halves", { cwd: dir, env: registry.env(dir) });
    expect(fetched?.wasm).toEqual(await readFile(join(dir, "halves/target/halves.wasm")));
    registry.close();
  }, 60_000);

  it("set-public writes its toml, clean removes what was built", async () => {
    const toml = () => readFile(join(dir, "halves/SmartModule.toml"), "utf8");
    expect(await ok(["sm", "set-public"], project())).toBe('SmartModule "halves" is public\n');
    expect(await toml()).toContain('visibility = "public"');
    expect(await ok(["sm", "set-public", "false"], project())).toBe('SmartModule "halves" is private\n');
    expect(await toml()).toContain('visibility = "private"');
    expect(await ok(["sm", "clean"], project())).toBe("");
    expect(existsSync(join(dir, "halves/target"))).toBe(false);
  });
});

describe("outside of a project", () => {
  it("takes one module, not one by its name and another by an option", async () => {
    const { exitCode, stderr } = await run(["sm", "test", "stored", "--wasm-file", "other.wasm", "--text", "a"]);
    expect(stderr).toMatch(/^error: 'stored' is a module already: it cannot be used with another\n/);
    expect(exitCode).toBe(2);
  });

  it("--window shows the windows that are open at the end", async () => {
    await writeFile(join(dir, "aggregate.wasm"), await buildAs("aggregate"));
    const args = ["sm", "test", "--wasm-file", "aggregate.wasm", "--stdin", "--window", "10s"];
    const { stdout, stderr } = await run(args, { input: "1\n2\n", now: () => 25_000 });
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^open window 20000\/30000: ./);
  });

  it("--watch needs something to watch", async () => {
    const empty = await mkdtemp(join(dir, "empty-"));
    const { exitCode, stderr } = await run(["sm", "test", "stored", "--text", "x", "--watch"], { cwd: empty });
    expect(stderr).toContain("There is nothing to watch");
    expect(exitCode).toBe(1);
  });

  it.each(["build", "load", "publish", "clean", "set-public"])("%s says so", async (verb) => {
    const empty = await mkdtemp(join(dir, "empty-"));
    const { exitCode, stderr } = await run(["sm", verb], { cwd: empty });
    expect(stderr).toContain("No SmartModule project: there is no SmartModule.toml");
    expect(exitCode).toBe(1);
  });

  it("a SmartModule.toml without source is named", async () => {
    const empty = await mkdtemp(join(dir, "sourceless-"));
    await writeFile(join(empty, "SmartModule.toml"), '[package]\nname = "x"\ngroup = "g"\nversion = "0.1.0"\n');
    expect((await run(["sm", "build"], { cwd: empty })).stderr).toContain("No source in the SmartModule project");
  });
});

describe("smdk", () => {
  const kit = (argv: readonly string[]) => runProgram(argv, { cwd: dir, env }, smdk);

  it("has the same commands under its own name", async () => {
    const help = await kit([]);
    expect(help.exitCode).toBe(0);
    for (const verb of ["generate", "build", "test", "load", "publish", "set-public", "clean", "version", "hub"]) {
      const summary = smartmoduleCommands.find((one) => one.verb === verb)?.summary ?? "";
      expect(help.stdout).toMatch(new RegExp(`^ {2}${verb} +${summary}`, "m"));
    }
    expect((await kit(["generate", "--help"])).stdout).toContain("Usage: smdk generate [OPTIONS] [name]");
    expect((await kit(["generate", "from-smdk", "--sm-type", "map"])).exitCode).toBe(0);
    expect(existsSync(join(dir, "from-smdk/SmartModule.toml"))).toBe(true);
    expect((await kit(["version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("takes the options of a cluster before and behind a command", async () => {
    await writeFile(join(dir, "aggregate.wasm"), await buildAs("aggregate"));
    const absent = "127.0.0.1:1";
    const load = ["load", "--package-path", "plain", "--wasm-file", "aggregate.wasm"];
    for (const words of [
      ["-c", absent, ...load],
      [...load, "--cluster", absent],
      [...load, `--cluster=${absent}`],
    ]) {
      expect((await kit(words)).stderr).toContain(`can't connect to ${absent}`);
    }
  });

  it("answers a slip with the nearest command, exit 2", async () => {
    const { exitCode, stderr } = await kit(["bild"]);
    expect(stderr).toContain("error: unrecognized subcommand 'bild'\n\n  tip: a similar subcommand exists: 'build'");
    expect(exitCode).toBe(2);
  });
});
