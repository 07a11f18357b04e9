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

  test.each(["blocked", "run"])(
    "one that hangs (%s) is said to be silent, then killed and started again",
    async (behaviour) => {
      await supervisor[Symbol.asyncDispose]();
      open({ limits: { silentAfterMs: 300, heartbeatTimeoutMs: 1500 } });
      supervisor.apply("c", config(behaviour));
      const first = await reached("running");
      if (behaviour === "run") process.kill(first.processId ?? 0, "SIGSTOP");
      const silent = await until(({ resolution, reason }) => resolution === "running" && reason !== "");
      expect(silent.reason).toBe("says nothing since 300 ms");
      expect((await reached("failed")).reason).toBe("no sign of life for 1500 ms");
      await until(({ resolution, processId }) => resolution === "running" && processId !== first.processId);
      expect(exists(first.processId ?? 0)).toBe(false);
      expect(await log()).toContain("connector failed, starting again in 1 ms: no sign of life for 1500 ms");
    },
  );

  test("one that leaves a process behind which holds its pipes is failed all the same", async () => {
    supervisor.apply("c", config("abandons"));
    expect((await reached("failed")).reason).toBe("exited with code 4");
    const left = Number(/left (\d+)/.exec(await log())?.[1]);
    expect(exists(left)).toBe(true);
    process.kill(left, "SIGKILL");
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
  test("secrets by a message, never by arguments, environment or files; what it writes and says is without them", async () => {
    supervisor.useSecrets(async (name) => (name === "CLUSTER_ONE" ? "from the cluster" : undefined));
    const secrets = { TOKEN: "hunter2-hunter2", CLUSTER_ONE: "" };
    const parameters = { behaviour: "leaky", pidFile: join(folder, "pid"), token: "plain-text-password" };
    const whole = { secrets, parameters };
    const shown = config("leaky", {
      secrets: { TOKEN: "[REDACTED]", CLUSTER_ONE: "[REDACTED]" },
      parameters: { ...parameters, token: "[REDACTED]" },
    });
    supervisor.apply("c", config("leaky", whole), { shown });
    const trouble = await until(({ reason }) => reason.includes("log in"));
    expect(trouble.reason).toBe("cannot log in with [REDACTED]");
    await vi.waitFor(async () => expect(await log()).toContain("connecting with [REDACTED] and [REDACTED]\n"), WAIT);
    expect(await log()).toContain("endpoint=127.0.0.1:9003 secrets=TOKEN,CLUSTER_ONE");
    const { processId } = await reached("running");
    const path = join(folder, "state", "c.json");
    const seen = [
      await log(),
      await readFile(path, "utf8"),
      await readFile(`/proc/${processId}/cmdline`, "utf8"),
      await readFile(`/proc/${processId}/environ`, "utf8"),
      JSON.stringify([heard, supervisor.counters()]),
    ].join("\n");
    for (const secret of ["hunter2", "from the cluster", "plain-text-password"]) expect(seen).not.toContain(secret);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });
});

describe("secrets of the cluster", () => {
  test("one that is missing is failed with its name, and runs as soon as it is there and is told", async () => {
    await supervisor[Symbol.asyncDispose]();
    // only being told starts it again
    open({ limits: { restartDelayMs: 600_000, restartDelayMaxMs: 600_000 } });
    let value: string | undefined;
    supervisor.useSecrets(async () => value);
    supervisor.apply("c", config("run", { parameters: { behaviour: "run", header: "${{ secrets.API_KEY }}" } }));
    expect((await reached("failed")).reason).toBe(
      "value not found for secret name API_KEY: set it with `fluvio secret set API_KEY`",
    );
    await vi.waitFor(async () => expect(await log()).toContain("value not found for secret name API_KEY"), WAIT);
    expect([supervisor.usersOfSecret("API_KEY"), supervisor.usersOfSecret("OTHER")]).toEqual([["c"], []]);
    expect(supervisor.counters()[0]).toMatchObject({ lastError: expect.stringContaining("API_KEY") });
    expect(supervisor.counters()[0]?.nextStartMs).toBeGreaterThan(Date.now());
    value = "there";
    supervisor.restart("c");
    await reached("running");
    expect(supervisor.counters()[0]?.nextStartMs).toBeUndefined();
  });

  test("are needed already when a connector is checked, and no message has their values", async () => {
    const of = (parameters: object) =>
      new TextEncoder().encode(JSON.stringify({ name: "c", type: "http", topic: "t", parameters }));
    const endpoint = "${{ secrets.WHERE }}";
    await expect(supervisor.validate(of({ endpoint }))).rejects.toMatchObject({
      message: expect.stringContaining("value not found for secret name WHERE"),
      hint: expect.stringContaining("fluvio secret set WHERE"),
    });
    supervisor.useSecrets(async () => "hunter2 is no URL");
    const refused = await supervisor.validate(of({ endpoint })).catch((error: unknown) => error);
    expect(refused).toMatchObject({ message: expect.stringContaining('`parameters.endpoint` is "[REDACTED]"') });
    expect(JSON.stringify(refused)).not.toContain("hunter2");
    await expect(supervisor.validate(of({ endpoint: "[REDACTED]" }))).rejects.toMatchObject({
      message: expect.stringContaining("its value is hidden"),
    });
    supervisor.useSecrets(async () => "http://localhost/");
    const shown = JSON.parse(new TextDecoder().decode(await supervisor.validate(of({ endpoint })))) as ConnectorConfig;
    expect(shown.parameters).toEqual({ endpoint });
  });
});

