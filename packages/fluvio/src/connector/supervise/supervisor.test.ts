import { fork } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { ConnectorConfig } from "../file/config.ts";
import { CHILD, DEADLINE_MS, exists, useSupervisor, WAIT } from "../testing/supervised.ts";

const stage = useSupervisor();

describe("the life of a connector", () => {
  test("pending, running with its process, stopped after a drain", async () => {
    stage.supervisor.apply("c", stage.config("run"));
    const running = await stage.reached("running");
    expect(stage.heard.map((one) => one.status.resolution)).toEqual(["pending", "running"]);
    expect(exists(running.processId ?? 0)).toBe(true);
    expect(stage.supervisor.status("c")).toEqual(running);
    const follow = (async () => {
      let text = "";
      const options = { fromByte: 0, follow: true, signal: new AbortController().signal };
      for await (const chunk of stage.supervisor.readLog("c", options)) text += Buffer.from(chunk);
      return text;
    })();
    await stage.supervisor.remove("c");
    expect(await follow).toContain("drained");
    expect(exists(running.processId ?? 0)).toBe(false);
    expect(stage.supervisor.status("c")).toBeUndefined();
    expect(await readdir(join(stage.folder, "log"))).toEqual([]);
    expect(await readdir(join(stage.folder, "state"))).toEqual([]);
  });

  test("a crash is failed with its reason, and is started again, each time later", async () => {
    stage.supervisor.apply("c", stage.config("crash"));
    const third = await stage.until(
      (status) => status.restarts === 3 && status.resolution === "failed" && status.reason !== "",
    );
    expect(third.reason).toBe("exited with code 3");
    const text = await stage.log();
    expect(text).toContain("connector failed, starting again in 1 ms: exited with code 3");
    expect(text).toContain("connector failed, starting again in 4 ms");
    expect(text.match(/started crash/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test("what the connector itself says is the reason", async () => {
    stage.supervisor.apply("c", stage.config("fail"));
    expect((await stage.reached("failed")).reason).toBe("the other system is away");
  });

  test("one that can never work is not started again", async () => {
    stage.supervisor.apply("c", stage.config("invalid"));
    expect(await stage.reached("invalid")).toEqual({
      resolution: "invalid",
      reason: "it can never work",
      processId: undefined,
      restarts: 0,
    });
  });

  test("one at the end of its stream is stopped", async () => {
    stage.supervisor.apply("c", stage.config("finish"));
    expect((await stage.reached("stopped")).reason).toBe("arrived at the end of its stream");
  });

  test("one that says nothing any more is killed and started again", async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    // longer than a process needs to start on a busy machine
    stage.open({ limits: { heartbeatTimeoutMs: 2000 } });
    stage.supervisor.apply("c", stage.config("silent"));
    const first = await stage.reached("running");
    expect((await stage.reached("failed")).reason).toBe("no sign of life for 2000 ms");
    await stage.until((status) => status.resolution === "running" && status.processId !== first.processId);
    expect(exists(first.processId ?? 0)).toBe(false);
  });

  test.each(["blocked", "run"])(
    "one that hangs (%s) is said to be silent, then killed and started again",
    async (behaviour) => {
      await stage.supervisor[Symbol.asyncDispose]();
      stage.open({ limits: { silentAfterMs: 300, heartbeatTimeoutMs: 1500 } });
      stage.supervisor.apply("c", stage.config(behaviour));
      const first = await stage.reached("running");
      if (behaviour === "run") process.kill(first.processId ?? 0, "SIGSTOP");
      const silent = await stage.until(({ resolution, reason }) => resolution === "running" && reason !== "");
      expect(silent.reason).toBe("has said nothing for 300 ms");
      expect((await stage.reached("failed")).reason).toBe("no sign of life for 1500 ms");
      await stage.until(({ resolution, processId }) => resolution === "running" && processId !== first.processId);
      expect(exists(first.processId ?? 0)).toBe(false);
      expect(await stage.log()).toContain("connector failed, starting again in 1 ms: no sign of life for 1500 ms");
    },
  );

  test("one that leaves a process behind which holds its pipes is failed all the same", async () => {
    stage.supervisor.apply("c", stage.config("abandons"));
    expect((await stage.reached("failed")).reason).toBe("exited with code 4");
    const left = Number(/left (\d+)/.exec(await stage.log())?.[1]);
    expect(exists(left)).toBe(true);
    process.kill(left, "SIGKILL");
  });

  test("one that does not stop is killed", async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    stage.open({ limits: { stopTimeoutMs: 100 } });
    stage.supervisor.apply("c", stage.config("stubborn"));
    const { processId } = await stage.reached("running");
    await stage.supervisor.remove("c");
    expect(exists(processId ?? 0)).toBe(false);
  });

  test("a changed configuration restarts it, the same does not", async () => {
    stage.supervisor.apply("c", stage.config("run"));
    const first = await stage.reached("running");
    stage.supervisor.apply("c", stage.config("run"));
    expect(stage.supervisor.status("c")).toEqual(first);
    stage.supervisor.apply("c", stage.config("run", { topic: "other" }));
    const second = await stage.until(
      (status) => status.resolution === "running" && status.processId !== first.processId,
    );
    expect(exists(first.processId ?? 0)).toBe(false);
    expect(exists(second.processId ?? 0)).toBe(true);
    expect(JSON.parse(await readFile(join(stage.folder, "state", "c.json"), "utf8"))).toMatchObject({ topic: "other" });
  });

  test("many start a few at a time, and all run", async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    let most = 0;
    let begun = 0;
    const running = () => stage.heard.filter(({ status }) => status.resolution === "running").length;
    // asked for each start
    const endpoint = () => {
      most = Math.max(most, ++begun - running());
      return "127.0.0.1:9003";
    };
    stage.open({ startsMax: 2, endpoint });
    const names = ["a", "b", "d", "e", "f"];
    for (const name of names) stage.supervisor.apply(name, stage.config("run", { name }));
    for (const name of names) await stage.until((status) => status.resolution === "running", name);
    expect(begun).toBe(5);
    expect(most).toBeLessThanOrEqual(2);
  });
});
describe("the log", () => {
  test("is kept in files of bounded size, and read in order across them", async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    stage.open({ logFileSizeBytesMax: 40_000 });
    stage.supervisor.apply("c", stage.config("chatter"));
    await stage.reached("running");
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let text = "";
    for await (const chunk of stage.supervisor.readLog("c", { fromByte: 0, follow: true, signal })) {
      text += Buffer.from(chunk);
      if (/line 1999 x+\n/.test(text)) break;
    }
    const lines = [...text.matchAll(/line (\d+) x+\n/g)].map((match) => Number(match[1]));
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(lines.at(-1)).toBe(1999);
    const files = (await readdir(join(stage.folder, "log"))).sort();
    expect(files).toEqual(["connector_c.log", "connector_c.log.1", "connector_c.log.2"]);
    for (const file of files) expect((await stat(join(stage.folder, "log", file))).size).toBeLessThanOrEqual(40_000);
  });

  test("of a connector that does not exist is an error", async () => {
    await expect(stage.log("nope")).rejects.toMatchObject({ code: "FLV_CONNECTOR_NOT_FOUND" });
  });

  test("goes on where it was after a restart of the cluster", async () => {
    stage.supervisor.apply("c", stage.config("run"));
    await stage.reached("running");
    await vi.waitFor(async () => expect(await stage.log()).toContain("started run"), WAIT);
    await stage.supervisor[Symbol.asyncDispose]();
    stage.open({});
    stage.supervisor.apply("c", stage.config("run"));
    await stage.reached("running");
    await vi.waitFor(async () => expect((await stage.log()).match(/started run/g)).toHaveLength(2), WAIT);
  });
});

