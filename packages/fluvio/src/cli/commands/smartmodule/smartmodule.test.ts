import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();

beforeAll(async () => {
  // a folder of its own: where a SmartModule.toml is, there is a project
  await mkdir(join(cli.dir, "pkg"));
  const modules = [
    "filter",
    "map",
    "init",
    "look-back",
    "kitchen",
    "no-transform",
    "unknown-import",
    "wasi-output",
  ].concat("keep-all", "wrong-arity");
  for (const name of modules) await cli.file(`${name}.wasm`, await buildAs(name));
});

describe.each(["smartmodule", "sm", "smart-module"])("%s", (noun) => {
  it("creates, lists in the columns of the first releases, deletes", async () => {
    expect(await cli.ok(noun, "create", "my-filter", "--wasm-file", "filter.wasm")).toBe(
      'smartmodule "my-filter" has been created.\n',
    );
    const [module] = JSON.parse(await cli.ok(noun, "list", "-O", "json"));
    const sizeBytes: number = module.spec.summary.wasmLength;
    expect((await cli.ok(noun, "list")).split("\n").map((line) => line.trimEnd())).toEqual([
      "   NAME       STATUS             SIZE",
      `   my-filter  SmartModuleStatus  ${sizeBytes}`,
      "",
    ]);
    expect(await cli.ok(noun, "delete", "my-filter")).toBe('smartmodule "my-filter" deleted\n');
    expect(await cli.ok(noun, "list")).toBe("no smart modules\n");
  });
});

