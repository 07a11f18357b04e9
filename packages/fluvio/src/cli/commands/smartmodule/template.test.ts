import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../../testing/run.ts";

const run = promisify(execFile);

let dir = "";
let env: Record<string, string> = {};
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-template-test-"));
  env = { PATH: process.env.PATH ?? "", HOME: dir, FLUVIO_DIR: join(dir, ".fluvio") };
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const TOML = '[package]\nname = "{{project-name}}"\ngroup = "{{project-group}}"\nversion = "0.1.0"\n';

/** Writes a template into a folder of its own. */
async function template(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = join(dir, name);
  for (const [path, content] of Object.entries({ "SmartModule.toml": TOML, ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

const generate = (name: string, ...argv: string[]) => runCli(["sm", "generate", name, ...argv], { cwd: dir, env });
const read = (...path: string[]) => readFile(join(dir, ...path), "utf8");

describe("a template in a folder", () => {
  it("fills in the places of files and their names, and leaves out what the settings name", async () => {
    const logo = Uint8Array.of(0x89, 0x50, 0, 0xff);
    const folder = await template("whole", {
      "Cargo.toml": 'name = "{{project-name}}"\nfluvio-smartmodule = {{fluvio-smartmodule-cargo-dependency}}\n',
      "src/{{crate_name}}.rs":
        '{% if smartmodule-type == "filter" %}fn filter{% else %}fn other{% endif %} {{ project-name | pascal_case }}{% if smartmodule-params %} params{% endif %}',
      "main.txt.liquid": "{{project-group}}",
      "logo.png": logo,
      ".github/ci.yml": "${{ secrets.KEY }}",
      "notes/mine.md": "for me alone",
      "cargo-generate.toml": '[template]\nexclude = [".github/**"]\nignore = ["notes"]\n',
    });
    const argv = ["--template-path", "whole", "--project-group", "acme", "--with-params"];
    const { exitCode, stderr, stdout } = await generate("my-own", ...argv, "--sm-crate-repo", "https://example.com/c");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("  src/my_own.rs\n");
    expect((await readdir(join(dir, "my-own"), { recursive: true })).sort()).toEqual(
      [
        ".github",
        ".github/ci.yml",
        "Cargo.toml",
        "SmartModule.toml",
        "logo.png",
        "main.txt",
        "src",
        "src/my_own.rs",
      ].sort(),
    );
    expect(await read("my-own/SmartModule.toml")).toContain('name = "my-own"\ngroup = "acme"');
    expect(await read("my-own/Cargo.toml")).toContain('fluvio-smartmodule = { git = "https://example.com/c" }');
    expect(await read("my-own/src/my_own.rs")).toBe("fn filter MyOwn params");
    expect(await read("my-own/main.txt")).toBe("acme");
    expect(await read("my-own/.github/ci.yml")).toBe("${{ secrets.KEY }}");
    expect(new Uint8Array(await readFile(join(dir, "my-own/logo.png")))).toEqual(logo);
    expect(await readdir(folder)).toContain("notes");
  });

  it("asks for placeholders of its own: a definition, else the default, else it says which", async () => {
    await template("asks", {
      "a.txt": "{{colour}} {{size}} {% if loud %}loud{% endif %}",
      "cargo-generate.toml":
        '[placeholders]\ncolour = { prompt = "Colour?", choices = ["red", "blue"] }\nsize = { type = "string", default = "9", regex = "[0-9]+" }\nloud = { type = "bool", default = true }\nsmartmodule-type = { prompt = "Type?" }\n',
    });
    const from = ["--template-path", "asks"];
    expect(await generate("no-answer", ...from)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/The template needs a value for colour: Colour\?.*--define colour=red/),
    });
    expect((await generate("answered", ...from, "--define", "colour=blue")).exitCode).toBe(0);
    expect(await read("answered/a.txt")).toBe("blue 9 loud");
    expect((await generate("wrong", ...from, "--define", "colour=pink")).stderr).toMatch(
      /Invalid value for colour "pink": choose one of red, blue/,
    );
    const small = await generate("small", ...from, "--define", "colour=red", "--define", "size=x");
    expect(small.stderr).toMatch(/Invalid value for size "x": it has to match \[0-9\]\+/);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      "unknown-place",
      { "src/a.rs": "fn a\n  {{nope}}" },
      /"src\/a\.rs": undefined variable: nope, line:2, col:5.*project-name/,
    ],
    ["open-block", { "a.txt": "{% if smartmodule-type %}" }, /Invalid template file "a\.txt": .*line:1/],
    ["reads-others", { "a.txt": '{% include "/etc/hostname" %}' }, /Invalid template file "a\.txt"/],
    [
      "leaves",
      { "{{up}}/a": "", "cargo-generate.toml": '[placeholders]\nup = { default = ".." }' },
      /\.\.\/a is no name for it/,
    ],
    ["hooks", { "cargo-generate.toml": '[hooks]\npre = ["x.rhai"]' }, /\[hooks\] is not known here, no script/],
    ["bad-settings", { "cargo-generate.toml": "[template\n" }, /"cargo-generate\.toml": line 1, column \d+/],
    ["bad-key", { "cargo-generate.toml": "[template]\nignore = 1" }, /"cargo-generate\.toml": template\.ignore: /],
  ])("with a fault says where, and writes nothing: %s", async (name, files, words) => {
    await template(`template-${name}`, files);
    const { exitCode, stderr } = await generate(name, "--template-path", `template-${name}`);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(words);
    expect(await readdir(dir)).not.toContain(name);
  });

  it("is there, with a SmartModule.toml, and links of it are left out", async () => {
    await symlink("/etc/hostname", join(await template("linked", {}), "link"));
    expect((await generate("unlinked", "--template-path", "linked")).exitCode).toBe(0);
    expect(await readdir(join(dir, "unlinked"))).toEqual(["SmartModule.toml"]);
    await mkdir(join(dir, "bare"));
    await writeFile(join(dir, "bare/a.txt"), "a");
    expect((await generate("x", "--template-path", "bare")).stderr).toMatch(
      /no template of a SmartModule.*SmartModule\.toml/,
    );
    expect((await generate("x", "--template-path", "absent")).stderr).toMatch(/Template not found: there is no folder/);
  });
});

describe("a template in a repository", () => {
  it("is fetched with git: its default, a branch, a tag", async () => {
    const folder = await template("repository", { "which.txt": "first" });
    const git = async (...argv: string[]) =>
      await run("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...argv], { cwd: folder, env });
    await git("init", "-q", "-b", "main");
    for (const [state, ...name] of [["tagged", "tag", "v1"], ["branched", "branch", "next"], ["newest"]]) {
      await writeFile(join(folder, "which.txt"), `${state} {{crate_name}}`);
      await git("add", ".");
      await git("commit", "-q", "-m", "state");
      if (name.length > 0) await git(...name);
    }
    const from = ["--template-repo", `file://${folder}`];
    for (const [name, state, ...which] of [
      ["of-main", "newest"],
      ["of-branch", "branched", "--template-branch", "next"],
      ["of-tag", "tagged", "--template-tag", "v1"],
    ] as const) {
      expect((await generate(name, ...from, ...which)).stderr).toBe("");
      expect(await read(name, "which.txt")).toBe(`${state} ${name.replaceAll("-", "_")}`);
      expect(await readdir(join(dir, name))).not.toContain(".git");
    }
    expect((await generate("of-none", ...from, "--template-tag", "v9")).stderr).toMatch(/cannot be fetched: .*v9/);
  });

  it("that cannot be fetched, and a git that is not there, are named", async () => {
    const { exitCode, stderr } = await generate("x", "--template-repo", `file://${dir}/absent`);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Template repository "file:.*absent" cannot be fetched: .*git ls-remote/);
    const noGit = await runCli(["sm", "generate", "x", "--template-repo", "https://example.com/t.git"], {
      cwd: dir,
      env: { ...env, PATH: dir },
    });
    expect(noGit.stderr).toMatch(/git is not installed.*--template-path/);
    // git can be told to run a command by an address
    expect((await generate("x", "--template-repo", "ext::touch ran")).stderr).toMatch(/'ext' not allowed/);
    expect(await readdir(dir)).not.toContain("ran");
  });
});

it.each([
  [["--hub-remote", "https://hub"], /'--hub-remote' has no meaning here: the npm registry is the hub/],
  [["--develop"], /'--develop' has no meaning here: .*--template-path/],
  [["--template-tag", "v1"], /--template-repo/],
  [["--template-path", "a", "--template-repo", "b"], /cannot be used with/],
  [["--template-path", "a", "--language", "rust"], /cannot be used with/],
  [["--define", "a=b"], /--template-path/],
])("refuses %j", async (argv, words) => {
  const { exitCode, stderr } = await generate("x", ...argv);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(words);
});
