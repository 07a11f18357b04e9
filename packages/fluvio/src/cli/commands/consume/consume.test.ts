import { Writable } from "node:stream";
import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { main } from "../../main.ts";
import { useTestCli } from "../../testing/cluster.ts";
import type { RunOptions } from "../../testing/run.ts";

const cli = useTestCli();
const fruits = "apple\nplum\nbanana\ngrape\ncherry\n";

const consume = (...argv: string[]) => cli.ok("consume", ...argv);

/** Runs until standard output holds the text, then presses Ctrl-C. */
async function until(text: string, argv: readonly string[], options: RunOptions = {}) {
  const stop = new AbortController();
  return await cli.run(["consume", ...argv], {
    ...options,
    signal: stop.signal,
    onStdout: (all) => {
      if (all.includes(text)) stop.abort();
    },
  });
}

/** Runs until standard error holds the text, then presses Ctrl-C. */
async function untilStatus(text: string, argv: readonly string[]) {
  const stop = new AbortController();
  let shown = "";
  const stderr = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      shown += chunk.toString();
      if (shown.includes(text)) stop.abort();
      done();
    },
  });
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
  const exitCode = await main(["-c", cli.address, "consume", ...argv], {
    stdout,
    stderr,
    stdoutIsTty: true,
    stderrIsTty: true,
    env: {},
    signal: stop.signal,
  });
  return { exitCode, stderr: shown };
}

beforeAll(async () => {
  for (const name of ["filter", "map", "filter-map", "array-map", "aggregate", "init", "kitchen"]) {
    await cli.file(`${name}.wasm`, await buildAs(name));
  }
  await cli.ok("topic", "create", "fruits");
  await cli.produce("fruits", fruits);
  await cli.ok("topic", "create", "three", "-p", "3");
  await cli.produce("three", "a\nb\nc\n");
  await cli.ok("smartmodule", "create", "my-filter", "--wasm-file", "filter.wasm");
});