describe("smartmodule create", () => {
  it("refuses a name that is taken, unless --replace (complaint: silently replaced)", async () => {
    await cli.ok("sm", "create", "taken", "--wasm-file", "filter.wasm");
    const { exitCode, stderr } = await cli.run(["sm", "create", "taken", "--wasm-file", "map.wasm"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/already exists.*\(FLV_SMARTMODULE_ALREADY_EXISTS\)\. Add --replace/);
    await cli.ok("sm", "create", "taken", "--wasm-file", "map.wasm", "--replace");
    expect(await cli.ok("sm", "test", "taken", "--text", "a")).toMatch(/^A@0@/);
  });

  it("refuses a version of a package that is there, unless --replace; another version stands beside it", async () => {
    const toml = (version: string) => `[package]\nname = "twice"\ngroup = "acme"\nversion = "${version}"\n`;
    const create = ["sm", "create", "twice", "--wasm-file", "filter.wasm", "--package", "pkg"];
    await cli.file("pkg/SmartModule.toml", toml("0.1.0"));
    await cli.ok(...create);
    const { exitCode, stderr } = await cli.run(create);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^SmartModule already exists: acme\/twice@0\.1\.0 .*Add --replace/);
    await cli.ok(...create, "--replace");
    await cli.file("pkg/SmartModule.toml", toml("0.2.0"));
    await cli.ok(...create);
    expect(await cli.ok("sm", "list", "--filter", "twice")).toMatch(/twice@0\.1\.0 .*\n.*twice@0\.2\.0 /);
    // a name means the newest, which is not the last in the order of the alphabet
    await cli.file("pkg/SmartModule.toml", toml("0.10.0"));
    await cli.ok(...create);
    expect(await cli.ok("sm", "describe", "twice")).toMatch(/^ *Name:acme\/twice@0\.10\.0 /);
    expect(await cli.ok("sm", "delete", "twice")).toBe(
      'smartmodule "twice" deleted (acme/twice@0.10.0); twice is now acme/twice@0.2.0\n',
    );
    expect(await cli.ok("sm", "delete", "twice@0.1.0")).toBe('smartmodule "twice@0.1.0" deleted\n');
    expect(await cli.ok("sm", "delete", "twice")).toBe('smartmodule "twice" deleted\n');
  });

  it.each([
    ["no-transform.wasm", "it exports none of"],
    ["unknown-import.wasm", "it imports"],
    ["wrong-arity.wasm", "filter"],
  ])("refuses %s, which cannot run, with the reason; --force stores it all the same", async (file, reason) => {
    const { exitCode, stderr } = await cli.run(["sm", "create", "cannot-run", "--wasm-file", file]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`${reason}.*\\(FLV_SMARTMODULE_INVALID\\).*--force`));
    await cli.ok("sm", "create", "cannot-run", "--wasm-file", file, "--force");
    await cli.ok("sm", "delete", "cannot-run");
  });

  it("stores what is no module at all only by --force", async () => {
    await cli.file("no-module.wasm", "hello");
    expect((await cli.run(["sm", "create", "no-module", "--wasm-file", "no-module.wasm"])).exitCode).toBe(1);
    await cli.ok("sm", "create", "no-module", "--wasm-file", "no-module.wasm", "--force");
    expect(await cli.ok("sm", "list", "--filter", "no-module")).toMatch(/no-module cannot run: it is no WebAssembly/);
    await cli.ok("sm", "delete", "no-module");
  });

  it("checks the file", async () => {
    await cli.file("text.wasm", "hello");
    const failing = async (file: string) => (await cli.run(["sm", "create", "x", "--wasm-file", file])).stderr;
    expect(await failing("text.wasm")).toContain('"text.wasm" is not a WebAssembly module');
    expect(await failing("absent.wasm")).toContain("No such file or directory (os error 2)");
    expect(await cli.run(["sm", "create", "x"])).toMatchObject({ exitCode: 2 });
  });

  it("takes name and parameters from a package file", async () => {
    await cli.file(
      "pkg/SmartModule.toml",
      '[package]\nname = "packed"\ngroup = "acme"\nversion = "0.1.0"\napiVersion = "0.1.0"\n\n[params.needle]\ndescription = "what to find"\n',
    );
    await cli.ok("sm", "create", "packed", "--wasm-file", "init.wasm", "--package", "pkg");
    expect(await cli.ok("sm", "list")).toMatch(/^ {3}acme\/packed@0\.1\.0 /m);
    expect(await cli.ok("sm", "describe", "acme/packed@0.1.0")).toMatch(/Parameter:needle what to find/);
    const other = await cli.run(["sm", "create", "other", "--wasm-file", "init.wasm", "--package", "pkg"]);
    expect(other.exitCode).toBe(1);
    expect(other.stderr).toMatch(/^pkg\/SmartModule\.toml is of a SmartModule "packed", not "other".*as "packed"/);
    await cli.file("pkg/SmartModule.toml", '[package]\nname = "packed"\n');
    const { stderr } = await cli.run(["sm", "create", "p", "--wasm-file", "init.wasm", "--package", "pkg"]);
    expect(stderr).toContain('Invalid SmartModule package "pkg/SmartModule.toml": package.group is missing');
  });

  it.each([
    [
      '[package]\nname = "a"\ngroup = "b"\nversion = "1.0"',
      /package\.version \(line 4\) "1\.0": .*version = "0\.1\.0"/,
    ],
    ['[package]\nname = "a"\ngroup = "b"\nversion = 1', /package\.version \(line 4\) 1: .*version = "0\.1\.0"/],
    [
      '[package]\nname = "my filter"\ngroup = "b"\nversion = "1.0.0"',
      /package\.name \(line 2\) "my filter": use letters/,
    ],
    ['[package]\nname = "a"\ngroup = "b/c"\nversion = "1.0.0"', /package\.group \(line 3\) "b\/c": use letters/],
    ['[package]\nname = "a\ngroup = "b"\n', /line 2, column \d+: .*name = "value"/],
    ['name = "a"\n', /package is missing/],
  ])("says what is wrong in one, where, and what to write: %j", async (toml, words) => {
    await cli.file("pkg/SmartModule.toml", toml);
    const { exitCode, stderr } = await cli.run(["sm", "create", "p", "--wasm-file", "init.wasm", "--package", "pkg"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Invalid SmartModule package "pkg\/SmartModule\.toml": /);
    expect(stderr).toMatch(words);
  });
});

