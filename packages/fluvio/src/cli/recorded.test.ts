import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { type TestCli, useTestCli } from "./testing/cluster.ts";

// What the original printed, command by command, against what ours prints. Both streams together, as recorded.

interface Recorded {
  readonly scenario: string;
  readonly command: string;
  readonly output: string;
}

const vectors = new URL("../../../../tests/vectors/cli.jsonl", import.meta.url);
const lines = (await readFile(vectors, "utf8")).trimEnd().split("\n");
const recorded = new Map(lines.map((line) => JSON.parse(line) as Recorded).map((one) => [one.scenario, one.output]));

const cli = useTestCli();

async function both(argv: readonly string[], input = ""): Promise<string> {
  const { stdout, stderr } = await cli.run(argv, { input });
  return stdout + stderr;
}

type Play = (given: TestCli) => Promise<string>;
const words =
  (line: string): Play =>
  () =>
    both(line.split(" "));
const piped =
  (input: string, line: string): Play =>
  () =>
    both(line.split(" "), input);

async function consumeUntilStopped(argv: readonly string[], lineCount: number): Promise<string> {
  const stop = new AbortController();
  const { stdout } = await cli.run(argv, {
    signal: stop.signal,
    onStdout: (all) => {
      if (all.split("\n").length > lineCount) stop.abort();
    },
  });
  return stdout;
}

/** In the order of the recording; later scenarios stand on what earlier ones made. */
const plays: readonly (readonly [scenario: string, play: Play])[] = [
  ["cli-topic-create", words("topic create hello")],
  ["cli-topic-create-existing", words("topic create hello")],
  ["cli-topic-create-invalid-name", words("topic create Bad_Name")],
  [
    "cli-topic-create-full",
    words(
      "topic create full -p 3 --retention-time 2h --segment-size 1048576 --max-partition-size 10485760 --compression-type gzip",
    ),
  ],
  ["cli-topic-create-assigned", words("topic create assigned --replica-assignment ra.json")],
  ["cli-topic-list", words("topic list")],
  ["cli-topic-describe", words("topic describe full")],
  ["cli-topic-add-partition", words("topic add-partition hello -c 1")],
  ["cli-topic-delete-missing", words("topic delete nope")],
  ["cli-produce", piped("hello-world\n", "produce hello")],
  ["cli-produce-kv", piped("k1:v1\nk2:v2\n", "produce hello --key-separator :")],
  ["cli-produce-gzip", piped("one\ntwo\nthree\n", "produce hello --compression gzip")],
  ["cli-produce-snappy", piped("one\ntwo\nthree\n", "produce hello --compression snappy")],
  ["cli-produce-lz4", piped("one\ntwo\nthree\n", "produce hello --compression lz4")],
  ["cli-produce-zstd", piped("one\ntwo\nthree\n", "produce hello --compression zstd")],
  ["cli-consume", words("consume hello -B -d -A")],
  ["cli-consume-tail", words("consume hello -T 1 -d -p 0")],
  ["cli-consume-committed", words("consume hello -B -d -p 0 --isolation read_committed")],
  [
    "cli-consumer-offset",
    async () =>
      (await consumeUntilStopped("consume hello -B -p 0 -c my-consumer".split(" "), 9)) +
      (await both(["consumer", "list"])) +
      (await both("consumer delete my-consumer -t hello -p 0".split(" "))),
  ],
  ["cli-smartmodule-create", words("smartmodule create my-filter --wasm-file filter.wasm")],
  ["cli-smartmodule-list", words("smartmodule list")],
  ["cli-consume-smartmodule", words("consume fruits -B -d --smartmodule my-filter -e key=value")],
  ["cli-consume-adhoc", words("consume fruits -B -d --smartmodule-path filter.wasm")],
  ["cli-consume-transforms", words("consume fruits -B -d --transforms-file tr.yaml")],
  ["cli-produce-smartmodule", piped("apple\nplum\n", "produce fruits --smartmodule my-filter")],
  ["cli-topic-create-dedup", words("topic create -c topic.yaml")],
  ["cli-smartmodule-delete", words("smartmodule delete my-filter")],
  ["cli-smartmodule-delete-missing", words("smartmodule delete nope")],
  [
    "cli-table-format",
    async () =>
      (await both(["table-format", "create", "--config", "tf.yaml"])) +
      (await both(["table-format", "list"])) +
      (await both(["table-format", "delete", "people"])),
  ],
  ["cli-partition-list", words("partition list")],
  ["cli-topic-delete", words("topic delete assigned")],
  [
    "cli-system-topic",
    async () => (await both(["topic", "list", "--system"])) + (await both(["partition", "list", "--system"])),
  ],
];

