import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { list as listTar } from "tar";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { newPlace, type Place } from "../testing/place.ts";
import { runCli } from "../testing/run.ts";

/** Gone, or a zombie whose parent never takes note of it. */
async function hasEnded(processId: number): Promise<boolean> {
  try {
    process.kill(processId, 0);
  } catch {
    return true;
  }
  const stat = await readFile(`/proc/${processId}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

describe("one cluster through its life", () => {
  let place: Place;
  beforeAll(async () => {
    place = await newPlace();
  });
  afterAll(() => place.clear());
  /** Starts and stops are done by the program; what only asks runs in this process, which is quicker. */
  const fluvio = (...argv: string[]) => runCli(argv, { env: place.program.env, cwd: place.program.home });

  test("start prints the headlines, makes the profile, and leaves the cluster running", async () => {
    expect(await place.program.run(["cluster", "start", ...place.options])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "📝 Running pre-flight checks\n🎉 All checks passed!\n🎯 Successfully installed Local Fluvio cluster\n",
    });
    expect((await fluvio("profile")).stdout).toBe("local\n");
    expect((await fluvio("profile", "list")).stdout).toBe(
      `     PROFILE  CLUSTER  ADDRESS${" ".repeat(place.address.length - 5)}TLS       INSTALLATION \n` +
        `  *  local    local    ${place.address}  Disabled  Local        \n`,
    );
  });

  test("status tells how it is", async () => {
    expect(await fluvio("cluster", "status")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr:
        "📝 Running cluster status checks with profile local\n" +
        "    ✅ SC is ok\n    ✅ (1/1) SPUs are online\n    🟡 No topics present\n",
    });
    await fluvio("topic", "create", "kept");
    expect((await fluvio("cluster", "status")).stderr).toContain("    ✅ 1 topic(s) using 0 B\n");
  });

  test("the gateway serves health and metrics", async () => {
    const get = (path: string) => fetch(`http://127.0.0.1:${place.gatewayPort}${path}`);
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok", offlineSpus: [] });
    expect(await (await get("/metrics")).text()).toMatch(/^fluvio_topics 1$/m);
  });

  test("version names program and cluster", async () => {
    const manifest = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const { stdout } = await fluvio("version");
    expect(stdout).toContain(` Fluvio CLI        : ${manifest.version}\n`);
    expect(stdout).toMatch(/\n Fluvio Platform {3}: 0\.18\.\d+ \(local\)\n/);
    expect(JSON.parse((await fluvio("version", "-j")).stdout)).toMatchObject({
      name: "Fluvio CLI",
      version: manifest.version,
      "Fluvio Platform": expect.stringMatching(/^0\.18\.\d+ \(local\)$/),
    });
  });

  test("SPUs are listed, registered and unregistered", async () => {
    const rows = async () =>
      (await fluvio("cluster", "spu", "list")).stdout
        .trimEnd()
        .split("\n")
        .map((row) => row.trim().split(/ {2,}/));
    expect(await rows()).toEqual([
      ["ID", "NAME", "STATUS", "TYPE", "RACK", "PUBLIC", "PRIVATE"],
      [
        "5001",
        "custom-spu-5001",
        "Online",
        '"custom"',
        "-",
        `127.0.0.1:${place.spuPort}`,
        expect.stringMatching(/:\d+$/),
      ],
    ]);
    const register = [
      "spu",
      "register",
      "--id",
      "6001",
      "--public-server",
      "127.0.0.1:9110",
      "--private-server",
      "127.0.0.1:9111",
    ];
    expect(await fluvio("cluster", ...register)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await rows()).toContainEqual([
      "6001",
      "custom-spu-6001",
      "Init",
      '"custom"',
      "-",
      "127.0.0.1:9110",
      "127.0.0.1:9111",
    ]);
    expect(await fluvio("cluster", "spu", "unregister", "--id", "6001")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await rows()).toHaveLength(2);
    expect((await fluvio("cluster", "spu", "register", "--id", "1")).exitCode).toBe(2);
  });

  test("SPU groups are created, listed as recorded, and deleted", async () => {
    expect((await fluvio("cluster", "spg", "list")).stdout).toBe("no groups\n");
    expect(await fluvio("cluster", "spg", "create", "grp", "-r", "1")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect((await fluvio("cluster", "spg", "list")).stdout).toBe(
      "\n-------------\n  NAME  REPLICAS  MIN ID  RACK  SIZE  STATUS \n   grp      1          1        10Gi    Init \n",
    );
    expect(await fluvio("cluster", "spg", "delete", "grp")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("a second start says that it is running", async () => {
    const processId = await place.processId();
    const second = await fluvio("cluster", "start");
    expect(second.exitCode).toBe(1);
    expect(second.stdout).toBe(`       found existing fluvio-run process. pid: ${processId}\n`);
    expect(second.stderr).toContain(
      `    ❌ Check Fluvio Local Installation failed the cluster is still running (process ${processId}, ${place.address}); ` +
        "use it as it is, or stop it with `fluvio cluster shutdown`\n💔 Some pre-flight check failed!\nPreflight check failed",
    );
    expect(await place.processId()).toBe(processId);
  });

  test("diagnostics are an archive without records", async () => {
    const { stdout } = await fluvio("cluster", "diagnostics");
    expect(stdout).toMatch(/^Installation type: Local\nProfile: local\n/);
    const path = /Wrote diagnostics to (.*)\n$/.exec(stdout)?.[1] ?? "";
    expect(path).toMatch(/diagnostics-\d{4}(-\d\d){5}\.tar\.gz$/);
    const names: string[] = [];
    await listTar({ file: path, onReadEntry: (entry) => void names.push(entry.path) });
    expect(names).toEqual(
      expect.arrayContaining(["system.json", "settings.json", "metadata-Topic.json", "logs/cluster.log"]),
    );
    expect(names.filter((name) => name.endsWith(".error.txt"))).toEqual([]);
  });

  test("stop ends the process and keeps the data", async () => {
    const processId = await place.processId();
    expect(await place.program.run(["cluster", "stop"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "Uninstalled fluvio local components\n",
    });
    expect(await hasEnded(processId)).toBe(true);
    const after = await fluvio("cluster", "status");
    expect(after.exitCode).toBe(1);
    expect(after.stderr).toContain("    ❌ Unable to reach cluster on profile local\n");
    expect((await fluvio("cluster", "shutdown")).stderr).toBe("No cluster was running\n");
  });

  test("start resumes by itself, with the options of the last start", async () => {
    const started = await place.program.run(["cluster", "start"], { CI: "1" });
    expect(started.exitCode).toBe(0);
    expect(started.stderr).toBe(
      [
        "📝 Running pre-flight checks",
        "    📝 Checking Fluvio Local Installation",
        "    ✅ Local Fluvio is not installed",
        "    📝 Checking Clean Fluvio Local Installation",
        "    ✅ Previous local fluvio installation found: its data is used",
        "    📝 Checking Folders",
        "    ✅ Data and log folders are writable",
        "    📝 Checking Ports",
        "    ✅ Ports are free",
        "🎉 All checks passed!",
        "Creating log directory",
        "Sync files",
        "✅ Local Cluster initialized",
        `Creating Local Profile to: ${place.address}`,
        "👤 Profile set",
        "🖥️  Starting SC server",
        `🖥️  Trying to connect to SC: ${place.address} 0 seconds elapsed`,
        "✅ SC Launched",
        "🤖 Starting SPU: (1/1)",
        "🖥️ 1/1 SPU confirmed, 0 seconds elapsed",
        "✅ 1 SPU launched",
        "🎯 Successfully installed Local Fluvio cluster",
        "",
      ].join("\n"),
    );
    expect((await fluvio("topic", "list")).stdout).toContain("kept");
  });

  test("after kill -9 a start cleans up by itself", async () => {
    const processId = await place.processId();
    process.kill(processId, "SIGKILL");
    await vi.waitFor(async () => expect(await hasEnded(processId)).toBe(true), { timeout: 10_000, interval: 5 });
    const started = await fluvio("cluster", "start");
    expect(started.exitCode, started.stderr).toBe(0);
    expect(await place.processId()).not.toBe(processId);
    expect((await fluvio("topic", "list")).stdout).toContain("kept");
  });

  test("the number of SPUs may change, but no partition may be left without one", async () => {
    await fluvio("cluster", "stop");
    const more = await fluvio("cluster", "start", "--spu", "2");
    expect(more.exitCode, more.stderr).toBe(0);
    expect((await fluvio("cluster", "status")).stderr).toContain("(2/2) SPUs are online");
    await fluvio("topic", "create", "wide", "-p", "2");
    await fluvio("cluster", "stop");
    const fewer = await fluvio("cluster", "start", "--spu", "1");
    expect(fewer.exitCode).toBe(1);
    expect(fewer.stderr).toContain("5002");
    // The refused number is not kept.
    expect((await fluvio("cluster", "start")).exitCode).toBe(0);
    await fluvio("topic", "delete", "wide");
    await fluvio("cluster", "stop");
    expect((await fluvio("cluster", "resume")).exitCode).toBe(0);
    expect((await fluvio("cluster", "status")).stderr).toContain("(2/2) SPUs are online");
  }, 120_000);

  test("delete asks, and needs --force where it cannot", async () => {
    const refused = await fluvio("cluster", "delete");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Add --force");
    const asked = await runCli(["cluster", "delete"], {
      env: place.program.env,
      cwd: place.program.home,
      stdinIsTty: true,
      input: "yes\n",
    });
    expect(asked).toMatchObject({ exitCode: 0, stdout: "Confirmation failed. Aborting.\n" });
    expect(asked.stderr).toContain("Type the name of the cluster to confirm: ");
    expect((await fluvio("cluster", "status")).exitCode).toBe(0);
  });

  test("delete does not touch a data folder with files that are not its own", async () => {
    const foreign = join(place.dataDir, "thesis.txt");
    await writeFile(foreign, "years of work");
    const refused = await fluvio("cluster", "delete", "--force");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("thesis.txt");
    expect(await readFile(foreign, "utf8")).toBe("years of work");
    await rm(foreign);
  });

  test("delete removes data, logs and settings, and says so", async () => {
    const removed = await fluvio("cluster", "delete", "--force");
    expect(removed.exitCode).toBe(0);
    expect(removed.stdout).toContain(`Deleting local/${place.address}\n  removed data    ${place.dataDir} (`);
    expect(removed.stdout).toContain("Uninstalled fluvio local components\n");
    expect(await readdir(join(place.program.home, ".fluvio"))).toEqual(["config"]);
    expect((await fluvio("cluster", "resume")).stderr).toContain("Resume failed with no cluster to resume");
  });
});

test("run stays in the foreground and ends in good order on SIGTERM", async () => {
  const place = await newPlace();
  try {
    const child = place.program.start(["cluster", "run", ...place.options, "--flush", "100ms"]);
    let log = "";
    const ready = new Promise<void>((resolve) => {
      child.stderr?.on("data", (data) => {
        log += data;
        if (log.includes("cluster is ready")) resolve();
      });
    });
    const ended = once(child, "close");
    await Promise.race([ready, ended]);
    expect(log).toContain("cluster is ready");
    expect((await place.program.run(["-c", place.address, "topic", "create", "t"])).stdout).toBe('topic "t" created\n');
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(log).toContain("cluster is closed");
  } finally {
    await place.clear();
  }
});
