import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../../../../tests/free-port.ts";
import { newPlace, type Place } from "../testing/place.ts";
import { runCli } from "../testing/run.ts";

test("a start whose process dies shows how it ended, the end of its log, and where the whole log is", async () => {
  const home = await mkdtemp(join(tmpdir(), "fluvio-failed-start-"));
  // the process of the cluster cannot even load
  const env = { ...process.env, HOME: home, FLUVIO_DIR: join(home, ".fluvio"), NODE_OPTIONS: "--require=./absent.cjs" };
  const ports = ["--sc-pub-addr", `127.0.0.1:${await freePort()}`, "--spu-base-port", String(await freePort())];
  const { exitCode, stderr } = await runCli(["cluster", "start", ...ports, "--gateway-addr", "off"], {
    env,
    cwd: home,
  });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/The cluster did not start: its process ended with code 1; the end of its log: .*NOT_FOUND/);
  const log = /The whole log is in (\S+)\.$/m.exec(stderr)?.[1] ?? "";
  expect(await readFile(log, "utf8")).toContain("absent.cjs");
  await rm(home, { recursive: true });
});

describe("a start that cannot work says why", () => {
  const fluvio = (at: Place, argv: readonly string[]) => runCli(argv, { env: at.program.env, cwd: at.program.home });
  let place: Place;
  beforeEach(async () => {
    place = await newPlace();
  });
  afterEach(() => place.clear());

  test.each([
    ["SC", (given: Place) => Number(given.address.split(":")[1]), "--sc-pub-addr"],
    ["SPU", (given: Place) => given.spuPort, "--spu-base-port"],
    ["gateway", (given: Place) => given.gatewayPort, "--gateway-addr"],
  ])("the %s's port is in use", async (_, portOf, option) => {
    const squatter = createServer();
    squatter.listen(portOf(place), "127.0.0.1");
    await once(squatter, "listening");
    const started = await fluvio(place, ["cluster", "start", ...place.options]);
    squatter.close();
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toContain(
      `    ❌ Check Ports failed port ${portOf(place)} is in use (127.0.0.1:${portOf(place)})`,
    );
    expect(started.stderr).toContain(option);
  });

  test("the gateway's port is in use, and the checks are left out: nothing is left running", async () => {
    const squatter = createServer();
    squatter.listen(place.gatewayPort, "127.0.0.1");
    await once(squatter, "listening");
    const started = await fluvio(place, ["cluster", "start", "--skip-checks", ...place.options]);
    squatter.close();
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toMatch(new RegExp(`^port ${place.gatewayPort} on 127.0.0.1 .*\\(FLV_PORT_IN_USE\\)`, "m"));
    expect((await fluvio(place, ["cluster", "shutdown"])).stderr).toContain("No cluster was running");
  });

  test("the port is in use, and the checks are left out", async () => {
    const squatter = createServer();
    squatter.listen(Number(place.address.split(":")[1]), "127.0.0.1");
    await once(squatter, "listening");
    const started = await fluvio(place, ["cluster", "start", "--skip-checks", ...place.options]);
    squatter.close();
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toContain("FLV_PORT_IN_USE");
    expect((await fluvio(place, ["profile"])).stdout).toBe("no profile can be found\n");
    expect(started.stderr).toContain(place.address.split(":")[1] ?? "");
  });

  test.each(["data", "log"])("the %s folder cannot be made", async (which) => {
    await writeFile(join(place.program.home, "file"), "");
    const started = await fluvio(place, ["cluster", "start", ...place.options, `--${which}-dir`, "file/inside"]);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toContain(
      `❌ Check Folders failed the ${which} folder ${place.program.home}/file/inside cannot be written`,
    );
    expect(started.stderr).toContain(`--${which}-dir`);
  });

  test("a lock file of a process that is gone is no obstacle", async () => {
    await mkdir(place.dataDir, { recursive: true });
    await writeFile(join(place.dataDir, "cluster.lock"), JSON.stringify({ processId: 2 ** 22 + 1, startedAt: "1" }));
    expect((await fluvio(place, ["cluster", "start", ...place.options])).exitCode).toBe(0);
    expect((await fluvio(place, ["cluster", "delete", "--force"])).exitCode).toBe(0);
  });

  test.each([
    ["--k8", "--k8 is for Kubernetes"],
    ["--read-only=x", "--read-only is not supported yet"],
  ])("%s is refused", async (option, sentence) => {
    const started = await fluvio(place, ["cluster", "start", option]);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toContain(sentence);
  });

  test("a bad flush mode is an argument error", async () => {
    expect((await fluvio(place, ["cluster", "start", "--flush", "sometimes"])).exitCode).toBe(2);
  });
});