const ENDED: readonly ConnectorResolution[] = ["stopped", "invalid", "failed"];

describe("pause and restart", () => {
  test("a paused one ends in good order, has its log, and is not started by anything but a resume", async () => {
    supervisor.apply("c", config("run"));
    const { processId = 0 } = await reached("running");
    supervisor.apply("c", config("run"), { isPaused: true });
    await supervisor.settled("c");
    expect(supervisor.status("c")).toMatchObject({ resolution: "paused", processId: undefined });
    expect(heard.at(-1)?.status.resolution).toBe("paused");
    expect(heard.some(({ status }) => status.resolution === "stopped")).toBe(false);
    expect(exists(processId)).toBe(false);
    expect(await log()).toContain("drained");
    supervisor.restart("c");
    supervisor.apply("c", config("run", { topic: "other" }), { isPaused: true });
    await supervisor.settled("c");
    expect(supervisor.status("c")?.resolution).toBe("paused");
    heard = [];
    supervisor.apply("c", config("run", { topic: "other" }));
    expect((await reached("running")).processId).not.toBe(processId);
  });

  test("one that is paused from the start runs when it is resumed", async () => {
    supervisor.apply("c", config("run"), { isPaused: true });
    await supervisor.settled("c");
    expect(supervisor.status("c")?.resolution).toBe("paused");
    supervisor.apply("c", config("run"));
    await reached("running");
  });

  test.each(["finish", "invalid", "crash"])("a restart starts one that did `%s` at once", async (behaviour) => {
    await supervisor[Symbol.asyncDispose]();
    open({ limits: { restartDelayMs: 600_000, restartDelayMaxMs: 600_000 } });
    supervisor.apply("c", config(behaviour));
    await until(({ resolution }) => ENDED.includes(resolution));
    supervisor.restart("c");
    await until(({ resolution, restarts }) => restarts === 1 && ENDED.includes(resolution));
    expect((await log()).match(/^started/gm)).toHaveLength(2);
  });
});

describe("counters", () => {
  test("add up over restarts of the process, and say when and why it failed", async () => {
    supervisor.apply("c", config("run"));
    const first = await reached("running");
    const counted = () => supervisor.counters()[0];
    await vi.waitFor(() => expect(counted()?.recordsOut).toBeGreaterThanOrEqual(3), WAIT);
    const before = counted()?.recordsOut ?? 0;
    process.kill(first.processId ?? 0, "SIGKILL");
    await until(({ resolution, processId }) => resolution === "running" && processId !== first.processId);
    await vi.waitFor(() => expect(counted()?.recordsOut).toBeGreaterThan(before), WAIT);
    expect(counted()).toMatchObject({
      ...{ name: "c", type: "http", direction: "source", topic: "t", restarts: 1 },
      ...{ refused: 6, skipped: 2, deadLettered: 2, bytesIn: 20, bytesOut: 10, lastRecordMs: 1 },
      lastError: "was ended by SIGKILL",
    });
    expect(counted()?.positions[0]?.partition).toBe(0);
    expect(counted()?.lastErrorMs).toBeGreaterThanOrEqual(counted()?.sinceMs ?? Number.POSITIVE_INFINITY);
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
  const accepted = JSON.parse(
    new TextDecoder().decode(await supervisor.validate(seed({ endpoint }))),
  ) as ConnectorConfig;
  expect(accepted).toMatchObject({ name: "c", type: "http", version: "latest", parameters: { endpoint } });
  await expect(supervisor.validate(seed({ endpont: endpoint }))).rejects.toMatchObject({
    code: "FLV_CONNECTOR_INVALID",
    hint: "Did you mean `endpoint`?",
  });
  await expect(supervisor.validate(seed({ endpoint }, { type: "htp" }))).rejects.toMatchObject({
    message: "Invalid connector config connector: unknown connector type `htp`",
    hint: expect.stringMatching(/^Did you mean `http`\? Connectors: http-source, http, http-sink/),
  });
  await expect(
    supervisor.validate(seed({ endpoint }, { type: "http-source", direction: "sink" })),
  ).rejects.toMatchObject({
    message: expect.stringContaining("http-source is a source"),
  });
  await expect(supervisor.validate(seed({ endpoint }, { direction: "sink" }))).resolves.toBeInstanceOf(Uint8Array);
  await expect(supervisor.validate(seed({ endpoint, "on-error": "stop" }))).resolves.toBeInstanceOf(Uint8Array);
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
