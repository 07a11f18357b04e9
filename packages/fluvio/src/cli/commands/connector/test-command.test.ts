import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../../testing/cluster.ts";
import { runCli } from "../../testing/run.ts";

const cli = useTestCli();
let server: Server;
let url = "";
const received: string[] = [];

beforeAll(async () => {
  let answers = 0;
  server = createServer(async (request, response) => {
    if (request.method === "GET") return response.end(["apple", "kiwi", "banana"][answers++ % 3]);
    const body = await text(request);
    received.push(body);
    response.statusCode = body.includes("bad") ? 400 : 200;
    return response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await cli.file("keep-a.wasm", await buildAs("filter"));
  await cli.file("upper.wasm", await buildAs("map"));
  await cli.file(
    "source.yml",
    `name: fruits\ntype: http\ntopic: fruits\nparameters:\n  endpoint: ${url}\n  interval: 1ms\ntransforms:\n  - uses: ./keep-a.wasm\n`,
  );
  await cli.file("sink.yml", `name: out\ntype: http-sink\ntopic: numbers\nparameters:\n  endpoint: ${url}\n`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Without a cluster: none is at this address. */
const alone = (...argv: string[]) =>
  runCli(["-c", "127.0.0.1:1", "connector", "test", ...argv], {
    cwd: cli.dir,
    env: { FLUVIO_DIR: join(cli.dir, "x") },
  });

test("a source: what it brings, what each module makes of it, what would be produced", async () => {
  const { stdout, stderr, exitCode } = await alone("-c", "source.yml", "-n", "3");
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  const module = join(cli.dir, "keep-a.wasm");
  const name = module.padEnd(module.length);
  expect(stdout).toBe(
    [
      `  RECORD  ${"STAGE".padEnd(name.length)}  KEY  VALUE     `,
      `  0       ${"extract".padEnd(name.length)}  -    apple     `,
      `          ${name}  -    apple     `,
      `          ${"produce".padEnd(name.length)}  -    apple     `,
      `  1       ${"extract".padEnd(name.length)}  -    kiwi      `,
      `          ${name}  -    (dropped) `,
      `  2       ${"extract".padEnd(name.length)}  -    banana    `,
      `          ${name}  -    banana    `,
      `          ${"produce".padEnd(name.length)}  -    banana    `,
      "",
    ].join("\n"),
  );
  expect(await cli.ok("topic", "list")).not.toContain("fruits");
});

test("the chain alone, as JSON", async () => {
  await cli.file("fruits.txt", "pear\nplum\n");
  const { stdout, exitCode } = await alone("-c", "source.yml", "--file", "fruits.txt", "--key", "k", "-O", "json");
  expect(exitCode).toBe(0);
  const module = join(cli.dir, "keep-a.wasm");
  const pear = [{ key: "k", value: "pear" }];
  expect(JSON.parse(stdout)).toEqual([
    {
      record: 0,
      stages: [
        { stage: "given", records: pear },
        { stage: module, records: pear },
        { stage: "produce", records: pear },
      ],
    },
    {
      record: 1,
      stages: [
        { stage: "given", records: [{ key: "k", value: "plum" }] },
        { stage: module, records: [] },
        { stage: "produce", records: [] },
      ],
    },
  ]);
});

test("several texts are as many records, in their order", async () => {
  const { stdout, exitCode } = await alone(
    "-c",
    "source.yml",
    "--text",
    "pear",
    "--text",
    "plum",
    "--text=",
    "-O",
    "json",
  );
  expect(exitCode).toBe(0);
  const tried: { readonly stages: readonly { readonly records: readonly unknown[] }[] }[] = JSON.parse(stdout);
  expect(tried.map(({ stages }) => stages[0]?.records)).toEqual(
    ["pear", "plum", ""].map((value) => [{ key: null, value }]),
  );
  expect(tried.map(({ stages }) => stages[1]?.records.length)).toEqual([1, 0, 0]);
});

test("a record on which a module fails is told, the others go on, and the exit code is 1", async () => {
  await cli.file("kitchen.wasm", await buildAs("kitchen"));
  await cli.file(
    "failing.yml",
    `name: f\ntype: http\ntopic: f\nparameters:\n  endpoint: ${url}\n  filter: ./kitchen.wasm\n`,
  );
  await cli.file("lines.txt", "keep\nerror\nkeep too\n");
  const { stdout, exitCode } = await alone("-c", "failing.yml", "--file", "lines.txt");
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^ {2}1 +given +- +error +\n +\S+kitchen\.wasm +- +ERROR asked to fail.*\n {2}2 +given/m);
  expect(stdout).toMatch(/produce +- +keep too/);
});

test("a sink: the newest records of its topic, not written but with --write", async () => {
  await cli.ok("sm", "create", "upper", "--wasm-file", "upper.wasm");
  await cli.ok("topic", "create", "numbers");
  await cli.produce("numbers", "one\ntwo\nbad\n");
  const dry = await cli.ok("connector", "test", "-c", "sink.yml", "-n", "2");
  expect(dry).toMatch(/^ {2}0 +topic +- +two *\n +write \(not done\) +- +two *\n {2}1 +topic +- +bad/m);
  expect(received).toEqual([]);
  const { stdout, exitCode } = await cli.run(["connector", "test", "-c", "sink.yml", "-n", "2", "--write"]);
  expect(exitCode).toBe(1);
  expect(received).toEqual(["two", "bad"]);
  expect(stdout).toMatch(/write +- +two/);
  expect(stdout).toMatch(/write +- +ERROR .* answered 400/);
  expect(await cli.ok("consumer", "list")).not.toContain("out");
});

test("a source that brings fewer records than asked for says so", async () => {
  await cli.file("slow.yml", `name: s\ntype: http\ntopic: s\nparameters:\n  endpoint: ${url}\n  interval: 1h\n`);
  const { stdout, stderr, exitCode } = await alone("-c", "slow.yml", "-n", "2", "--timeout", "3s");
  expect(stdout).toMatch(/^ {2}0 +extract/m);
  expect(stderr).toContain("1 of 2 records: no more came within 3s");
  expect(exitCode).toBe(0);
  expect((await alone("-c", "slow.yml", "--timeout", "0")).stderr).toContain("not between 1ms and 1h");
});

test("what cannot be tried is refused with the reason", async () => {
  expect((await alone("-c", "source.yml", "--write")).stderr).toContain("--write is for sinks");
  expect((await alone("-c", "sink.yml")).exitCode).toBe(1);
  expect((await alone()).exitCode).toBe(2);
  await cli.ok("topic", "create", "empty");
  await cli.file("empty.yml", `name: e\ntype: http-sink\ntopic: empty\nparameters:\n  endpoint: ${url}\n`);
  expect((await cli.run(["connector", "test", "-c", "empty.yml"])).stderr).toContain("no record in the topic empty");
  await cli.file("away.yml", "name: a\ntype: http\ntopic: a\nparameters:\n  endpoint: http://127.0.0.1:1/\n");
  const away = await alone("-c", "away.yml", "--timeout", "1");
  expect(away.exitCode).toBe(1);
  expect(away.stderr).toContain("No record of the source http");
});
