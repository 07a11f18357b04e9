import { describe, expect, it, vi } from "vitest";
import { parse as parseYaml } from "yaml";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();

describe("topic create", () => {
  it("takes every flag", async () => {
    await cli.ok(
      ..."topic create flags -p 2 -r 1 -i --retention-time 1h --segment-size 2Ki --max-partition-size".split(" "),
      "10 MiB",
      "--compression-type",
      "zstd",
    );
    expect(JSON.parse(await cli.ok("topic", "describe", "flags", "-O", "json"))).toEqual([
      {
        name: "flags",
        spec: {
          replicas: { computed: { partitions: 2, replicationFactor: 1, ignoreRackAssignment: true } },
          cleanupPolicy: { segment: { timeInSeconds: 3600 } },
          storage: { segmentSize: 2048, maxPartitionSize: 10_485_760 },
          compressionType: "zstd",
        },
        status: {
          resolution: "Provisioned",
          replicaMap: { "0": [5001], "1": [5001] },
          mirrorMap: {},
          reason: "",
        },
      },
    ]);
  });

  it("checks only with --dry-run, with the same sentence", async () => {
    expect(await cli.ok("topic", "create", "dry", "-d")).toBe('topic "dry" created\n');
    expect(await cli.ok("topic", "describe", "dry")).toBe("Retrieved 0 out of 0 topics\n");
  });

  it("reads a configuration file, which excludes every other argument", async () => {
    await cli.file("t.yaml", "meta: { name: from-file }\npartition: { count: 2 }\nretention: { time: 1day }\n");
    expect(await cli.ok("topic", "create", "-c", "t.yaml")).toBe('topic "from-file" created\n');
    for (const more of [["name"], ["-p", "2"], ["--dedup"], ["--retention-time", "1h"]]) {
      const { exitCode, stderr } = await cli.run(["topic", "create", ...more, "-c", "t.yaml"]);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^error: the argument '--config <PATH>' cannot be used with '/);
    }
  });

  it.each([
    [["--dedup-count", "3"], "--dedup"],
    [["--dedup-age", "3s"], "--dedup"],
    [["--dedup", "--dedup-count", "0"], "0 is not in 1..=10000000"],
    [["--dedup", "--dedup-count", "10000001"], "10000001 is not in 1..=10000000"],
  ])("refuses deduplication by %j, which would do nothing or could not work", async (flags, reason) => {
    const { exitCode, stderr } = await cli.run(["topic", "create", "never-unique", ...flags]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(reason) });
  });

  it("keeps the older form of the replica assignment; it excludes the number of partitions", async () => {
    await cli.file("ra.json", '{"partitions":[{"id":0,"replicas":[5001]}]}');
    await cli.ok("topic", "create", "older", "-f", "ra.json");
    const { exitCode } = await cli.run(["topic", "create", "x", "-f", "ra.json", "-p", "2"]);
    expect(exitCode).toBe(2);
  });

  it.each([
    [["create"], "Topic name is required"],
    [["create", "Bad_Name"], "Invalid Topic name Bad_Name. Contain only lowercase alphanumeric characters or '-'"],
    [["create", "a".repeat(64)], "Name exceeds max characters allowed 63"],
    [["create", "x", "--retention-time", "1s"], "retention_secs 1 is less than minimum 10"],
    [["create", "x", "--segment-size", "10"], "segment_size 10 is less than minimum 1024"],
    [["create", "x", "--max-partition-size", "10"], "max_partition_size 10 is less than minimum 2048"],
    [
      ["create", "x", "--segment-size", "5000", "--max-partition-size", "3000"],
      "max_partition_size 3000 is less than segment size 5000",
    ],
    [["create", "-c", "absent.yaml"], "No such file or directory (os error 2)"],
    [["delete", "absent"], "Topic not found"],
    [["add-partition", "absent"], 'topic "absent" not found'],
    [["update", "absent", "--retention-time", "1h"], "Topic not found"],
  ])("%j fails with its sentence, exit 1", async (words, sentence) => {
    const { exitCode, stdout, stderr } = await cli.run(["topic", ...words]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("refuses a compression that does not exist", async () => {
    const { exitCode, stderr } = await cli.run(["topic", "create", "x", "--compression-type", "zip"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Invalid compression type in topic");
  });
});

describe("complaints about topics", () => {
  it("more replicas than SPUs: refused at once with the reason, no waiting", async () => {
    const { exitCode, stderr } = await cli.run(["topic", "create", "three", "-r", "3"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/replication factor 3.*Kafka engine/);
  });

  it("a wrong name: error at once, the nearest topic suggested", async () => {
    await cli.ok("topic", "create", "customers");
    for (const words of [
      ["topic", "delete", "custommers"],
      ["topic", "add-partition", "custommers"],
      ["consume", "custommers", "-d"],
      ["produce", "custommers"],
    ]) {
      const { exitCode, stderr } = await cli.run(words, { input: "x\n" });
      expect(exitCode).toBe(1);
      expect(stderr).toContain("customers");
    }
    const described = await cli.run(["topic", "describe", "custommers"]);
    expect(described).toMatchObject({ exitCode: 0, stdout: "Retrieved 0 out of 0 topics\n" });
    expect(described.stderr).toContain("customers");
  });

  it("retention changed without making the topic anew, also to infinite", async () => {
    await cli.ok("topic", "create", "kept", "--retention-time", "1h");
    expect(await cli.ok("topic", "update", "kept", "--retention-time", "infinite", "--segment-size", "4Ki")).toBe(
      'topic "kept" updated\n',
    );
    const [topic] = JSON.parse(await cli.ok("topic", "describe", "kept", "-O", "json"));
    expect(topic.spec.storage.segmentSize).toBe(4096);
    expect(await cli.ok("topic", "list")).toMatch(/^ {2}kept .* infinite /m);
    await cli.ok("topic", "update", "kept", "--retention-time", "2h");
    expect(await cli.ok("topic", "list")).toMatch(/^ {2}kept .* 2h /m);
  });

  it("an update that changes nothing is a usage error", async () => {
    expect(await cli.run(["topic", "update", "kept"])).toMatchObject({ exitCode: 2 });
  });

  it("records, size and last produced in the list with --wide", async () => {
    await cli.ok("topic", "create", "wide");
    await cli.produce("wide", "a\nb\n");
    expect(await cli.ok("topic", "list", "--wide")).toMatch(/^ {2}wide .* 2 {8}\d+ B +[\w ]+ ago *$/m);
    const topics: { name: string; usage: Record<string, unknown> }[] = JSON.parse(
      await cli.ok("topic", "list", "--wide", "-O", "json"),
    );
    expect(topics.find(({ name }) => name === "wide")?.usage).toEqual({
      records: 2,
      sizeBytes: expect.any(Number),
      lastProduced: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(topics.find(({ name }) => name === "kept")?.usage).toEqual({ records: 0, sizeBytes: 0, lastProduced: null });
  });

  it("-O toml works for a list; json and yaml hold the same", async () => {
    expect(await cli.ok("topic", "list", "-O", "toml")).toContain('[[topics]]\nname = "');
    const yaml = await cli.ok("topic", "list", "-O", "YAML");
    expect(yaml).toContain("    replicas: !computed\n      partitions: 1\n");
    expect(yaml.endsWith("\n\n")).toBe(true);
    const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name);
    expect(names(parseYaml(yaml, { logLevel: "silent" }))).toEqual(
      names(JSON.parse(await cli.ok("topic", "list", "-O", "json"))),
    );
  });
});

describe("topic delete", () => {
  it("says so for each; with -c goes on after a failure and ends with 1", async () => {
    await cli.ok("topic", "create", "gone-a");
    await cli.ok("topic", "create", "gone-b");
    const { exitCode, stdout, stderr } = await cli.run(["topic", "delete", "-c", "gone-a", "absent", "gone-b"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^topic "gone-a" deleted\ntopic "absent" delete failed with: Topic not found.*\ntopic "gone-b" deleted\n$/,
    );
    expect(stderr).toBe("Failed deleting topic(s). Check previous errors.\n");
  });

  it("deletes a system topic only with --system, after a question or with --force", async () => {
    await cli.ok("topic", "create", "inner", "--system");
    expect(await cli.run(["topic", "delete", "inner"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("system topic 'inner' can only be deleted forcibly"),
    });
    const aborted = await cli.run(["topic", "delete", "inner", "-s"], { input: "n\n" });
    expect(aborted).toMatchObject({ exitCode: 0, stdout: "Aborted\n" });
    expect(aborted.stderr).toContain("Are you sure you want to proceed? (y/n)");
    const confirmed = await cli.run(["topic", "delete", "inner", "-s"], { input: "y\n" });
    expect(confirmed).toMatchObject({ exitCode: 0, stdout: 'system topic "inner" deleted\n' });
    await cli.ok("topic", "create", "inner", "--system");
    expect(await cli.ok("topic", "delete", "inner", "-s", "-f")).toBe('system topic "inner" deleted\n');
  });
});

describe("partition list", () => {
  it("sorts by topic and number, not by text", async () => {
    await cli.ok("topic", "create", "many", "-p", "11");
    const rows = (await cli.ok("partition", "list")).split("\n").filter((line) => line.startsWith("  many "));
    expect(rows.map((row) => Number(row.trim().split(/ +/)[1]))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("has stable fields in JSON", async () => {
    const list = async (): Promise<{ name: string }[]> => JSON.parse(await cli.ok("partition", "list", "-O", "json"));
    // The SPU reports to the SC now and then.
    await vi.waitFor(
      async () =>
        expect((await list()).find(({ name }) => name === "wide-0")).toMatchObject({
          spec: { leader: 5001, replicas: expect.any(Array) },
          status: { resolution: "Online", leader: { spu: 5001, hw: 2, leo: 2 }, baseOffset: 0, isBeingDeleted: false },
        }),
      { timeout: 25_000 },
    );
  });
});

describe("empty lists", () => {
  const empty = useTestCli();
  it.each([
    ["topic list", "No topics found\n"],
    ["topic list -O json", "No topics found\n"],
    ["partition list", "No partitions found\n"],
    ["consumer list", "No consumers found\n"],
    ["consumer delete nobody", "no consumers found\n"],
    ["smartmodule list", "no smart modules\n"],
    ["table-format list -O yaml", "no tableformats\n"],
  ])("%s", async (line, sentence) => {
    expect(await empty.ok(...line.split(" "))).toBe(sentence);
  });
});