describe("modules that cannot run", () => {
  const reason = "it exports none of filter, map, filter_map, array_map, aggregate";

  it("are invalid in the list, with the reason; in describe too", async () => {
    await cli.ok("sm", "create", "broken", "--wasm-file", "no-transform.wasm", "--force");
    const lines = (await cli.ok("sm", "list", "--filter", "broken")).split("\n").map((line) => line.trimEnd());
    expect(lines).toEqual([
      "   NAME    STATUS   SIZE",
      expect.stringMatching(/^ {3}broken {2}invalid {2}\d+$/),
      "",
      `   broken cannot run: ${reason}`,
      "",
    ]);
    const wide = await cli.ok("sm", "list", "--filter", "broken", "--wide");
    expect(wide).toMatch(/NAME +STATUS +SIZE +WASM SIZE +KIND +SHA-256 +REASON/);
    expect(wide).toMatch(new RegExp(`broken +invalid +\\d+ +\\d+ +- +[0-9a-f]{12} +${reason}`));
    const details = await cli.ok("sm", "describe", "broken");
    expect(details).toContain("Status:invalid");
    expect(details).toContain(`Reason:${reason}`);
    expect(details).toMatch(/^ *Exports:.*\balloc\b/m);
    expect(details).toMatch(/^ *Imports:.*\bcopy_records\b/m);
    const described = JSON.parse(await cli.ok("sm", "describe", "broken", "-O", "json"));
    expect(described.status).toMatchObject({ resolution: "invalid", reason, hint: expect.any(String) });
    expect(described.status.exports).toContain("alloc");
    expect(described.status.imports).toHaveLength(1);
  });

  it("are refused where they are used, at once and with the reason (complaint: no error, or a wait for ever)", async () => {
    await cli.ok("sm", "create", "unusable", "--wasm-file", "no-transform.wasm", "--force");
    await cli.ok("topic", "create", "uses-broken");
    await cli.produce("uses-broken", "a\n");
    for (const argv of [
      ["consume", "uses-broken", "-B", "-d"],
      ["consume", "uses-broken", "-B"],
    ]) {
      const { exitCode, stdout, stderr } = await cli.run([...argv, "--smartmodule", "unusable"]);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(reason);
    }
    const produced = await cli.run(["produce", "uses-broken", "--smartmodule", "unusable"], { input: "b\n" });
    expect(produced.exitCode).toBe(1);
    expect(produced.stderr).toContain(reason);
    const absent = await cli.run(["consume", "uses-broken", "-B", "-d", "--smartmodule", "absent"]);
    expect(absent).toMatchObject({ exitCode: 1, stdout: "" });
    expect(absent.stderr).toContain("SmartModule absent was not found");
    expect(await cli.ok("consume", "uses-broken", "-B", "-d")).toBe("a\n");
  });
});

describe("smartmodule describe", () => {
  it("shows what the module is: kind, exports, imports, sizes, hash, package", async () => {
    const wasm = await buildAs("look-back");
    await cli.file("pkg/SmartModule.toml", '[package]\nname = "known"\ngroup = "acme"\nversion = "1.2.3"\n');
    await cli.ok("sm", "create", "known", "--wasm-file", "look-back.wasm", "--package", "pkg");
    const details = await cli.ok("sm", "describe", "acme/known");
    for (const line of [
      "Name:acme/known@1.2.3",
      "Status:valid",
      "Kind:filter",
      `SHA-256:${createHash("sha256").update(wasm).digest("hex")}`,
      "ABI Version:22",
      "Init:no",
      "Lookback:yes",
      "Imports:env.copy_records",
      "Group:acme",
      "Version:1.2.3",
    ]) {
      expect(details).toContain(`   ${line} `);
    }
    expect(details).toMatch(/Exports:.*look_back/);
    const { status } = JSON.parse(await cli.ok("sm", "describe", "acme/known", "-O", "json"));
    expect(status).toMatchObject({
      resolution: "valid",
      kind: "filter",
      wasmSizeBytes: wasm.length,
      hasLookBack: true,
    });
    expect(await cli.ok("sm", "describe", "acme/known", "-O", "yaml")).toMatch(/^status:\n {2}resolution: valid\n/m);
    expect((await cli.run(["sm", "describe", "absent"])).stderr).toContain("SmartModule not found: absent");
  });
});

