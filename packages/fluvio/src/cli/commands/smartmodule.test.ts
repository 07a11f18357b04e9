import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../testing/cluster.ts";

const cli = useTestCli();

beforeAll(async () => {
  const modules = ["filter", "map", "init", "look-back", "kitchen", "no-transform", "unknown-import", "wasi-output"];
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

  it.each([
    ["no-transform.wasm", "export"],
    ["unknown-import.wasm", "import"],
  ])("refuses %s, which cannot run, with the reason; --force stores it all the same", async (file, reason) => {
    const { exitCode, stderr } = await cli.run(["sm", "create", "cannot-run", "--wasm-file", file]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`${reason}.*\\(FLV_SMARTMODULE_INVALID\\).*--force`));
    await cli.ok("sm", "create", "cannot-run", "--wasm-file", file, "--force");
    await cli.ok("sm", "delete", "cannot-run");
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
      "SmartModule.toml",
      '[package]\nname = "packed"\ngroup = "acme"\nversion = "0.1.0"\napiVersion = "0.1.0"\n\n[params.needle]\ndescription = "what to find"\n',
    );
    await cli.ok("sm", "create", "packed", "--wasm-file", "init.wasm", "--package", ".");
    expect(await cli.ok("sm", "list")).toMatch(/^ {3}acme\/packed@0\.1\.0 /m);
    expect(await cli.ok("sm", "describe", "acme/packed@0.1.0")).toMatch(/Parameter:needle what to find/);
    await cli.file("SmartModule.toml", '[package]\nname = "packed"\n');
    const { stderr } = await cli.run(["sm", "create", "p", "--wasm-file", "init.wasm", "--package", "."]);
    expect(stderr).toContain('Invalid SmartModule package "SmartModule.toml": package.group');
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

describe("table-format", () => {
  it("creates, lists and deletes; names are taken once", async () => {
    await cli.file("tf.yaml", "name: people\ninput_format: JSON\ncolumns:\n  - keyPath: id\n    primaryKey: true\n");
    expect(await cli.ok("table-format", "create", "--config", "tf.yaml")).toBe('tableformat "people" created\n');
    expect((await cli.run(["tf", "create", "-c", "tf.yaml"])).stderr).toContain("TableFormat already exists");
    expect(JSON.parse(await cli.ok("tf", "list", "-O", "json"))).toEqual([
      {
        name: "people",
        spec: { name: "people", inputFormat: "JSON", columns: [{ keyPath: "id", primaryKey: true }] },
        status: { resolution: "Init" },
      },
    ]);
    expect(await cli.ok("tf", "delete", "people")).toBe("");
    expect((await cli.run(["tf", "delete", "people"])).stderr).toContain("TableFormat not found");
  });

  it.each([
    ["columns: []", "at name"],
    ["name: x\ncolumns: [{ headerLabel: y }]", "at columns.0.keyPath"],
    ["name: x\ninput_format: csv", "at input_format"],
  ])("refuses %j and names the key", async (text, place) => {
    await cli.file("bad.yaml", text);
    const { exitCode, stderr } = await cli.run(["tf", "create", "-c", "bad.yaml"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Invalid table format "bad.yaml" ${place}`);
  });
});
