import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../../../../tests/free-port.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "../../transport/testing/certificates.ts";
import { Program } from "../testing/program.ts";

const FILES = {
  ca: CA_CERT,
  client: CLIENT_CERT,
  "client-key": CLIENT_KEY,
  server: SERVER_CERT,
  "server-key": SERVER_KEY,
};

let home = "";
let fluvio: Program;
let address = "";
let tls: readonly string[] = [];
let ports: readonly string[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-tls-"));
  fluvio = new Program(home);
  await mkdir(join(home, "certs"));
  for (const [name, pem] of Object.entries(FILES)) await writeFile(join(home, "certs", `${name}.pem`), pem);
  address = `127.0.0.1:${await freePort(1)}`;
  ports = ["--sc-pub-addr", address, "--spu-base-port", String(await freePort(2)), "--gateway-addr", "off"];
  tls = [
    ["--tls", "--domain", "fluvio.local", "--ca-cert", "certs/ca.pem"],
    ["--client-cert", "certs/client.pem", "--client-key", "certs/client-key.pem"],
    ["--server-cert", "certs/server.pem", "--server-key", "certs/server-key.pem"],
  ].flat();
});
afterAll(async () => {
  await fluvio.run(["cluster", "delete", "--force"]);
  await rm(home, { recursive: true, force: true });
});

describe("cluster start --tls", () => {
  it("names what is missing", async () => {
    const { exitCode, stderr } = await fluvio.run(["cluster", "start", "--tls", "--domain", "d", "--ca-cert", "c"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^Missing required args after --tls: --client-cert, --client-key, --server-cert, --server-key /,
    );
  });

  it("certificates without --tls are wrong usage", async () => {
    const { exitCode, stderr } = await fluvio.run(["cluster", "start", "--server-cert", "x"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("--tls") });
  });

  it("says which file cannot be read, and leaves nothing running", async () => {
    const wrong = tls.map((word) => (word === "certs/server.pem" ? "certs/none.pem" : word));
    const { exitCode, stderr } = await fluvio.run(["cluster", "start", ...ports, ...wrong]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/cannot read the certificate file .*certs\/none\.pem/);
    expect((await fluvio.run(["cluster", "shutdown"])).stderr).toMatch(/No cluster was running/);
  });

  it("starts a cluster that speaks only TLS, with the profile for it", async () => {
    const started = await fluvio.run(["cluster", "start", "--spu", "2", ...ports, ...tls]);
    expect(started).toMatchObject({ exitCode: 0 });
    expect((await fluvio.run(["profile", "list"])).stdout).toMatch(/\* +local +local +\S+ +Verified +Local/);
    expect((await fluvio.run(["topic", "create", "t", "-p", "2"])).stdout).toBe('topic "t" created\n');
    expect(await fluvio.run(["produce", "t"], {}, "one\ntwo\n")).toMatchObject({ exitCode: 0 });
    const { stdout } = await fluvio.run(["consume", "t", "-B", "-d"]);
    expect(stdout.trim().split("\n").sort()).toEqual(["one", "two"]);
    const plain = await fluvio.run(["-c", address, "topic", "list"]);
    expect({ exitCode: plain.exitCode, stdout: plain.stdout }).toEqual({ exitCode: 1, stdout: "" });
  }, 120_000);

  it("connectors reach it", async () => {
    const server = createServer((_, response) => response.end("meow")).listen(0, "127.0.0.1");
    await new Promise((listening) => server.once("listening", listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await writeFile(
      join(home, "connect.yml"),
      `version: 0.3.0\nname: cats\ntype: http\ntopic: cats\nparameters:\n  endpoint: ${url}\n  interval: 50ms\n`,
    );
    expect(await fluvio.run(["connector", "create", "-c", "connect.yml"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect((await fluvio.run(["consume", "cats", "-B", "--end", "0"])).stdout).toBe("meow\n");
    await fluvio.run(["connector", "delete", "cats"]);
    server.close();
  }, 120_000);

  it("is kept by the next start, until --tls-off", async () => {
    await fluvio.run(["cluster", "shutdown"]);
    expect(await fluvio.run(["cluster", "start"])).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(home, ".fluvio", "config"), "utf8")).toContain('tls_policy = "verified"');
    expect((await fluvio.run(["topic", "list"])).stdout).toContain("t ");
    await fluvio.run(["cluster", "shutdown"]);
    expect(await fluvio.run(["cluster", "start", "--tls-off"])).toMatchObject({ exitCode: 0 });
    expect((await fluvio.run(["profile", "list"])).stdout).toMatch(/\* +local +local +\S+ +Disabled +Local/);
    expect((await fluvio.run(["-c", address, "topic", "list"])).stdout).toContain("t ");
  }, 120_000);
});
