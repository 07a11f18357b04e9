import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../../../../../../tests/free-port.ts";
import { Program } from "../../testing/program.ts";
import { type CliResult, type RunOptions, runCli } from "../../testing/run.ts";

/** Secrets, pauses and counters of connectors in a real background cluster, against an HTTP server of the test. */
let home: string;
let program: Program;
let server: Server;
let url: string;
/** What the requests to the server had: the header, and the query behind it. */
const seen = new Set<string>();

const WAIT = { timeout: 20_000, interval: 50 };

const fluvio = (argv: readonly string[], options: RunOptions = {}): Promise<CliResult> =>
  runCli(argv, { env: program.env, cwd: home, ...options });

async function ok(...argv: string[]): Promise<string> {
  const result = await fluvio(argv);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stdout;
}

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(home, name), content);
  return `./${name}`;
}

const yaml = (name: string, more = "") =>
  `name: ${name}\ntype: http\ntopic: ${name}\nparameters:\n  endpoint: ${url}\n  interval: 20ms\n${more}`;
const withToken = (name: string, secret: string) => yaml(name, `  headers: ["X-Token: \${{ secrets.${secret} }}"]\n`);

interface Listed {
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly processId?: number;
}
const listed = async (name: string): Promise<Listed | undefined> =>
  (JSON.parse(await ok("connector", "list", "-O", "json")) as Listed[]).find((one) => one.name === name);
const reaches = (name: string, status: string) =>
  vi.waitFor(async () => {
    const found = await listed(name);
    expect(found?.status).toBe(status);
    return found as Listed;
  }, WAIT);

const sees = (request: string) => vi.waitFor(() => expect([...seen]).toContain(request), WAIT);

