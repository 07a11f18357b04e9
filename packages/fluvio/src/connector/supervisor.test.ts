import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConnectorHost, ConnectorResolution, ConnectorStatus } from "../server/index.ts";
import { type ConnectorConfig, encodeConfig } from "./config.ts";
import { type ConnectorSupervisorOptions, connectorSupervisor } from "./supervisor.ts";

const CHILD = fileURLToPath(new URL("./testing/child.mjs", import.meta.url));
const DEADLINE_MS = 10_000;
const WAIT = { timeout: DEADLINE_MS, interval: 5 };

let folder: string;
let supervisor: ConnectorHost;
let heard: { name: string; status: ConnectorStatus }[];
let wake: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-supervisor-"));
  open({});
});
afterEach(async () => {
  await supervisor[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function open(more: Partial<ConnectorSupervisorOptions>): void {
  heard = [];
  wake = () => {};
  supervisor = connectorSupervisor({
    endpoint: () => "127.0.0.1:9003",
    logDirectory: join(folder, "log"),
    stateDirectory: join(folder, "state"),
    runnerPath: CHILD,
    random: () => 0,
    ...more,
    limits: { restartDelayMs: 2, restartDelayMaxMs: 8, heartbeatTimeoutMs: 5000, stopTimeoutMs: 5000, ...more.limits },
  });
  supervisor.onStatus((name, status) => {
    heard.push({ name, status });
    wake();
  });
}

function config(behaviour: string, more: Partial<ConnectorConfig> = {}): Uint8Array {
  return encodeConfig({
    name: "c",
    type: "http",
    topic: "t",
    version: "latest",
    parameters: { behaviour, pidFile: join(folder, "pid") },
    secrets: {},
    transforms: [],
    ...more,
  });
}

/** Resolves with the first status, heard or to come, that fits. */
async function until(fits: (status: ConnectorStatus) => boolean, name = "c"): Promise<ConnectorStatus> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  for (;;) {
    const found = heard.find((one) => one.name === name && fits(one.status));
    if (found !== undefined) return found.status;
    await new Promise<void>((resolve, reject) => {
      wake = resolve;
      deadline.addEventListener("abort", () => reject(new Error(`only heard ${JSON.stringify(heard)}`)), {
        once: true,
      });
    });
  }
}
const reached = (resolution: ConnectorResolution) => until((status) => status.resolution === resolution);

async function log(name = "c"): Promise<string> {
  let text = "";
  const signal = new AbortController().signal;
  for await (const chunk of supervisor.readLog(name, { fromByte: 0, follow: false, signal }))
    text += Buffer.from(chunk);
  return text;
}

const exists = (processId: number): boolean => {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
};

describe("the life of a connector", () => {
  test("pending, running with its process, stopped after a drain", async () => {
    supervisor.apply("c", config("run"));
    const running = await reached("running");
    expect(heard.map((one) => one.status.resolution)).toEqual(["pending", "running"]);
    expect(exists(running.processId ?? 0)).toBe(true);
    expect(supervisor.status("c")).toEqual(running);
    const follow = (async () => {
      let text = "";
      const options = { fromByte: 0, follow: true, signal: new AbortController().signal };
      for await (const chunk of supervisor.readLog("c", options)) text += Buffer.from(chunk);
      return text;
    })();
    await supervisor.remove("c");
    expect(await follow).toContain("drained");
    expect(exists(running.processId ?? 0)).toBe(false);
    expect(supervisor.status("c")).toBeUndefined();
    expect(await readdir(join(folder, "log"))).toEqual([]);
    expect(await readdir(join(folder, "state"))).toEqual([]);
  });

  test("a crash is failed with its reason, and is started again, each time later", async () => {
    supervisor.apply("c", config("crash"));
    const third = await until(
      (status) => status.restarts === 3 && status.resolution === "failed" && status.reason !== "",
    );
    expect(third.reason).toBe("exited with code 3");
    const text = await log();
    expect(text).toContain("connector failed, starting again in 1 ms: exited with code 3");
    expect(text).toContain("connector failed, starting again in 4 ms");
    expect(text.match(/started crash/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test("what the connector itself says is the reason", async () => {
    supervisor.apply("c", config("fail"));
    expect((await reached("failed")).reason).toBe("the other system is away");
  });

  test("one that can never work is not started again", async () => {
    supervisor.apply("c", config("invalid"));
    expect(await reached("invalid")).toEqual({
      resolution: "invalid",
      reason: "it can never work",
      processId: undefined,
      restarts: 0,
    });
  });

  test("one at the end of its stream is stopped", async () => {
    supervisor.apply("c", config("finish"));
    expect((await reached("stopped")).reason).toBe("arrived at the end of its stream");
  });

  test("one that says nothing any more is killed and started again", async () => {
    await supervisor[Symbol.asyncDispose]();
    // longer than a process needs to start on a busy machine
    open({ limits: { heartbeatTimeoutMs: 2000 } });
    supervisor.apply("c", config("silent"));
    const first = await reached("running");
    expect((await reached("failed")).reason).toBe("no sign of life for 2000 ms");
    await until((status) => status.resolution === "running" && status.processId !== first.processId);
    expect(exists(first.processId ?? 0)).toBe(false);
  });

  test("one that does not stop is killed", async () => {
    await supervisor[Symbol.asyncDispose]();
    open({ limits: { stopTimeoutMs: 100 } });
    supervisor.apply("c", config("stubborn"));
    const { processId } = await reached("running");
    await supervisor.remove("c");
    expect(exists(processId ?? 0)).toBe(false);
  });

  test("a changed configuration restarts it, the same does not", async () => {
    supervisor.apply("c", config("run"));
    const first = await reached("running");
    supervisor.apply("c", config("run"));
    expect(supervisor.status("c")).toEqual(first);
    supervisor.apply("c", config("run", { topic: "other" }));
    const second = await until((status) => status.resolution === "running" && status.processId !== first.processId);
    expect(exists(first.processId ?? 0)).toBe(false);
    expect(exists(second.processId ?? 0)).toBe(true);
    expect(JSON.parse(await readFile(join(folder, "state", "c.json"), "utf8"))).toMatchObject({ topic: "other" });
  });

  test("many start a few at a time, and all run", async () => {
    await supervisor[Symbol.asyncDispose]();
    open({ startsMax: 2 });
    const names = ["a", "b", "d", "e", "f"];
    for (const name of names) supervisor.apply(name, config("run", { name }));
    for (const name of names) await until((status) => status.resolution === "running", name);
    // While three are not running yet, at most two have been started.
    const started = heard.map((one) => one.status.resolution);
    expect(started.slice(0, 5)).toEqual(["pending", "pending", "pending", "pending", "pending"]);
  });
});

describe("what a connector's process gets", () => {
  test("secrets by its environment, never by arguments or files", async () => {
    supervisor.apply("c", config("run", { secrets: { TOKEN: "hunter2" } }));
    await reached("running");
    // What a process writes and what it reports come by different ways.
    await vi.waitFor(async () => expect(await log()).toContain("token=hunter2"), WAIT);
    const text = await log();
    expect(text).toContain("endpoint=127.0.0.1:9003 token=hunter2");
    expect(text.match(/hunter2/g)).toHaveLength(1);
    const path = join(folder, "state", "c.json");
    expect(await readFile(path, "utf8")).not.toContain("hunter2");
    expect((await stat(path)).mode & 0o077).toBe(0);
  });
});

describe("the log", () => {
  test("is kept in files of bounded size, and read in order across them", async () => {
    await supervisor[Symbol.asyncDispose]();
    open({ logFileSizeBytesMax: 40_000 });
    supervisor.apply("c", config("chatter"));
    await reached("running");
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let text = "";
    for await (const chunk of supervisor.readLog("c", { fromByte: 0, follow: true, signal })) {
      text += Buffer.from(chunk);
      if (text.includes("line 1999 ")) break;
    }
    const lines = [...text.matchAll(/line (\d+) x+\n/g)].map((match) => Number(match[1]));
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(lines.at(-1)).toBe(1999);
    const files = (await readdir(join(folder, "log"))).sort();
    expect(files).toEqual(["connector_c.log", "connector_c.log.1", "connector_c.log.2"]);
    for (const file of files) expect((await stat(join(folder, "log", file))).size).toBeLessThanOrEqual(40_000);
  });

  test("of a connector that does not exist is an error", async () => {
    await expect(log("nope")).rejects.toMatchObject({ code: "FLV_CONNECTOR_NOT_FOUND" });
  });

  test("goes on where it was after a restart of the cluster", async () => {
    supervisor.apply("c", config("run"));
    await reached("running");
    await vi.waitFor(async () => expect(await log()).toContain("started run"), WAIT);
    await supervisor[Symbol.asyncDispose]();
    open({});
    supervisor.apply("c", config("run"));
    await reached("running");
    await vi.waitFor(async () => expect((await log()).match(/started run/g)).toHaveLength(2), WAIT);
  });
});

test("a connector's process ends with its supervisor, also after kill -9", async () => {
  const program = join(folder, "supervise.mjs");
  const dist = new URL("../../dist/connector/index.js", import.meta.url).href;
  await writeFile(
    program,
    `import { connectorSupervisor, encodeConfig } from ${JSON.stringify(dist)};
     const supervisor = connectorSupervisor({ endpoint: () => "x", logDirectory: ${JSON.stringify(join(folder, "l2"))},
       stateDirectory: ${JSON.stringify(join(folder, "s2"))}, runnerPath: ${JSON.stringify(CHILD)} });
     supervisor.onStatus((_, status) => { if (status.resolution === "running") process.send(status.processId); });
     supervisor.apply("c", Uint8Array.from(${JSON.stringify([...config("run")])}));`,
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
  await expect(supervisor.validate(seed({ endpoint }))).resolves.toBeUndefined();
  await expect(supervisor.validate(seed({ endpont: endpoint }))).rejects.toMatchObject({
    code: "FLV_CONNECTOR_INVALID",
    hint: "Did you mean `endpoint`?",
  });
  await expect(supervisor.validate(seed({ endpoint }, { type: "htp" }))).rejects.toMatchObject({
    message: "Invalid connector config connector: unknown connector type `htp`",
    hint: "Did you mean `http`? Connectors: http-source, http, http-sink",
  });
  await expect(
    supervisor.validate(seed({ endpoint }, { type: "http-source", direction: "sink" })),
  ).rejects.toMatchObject({
    message: expect.stringContaining("http-source is a source"),
  });
  await expect(supervisor.validate(seed({ endpoint }, { direction: "sink" }))).resolves.toBeUndefined();
  await expect(supervisor.validate(seed({ endpoint, "on-error": "stop" }))).resolves.toBeUndefined();
  await expect(supervisor.validate(seed({ endpoint, "on-error": "retry" }))).rejects.toMatchObject({
    message:
      "Invalid connector config connector: `parameters.on-error: retry` belongs to sinks: a source cannot ask its system for a record again",
    hint: "Write one of dead-letter, skip, stop",
  });
  await expect(
    supervisor.validate(seed({ endpoint, "on-error": "panic" }, { type: "http-sink" })),
  ).rejects.toMatchObject({ message: expect.stringContaining("unknown variant") });
  await expect(supervisor.validate(new TextEncoder().encode("\u0000"))).rejects.toMatchObject({
    code: "FLV_CONNECTOR_INVALID",
  });
});