describe("smartmodule stats", () => {
  it("shows what each module did, lined up, since when; as JSON too; a name that is not known is an error", async () => {
    await cli.ok("sm", "create", "counted", "--wasm-file", "filter.wasm");
    expect(await cli.ok("sm", "stats", "counted")).toMatch(/counted +0 +0 +0 +0 +0 B +0 B +0 +0 +0 +0 ns +- +0 B/);
    await cli.ok("topic", "create", "statistics");
    await cli.produce("statistics", "apple\nplum\nbanana\n");
    expect(await cli.ok("consume", "statistics", "-B", "-d", "--smartmodule", "counted")).toBe("apple\nbanana\n");
    const [header, row, since] = (await cli.ok("sm", "stats", "counted")).split("\n");
    expect(header).toMatch(
      /^ +NAME +CHAINS +CALLS +RECORDS IN +RECORDS OUT +BYTES IN +BYTES OUT +ERRORS +FAILURES +LATE +TIME +TIME\/RECORD +MEMORY/,
    );
    expect(row).toMatch(/^ +counted +\d+ +\d+ +3 +2 +\d+ B +\d+ B +0 +0 +0 +[\d.]+ .?s +[\d.]+ .?s +/);
    expect(since).toMatch(/^counted since \d{4}-\d\d-\d\dT.*\(/);
    const { modules, spus } = JSON.parse(await cli.ok("sm", "stats", "counted", "-O", "json"));
    expect(modules).toMatchObject([{ name: "counted", recordsIn: 3, recordsOut: 2, failures: 0 }]);
    expect(spus).toMatchObject([{ spu: 5001, sinceMs: expect.any(Number) }]);
    const absent = await cli.run(["sm", "stats", "absent"]);
    expect(absent).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("SmartModule absent was not found") });
  });

  it("shows them again with --watch until it is stopped", async () => {
    const stop = new AbortController();
    const { exitCode, stdout } = await cli.run(["sm", "stats", "--watch", "--interval", "1ms"], {
      signal: stop.signal,
      onStdout: (all) => {
        if (all.split("counted since").length > 3) stop.abort();
      },
    });
    expect(exitCode).toBe(0);
    expect(stdout.split("counted since").length).toBeGreaterThan(3);
  });
});

describe("smartmodule create --replace --hot", () => {
  it("has a running consumer go on with the new code, and says so", async () => {
    await cli.ok("sm", "create", "hot", "--wasm-file", "filter.wasm");
    await cli.ok("topic", "create", "hot-topic");
    await cli.produce("hot-topic", "apple\nplum\n");
    const stop = new AbortController();
    let replaced: Promise<string> | undefined;
    const { stdout } = await cli.run(["consume", "hot-topic", "-B", "--smartmodule", "hot"], {
      signal: stop.signal,
      onStdout: (all) => {
        if (all.includes("apple")) {
          replaced ??= cli.ok("sm", "create", "hot", "--wasm-file", "keep-all.wasm", "--replace", "--hot");
          void replaced.then(() => cli.produce("hot-topic", "kiwi\n"));
        }
        if (all.includes("kiwi")) stop.abort();
      },
    });
    expect(stdout).toBe("apple\nkiwi\n");
    expect(await replaced).toBe('smartmodule "hot" has been created.\n1 stream and 0 connectors switched to it\n');
  });
});

describe("smartmodule delete", () => {
  it("goes on after a failure with -c and ends with 1", async () => {
    await cli.ok("sm", "create", "there", "--wasm-file", "filter.wasm");
    const { exitCode, stdout, stderr } = await cli.run(["sm", "delete", "-c", "absent", "there"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^smart module "absent" delete failed with: SmartModule .*\nsmartmodule "there" deleted\n$/);
    expect(stderr).toBe("Failed deleting smart module(s). Check previous errors.\n");
    expect(await cli.run(["sm", "delete", "absent"])).toMatchObject({ exitCode: 1, stdout: "" });
  });
});

describe("smartmodule download", () => {
  it("gives the module back byte by byte", async () => {
    await cli.ok("sm", "create", "there-and-back", "--wasm-file", "filter.wasm");
    await cli.ok("sm", "download", "there-and-back");
    expect(await readFile(join(cli.dir, "there-and-back.wasm"))).toEqual(Buffer.from(await buildAs("filter")));
  });

  it("replaces a file only when it is told to: by an answer on a terminal, by --force elsewhere", async () => {
    await cli.ok("sm", "create", "twice", "--wasm-file", "filter.wasm");
    await cli.file("twice.wasm", "mine");
    const content = async () => await readFile(join(cli.dir, "twice.wasm"), "utf8");
    expect(await cli.run(["sm", "download", "twice"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^cannot write "twice\.wasm": there is a file of this name \(FLV_FILE\).*--force/),
    });
    const answered = async (answer: string) =>
      await cli.run(["sm", "download", "twice"], { input: answer, stdinIsTty: true });
    expect((await answered("n\n")).exitCode).toBe(1);
    expect(await content()).toBe("mine");
    expect(await answered("y\n")).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("twice.wasm? (y/n)") });
    expect(await content()).not.toBe("mine");
    await cli.ok("sm", "download", "twice", "--force");
    expect((await cli.run(["sm", "download", "twice", "-o", "no/such/dir.wasm"])).stderr).toMatch(/^cannot write "no/);
  });
});

