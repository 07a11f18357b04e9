import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flvError } from "../protocol/index.ts";
import { errorDetails, errorLine } from "./report.ts";
import { runCli } from "./testing/run.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-cli-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const env = () => ({ HOME: dir, PATH: join(dir, "bin"), FLUVIO_EXTENSIONS_DIR: dir });

async function plugin(name: string, script: string) {
  const path = join(dir, `fluvio-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe("help", () => {
  it.each([[[]], [["help"]], [["-h"]], [["--help"]]])("lists every command for %j, exit 0", async (argv) => {
    const { exitCode, stdout, stderr } = await runCli(argv, { env: env() });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const word of ["topic", "partition", "produce", "consume", "consumer", "smartmodule", "table-format"]) {
      expect(stdout).toMatch(new RegExp(`^  ${word} `, "m"));
    }
  });

  it("shows the plugins that describe themselves", async () => {
    await plugin(
      "hello",
      'echo \'{"title":"Hello","package":"p/hello","description":"says hello","version":"1.0.0"}\'',
    );
    const { stdout } = await runCli([], { env: env() });
    expect(stdout).toMatch(/Plugins:\n {2}hello {2}Hello: says hello/);
  });

  it("is short for -h and has examples for --help", async () => {
    const short = await runCli(["consume", "-h"]);
    const long = await runCli(["consume", "--help"]);
    expect(short.stdout).toMatch(/^Read records of a topic\n\nUsage: fluvio consume \[OPTIONS\] <topic>\n/);
    expect(short.stdout).not.toContain("Examples:");
    expect(long.stdout).toContain("Examples:");
    expect([short.exitCode, long.exitCode]).toEqual([0, 0]);
  });

  it("of a noun lists its verbs; without a verb it is a usage error", async () => {
    const asked = await runCli(["topic", "--help"]);
    expect(asked.exitCode).toBe(0);
    expect(asked.stdout).toMatch(/^ {2}add-partition /m);
    const bare = await runCli(["topic"]);
    expect(bare).toEqual({ exitCode: 2, stdout: "", stderr: asked.stdout });
  });
});

describe("usage errors", () => {
  it("end with the usage and a hint, exit 2", async () => {
    expect(await runCli(["topic", "create", "--partition", "3"])).toEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        "error: unexpected argument '--partition' found\n\n  tip: a similar argument exists: '--partitions'\n\n" +
        "Usage: fluvio topic create [OPTIONS] [name]\n\nFor more information, try '--help'.\n",
    });
  });

  it("suggest the nearest verb", async () => {
    const { exitCode, stderr } = await runCli(["topic", "craete", "x"]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^error: unrecognized subcommand 'craete'\n\n {2}tip: a similar subcommand exists: 'create'/,
    );
  });

  it("there is no --version flag", async () => {
    expect(await runCli(["--version"])).toMatchObject({ exitCode: 2 });
  });
});

describe("plugins", () => {
  it("run for unknown commands with the words as they are, and give their exit code", async () => {
    await plugin("echo", 'echo "$@"; exit 7');
    expect(await runCli(["echo", "a", "--flag", "-h"], { env: env() })).toEqual({
      exitCode: 7,
      stdout: "a --flag -h\n",
      stderr: "",
    });
  });

  it("read standard input", async () => {
    await plugin("cat", "/bin/cat");
    expect(await runCli(["cat"], { env: env(), input: "piped\n" })).toMatchObject({ exitCode: 0, stdout: "piped\n" });
  });

  it("that are killed by a signal say so", async () => {
    await plugin("killed", "kill -15 $$");
    expect(await runCli(["killed"], { env: env() })).toMatchObject({
      exitCode: 15,
      stderr: "Extension killed via 15 signal\n",
    });
  });

  it("that are absent are named with the directory, and the nearest command is suggested", async () => {
    expect(await runCli(["topik"], { env: env() })).toEqual({
      exitCode: 1,
      stdout: `Unable to find plugin 'fluvio-topik'. Make sure it is installed in "${dir}".\n`,
      stderr: "  tip: a similar command exists: 'topic'\n",
    });
  });

  it("cannot be reached outside of their directories", async () => {
    expect(await runCli(["x/../../echo"], { env: env() })).toMatchObject({ exitCode: 1 });
  });
});

describe("global options that contradict each other", () => {
  it.each([
    [["-c", "h:1", "-P", "p"], "cluster addr is not valid when profile is used"],
    [["-P", "p", "--tls"], "tls is not valid when profile is is used"],
    [["--tls"], "tls is only valid if cluster addr is used"],
    [
      ["-c", "h:1", "--tls", "--enable-client-cert", "--domain", "d"],
      "Missing required args after --tls: --ca-cert, --client-cert, --client-key",
    ],
  ])("%j", async (globals, text) => {
    const { exitCode, stdout, stderr } = await runCli([...globals, "topic", "list"], { env: env() });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(text);
  });

  it("belong before the command: -c means something else after it", async () => {
    expect(await runCli(["topic", "list", "--cluster", "h:1"])).toMatchObject({ exitCode: 2 });
  });
});

describe("without a cluster", () => {
  it("names the missing configuration file", async () => {
    const { exitCode, stderr } = await runCli(["topic", "list"], { env: env() });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Config error: config file "${join(dir, ".fluvio", "config")}"`);
  });

  it("names the address that refuses", async () => {
    const { exitCode, stderr } = await runCli(["-c", "127.0.0.1:1", "topic", "list"], { env: env() });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Socket io Connection refused (os error 111), can't connect to 127.0.0.1:1");
  });
});

describe("errors: one line with code and remedy (complaint: nested, unreadable errors)", () => {
  const error = flvError("FLV_TOPIC_NOT_FOUND", "Topic not found: x\n  deep", {
    hint: "List them",
    details: { topic: "x", limit: 3 },
    retriable: true,
    cause: new Error("root", { cause: "below" }),
  });

  it("prints message, code and hint", () => {
    expect(errorLine(error)).toBe("Topic not found: x deep (FLV_TOPIC_NOT_FOUND). List them.");
    expect(errorLine(new Error("plain"))).toBe("plain");
  });

  it("shows details and the chain with --verbose only", async () => {
    expect(errorDetails(error)).toEqual([
      "  topic: x",
      "  limit: 3",
      "  the same command may succeed later",
      "  caused by: root",
      "  caused by: below",
    ]);
    const brief = await runCli(["-P", "nope", "-c", "h:1", "topic", "list"]);
    expect(brief.stderr.split("\n")).toHaveLength(2);
  });
});