/** Their commands are tested beside the command. */
const elsewhere = ["cli-spu-list", "cli-spu-register", "cli-spu-unregister", "cli-spg", "cli-remote"];

const ERROR_LINE = "an error names the object, the code and the remedy";
const sortedLines = (text: string) => text.split("\n").sort().join("\n");
const withoutNumbers = (text: string) => text.replace(/\d+ B +| +\d+ +\d+ +\d+ +\d+(?= )/g, " # ").replace(/ +/g, " ");

/** Where ours is not byte-equal on purpose: why, and what is expected instead. */
const different: Readonly<Record<string, { readonly why: string; check(ours: string, theirs: string): void }>> = {
  "cli-topic-create-existing": {
    why: ERROR_LINE,
    check: (ours, theirs) =>
      expect(ours).toMatch(new RegExp(`^${theirs.trim()}: hello \\(FLV_TOPIC_ALREADY_EXISTS\\)\\. .+\n$`)),
  },
  "cli-topic-create-invalid-name": {
    why: ERROR_LINE,
    check: (ours, theirs) => expect(ours).toBe(`${theirs.trim()} (FLV_TOPIC_INVALID).\n`),
  },
  "cli-topic-list": {
    why: "topics come in the order of the server, and ours differs",
    check: (ours, theirs) => expect(sortedLines(ours)).toBe(sortedLines(theirs)),
  },
  "cli-topic-delete-missing": {
    why: ERROR_LINE,
    check: (ours, theirs) =>
      expect(ours).toMatch(new RegExp(`^${theirs.trim()}: nope \\(FLV_TOPIC_NOT_FOUND\\)\\. .+\n$`)),
  },
  "cli-consume": {
    why: "the order between partitions is not defined",
    check: (ours, theirs) => expect(sortedLines(ours)).toBe(sortedLines(theirs)),
  },
  "cli-consumer-offset": {
    why: "the time since the last commit differs",
    check: (ours, theirs) => expect(ours.replace(/\d+s +\n/, "3s        \n")).toBe(theirs),
  },
  "cli-smartmodule-list": {
    why: "the list has the columns of the first releases, which the documents show",
    check: (ours) =>
      expect(ours).toMatch(/^ {3}NAME {7}STATUS {13}SIZE *\n {3}my-filter {2}SmartModuleStatus {2}\d+ *\n$/),
  },
  "cli-smartmodule-delete-missing": {
    why: ERROR_LINE,
    check: (ours) =>
      expect(ours).toMatch(/^SmartModule (not found: nope|nope was not found) \(FLV_SMARTMODULE_NOT_FOUND\)/),
  },
  "cli-partition-list": {
    why: "sizes and counts depend on what was stored before",
    check: (ours, theirs) => {
      const rest = (text: string) =>
        withoutNumbers(text)
          .split("\n")
          .filter((line) => !/ fruits /.test(line));
      expect(rest(ours)).toEqual(rest(theirs));
    },
  },
  "cli-system-topic": {
    why: "the size depends on what was stored before",
    check: (ours, theirs) => expect(withoutNumbers(ours)).toBe(withoutNumbers(theirs)),
  },
};

describe("recorded outputs", () => {
  beforeAll(async () => {
    await cli.file("filter.wasm", await buildAs("filter"));
    await cli.file("ra.json", '[{"id":0,"replicas":[5001]}]');
    await cli.file("tr.yaml", "transforms:\n  - uses: my-filter\n    with: { key: value }\n");
    await cli.file("tf.yaml", "name: people\ncolumns: [{ keyPath: name }]\n");
    await cli.file(
      "topic.yaml",
      "meta: { name: dedup-topic }\ndeduplication:\n  bounds: { count: 5, age: 1m }\n  filter: { transform: { uses: my-filter } }\n",
    );
  });

  it("are all played here or beside their command", () => {
    expect([...plays.map(([scenario]) => scenario), ...elsewhere].sort()).toEqual([...recorded.keys()].sort());
  });

  it.each(plays)("%s", async (scenario, play) => {
    if (scenario === "cli-consume-smartmodule") {
      await cli.ok("topic", "create", "fruits");
      await cli.produce("fruits", "apple\nplum\nbanana\ngrape\n");
    }
    const ours = await play(cli);
    const theirs = recorded.get(scenario) ?? "";
    const difference = different[scenario];
    if (difference === undefined) expect(ours).toBe(theirs);
    else difference.check(ours, theirs);
  });
});