test("a connector's process ends with its supervisor, also after kill -9", async () => {
  const program = join(stage.folder, "supervise.mjs");
  const dist = new URL("../../../dist/connector/index.js", import.meta.url).href;
  await writeFile(
    program,
    `import { connectorSupervisor, encodeConfig } from ${JSON.stringify(dist)};
     const supervisor = connectorSupervisor({ endpoint: () => "x", logDirectory: ${JSON.stringify(join(stage.folder, "l2"))},
       stateDirectory: ${JSON.stringify(join(stage.folder, "s2"))}, runnerPath: ${JSON.stringify(CHILD)} });
     supervisor.onStatus((_, status) => { if (status.resolution === "running") process.send(status.processId); });
     supervisor.apply("c", Uint8Array.from(${JSON.stringify([...stage.config("run")])}));`,
  );
  const parent = fork(program, { stdio: "ignore" });
  const [processId] = (await once(parent, "message")) as [number];
  expect(exists(processId)).toBe(true);
  parent.kill("SIGKILL");
  const deadline = performance.now() + DEADLINE_MS;
  while (exists(processId) && !(await isZombie(processId)) && performance.now() < deadline)
    await new Promise(setImmediate);
  expect(!exists(processId) || (await isZombie(processId))).toBe(true);
});

/** Ended, and waiting for a parent to take note. */
async function isZombie(processId: number): Promise<boolean> {
  const text = await readFile(`/proc/${processId}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).startsWith("Z");
}

test("validation refuses what could not run", async () => {
  const seed = (parameters: object, more: object = {}) =>
    new TextEncoder().encode(
      JSON.stringify({ name: "c", type: "http", topic: "t", parameters, secrets: {}, transforms: [], ...more }),
    );
  const endpoint = "http://localhost/";
  const accepted = JSON.parse(
    new TextDecoder().decode(await stage.supervisor.validate(seed({ endpoint }))),
  ) as ConnectorConfig;
  expect(accepted).toMatchObject({ name: "c", type: "http", version: "latest", parameters: { endpoint } });
  await expect(stage.supervisor.validate(seed({ endpont: endpoint }))).rejects.toMatchObject({
    code: "FLV_CONNECTOR_INVALID",
    hint: "Did you mean `endpoint`?",
  });
  await expect(stage.supervisor.validate(seed({ endpoint }, { type: "htp" }))).rejects.toMatchObject({
    message: "Invalid connector config connector: unknown connector type `htp`",
    hint: expect.stringMatching(/^Did you mean `http`\? Connectors: http-source, http, http-sink/),
  });
  await expect(
    stage.supervisor.validate(seed({ endpoint }, { type: "http-source", direction: "sink" })),
  ).rejects.toMatchObject({
    message: expect.stringContaining("http-source is a source"),
  });
  await expect(stage.supervisor.validate(seed({ endpoint }, { direction: "sink" }))).resolves.toBeInstanceOf(
    Uint8Array,
  );
  await expect(stage.supervisor.validate(seed({ endpoint, "on-error": "stop" }))).resolves.toBeInstanceOf(Uint8Array);
  await expect(stage.supervisor.validate(seed({ endpoint, "on-error": "retry" }))).rejects.toMatchObject({
    message:
      "Invalid connector config connector: `parameters.on-error: retry` belongs to sinks: a source cannot ask its system for a record again",
    hint: "Write one of dead-letter, skip, stop",
  });
  await expect(
    stage.supervisor.validate(seed({ endpoint, "on-error": "panic" }, { type: "http-sink" })),
  ).rejects.toMatchObject({ message: expect.stringContaining("unknown variant") });
  await expect(stage.supervisor.validate(new TextEncoder().encode("\u0000"))).rejects.toMatchObject({
    code: "FLV_CONNECTOR_INVALID",
  });
});
