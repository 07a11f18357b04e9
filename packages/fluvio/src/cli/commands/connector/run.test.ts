import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();
let server: Server;
let url = "";
/** The header of the last request. */
let token: string | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    token = request.headers["x-token"] as string | undefined;
    response.end("apple");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fact`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Runs until the topic has a record, then ends it as Ctrl-C does. */
async function runUntilRecord(topic: string, argv: readonly string[], env: Record<string, string> = {}) {
  const stop = new AbortController();
  const running = cli.run(argv, { signal: stop.signal, env: { FLUVIO_DIR: join(cli.dir, ".fluvio"), ...env } });
  const reading = cli.run(["consume", topic, "-B", "--end", "0"], { signal: AbortSignal.timeout(30_000) });
  const first = await Promise.race([
    reading,
    running.then((ended) => Promise.reject(new Error(JSON.stringify(ended)))),
  ]);
  stop.abort();
  return { record: first.stdout, ended: await running };
}

describe("connector run", () => {
  test("--config runs a file until Ctrl-C, with the log on standard output", async () => {
    await cli.ok("topic", "create", "from-file");
    await cli.file(
      "connect.yml",
      `version: 0.3.0\nname: from-file\ntype: http\ntopic: from-file\nparameters:\n  endpoint: ${url}\n  headers: "x-token: \${{ secrets.TOKEN }}"\nsecrets:\n  TOKEN: "[REDACTED]"\n`,
    );
    await cli.file("secrets.env", "TOKEN=very-secret\n");
    const argv = ["connector", "run", "--config", "connect.yml", "--secrets", "secrets.env"];
    const { record, ended } = await runUntilRecord("from-file", argv);
    expect(record).toBe("apple\n");
    expect(token).toBe("very-secret");
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^\S+Z INFO {2}Starting Processing conn_type=http conn_name=from-file/m);
    expect(ended.stdout).toMatch(/INFO {2}Stop signal received, shutting down connector\.\n$/m);
    expect(ended.stdout).not.toContain("very-secret");
  });

  test("--type takes the seed's arguments", async () => {
    await cli.file("upper.wasm", await buildAs("map"));
    await cli.ok("sm", "create", "upper", "--wasm-file", "upper.wasm");
    await cli.ok("topic", "create", "from-arguments");
    const { record, ended } = await runUntilRecord(
      "from-arguments",
      [
        ...["connector", "run", "--type", "http", "--", `--endpoint=${url}`, "--fluvio-topic=from-arguments"],
        ...["--interval=10", "--map", "upper", "--header=a:b", "--header=x-token:${{ secrets.TOKEN }}"],
        ...["--producer-linger=1ms", "--producer-compression=gzip", "--producer-isolation=read_committed"],
      ],
      { TOKEN: "of-the-environment" },
    );
    expect(record).toMatch(/^APPLE@0@/);
    expect(token).toBe("of-the-environment");
    expect(ended.stdout).toContain("conn_name=http-from-arguments");
    expect(ended.exitCode).toBe(0);
  });

  test("a sink that is run twice goes on in the later run; the earlier one ends with 1 and says why", async () => {
    await cli.ok("topic", "create", "twice");
    await cli.file("line.txt", "token-of-a-record\n");
    await cli.ok("produce", "twice", "-f", "line.txt");
    await cli.file(
      "twice.yml",
      `name: twice\ntype: http-sink\ntopic: twice\nparameters:\n  endpoint: ${url}\nconsumer:\n  offset: { start: beginning }\n`,
    );
    const run = (signal?: AbortSignal) =>
      cli.run(["connector", "run", "-c", "twice.yml"], {
        env: { FLUVIO_DIR: join(cli.dir, ".fluvio") },
        ...(signal === undefined ? {} : { signal }),
      });
    const isStored = async () => (await cli.run(["consumer", "list"])).stdout.includes("twice");
    const first = run();
    await expect.poll(isStored, { timeout: 30_000 }).toBe(true);
    const stop = new AbortController();
    const second = run(stop.signal);
    expect(await first).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /Another run of the sink twice was started and has taken its place[\s\S]*Run one sink of a name at a time/,
      ),
    });
    stop.abort();
    expect(await second).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("takes the place of another") });
  });

  test("what is wrong ends it with 1 and the line of the file", async () => {
    await cli.file("typo.yml", `name: typo\ntype: http\ntopic: typo\nparameters:\n  endpont: ${url}\n`);
    expect(await cli.run(["connector", "run", "-c", "typo.yml"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Invalid connector config typo.yml:5: unknown key `parameters.endpont`"),
    });
    const args = ["connector", "run", "--type", "http", "--", `--endpoint=${url}`];
    expect((await cli.run(args)).stderr).toContain("missing `--fluvio-topic`");
    expect((await cli.run([...args, "--fluvio-topic=x", "--intervall=1"])).stderr).toContain(
      "Did you mean `interval`?",
    );
    expect((await cli.run([...args, "--fluvio-topic=x", "--transform={"])).stderr).toContain("is not JSON");
    const hidden = ["connector", "run", "--type", "http", "--", "--endpoint=${{ secrets.URL }}", "--fluvio-topic=x"];
    const refused = await cli.run(hidden, { env: { URL: "very-secret" } });
    expect(refused.stderr).toContain('is "[REDACTED]", which is not a URL');
    expect(refused.stderr + refused.stdout).not.toContain("very-secret");
    expect((await cli.run(["connector", "run"])).exitCode).toBe(2);
    expect((await cli.run(["connector", "run", "-c", "typo.yml", "--", "x"])).exitCode).toBe(2);
  });

  test("help and metadata come from the schema", async () => {
    const help = await cli.ok("connector", "run", "--type", "http", "--", "--help");
    expect(help).toMatch(/--endpoint <URL> +URL that is requested.* \[required\]/);
    expect(help).toMatch(/--interval <duration> +.* \[default: 10s\]/);
    expect(JSON.parse(await cli.ok("connector", "run", "--type", "http-sink", "--", "metadata"))).toMatchObject({
      name: "http",
      direction: "sink",
      version: expect.stringMatching(/^\d/),
      schema: { properties: { endpoint: { description: expect.any(String) } }, additionalProperties: false },
    });
  });
});

describe("the program that containers run", () => {
  const program = fileURLToPath(new URL("../../../../dist/connector/container-main.js", import.meta.url));
  const start = async (...argv: string[]) => {
    await mkdir(join(cli.dir, "home", ".fluvio"), { recursive: true });
    await cli.file(
      "home/.fluvio/config",
      `version = "2.0"\ncurrent_profile = "local"\n[profile.local]\ncluster = "local"\n[cluster.local]\nendpoint = "${cli.address}"\n[cluster.local.tls]\ntls_policy = "disabled"\n`,
    );
    const env = { PATH: process.env.PATH, HOME: join(cli.dir, "home") };
    const child = spawn(process.execPath, [program, ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode: exitCode as number, stdout, stderr }));
    return { child, ended };
  };

  test("runs on the active profile of the mounted configuration until SIGTERM", async () => {
    await cli.ok("topic", "create", "contained");
    const { child, ended } = await start("http", `--endpoint=${url}`, "--fluvio-topic=contained", "--interval=10");
    const reading = cli.run(["consume", "contained", "-B", "--end", "0"], { signal: AbortSignal.timeout(30_000) });
    const early = ended.then((result) => Promise.reject(new Error(JSON.stringify(result))));
    early.catch(() => {});
    expect((await Promise.race([reading, early])).stdout).toBe("apple\n");
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Starting Processing");
    expect(stdout).toContain("Stop signal received, shutting down connector.");
  });

  test("ends with 2 where the arguments are wrong, with 1 where it fails", async () => {
    const wrong = await (await start("http", "--fluvio-topic=x")).ended;
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("missing required option") });
    const unknown = await (await start("htp", "--fluvio-topic=x")).ended;
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("Did you mean `http`?") });
    const failed = await (await start("http", "--config", join(cli.dir, "absent.yml"))).ended;
    expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("cannot read") });
  });
});