/** Every file of the cluster, by its path; but for those that it replaces meanwhile. */
async function filesOfCluster(): Promise<ReadonlyMap<string, string>> {
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  const contents = files
    .filter((one) => one.isFile() && one.parentPath.includes(".fluvio"))
    .map(async ({ parentPath, name }): Promise<[string, string]> => {
      const path = join(parentPath, name);
      return [path, await readFile(path, "latin1").catch(() => "")];
    });
  return new Map(await Promise.all(contents));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-managing-"));
  program = new Program(home);
  server = createServer((request, response) => {
    seen.add(`${request.headers["x-token"]}${new URL(request.url ?? "/", url).search}`);
    response.end('{"fact":"cats sleep"}');
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fact`;
  const address = `127.0.0.1:${await freePort(1)}`;
  await ok(
    "cluster",
    "start",
    "--sc-pub-addr",
    address,
    "--spu-base-port",
    `${await freePort(1)}`,
    "--gateway-addr",
    "off",
  );
}, 60_000);

afterAll(async () => {
  await ok("cluster", "delete", "--force");
  server.closeAllConnections();
  server.close();
  await rm(home, { recursive: true, force: true });
});

describe("secrets", () => {
  test("are set from an option, a file, standard input and a terminal; a list has names and times only", async () => {
    expect(await ok("secret", "list")).toBe("no secrets\n");
    expect(await ok("secret", "set", "FROM_OPTION", "--value", "hunter2-option")).toBe(
      'Secret "FROM_OPTION" set successfully\n',
    );
    await ok("secret", "set", "FROM_FILE", "--file", await file("value.txt", "hunter2-file\n"));
    expect((await fluvio(["secret", "set", "FROM_STDIN"], { input: "hunter2-stdin\r\n" })).exitCode).toBe(0);
    const keyboard = new PassThrough();
    const asked = fluvio(["secret", "set", "FROM_TERMINAL"], {
      input: keyboard,
      stdinIsTty: true,
      stderrIsTty: true,
      onStderr: (all) => {
        if (all.includes("Value of secret FROM_TERMINAL: ") && keyboard.writable) keyboard.end("hunter2-typed\r");
      },
    });
    const typed = await asked;
    expect(typed).toMatchObject({ exitCode: 0, stdout: 'Secret "FROM_TERMINAL" set successfully\n' });
    expect(typed.stderr).not.toContain("hunter2");
    const table = await ok("secret", "list");
    expect(table).toMatch(/^ SecretNames +LastUpdate +UsedBy *\n FROM_FILE +\d{4}-.*Z +- *\n/);
    const names = (JSON.parse(await ok("secret", "list", "-O", "json")) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(["FROM_FILE", "FROM_OPTION", "FROM_STDIN", "FROM_TERMINAL"]);
    expect(table).not.toContain("hunter2");
    expect(await fluvio(["secret", "delete", "FROM_OPTOIN"])).toMatchObject({
      exitCode: 1,
      stderr: 'Secret not found: FROM_OPTOIN (FLV_SECRET_NOT_FOUND). Did you mean "FROM_OPTION"?\n',
    });
    for (const name of names)
      expect(await ok("secret", "delete", name)).toBe(`Secret "${name}" deleted successfully\n`);
    expect((await fluvio(["secret", "set", "EMPTY"])).stderr).toContain("The value of secret EMPTY is empty");
    expect((await fluvio(["secret", "set", "1A", "--value", "x"])).stderr).toContain('Invalid secret name "1A"');
  });

  test("one that is missing is refused before anything is created, with the line and how to set it", async () => {
    const refused = await fluvio(["connector", "create", "-c", await file("none.yml", withToken("none", "NO_SUCH"))]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(
      /^Invalid connector config \.\/none\.yml:7: value not found for secret name NO_SUCH \(FLV_CONNECTOR_INVALID\)\. Set it in the cluster with `fluvio secret set NO_SUCH`/,
    );
    expect(await ok("topic", "list")).not.toContain(" none ");
  });

  test("of the cluster reach the connector and are in no file, process list, log or output", async () => {
    await ok("secret", "set", "API_TOKEN", "--value", "hunter2-first");
    await ok("connector", "create", "-c", await file("safe.yml", withToken("safe", "API_TOKEN")));
    const inline = withToken("inline", "OWN").concat("secrets:\n  OWN: hunter2-inline\n");
    await ok("connector", "create", "-c", await file("inline.yml", inline));
    await sees("hunter2-first");
    await sees("hunter2-inline");
    const running = await reaches("safe", "Running");
    const outputs = [
      await ok("connector", "describe", "safe"),
      await ok("connector", "config", "inline"),
      await ok("connector", "list", "-O", "json"),
      await ok("connector", "stats", "-O", "json"),
      await ok("connector", "logs", "safe"),
      await readFile(`/proc/${running.processId}/cmdline`, "utf8"),
      await readFile(`/proc/${running.processId}/environ`, "utf8"),
    ];
    expect(outputs.join("\n")).not.toContain("hunter2");
    expect(outputs[0]).toContain("X-Token: ${{ secrets.API_TOKEN }}");
    const files = await filesOfCluster();
    expect(files.size).toBeGreaterThan(5);
    for (const [path, content] of files) expect(content.includes("hunter2"), path).toBe(false);
    expect([...files.keys()].some((path) => path.endsWith("secrets.key"))).toBe(true);
    await ok("connector", "delete", "inline");
  });

  test("that are written down in a header or a URL are hidden and sealed as well, and stay over an update of what is shown", async () => {
    const plain = yaml("plain", '  headers: ["X-Token: hunter2-plain"]\n').replace(
      url,
      `${url}?n=1&token=hunter2-query`,
    );
    await ok("connector", "create", "-c", await file("plain.yml", plain));
    await sees("hunter2-plain?n=1&token=hunter2-query");
    await ok("connector", "config", "plain", "--out-file", "shown.yml");
    const written = await readFile(join(home, "shown.yml"), "utf8");
    expect(written).toContain("X-Token: [REDACTED]");
    expect(written).toContain(`endpoint: "${url}?n=1&token=[REDACTED]"`);
    expect(await ok("connector", "describe", "plain")).not.toContain("hunter2");
    for (const [path, content] of await filesOfCluster()) expect(content.includes("hunter2"), path).toBe(false);
    await ok("connector", "update", "-c", "shown.yml");
    seen.clear();
    await sees("hunter2-plain?n=1&token=hunter2-query");
    expect((await fluvio(["connector", "delete", "plain"])).exitCode).toBe(0);
    expect((await fluvio(["connector", "create", "-c", "shown.yml"])).stderr).toContain(
      "its value is hidden, and not known",
    );
  });

  test("that change are taken over; deleted ones fail the connector, which runs again once they are set", async () => {
    expect(await fluvio(["secret", "set", "API_TOKEN"], { input: "hunter2-second" })).toMatchObject({
      stdout: 'Secret "API_TOKEN" set successfully\nstarted again, because they use it: safe\n',
    });
    await sees("hunter2-second");
    expect((await fluvio(["secret", "delete", "API_TOKEN"])).stderr).toBe(
      "these connectors use it and fail until it is set again: safe\n",
    );
    await reaches("safe", "Failed");
    // while it is tried there is no next try
    await vi.waitFor(
      async () =>
        expect(await ok("connector", "list")).toMatch(
          / safe +Failed \(value not found for secret name API_TOKEN: set it with `fluvio secret set API_TOKEN`; next try in [1-9]/,
        ),
      WAIT,
    );
    await vi.waitFor(
      async () => expect(await ok("connector", "logs", "safe")).toContain("value not found for secret name API_TOKEN"),
      WAIT,
    );
    await ok("secret", "set", "API_TOKEN", "--value", "hunter2-third");
    await reaches("safe", "Running");
    await sees("hunter2-third");
    await ok("connector", "delete", "safe");
  }, 120_000);
});

describe("pause, resume, restart", () => {
  test("a paused connector is stopped until it is resumed: over an update and a restart of the cluster", async () => {
    await ok("connector", "create", "-c", await file("calm.yml", yaml("calm")));
    const { processId = 0 } = await reaches("calm", "Running");
    expect(await ok("connector", "pause", "calm")).toBe('connector "calm" paused\n');
    expect(() => process.kill(processId, 0)).toThrow("ESRCH");
    expect(await ok("connector", "list")).toMatch(/ calm +Paused *\n/);
    await ok("connector", "update", "-c", await file("calm.yml", yaml("calm", "  rust-log: debug\n")));
    await ok("cluster", "shutdown");
    await ok("cluster", "start");
    expect(await listed("calm")).toMatchObject({ status: "Paused" });
    expect(await ok("connector", "logs", "calm")).toContain("Stop signal received");
    expect((await fluvio(["connector", "restart", "calm"])).stderr).toContain(
      "Connector calm is paused. Start it with `fluvio connector resume calm`",
    );
    expect(await ok("connector", "resume", "calm")).toBe('connector "calm" resumed\n');
    await reaches("calm", "Running");
    await vi.waitFor(async () => expect(await ok("connector", "logs", "calm")).toContain("DEBUG"), WAIT);
    expect((await fluvio(["connector", "pause", "calmm"])).stderr).toContain('Did you mean "calm"?');
    expect(await ok("connector", "resume", "calm")).toBe('connector "calm" is not paused\n');
  }, 120_000);

  test.each([
    ["pause", "paused"],
    ["reset", "reset"],
    ["resume", "resumed"],
    ["restart", "restarted"],
  ])("%s of several connectors goes on when one is not there, and fails", async (verb, done) => {
    const result = await fluvio(["connector", verb, "none", "calm", "nor-this"]);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toBe(`connector "calm" ${done}\n`);
    const lines = result.stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(
      `connector "none" ${verb} failed with: Connector not found: none (FLV_CONNECTOR_NOT_FOUND)`,
    );
    expect(lines[1]).toContain(`connector "nor-this" ${verb} failed with: Connector not found: nor-this`);
  });

  test("a restart starts a new process", async () => {
    const { processId } = await reaches("calm", "Running");
    expect(await ok("connector", "restart", "calm")).toBe('connector "calm" restarted\n');
    await vi.waitFor(async () => {
      const now = await listed("calm");
      expect([now?.status, now?.processId === processId]).toEqual(["Running", false]);
    }, WAIT);
  });
});

describe("counters", () => {
  test("of a source and a sink, in tables that line up and as JSON", async () => {
    const sink = `name: out\ntype: http-sink\ntopic: calm\nparameters:\n  endpoint: ${url}\nconsumer:\n  offset: { start: beginning }\n`;
    await ok("connector", "create", "-c", await file("out.yml", sink));
    const counted = async (name: string) =>
      (JSON.parse(await ok("connector", "stats", name, "-O", "json")) as Record<string, number | string>[])[0];
    await vi.waitFor(async () => {
      const { recordsOut, lag } = (await counted("out")) ?? {};
      expect(recordsOut).toBeGreaterThan(0);
      expect(lag).toBeGreaterThanOrEqual(0);
    }, WAIT);
    await vi.waitFor(async () => expect((await counted("calm"))?.recordsOut).toBeGreaterThan(0), WAIT);
    const [source, out] = [await counted("calm"), await counted("out")];
    expect(source).toMatchObject({ name: "calm", type: "http", direction: "source", skipped: 0 });
    expect(out).toMatchObject({ direction: "sink", refused: 0, deadLettered: 0, restarts: 0 });
    expect(out?.bytesOut).toBe(Number(out?.recordsOut) * '{"fact":"cats sleep"}'.length);
    expect(out?.lastRecordMs).toBeGreaterThan(Number(out?.sinceMs));
    const table = (await ok("connector", "stats")).replace(/\n$/, "").split("\n");
    expect(table).toHaveLength(3);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
    expect(await ok("connector", "list", "--wide")).toMatch(/ NAME +TYPE .* IN +OUT +ERRORS +LAG +LAST RECORD +REASON/);
    expect((await fluvio(["connector", "stats", "nope"])).stderr).toContain("Connector not found: nope");
    const stop = new AbortController();
    const watched = await fluvio(["connector", "stats", "out", "--watch", "--interval", "10ms"], {
      signal: stop.signal,
      onStdout: (all) => {
        if (all.split("NAME").length > 3) stop.abort();
      },
    });
    expect(watched.stdout.split("NAME").length).toBeGreaterThan(3);
  }, 120_000);

  test("a lag has its unit, in the table, as JSON and in the metrics", async () => {
    await writeFile(join(home, "begun.log"), "whole\nonly begun");
    const tail = "name: tail\ntype: file-source\ntopic: tail\nparameters:\n  path: ./begun.log\n";
    await ok("connector", "create", "-c", await file("tail.yml", tail));
    await vi.waitFor(async () => {
      const [tailed] = JSON.parse(await ok("connector", "stats", "tail", "-O", "json"));
      expect([tailed.lag, tailed.lagUnit]).toEqual([10, "bytes"]);
    }, WAIT);
    expect(await ok("connector", "stats", "tail")).toMatch(/ 10 B /);
    const sink = (await ok("connector", "stats", "out")).split("\n")[1];
    expect(sink).toMatch(/ \d+ records? /);
    expect((await ok("connector", "stats", "calm")).split("\n")[1]).toMatch(/ - /);
    await ok("connector", "delete", "tail");
  });

  test("how far they are is in their description, below a file that creates them again", async () => {
    interface Described {
      readonly name: string;
      readonly spec: Readonly<Record<string, unknown>>;
      readonly status: {
        readonly resolution: string;
        readonly position?: { readonly kept: Readonly<Record<string, unknown>>; readonly modified: string };
        readonly consumer?: { readonly id: string; readonly offsets: readonly Readonly<Record<string, unknown>>[] };
      };
    }
    await ok("connector", "pause", "calm");
    const described = async (name: string) =>
      (JSON.parse(await ok("connector", "describe", name, "-O", "json")) as Described[])[0] as Described;
    await vi.waitFor(async () => expect((await described("out")).status.consumer).toBeDefined(), WAIT);
    const [calm, out] = [await described("calm"), await described("out")];
    expect(calm).toMatchObject({
      name: "calm",
      spec: { type: "http", topic: "calm" },
      status: { resolution: "Paused" },
    });
    const { position } = calm.status;
    expect(Date.parse(position?.modified ?? "")).toBeGreaterThan(0);
    const { askedAt } = (position?.kept ?? {}) as { askedAt?: number };
    expect(askedAt).toBeLessThanOrEqual(Date.now());
    expect(calm.status.consumer).toBeUndefined();
    expect(out.status).toMatchObject({ resolution: "Running", consumer: { id: "out", offsets: [{ partition: 0 }] } });
    expect(out.status.position).toBeUndefined();

    const text = await ok("connector", "describe", "calm", "--position");
    expect(text.startsWith(await ok("connector", "config", "calm"))).toBe(true);
    expect(text).toMatch(
      new RegExp(
        `\\n# position, kept \\d+m?s ago \\(${position?.modified}\\):\\n(#   .*\\n)*#   askedAt: ${askedAt}\\n$`,
      ),
    );
    expect(await ok("connector", "describe", "out", "--position")).toMatch(
      /\n# offsets of the last records that consumer out has committed:\n# {4}PARTITION {2}OFFSET {2}COMMITTED\n# {4}0 +\d+ +\d+m?s ago \(\d{4}-.*Z\)\n$/,
    );
    expect(await ok("connector", "describe", "calm", "-O", "yaml")).toContain(`askedAt: ${askedAt}`);
    await file("again.yml", text);
    await ok("connector", "update", "-c", "again.yml");
    await ok("connector", "resume", "calm");
  });

  test("a reset has a sink begin anew", async () => {
    await ok("connector", "pause", "calm");
    const offset = async () => /out +calm +0 +(\d+)/.exec(await ok("consumer", "list"))?.[1];
    await vi.waitFor(async () => expect(Number(await offset())).toBeGreaterThan(0), WAIT);
    await ok("connector", "pause", "out");
    const stats = async () =>
      (JSON.parse(await ok("connector", "stats", "out", "-O", "json")) as { recordsOut: number }[])[0]?.recordsOut ?? 0;
    const before = await stats();
    expect(await ok("connector", "reset", "out")).toBe('connector "out" reset\n');
    expect(await offset()).toBeUndefined();
    expect((await listed("out"))?.status).toBe("Paused");
    await ok("connector", "resume", "out");
    await vi.waitFor(async () => expect(await stats()).toBeGreaterThan(before), WAIT);
    await ok("connector", "delete", "calm", "out");
  });
});
