import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../../../../tests/free-port.ts";
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