describe("smartmodule watch", () => {
  it("prints the list at once and again at a change", async () => {
    const stop = new AbortController();
    let changed = false;
    const { stdout } = await cli.run(["sm", "watch"], {
      signal: stop.signal,
      onStdout: (all) => {
        if (!changed && all.includes("taken")) {
          changed = true;
          void cli.ok("sm", "create", "watched", "--wasm-file", "filter.wasm");
        }
        if (all.includes("watched")) stop.abort();
      },
    });
    expect(stdout).toMatch(/^\n {3}NAME .*taken.*\n\n {3}NAME .*watched/s);
  });
});

describe("smartmodule test", () => {
  it.each([
    [["--wasm-file", "filter.wasm", "--text", "apple"], "apple\n"],
    [["--wasm-file", "filter.wasm", "--text", "plum"], ""],
    [["--wasm-file", "filter.wasm", "--file", "fruits.txt"], "apple\nbanana\n"],
    [["--wasm-file", "filter.wasm", "--file", "fruits.txt", "--raw"], "apple\nplum\nbanana\n\n"],
    [["--wasm-file", "filter.wasm", "--text", "apple", "--key", "k", "-k"], "[k] apple\n"],
    [["--wasm-file", "filter.wasm", "--text", "apple", "-k", "-v"], "1 records outputted\n[null] apple\n"],
    [["--wasm-file", "init.wasm", "-e", "needle=x", "--text", "xyz"], "xyz\n"],
    [["--wasm-file", "look-back.wasm", "-l", "1", "-r", "old", "-r", "new", "--text", "new"], ""],
    [["--wasm-file", "look-back.wasm", "-l", "1", "-r", "old", "-r", "new", "--text", "old"], "old\n"],
    [["--transforms-line", '{"uses":"stored"}', "--text", "apple"], "apple\n"],
    [["stored", "--text", "apple"], "apple\n"],
  ])("%j", async (flags, expected) => {
    await cli.file("fruits.txt", "apple\nplum\nbanana\n");
    await cli.run(["sm", "create", "stored", "--wasm-file", "filter.wasm", "--replace"]);
    expect(await cli.ok("sm", "test", ...flags)).toBe(expected);
  });

  it("needs no cluster for a file; reads standard input", async () => {
    const argv = ["-c", "127.0.0.1:1", "sm", "test", "--wasm-file", "filter.wasm", "--stdin"];
    expect(await cli.run(argv.slice(2), { input: "a\nb\n" })).toMatchObject({ exitCode: 0, stdout: "a\n" });
  });

  it("shows the module's own error and ends with 1", async () => {
    const { exitCode, stderr } = await cli.run(["sm", "test", "--wasm-file", "kitchen.wasm", "--text", "error"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^asked to fail.*Type: Filter.*Value: error \(FLV_SMARTMODULE_RUNTIME\)\./);
  });

  it("shows what the module prints", async () => {
    const { stderr } = await cli.run(["sm", "test", "--wasm-file", "wasi-output.wasm", "--text", "hello"]);
    expect(stderr).toMatch(/^\[wasi-output\.wasm\] ./);
  });

  it.each([
    [["--text", "x"], "No SmartModule to test"],
    [["--wasm-file", "filter.wasm"], "No valid input provided"],
    [["--wasm-file", "init.wasm", "--text", "x"], "Missing param needle"],
    [["--wasm-file", "filter.wasm", "--file", "absent.txt"], "No such file or directory (os error 2)"],
    [["absent", "--text", "x"], "SmartModule"],
  ])("%j says why not, exit 1 (complaint: panics without a module)", async (flags, text) => {
    const { exitCode, stderr } = await cli.run(["sm", "test", ...flags]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(text);
  });
});