describe("where to start and end", () => {
  it.each([
    ["-B", fruits],
    ["--from-beginning", fruits],
    ["-B 3", "grape\ncherry\n"],
    ["-H 3", "grape\ncherry\n"],
    ["-T 1", "cherry\n"],
    ["-T=2", "grape\ncherry\n"],
    ["-T", fruits],
    ["--tail 100", fruits],
    ["--start 4", "cherry\n"],
    ["-o 4", "cherry\n"],
    ["--offset 4", "cherry\n"],
    ["--start 1 --end 2", "plum\nbanana\n"],
    ["-B --end-offset 0", "apple\n"],
    ["", ""],
  ])("-d %s", async (flags, expected) => {
    expect(await consume("fruits", "-d", ...flags.split(" ").filter((word) => word !== ""))).toBe(expected);
  });

  it("-p chooses partitions, none or -A takes all", async () => {
    const sorted = async (...flags: string[]) => (await consume("three", "-d", ...flags)).split("\n").sort().join("");
    expect(await sorted("-B")).toBe("abc");
    expect(await sorted("-B", "-A")).toBe("abc");
    expect(await sorted("-B", "-p", "0", "-p", "2")).toBe("ac");
    expect(await sorted("-T", "1")).toBe("abc");
  });

  it("an end before the start is refused", async () => {
    const { exitCode, stderr } = await cli.run(["consume", "fruits", "--start", "2", "--end", "1"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Argument end-offset must be greater than or equal to specified start offset");
    expect(stderr).toContain("End offset: 1 cannot be less than starting offset: 2");
  });

  it("the end offset ends a continuous consumer, inclusive", async () => {
    expect(await cli.run(["consume", "fruits", "-B", "--end", "1"])).toEqual({
      exitCode: 0,
      stdout: "apple\nplum\n",
      stderr: "End-offset has been reached; exiting\nConsumer stream has closed\n",
    });
  });

  it.each([
    ["-B -T 1"],
    ["-H 1 --start 2"],
    ["-p 0 -A"],
    ["-O json -F {{value}}"],
    ["--truncate -O text"],
    ["--filter a --map b"],
    ["--filter a --smartmodule b"],
    ["--smartmodule a -t b"],
    ["--table-format x"],
  ])("%s is a usage error", async (flags) => {
    expect(await cli.run(["consume", "fruits", ...flags.split(" ")])).toMatchObject({ exitCode: 2, stdout: "" });
  });
});

describe("records that were removed before they could be read (complaint: NotFound after eviction)", () => {
  beforeAll(async () => {
    await cli.ok("topic", "create", "evicted", "--segment-size", "1024", "--max-partition-size", "2048");
    for (const letter of "abcdef") await cli.produce("evicted", `${letter.repeat(900)}\n`);
  });

  it("are skipped with a warning", async () => {
    const { exitCode, stdout, stderr } = await cli.run(["consume", "evicted", "--start", "0", "-d"]);
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("a");
    expect(stdout).toContain("f".repeat(900));
    expect(stderr).toMatch(/^warning: records were deleted before they were read.*offset=0/);
  });

  it("are an error with --strict-offset", async () => {
    const { exitCode, stdout, stderr } = await cli.run(["consume", "evicted", "--start", "0", "-d", "--strict-offset"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("FLV_OFFSET_EVICTED");
  });
});

describe("settings", () => {
  it.each([
    "-b 1",
    "--maxbytes 100",
    "--isolation read_committed",
    "--isolation ReadUncommitted",
    "--disable-progressbar",
  ])("%s", async (flags) => {
    expect(await consume("fruits", "-B", "-d", ...flags.split(" "))).toBe(fruits);
  });

  it("any fetch size gives every record (complaint: freezes with large batches)", async () => {
    await cli.ok("topic", "create", "sizes");
    const large = "x".repeat(300_000);
    await cli.produce("sizes", `${large}\nsmall\n${large}\n`);
    for (const maxBytes of ["1", "1000", "300000", "10000000"]) {
      expect((await consume("sizes", "-B", "-d", "-b", maxBytes)).split("\n").map((line) => line.length)).toEqual([
        300_000, 5, 300_000, 0,
      ]);
    }
  });

  it("FLUVIO_CLIENT_MAX_FETCH_BYTES is the default of --maxbytes", async () => {
    const { stdout } = await cli.run(["consume", "fruits", "-B", "-d"], {
      env: { FLUVIO_CLIENT_MAX_FETCH_BYTES: "1" },
    });
    expect(stdout).toBe(fruits);
  });

  it("templates, keys and output types are those of one record each", async () => {
    expect(await consume("fruits", "-d", "-T", "1", "-F", "{{offset}} {{key}} {{value}}")).toBe("4 null cherry\n");
    expect(await consume("fruits", "-d", "-T", "1", "-F", "{{time}}", "--time-format", "unix-ms")).toMatch(
      /^\d{13}\n$/,
    );
    expect(await consume("fruits", "-d", "-T", "1", "-k")).toBe("[null] cherry\n");
    expect(await consume("fruits", "-d", "-T", "1", "-O", "JSON", "--suppress-unknown")).toBe("");
  });

  it("a template that cannot be read fails before anything is consumed", async () => {
    const { exitCode, stderr } = await cli.run(["consume", "fruits", "-F", "{{value"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Failed to parse format string:");
  });

  it("--truncate cuts to the width of the terminal, and nothing else does", async () => {
    const { stdout } = await cli.run(["consume", "fruits", "-B", "-d", "--truncate"], { columns: 3 });
    expect(stdout).toBe("app\nplu\nban\ngra\nche\n");
  });
});

describe("SmartModules", () => {
  it.each([
    ["--smartmodule my-filter"],
    ["--smartmodule my-filter -e key=value"],
    ["--smart-module my-filter"],
    ["--sm my-filter"],
    ["--smartmodule-path filter.wasm"],
    ["--filter my-filter"],
    ["--filter=my-filter"],
    ["--filter filter.wasm"],
    ["--filter=filter.wasm --extra-params a=b"],
    ["--smartmodule-path init.wasm -e needle=a"],
    ["-t chain.yaml"],
    ["--transforms-file chain.yaml"],
    ['--transform {"uses":"my-filter"}'],
  ])("%s", async (flags) => {
    await cli.file("chain.yaml", "transforms: [{ uses: my-filter, with: { list: [1] } }]");
    expect(await consume("fruits", "-B", "-d", ...flags.split(" "))).toBe("apple\nbanana\ngrape\n");
  });

  it("every kind has its own option; the first accumulator is a text or a file", async () => {
    await cli.ok("topic", "create", "numbers");
    await cli.produce("numbers", "1\n2\n3\n");
    await cli.file("ten.txt", "10");
    expect(await consume("numbers", "-B", "-d", "--aggregate", "aggregate.wasm")).toBe("1\n3\n6\n");
    expect(await consume("numbers", "-B", "-d", "--aggregate=aggregate.wasm", "--initial", "ten.txt")).toBe(
      "11\n13\n16\n",
    );
    expect(await consume("numbers", "-B", "-d", "--smartmodule-path", "aggregate.wasm", "--a-init", "5")).toBe(
      "6\n8\n11\n",
    );
    expect(await consume("numbers", "-B", "-d", "--map", "map.wasm")).toMatch(/^1@0@/);
    expect(await consume("numbers", "-B", "-d", "--filter-map", "filter-map.wasm")).toBeTypeOf("string");
    await cli.ok("topic", "create", "lists");
    await cli.produce("lists", '["x","y"]\n["z"]\n["p","q","r"]\n');
    const parts = "x y z p q r";
    for (const flag of ["--array-map", "--arraymap"]) {
      const flat = await consume("lists", "-B", "-d", flag, "array-map.wasm");
      expect(flat.replaceAll('"', "").trim().split("\n").join(" ")).toBe(parts);
    }
  });

  it("a file of another kind than the option says is refused", async () => {
    const { exitCode, stderr } = await cli.run(["consume", "fruits", "-B", "-d", "--map", "filter.wasm"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"filter.wasm" is a SmartModule of the kind filter, not map');
  });

  it("a filter that drops everything ends with -d (complaint: never ends)", async () => {
    expect(await consume("fruits", "-B", "-d", "--smartmodule-path", "init.wasm", "-e", "needle=none")).toBe("");
  });

  it.each([[["--smartmodule", "absent"]], [["--filter", "absent"]], [["--filter", "absent", "-d"]]])(
    "an unknown module is an error, exit 1 (complaint: no error, or endless wait): %j",
    async (flags) => {
      const { exitCode, stderr } = await cli.run(["consume", "fruits", "-B", ...flags]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^SmartModule absent was not found \(FLV_SMARTMODULE_NOT_FOUND\)/);
    },
  );

  it("a broken wasm file is an error, exit 1", async () => {
    await cli.file("broken.wasm", Buffer.from([0x00, 0x61, 0x73, 0x6d, 9, 9, 9, 9]));
    await cli.file("text.wasm", "hello");
    for (const path of ["broken.wasm", "text.wasm"]) {
      const { exitCode, stderr } = await cli.run(["consume", "fruits", "-B", "-d", "--smartmodule-path", path]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/does not compile|is not a WebAssembly module/);
    }
  });

  it("a user error names the record; what came before is printed", async () => {
    await cli.ok("topic", "create", "failing");
    await cli.produce("failing", "good\nerror\nlater\n");
    const { exitCode, stdout, stderr } = await cli.run([
      ...["consume", "failing", "-B", "-d", "--smartmodule-path", "kitchen.wasm"],
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "good\n" });
    expect(stderr).toMatch(/asked to fail.*Filter.*Offset: 1.*Value: error.*FLV_SMARTMODULE_RUNTIME/);
  });

  it.each([
    [["--join", "x"], "--join is not supported"],
    [["--derived-stream", "x"], "--derived-stream is not supported"],
    [["-t", "absent.yaml"], "Invalid argument: unable to process `transforms` argument"],
  ])("%j says why not", async (flags, text) => {
    const { exitCode, stderr } = await cli.run(["consume", "fruits", ...flags]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(text);
  });
});

describe("errors", () => {
  it.each([
    [["absent"], "Topic not found: absent"],
    [["fruits", "-p", "7"], "Partition not found: fruits-7"],
    [["fruits", "--mirror", "edge"], "No partition found for mirror 'edge'"],
    [["fruits", "-O", "full-table"], "The output type full-table needs a terminal"],
  ])("%j: at once, exit 1, one line", async (argv, text) => {
    const { exitCode, stdout, stderr } = await cli.run(["consume", ...argv]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(text);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("a table format that is not stored", async () => {
    const { stderr } = await cli.run(["consume", "fruits", "-O", "full-table", "--table-format", "absent"], {
      stdinIsTty: true,
      stdoutIsTty: true,
    });
    expect(stderr).toContain("TableFormat not found: absent");
  });
});

describe("Ctrl-C, pipes and terminals", () => {
  it("Ctrl-C ends a continuous consumer in good order, exit 0", async () => {
    expect(await until("cherry", ["fruits", "-B"])).toEqual({
      exitCode: 0,
      stdout: fruits,
      stderr: "Consumer stream has closed\n",
    });
  });

  it("new records come as they are produced", async () => {
    await cli.ok("topic", "create", "live");
    const stop = new AbortController();
    const running = cli.run(["consume", "live", "-B"], {
      signal: stop.signal,
      onStdout: (all) => {
        if (all === "first\n") void cli.produce("live", "second\n");
        if (all.includes("second")) stop.abort();
      },
    });
    await cli.produce("live", "first\n");
    expect((await running).stdout).toBe("first\nsecond\n");
  });

  it("a named consumer goes on after the stored offset; deleting the topic forgets it", async () => {
    await cli.ok("topic", "create", "named");
    await cli.produce("named", "a\nb\n");
    expect((await until("b\n", ["named", "-B", "-c", "reader"])).exitCode).toBe(0);
    expect(await cli.ok("consumer", "list")).toMatch(/^ {2}reader +named +0 +1 +\d+s *$/m);
    expect(JSON.parse(await cli.ok("consumer", "list", "-O", "json"))).toEqual([
      { consumer_id: "reader", topic: "named", partition: 0, offset: 1, modified_time: expect.any(Number) },
    ]);
    await cli.produce("named", "c\n");
    expect(await consume("named", "-B", "-d", "-c", "reader")).toBe("c\n");
    await cli.ok("topic", "delete", "named");
    let left = "";
    while (!left.startsWith("No consumers found")) left = await cli.ok("consumer", "list");
  });

  it("consumer delete takes all of a consumer, or one topic and partition", async () => {
    await consume("three", "-B", "-d", "-c", "several");
    expect(await cli.ok("consumer", "delete", "several", "-t", "three", "-p", "1")).toBe(
      'consumer "several" on topic "three" and partition "1" deleted\n',
    );
    expect((await cli.ok("consumer", "delete", "several")).trim().split("\n")).toHaveLength(2);
    expect(await cli.run(["consumer", "delete", "several", "-p", "1"])).toMatchObject({ exitCode: 2 });
  });

  it("a reader that goes away ends it quietly, exit 0", async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    let shown = "";
    const stderr = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        shown += chunk.toString();
        done();
      },
    });
    expect(await main(["-c", cli.address, "consume", "fruits", "-B"], { stdout, stderr, env: {} })).toBe(0);
    expect(shown).not.toContain("EPIPE");
  });

  it.each([
    ["-B", "Consuming records from 'fruits' starting from the beginning of log"],
    ["-B 2", "Consuming records from 'fruits' starting 2 from the beginning of log"],
    ["-H 2", "Consuming records from 'fruits' starting 2 from the beginning of log"],
    ["-T 2", "Consuming records from 'fruits' starting 2 from the end of log"],
    ["--start 1 --end 2", "Consuming records from 'fruits' starting at offset 1 until offset 2 (inclusive)"],
    ["--disable-progressbar", "Consuming records from 'fruits'"],
  ])("on a terminal %s is announced, in bold", async (flags, text) => {
    const { exitCode, stderr } = await untilStatus("Consuming", ["fruits", ...flags.split(" ")]);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`\u001b[1m${text}\u001b[22m\n`);
  });

  it("without -B and without new records, a hint after a second (complaint: looks broken)", async () => {
    const { stderr } = await untilStatus("stored", ["fruits"]);
    expect(stderr).toContain("5 are stored: show them with `fluvio consume fruits -B`");
  });

  it("a pipe gets exactly the records", async () => {
    expect(await cli.run(["consume", "fruits", "-B", "-d"])).toEqual({ exitCode: 0, stdout: fruits, stderr: "" });
  });

  it("JSON is coloured on a terminal only", async () => {
    await cli.ok("topic", "create", "json");
    await cli.produce("json", '{"a":1}\n');
    const argv = ["consume", "json", "-B", "-d", "-O", "json"];
    expect((await cli.run(argv)).stdout).toBe('{\n  "a": 1\n}\n');
    expect((await cli.run(argv, { stdoutIsTty: true })).stdout).toContain("\u001b[");
    expect((await cli.run(argv, { stdoutIsTty: true, env: { NO_COLOR: "1" } })).stdout).toBe('{\n  "a": 1\n}\n');
  });
});
