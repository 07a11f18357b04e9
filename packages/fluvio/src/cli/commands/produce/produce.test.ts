import { Readable } from "node:stream";
import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();
let topics = 0;

async function topic(...flags: string[]): Promise<string> {
  const name = `produce-${++topics}`;
  await cli.ok("topic", "create", name, ...flags);
  return name;
}

const stored = (name: string, ...flags: string[]) => cli.ok("consume", name, "-B", "-d", ...flags);

beforeAll(async () => {
  await cli.file("filter.wasm", await buildAs("filter"));
  await cli.file("aggregate.wasm", await buildAs("aggregate"));
  await cli.file("init.wasm", await buildAs("init"));
  await cli.ok("smartmodule", "create", "keeps-a", "--wasm-file", "filter.wasm");
});

describe("lines", () => {
  it("become records in order, the last one without a line end too, silently", async () => {
    const name = await topic();
    expect(await cli.run(["produce", name], { input: "one\r\ntwo\n\nfour" })).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await stored(name)).toBe("one\ntwo\n\nfour\n");
  });

  it("keep their bytes, whatever they are", async () => {
    const name = await topic();
    await cli.run(["produce", name], { input: Buffer.from([0xff, 0x00, 0x0a, 0xc3, 0xa9, 0x0a]) });
    expect(await stored(name, "-O", "binary")).toMatch(/ff 00 .*c3 a9 /s);
  });

  it("many of them: pipelined and in order (complaint: an ack per line is slow)", async () => {
    const name = await topic();
    const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join("");
    await cli.produce(name, lines, "--batch-size", "4096");
    expect(await stored(name)).toBe(lines);
  });

  it("come from a file with -f", async () => {
    const name = await topic();
    await cli.file("lines.txt", "a\nb\n");
    expect(await cli.run(["produce", name, "-f", "lines.txt"], { stdinIsTty: true })).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await stored(name)).toBe("a\nb\n");
  });

  it("on a terminal a file shows a progress bar on standard error", async () => {
    const name = await topic();
    const { stderr, stdout } = await cli.run(["produce", name, "-f", "lines.txt"], { stderrIsTty: true });
    expect(stderr).toContain("bytes");
    expect(stdout).toBe("");
  });
});

describe("on a terminal", () => {
  it("prompts, confirms every line and the end in green", async () => {
    const name = await topic();
    const ok = "\u001b[32mOk!\u001b[0m\n";
    expect(await cli.run(["produce", name], { input: "a\nb\n", stdinIsTty: true })).toEqual({
      exitCode: 0,
      stdout: ok + ok + ok,
      stderr: "> > > ",
    });
    expect(await stored(name)).toBe("a\nb\n");
  });

  it("each line is acknowledged before the next prompt", async () => {
    const name = await topic();
    const keyboard = new Readable({ read: () => {} });
    const seen: string[] = [];
    const running = cli.run(["produce", name], {
      input: keyboard,
      stdinIsTty: true,
      onStdout: (all) => {
        // Typed only after the confirmation of the line before.
        if (all.split("Ok!").length !== 2) return;
        void stored(name).then((text) => {
          seen.push(text);
          keyboard.push(null);
        });
      },
    });
    keyboard.push("first\n");
    expect((await running).exitCode).toBe(0);
    expect(seen).toEqual(["first\n"]);
  });

  it("a raw record is confirmed once", async () => {
    const name = await topic();
    const { stdout } = await cli.run(["produce", name, "--raw"], { input: "a\nb\n", stdinIsTty: true });
    expect(stdout).toBe("\u001b[32mOk!\u001b[0m\n");
    expect(await stored(name, "-F", "{{offset}}:{{value}}")).toBe("0:a\nb\n\n");
  });
});

