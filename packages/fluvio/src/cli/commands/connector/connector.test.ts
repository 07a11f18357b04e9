import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { compileSdk } from "../../../../../../tests/fixtures/build-sdk.ts";
import { freePort } from "../../../../../../tests/free-port.ts";
import { Program } from "../../testing/program.ts";
import { type CliResult, runCli } from "../../testing/run.ts";

const CATFACT_MAP = new URL("../../../../../../examples/cat-facts/catfact-map/index.ts", import.meta.url).pathname;

/** Managed connectors in a real background cluster, against an HTTP server of the test. */
let home: string;
let program: Program;
let server: Server;
let url: string;
/** What the server answers next; the header it saw last. */
let answer: string;
let token: string | undefined;

const fluvio = (...argv: string[]): Promise<CliResult> => runCli(argv, { env: program.env, cwd: home });

async function ok(...argv: string[]): Promise<string> {
  const result = await fluvio(...argv);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(home, name), content);
  return `./${name}`;
}

const yaml = (name: string, parameters = "", more = ""): string =>
  `# connect.yml\nversion: 0.3.0\nname: ${name}\ntype: http\ntopic: ${name}\ndirection: source\n` +
  `parameters:\n  endpoint: ${url}\n  interval: 20ms\n${parameters}${more}`;

async function create(name: string, parameters = "", more = ""): Promise<void> {
  const path = await file(`${name}.yml`, yaml(name, parameters, more));
  expect(await fluvio("connector", "create", `--config=${path}`)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
}

interface Listed {
  readonly name: string;
  readonly status: string;
  readonly processId: number;
}
const listed = async (name: string): Promise<Listed | undefined> => {
  const out = await ok("connector", "list", "-O", "json");
  if (!out.startsWith("[")) return undefined;
  return (JSON.parse(out) as Listed[]).find((one) => one.name === name);
};
const statusOf = async (name: string): Promise<string | undefined> => (await listed(name))?.status;
const processOf = async (name: string): Promise<number> => (await listed(name))?.processId ?? 0;
const reaches = (name: string, status: string) =>
  vi.waitFor(async () => expect(await statusOf(name)).toBe(status), { timeout: 20_000, interval: 50 });
const firstRecord = async (topic: string) => (await ok("consume", topic, "-B", "--end", "0")).trimEnd();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-connector-"));
  program = new Program(home);
  answer = '{"fact":"cats sleep","length":10}';
  server = createServer((request, response) => {
    token = request.headers["x-token"] as string | undefined;
    response.end(answer);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fact`;
  const address = `127.0.0.1:${await freePort(1)}`;
  const spuPort = String(await freePort(1));
  const ports = ["--sc-pub-addr", address, "--spu-base-port", spuPort, "--gateway-addr", "off"];
  await ok("cluster", "start", ...ports);
}, 60_000);

afterAll(async () => {
  await fluvio("cluster", "delete", "--force");
  server.closeAllConnections();
  server.close();
  await rm(home, { recursive: true, force: true });
});

describe("the seed's commands", () => {
  test("create, list, consume, describe, delete", async () => {
    expect(await ok("connector", "list")).toBe("no managed connectors\n");
    await create("cat-facts");
    expect(await ok("connector", "list")).toBe(" NAME       STATUS  \n cat-facts  Running \n");
    expect(await firstRecord("cat-facts")).toBe(answer);
    const seed = `---\nname: cat-facts\ntype: http\ntopic: cat-facts\nversion: 0.3.0\nparameters:\n  endpoint: "${url}"\n  interval: 20ms\n`;
    expect(await ok("connector", "config", "cat-facts")).toBe(seed);
    expect(await ok("connector", "describe", "cat-facts")).toBe(seed);
    expect(await ok("connector", "delete", "cat-facts")).toBe("");
    expect(await ok("connector", "list")).toBe("no managed connectors\n");
  });

  test("a map by name, with producer options", async () => {
    await file("catfact_map.wasm", await compileSdk(CATFACT_MAP));
    await ok("smartmodule", "create", "catfact-map", "--wasm-file=catfact_map.wasm");
    await create(
      "mapped",
      '  map: "catfact-map"\n',
      "producer:\n  linger: 1ms\n  compression: gzip\n  batch-size: 1 MB\n",
    );
    expect(await firstRecord("mapped")).toBe('"cats sleep"');
    await ok("connector", "delete", "mapped");
  });

  test("a map by path", async () => {
    await file("local-map.wasm", await compileSdk(CATFACT_MAP));
    await create("by-path", "  map: local-map.wasm\n");
    expect(await firstRecord("by-path")).toBe('"cats sleep"');
    await ok("connector", "delete", "by-path");
  });

  test("an aggregate goes on from the topic's last record", async () => {
    await file("sum.wasm", await buildAs("aggregate"));
    await ok("smartmodule", "create", "sum", "--wasm-file=sum.wasm");
    await ok("topic", "create", "totals");
    await runCli(["produce", "totals"], { env: program.env, cwd: home, input: "100\n" });
    answer = "5";
    await create("totals", "  aggregate: sum\n  aggregate-initial-value: use-last\n");
    expect(await ok("consume", "totals", "-B", "--end", "2")).toBe("100\n105\n110\n");
    await ok("connector", "delete", "totals");
    answer = '{"fact":"cats sleep","length":10}';
  });
});

describe("a sink", () => {
  test("takes what a source brings, with a SmartModule on the way, and says what is in its way", async () => {
    const received: string[] = [];
    const port = await freePort();
    const target = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      received.push(body);
      response.end();
    });
    await file("catfact_map.wasm", await compileSdk(CATFACT_MAP));
    await ok("smartmodule", "create", "to-sink", "--wasm-file=catfact_map.wasm");
    await create("brought");
    const out = await file(
      "taken.yml",
      `version: 0.3.0\nname: taken\ntype: http\ntopic: brought\ndirection: sink\n` +
        `parameters:\n  endpoint: http://127.0.0.1:${port}/\n  map: to-sink\n  retry: { initial-delay: 20ms }\n`,
    );
    await ok("connector", "create", `--config=${out}`);
    await vi.waitFor(
      async () => {
        const list = await ok("connector", "list");
        expect(list).toMatch(/ taken +Running \(cannot write, trying again: http:.*ECONNREFUSED/);
      },
      { timeout: 20_000, interval: 50 },
    );
    target.listen(port, "127.0.0.1");
    await vi.waitFor(() => expect(received).toContain('"cats sleep"'), { timeout: 20_000, interval: 50 });
    await vi.waitFor(async () => expect(await ok("connector", "list")).toMatch(/ taken +Running *\n/), {
      timeout: 20_000,
      interval: 50,
    });
    expect(await ok("connector", "describe", "taken")).toContain("direction: sink");
    // its position is stored behind the write
    await vi.waitFor(async () => expect(await ok("consumer", "list")).toMatch(/taken +brought +0/), {
      timeout: 20_000,
      interval: 50,
    });
    await ok("connector", "delete", "taken", "brought");
    target.closeAllConnections();
    target.close();
  }, 120_000);

  test("with a policy that does not exist is refused with the line", async () => {
    const path = await file(
      "bad-sink.yml",
      `name: bad-sink\ntype: http-sink\ntopic: t\nparameters:\n  endpoint: ${url}\n  on_error: panic\n`,
    );
    expect((await fluvio("connector", "create", "-c", path)).stderr).toContain(
      'Invalid connector config ./bad-sink.yml:6: `parameters.on-error` is "panic": unknown variant',
    );
  });
});

