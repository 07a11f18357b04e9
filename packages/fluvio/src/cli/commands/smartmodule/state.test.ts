import { beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { Fluvio } from "../../../client/index.ts";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();

beforeAll(async () => {
  for (const name of ["aggregate", "filter"]) await cli.file(`${name}.wasm`, await buildAs(name));
  await cli.ok("smartmodule", "create", "sum", "--wasm-file", "aggregate.wasm");
  await cli.ok("smartmodule", "create", "keep", "--wasm-file", "filter.wasm");
});

async function topicWith(name: string, ...values: string[]): Promise<void> {
  await cli.ok("topic", "create", name);
  await cli.produce(name, `${values.join("\n")}\n`);
}

describe("consume --aggregate … --state", () => {
  it("goes on where it was; the state is listed, shown and reset", async () => {
    expect(await cli.ok("smartmodule", "state", "list")).toBe("no states\n");
    await topicWith("counted", "1", "2", "3");
    const consume = ["consume", "counted", "-B", "-d", "--aggregate", "sum", "--state", "total"];
    expect(await cli.ok(...consume)).toBe("1\n3\n6\n");
    await cli.produce("counted", "1\n2\n3\n");
    expect(await cli.ok(...consume)).toBe("7\n9\n12\n");
    expect(await cli.ok(...consume)).toBe("");
    await cli.produce("counted", "1\n2\n3\n");
    const listed = (await cli.ok("smartmodule", "state", "list")).split("\n").map((line) => line.trimEnd());
    expect(listed[0]).toMatch(/^ {2}NAME {3}TOPIC {4}PARTITION {2}OFFSET {2}LAG {2}SIZE {2,}MODIFIED$/);
    expect(listed[1]).toMatch(/^ {2}total {2}counted {10}0 {7}6 +\d+ {2}\d+ B +\S+ ago$/);
    const [state] = JSON.parse(await cli.ok("smartmodule", "state", "list", "-O", "json"));
    expect(state).toMatchObject({ name: "total", topic: "counted", partition: 0, offset: 6 });
    expect(await cli.ok("smartmodule", "state", "show", "total")).toMatch(/\n {2}sum: 12\n$/);
    expect(JSON.parse(await cli.ok("smartmodule", "state", "show", "total", "-O", "json"))).toMatchObject([
      { name: "total", modules: [{ step: 0, module: "sum", accumulator: "12" }] },
    ]);
    expect(await cli.ok("smartmodule", "state", "reset", "total", "--topic", "counted")).toBe(
      'state "total" of topic "counted" and partition "0" reset (it was at offset 6)\n',
    );
    expect(await cli.ok(...consume)).toBe("1\n3\n6\n7\n9\n12\n13\n15\n18\n");
  });

  it("with --window emits the windows that have closed, and keeps the open ones", async () => {
    await cli.ok("topic", "create", "windowed");
    await using client = await Fluvio.connect({ address: cli.address });
    await using producer = await client.topicProducer("windowed");
    for (const [seconds, value] of [
      [0, 1],
      [1, 2],
      [11, 4],
      [25, 8],
    ] as const) {
      await (await producer.send(undefined, String(value), { timestampMs: 1_700_000_000_000 + seconds * 1000 })).wait();
    }
    const consume = ["consume", "windowed", "-B", "-d", "--aggregate", "sum", "--window", "10s", "--state", "windows"];
    expect(await cli.ok(...consume)).toBe("3\n4\n");
    const shown = (await cli.ok("smartmodule", "state", "show", "windows")).split("\n").map((line) => line.trimEnd());
    expect(shown.slice(2)).toEqual([
      "  sum, open windows at 2023-11-14T22:13:45.000Z: 1",
      "    FROM                      TO                        RECORDS  ACCUMULATOR",
      "    2023-11-14T22:13:40.000Z  2023-11-14T22:13:50.000Z        1  8",
      "",
    ]);
  });

  it("is refused with a reason for what is no aggregate, and for options that stand alone", async () => {
    await topicWith("plain", "apple");
    const run = (...more: string[]) => cli.run(["consume", "plain", "-B", "-d", ...more]);
    const filter = await run("--smartmodule", "keep", "--state", "x");
    expect(filter).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("keep has no state to keep") });
    const windowed = await run("--smartmodule", "keep", "--window", "10s");
    expect(windowed).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/aggregate/) });
    for (const alone of [
      ["--state", "x"],
      ["--window", "10s"],
      ["--filter", "keep", "--window", "10s"],
    ]) {
      expect(await run(...alone)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--aggregate") });
    }
    expect(await run("--state", "a b/c", "--aggregate", "sum")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("a state cannot have this name. Use lowercase letters, digits and `-`"),
    });
    expect(await run("--aggregate", "sum", "--slide", "5s")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--window"),
    });
    const slide = await run("--aggregate", "sum", "--window", "5s", "--slide", "10s");
    expect(slide).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("--slide 10s is longer than --window 5s"),
    });
  });
});

describe("smartmodule state", () => {
  it("names the nearest when there is none of the name", async () => {
    await topicWith("near", "1");
    await cli.ok("consume", "near", "-B", "-d", "--aggregate", "sum", "--state", "orders");
    for (const verb of ["show", "reset"]) {
      const { exitCode, stderr } = await cli.run(["smartmodule", "state", verb, "order"]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^State not found: order \(FLV_AGGREGATE_STATE\)\. Did you mean orders\?/);
    }
    const elsewhere = await cli.run(["smartmodule", "state", "show", "orders", "--topic", "counted"]);
    expect(elsewhere.stderr).toContain("State not found: orders of topic counted");
  });
});

describe("topic create --dedup", () => {
  it("stores the module of the installation when it is not there, and drops repetitions", async () => {
    expect(await cli.ok("topic", "create", "unique", "--dedup", "--dedup-age", "1h")).toBe(
      'deduplication filter not found, installing\ntopic "unique" created\n',
    );
    expect(await cli.ok("topic", "create", "unique-too", "--dedup")).toBe('topic "unique-too" created\n');
    for (let n = 0; n < 2; n++) await cli.produce("unique", "a\nb\na\n");
    expect(await cli.ok("consume", "unique", "-B", "-d")).toBe("a\nb\n");
    expect(await cli.ok("topic", "describe", "unique")).toMatch(/Deduplication Filter: ?fluvio\/dedup@/);
  });

  it("takes a module by a file, and refuses one that is not stored by its name", async () => {
    await cli.file(
      "dedup.yaml",
      "meta: { name: by-file }\ndeduplication: { bounds: { count: 5 }, filter: { transform: { uses: nope } } }\n",
    );
    const refused = await cli.run(["topic", "create", "-c", "dedup.yaml"]);
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Deduplication SmartModule not found: nope"),
    });
    await cli.file("own.wasm", await buildAs("dedup"));
    await cli.ok("smartmodule", "create", "own", "--wasm-file", "own.wasm");
    await cli.file(
      "dedup.yaml",
      "meta: { name: by-file }\ndeduplication: { bounds: { count: 5 }, filter: { transform: { uses: own } } }\n",
    );
    await cli.ok("topic", "create", "-c", "dedup.yaml");
    await cli.produce("by-file", "x\nx\ny\n");
    expect(await cli.ok("consume", "by-file", "-B", "-d")).toBe("x\ny\n");
  });
});