describe("keys", () => {
  it("are split off at the first separator; lines without it are skipped", async () => {
    const name = await topic();
    const { exitCode, stdout, stderr } = await cli.run(["produce", name, "--key-separator", "::", "-v"], {
      input: "k::v::w\nnone\n::empty\n",
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "[k] v::w\n[] empty\n" });
    expect(stderr).toContain("none");
    expect(await stored(name, "-k")).toBe("[k] v::w\n[] empty\n");
  });

  it("are the same for all with --key", async () => {
    const name = await topic();
    await cli.produce(name, "a\nb\n", "--key", "k");
    expect(await stored(name, "-k")).toBe("[k] a\n[k] b\n");
  });

  it.each([
    [["--key-separator", ""], "must be non-empty. If using '=', type it as '--key-separator \"=\"'"],
    [["--key-separator", ":", "--key", "k"], "cannot be used with"],
    [["--key-separator", ":", "--raw"], "cannot be used with"],
    [["-p", "0", "--mirror", "m"], "cannot be used with"],
    [["-e", "x", "--smartmodule", "m"], "invalid KEY=value: no `=` found in `x`"],
    [["-e", "x=y"], "required arguments were not provided"],
    [["--aggregate-initial", "1"], "required arguments were not provided"],
    [["-t", "f", "--smartmodule", "m"], "cannot be used with"],
  ])("%j is a usage error", async (flags, text) => {
    const { exitCode, stderr } = await cli.run(["produce", "any", ...flags]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe("settings", () => {
  it.each(["none", "gzip", "snappy", "lz4", "zstd"])("--compression %s", async (codec) => {
    const name = await topic("--compression-type", codec);
    await cli.produce(name, "hello\n", "--compression", codec);
    expect(await stored(name)).toBe("hello\n");
  });

  it.each([
    "--linger 5ms --batch-size 100",
    "--isolation read_committed",
    "--isolation ReadUncommitted",
    "--delivery-semantic at-most-once",
    "--delivery-semantic AtLeastOnce",
    "-p 0",
    "--max-request-size 1KB",
  ])("%s", async (flags) => {
    const name = await topic();
    await cli.produce(name, "a\nb\n", ...flags.split(" "));
    expect(await stored(name)).toBe("a\nb\n");
  });

  it("--partition sends everything to one", async () => {
    const name = await topic("-p", "3");
    await cli.produce(name, "a\nb\nc\n", "--partition", "2");
    expect(await stored(name, "-F", "{{partition}}{{value}}")).toBe("2a\n2b\n2c\n");
  });
});

describe("SmartModules", () => {
  it.each([
    ["--smartmodule keeps-a", ""],
    ["--sm keeps-a", ""],
    ["--smartmodule-path filter.wasm", ""],
    ["--sm_path filter.wasm", ""],
    ["-t chain.yaml", "transforms: [{ uses: keeps-a }]"],
    ["--transforms-file chain.yaml", "transforms: [{ uses: keeps-a }]"],
    ['--transforms-line {"uses":"keeps-a"}', ""],
    ["--smartmodule-path init.wasm -e needle=a", ""],
  ])("%s filters before storing", async (flags, file) => {
    if (file !== "") await cli.file("chain.yaml", file);
    const name = await topic();
    await cli.produce(name, "apple\nplum\nbanana\n", ...flags.split(" "));
    expect(await stored(name)).toBe("apple\nbanana\n");
  });

  it("aggregate from an initial value", async () => {
    const name = await topic();
    await cli.produce(name, "1\n2\n", "--smartmodule-path", "aggregate.wasm", "--a-init", "10");
    expect(await stored(name)).toBe("11\n13\n");
  });
});

describe("errors end with 1 and name the reason", () => {
  it("an absent topic, at once", async () => {
    const { exitCode, stderr } = await cli.run(["produce", "absent"], { input: "x\n" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Topic not found: absent \(FLV_TOPIC_NOT_FOUND\)\./);
  });

  it("an absent partition, at once (complaint: retried for minutes)", async () => {
    const name = await topic();
    const { exitCode, stderr } = await cli.run(["produce", name, "-p", "7"], { input: "x\n" });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Partition not found: ${name}-7`);
  });

  it("a record above the request size", async () => {
    const name = await topic();
    const { exitCode, stderr } = await cli.run(["produce", name, "--max-request-size", "100"], {
      input: `small\n${"x".repeat(200)}\n`,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("record size (200 bytes), exceeded maximum request size (100 bytes)");
    expect(await stored(name)).toBe("small\n");
  });

  it("a compression that the topic does not take", async () => {
    const name = await topic("--compression-type", "gzip");
    const { exitCode, stderr } = await cli.run(["produce", name, "--compression", "snappy"], { input: "x\n" });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "Producer error: Invalid configuration in producer: Compression in the producer (snappy) does not match with topic level compression (gzip)",
    );
  });

  it("a module that is not there", async () => {
    const name = await topic();
    const { exitCode, stderr } = await cli.run(["produce", name, "--smartmodule", "absent"], { input: "x\n" });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Producer error: Producer received an error code: SmartModule absent was not found");
  });

  it("a mirror without a partition", async () => {
    const name = await topic();
    const { stderr } = await cli.run(["produce", name, "--mirror", "edge"], { input: "x\n" });
    expect(stderr).toContain("No partition found for mirror 'edge'");
  });

  it.each([[["-f", "absent.txt"]], [["-f", "absent.txt", "--raw"]]])("a missing file: %j", async (flags) => {
    const name = await topic();
    const { exitCode, stderr } = await cli.run(["produce", name, ...flags]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("No such file or directory (os error 2)");
    expect(await stored(name)).toBe("");
  });
});

describe("Ctrl-C", () => {
  it("sends what was read and ends with 130", async () => {
    const name = await topic();
    const stop = new AbortController();
    const endless = new Readable({ read: () => {} });
    endless.push("one\ntwo\n");
    const running = cli.run(["produce", name], { input: endless, signal: stop.signal });
    while ((await stored(name)) !== "one\ntwo\n");
    stop.abort();
    expect((await running).exitCode).toBe(130);
  });
});