describe("what goes wrong is said", () => {
  test("a bad file, before anything is created", async () => {
    const path = await file("bad.yml", yaml("bad", "  intervall: 1s\n"));
    const refused = await fluvio("connector", "create", "-c", path);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toBe(
      "Invalid connector config ./bad.yml:10: unknown key `parameters.intervall` (FLV_CONNECTOR_INVALID). Did you mean `interval`?\n",
    );
    expect(await ok("topic", "list")).not.toContain(" bad ");
    expect((await fluvio("connector", "create", "-c", "absent.yml")).stderr).toContain(
      "No such file or directory (os error 2)",
    );
    expect((await fluvio("connector", "create")).exitCode).toBe(2);
  });

  test("a name that is taken, and names that are not", async () => {
    await create("twice");
    const path = await file("again.yml", yaml("twice"));
    expect((await fluvio("connector", "create", "-c", path)).stderr).toContain("Connector already exists");
    const absent = await file("absent-one.yml", yaml("absent-one"));
    expect((await fluvio("connector", "update", "-c", absent)).stderr).toContain(
      "Invalid connector: absent-one - does not exist",
    );
    expect((await fluvio("connector", "logs", "twise")).stderr).toBe(
      'Connector twise does not exist (FLV_CONNECTOR_NOT_FOUND). Did you mean "twice"?\n',
    );
    expect((await fluvio("connector", "describe", "nope")).stderr).toContain("Connector not found");
    expect((await fluvio("connector", "delete", "nope")).stderr).toMatch(/^Connector not found: nope \(/);
    const both = await fluvio("connector", "delete", "nope", "twice");
    expect(both.exitCode).toBe(1);
    expect(both.stderr).toContain('connector "nope" delete failed with: Connector not found');
    expect(both.stderr).toContain("Failed deleting connector(s). Check previous errors.");
    expect(await statusOf("twice")).toBeUndefined();
  });

  test("a SmartModule that does not exist, before anything is created, with the line and the nearest name", async () => {
    const refused = async (verb: string, path: string) => {
      const { exitCode, stdout, stderr } = await fluvio("connector", verb, "-c", path);
      expect([exitCode, stdout]).toEqual([1, ""]);
      return stderr;
    };
    const slip = await file("slip.yml", yaml("slip", "  map: catfact-mpa\n"));
    const said =
      "Invalid connector config ./slip.yml:10: SmartModule not found: catfact-mpa (FLV_CONNECTOR_INVALID). Did you mean `catfact-map`?";
    const forced = " With --force the connector is stored all the same, and fails until the module is there.";
    expect(await refused("create", slip)).toBe(`${said}${forced}\n`);
    expect(await refused("test", slip)).toBe(`${said}\n`);
    expect(await refused("run", slip)).toBe(`${said}\n`);
    expect(await ok("topic", "list")).not.toContain(" slip ");
    const listed = await file("listed.yml", yaml("listed", "transforms:\n  - uses: infinyon/none@0.1.0\n"));
    expect(await refused("create", listed)).toContain("SmartModule not found: infinyon/none@0.1.0");
    for (const [uses, hint] of [
      ["json-sql", "Register it with `fluvio smartmodule install json-sql`."],
      ["fluvio/json-sql@0.1.0", "Register it with `fluvio smartmodule install json-sql`."],
      ["infinyon/json-sql@0.2.1", "Did you mean `fluvio/json-sql@0.1.0`? Register it with `fluvio smartmodule install"],
      ["json-sqll", "Did you mean `fluvio/json-sql@0.1.0`? Register it with `fluvio smartmodule install json-sql`."],
      ["acme/own@0.1.0", "Register it first: `fluvio smartmodule create own --wasm-file FILE`."],
    ] as const) {
      const official = await file("official.yml", yaml("official", `transforms:\n  - uses: ${uses}\n`));
      expect(await refused("create", official)).toContain(
        `SmartModule not found: ${uses} (FLV_CONNECTOR_INVALID). ${hint}`,
      );
    }
    const path = await file("path.yml", yaml("path", "  filter: ./no-such.wasm\n"));
    expect(await refused("create", path)).toContain(
      "path.yml:10: there is no SmartModule file ./no-such.wasm (FLV_CONNECTOR_INVALID). Paths begin in the folder of the file.",
    );
    await create("stays");
    expect(await refused("update", await file("stays.yml", yaml("stays", "  map: catfact-mpa\n")))).toContain(
      "stays.yml:10: SmartModule not found: catfact-mpa",
    );
    expect(await ok("connector", "config", "stays")).not.toContain("catfact-mpa");
    await ok("connector", "delete", "stays");
  }, 120_000);

  test("one that is to come later, with --force: failed with the reason, running once it does", async () => {
    const path = await file("late.yml", yaml("late", "  map: comes-later\n"));
    const created = await fluvio("connector", "create", "--force", "-c", path);
    expect(created).toMatchObject({ exitCode: 0, stdout: "" });
    expect(created.stderr).toContain('connector "late" is created, but does not run yet: ');
    expect(created.stderr).toContain("comes-later");
    expect(await ok("connector", "list")).toMatch(/ late +Failed \(.*comes-later.*\)/);
    await file("later.wasm", await compileSdk(CATFACT_MAP));
    await ok("smartmodule", "create", "comes-later", "--wasm-file=later.wasm");
    await reaches("late", "Running");
    await ok("connector", "delete", "late");
  });

  test("a record that a SmartModule cannot take is in the log with its value, and the next ones go on", async () => {
    answer = "this is no JSON";
    await create("picky", '  map: "catfact-map"\n');
    await vi.waitFor(
      async () => {
        const log = await ok("connector", "logs", "picky");
        expect(log).toContain("ERROR record skipped: it cannot be sent");
        expect(log).toContain("catfact-map");
        expect(log).toContain("this is no JSON");
      },
      { timeout: 20_000, interval: 50 },
    );
    expect(await statusOf("picky")).toBe("Running");
    answer = '{"fact":"cats sleep","length":10}';
    expect(await firstRecord("picky")).toBe('"cats sleep"');
    await ok("connector", "delete", "picky");
  });
});

describe("secrets", () => {
  test("reach the connector, and are shown nowhere", async () => {
    const path = await file(
      "secret.yml",
      yaml("secret", '  headers: ["X-Token: ${{ secrets.TOKEN }}"]\n', "secrets:\n  TOKEN: hunter2\n"),
    );
    await ok("connector", "create", "-c", path);
    await firstRecord("secret");
    expect(token).toBe("hunter2");
    const config = await ok("connector", "config", "secret");
    expect(config).toContain('TOKEN: "[REDACTED]"');
    for (const shown of [
      config,
      await ok("connector", "list", "-O", "json"),
      await ok("connector", "logs", "secret"),
      await readFile(join(home, ".fluvio/log/cluster.log"), "utf8"),
    ]) {
      expect(shown).not.toContain("hunter2");
    }
    // What `config` prints updates the connector, and the value stays.
    await ok("connector", "config", "secret", "--out-file", "shown.yml");
    token = undefined;
    await ok("connector", "update", "-c", "shown.yml");
    await vi.waitFor(() => expect(token).toBe("hunter2"), { timeout: 20_000, interval: 50 });
    await ok("connector", "delete", "secret");
  });

  test("come from a file or the environment when the file only declares them", async () => {
    const path = await file(
      "today.yml",
      `apiVersion: 0.1.0\nmeta:\n  version: 0.4.0\n  name: today\n  type: http-source\n  topic: today\n  secrets:\n    - name: TOKEN\n` +
        `http:\n  endpoint: ${url}\n  interval: 20ms\n  headers: ["X-Token: \${{ secrets.TOKEN }}"]\n`,
    );
    expect((await fluvio("connector", "create", "-c", path)).stderr).toContain("value not found for secret name TOKEN");
    const secrets = await file("secrets.env", "TOKEN=from-file\n");
    await ok("connector", "create", "-c", path, "--secrets", secrets);
    await vi.waitFor(() => expect(token).toBe("from-file"), { timeout: 20_000, interval: 50 });
    await ok("connector", "delete", "today");
  });
});

describe("the life of a managed connector", () => {
  test("an update restarts it with the new configuration, and logs follow it", async () => {
    await create("living");
    await reaches("living", "Running");
    const stop = new AbortController();
    let heard = "";
    const following = runCli(["connector", "logs", "living", "--follow"], {
      env: program.env,
      cwd: home,
      signal: stop.signal,
      onStdout: (all) => {
        heard = all;
      },
    });
    const path = await file("living.yml", yaml("living", "  rust-log: debug\n"));
    await ok("connector", "update", `--config=${path}`);
    await vi.waitFor(() => expect(heard).toContain("DEBUG answer sent"), { timeout: 20_000, interval: 50 });
    expect(heard).toContain("Stop signal received, shutting down connector.");
    stop.abort();
    expect((await following).exitCode).toBe(0);
  });

  test("kill -9 of its process: another one takes over, and the rest does not notice", async () => {
    await create("beside");
    for (const name of ["living", "beside"]) await reaches(name, "Running");
    const [before, beside] = [await processOf("living"), await processOf("beside")];
    process.kill(before, "SIGKILL");
    await vi.waitFor(
      async () => {
        const found = await listed("living");
        expect([found?.status, found?.processId === before]).toEqual(["Running", false]);
      },
      { timeout: 20_000, interval: 50 },
    );
    expect(await processOf("beside")).toBe(beside);
    expect(await ok("connector", "logs", "living")).toMatch(/failed, starting again .*was ended by SIGKILL/);
    await ok("connector", "delete", "beside");
  }, 120_000);

  test("its topic deleted under it: made again, and filled", async () => {
    await create("refilled");
    await firstRecord("refilled");
    await ok("topic", "delete", "refilled");
    await vi.waitFor(async () => expect(await ok("topic", "list")).toContain(" refilled "), {
      timeout: 20_000,
      interval: 50,
    });
    expect(await firstRecord("refilled")).toBe('{"fact":"cats sleep","length":10}');
    await ok("connector", "delete", "refilled");
    await ok("topic", "delete", "refilled");
  });

  test("an endpoint that is down at the start: tried again, with the reason in the log, until it answers", async () => {
    const port = await freePort();
    const path = await file("belated.yml", yaml("belated").replace(url, `http://127.0.0.1:${port}/`));
    await ok("connector", "create", "-c", path);
    await vi.waitFor(async () => expect(await ok("connector", "logs", "belated")).toContain("ECONNREFUSED"), {
      timeout: 20_000,
      interval: 50,
    });
    const late = createServer((_, response) => response.end("here I am")).listen(port, "127.0.0.1");
    expect(await firstRecord("belated")).toBe("here I am");
    await ok("connector", "delete", "belated");
    late.close();
  });

  test("it survives a restart of the cluster, and ends with it", async () => {
    const before = await processOf("living");
    await ok("cluster", "shutdown");
    expect(() => process.kill(before, 0)).toThrow("ESRCH");
    await ok("cluster", "start");
    await reaches("living", "Running");
    const stored = (await ok("partition", "list")).length;
    expect(stored).toBeGreaterThan(0);
    await ok("connector", "delete", "living");
  }, 120_000);
});
