import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { ConnectorResolution } from "../../server/index.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { exists, useSupervisor, WAIT } from "../testing/supervised.ts";

const stage = useSupervisor();

describe("what a connector's process gets", () => {
  test("secrets by a message, never by arguments, environment or files; what it writes and says is without them", async () => {
    stage.supervisor.useSecrets(async (name) => (name === "CLUSTER_ONE" ? "from the cluster" : undefined));
    const secrets = { TOKEN: "hunter2-hunter2", CLUSTER_ONE: "" };
    const parameters = { behaviour: "leaky", pidFile: join(stage.folder, "pid"), token: "plain-text-password" };
    const whole = { secrets, parameters };
    const shown = stage.config("leaky", {
      secrets: { TOKEN: "[REDACTED]", CLUSTER_ONE: "[REDACTED]" },
      parameters: { ...parameters, token: "[REDACTED]" },
    });
    stage.supervisor.apply("c", stage.config("leaky", whole), { shown });
    const trouble = await stage.until(({ reason }) => reason.includes("log in"));
    expect(trouble.reason).toBe("cannot log in with [REDACTED]");
    await vi.waitFor(
      async () => expect(await stage.log()).toContain("connecting with [REDACTED] and [REDACTED]\n"),
      WAIT,
    );
    expect(await stage.log()).toContain("endpoint=127.0.0.1:9003 secrets=TOKEN,CLUSTER_ONE");
    const { processId } = await stage.reached("running");
    const path = join(stage.folder, "state", "c.json");
    const seen = [
      await stage.log(),
      await readFile(path, "utf8"),
      await readFile(`/proc/${processId}/cmdline`, "utf8"),
      await readFile(`/proc/${processId}/environ`, "utf8"),
      JSON.stringify([stage.heard, stage.supervisor.counters()]),
    ].join("\n");
    for (const secret of ["hunter2", "from the cluster", "plain-text-password"]) expect(seen).not.toContain(secret);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });
});

describe("secrets of the cluster", () => {
  test("one that is missing is failed with its name, and runs as soon as it is there and is told", async () => {
    await stage.supervisor[Symbol.asyncDispose]();
    // only being told starts it again
    stage.open({ limits: { restartDelayMs: 600_000, restartDelayMaxMs: 600_000 } });
    let value: string | undefined;
    stage.supervisor.useSecrets(async () => value);
    stage.supervisor.apply(
      "c",
      stage.config("run", { parameters: { behaviour: "run", header: "${{ secrets.API_KEY }}" } }),
    );
    expect((await stage.reached("failed")).reason).toBe(
      "value not found for secret name API_KEY: set it with `fluvio secret set API_KEY`",
    );
    await vi.waitFor(async () => expect(await stage.log()).toContain("value not found for secret name API_KEY"), WAIT);
    expect([stage.supervisor.usersOfSecret("API_KEY"), stage.supervisor.usersOfSecret("OTHER")]).toEqual([["c"], []]);
    expect(stage.supervisor.counters()[0]).toMatchObject({ lastError: expect.stringContaining("API_KEY") });
    expect(stage.supervisor.counters()[0]?.nextStartMs).toBeGreaterThan(Date.now());
    value = "there";
    stage.supervisor.restart("c");
    await stage.reached("running");
    expect(stage.supervisor.counters()[0]?.nextStartMs).toBeUndefined();
  });

  test("are needed already when a connector is checked, and no message has their values", async () => {
    const of = (parameters: object) =>
      new TextEncoder().encode(JSON.stringify({ name: "c", type: "http", topic: "t", parameters }));
    const endpoint = "${{ secrets.WHERE }}";
    await expect(stage.supervisor.validate(of({ endpoint }))).rejects.toMatchObject({
      message: expect.stringContaining("value not found for secret name WHERE"),
      hint: expect.stringContaining("fluvio secret set WHERE"),
    });
    stage.supervisor.useSecrets(async () => "hunter2 is no URL");
    const refused = await stage.supervisor.validate(of({ endpoint })).catch((error: unknown) => error);
    expect(refused).toMatchObject({ message: expect.stringContaining('`parameters.endpoint` is "[REDACTED]"') });
    expect(JSON.stringify(refused)).not.toContain("hunter2");
    await expect(stage.supervisor.validate(of({ endpoint: "[REDACTED]" }))).rejects.toMatchObject({
      message: expect.stringContaining("its value is hidden"),
    });
    stage.supervisor.useSecrets(async () => "http://localhost/");
    const shown = JSON.parse(
      new TextDecoder().decode(await stage.supervisor.validate(of({ endpoint }))),
    ) as ConnectorConfig;
    expect(shown.parameters).toEqual({ endpoint });
  });

  test("may be declared without a value, and stand in for an option that the file leaves out", async () => {
    const declared = { name: "c", type: "slack-sink", topic: "t", secrets: { WEBHOOK_URL: "" } };
    const validated = () => stage.supervisor.validate(new TextEncoder().encode(JSON.stringify(declared)));
    await expect(validated()).rejects.toMatchObject({
      message: expect.stringContaining("value not found for secret name WEBHOOK_URL"),
    });
    stage.supervisor.useSecrets(async () => "https://example.com/hook");
    const shown = JSON.parse(new TextDecoder().decode(await validated())) as ConnectorConfig;
    expect(shown).toMatchObject({ parameters: {}, secrets: { WEBHOOK_URL: "[REDACTED]" } });
  });
});

const ENDED: readonly ConnectorResolution[] = ["stopped", "invalid", "failed"];

describe("pause and restart", () => {
  test("a paused one ends in good order, has its log, and is not started by anything but a resume", async () => {
    stage.supervisor.apply("c", stage.config("run"));
    const { processId = 0 } = await stage.reached("running");
    stage.supervisor.apply("c", stage.config("run"), { isPaused: true });
    await stage.supervisor.settled("c");
    expect(stage.supervisor.status("c")).toMatchObject({ resolution: "paused", processId: undefined });
    expect(stage.heard.at(-1)?.status.resolution).toBe("paused");
    expect(stage.heard.some(({ status }) => status.resolution === "stopped")).toBe(false);
    expect(exists(processId)).toBe(false);
    expect(await stage.log()).toContain("drained");
    stage.supervisor.restart("c");
    stage.supervisor.apply("c", stage.config("run", { topic: "other" }), { isPaused: true });
    await stage.supervisor.settled("c");
    expect(stage.supervisor.status("c")?.resolution).toBe("paused");
    stage.heard = [];
    stage.supervisor.apply("c", stage.config("run", { topic: "other" }));
    expect((await stage.reached("running")).processId).not.toBe(processId);
  });

  test("one that is paused from the start runs when it is resumed", async () => {
    stage.supervisor.apply("c", stage.config("run"), { isPaused: true });
    await stage.supervisor.settled("c");
    expect(stage.supervisor.status("c")?.resolution).toBe("paused");
    stage.supervisor.apply("c", stage.config("run"));
    await stage.reached("running");
  });

  test.each(["finish", "invalid", "crash"])("a restart starts one that did `%s` at once", async (behaviour) => {
    await stage.supervisor[Symbol.asyncDispose]();
    stage.open({ limits: { restartDelayMs: 600_000, restartDelayMaxMs: 600_000 } });
    stage.supervisor.apply("c", stage.config(behaviour));
    await stage.until(({ resolution }) => ENDED.includes(resolution));
    stage.supervisor.restart("c");
    await stage.until(({ resolution, restarts }) => restarts === 1 && ENDED.includes(resolution));
    expect((await stage.log()).match(/^started/gm)).toHaveLength(2);
  });
});

describe("counters", () => {
  test("add up over restarts of the process, and say when and why it failed", async () => {
    stage.supervisor.apply("c", stage.config("run"));
    const first = await stage.reached("running");
    const counted = () => stage.supervisor.counters()[0];
    await vi.waitFor(() => expect(counted()?.recordsOut).toBeGreaterThanOrEqual(3), WAIT);
    const before = counted()?.recordsOut ?? 0;
    const ran = counted()?.modules[0]?.recordsIn ?? 0;
    expect(ran).toBeGreaterThanOrEqual(3);
    process.kill(first.processId ?? 0, "SIGKILL");
    await stage.until(({ resolution, processId }) => resolution === "running" && processId !== first.processId);
    // what the first one had said, and what each of the second says
    await vi.waitFor(() => expect(counted()?.refused).toBe(6), WAIT);
    expect(counted()?.recordsOut).toBeGreaterThan(before);
    expect(counted()).toMatchObject({
      ...{ name: "c", type: "http", direction: "source", topic: "t", restarts: 1 },
      ...{ skipped: 2, deadLettered: 2, bytesIn: 20, bytesOut: 10, lastRecordMs: 1 },
      lastError: "was ended by SIGKILL",
    });
    expect(counted()?.positions[0]?.partition).toBe(0);
    const running = counted()?.modules;
    expect(running).toMatchObject([{ name: "m", chains: 1, memoryBytes: 65536 }]);
    expect(running?.[0]?.recordsIn).toBeGreaterThan(ran);
    stage.supervisor.apply("c", stage.config("run"), { isPaused: true });
    await stage.supervisor.settled("c");
    const paused = counted()?.modules;
    expect(paused).toMatchObject([{ name: "m", chains: 0, memoryBytes: 0 }]);
    expect(paused?.[0]?.recordsIn).toBeGreaterThanOrEqual(running?.[0]?.recordsIn ?? Number.POSITIVE_INFINITY);
    expect(counted()?.lastErrorMs).toBeGreaterThanOrEqual(counted()?.sinceMs ?? Number.POSITIVE_INFINITY);
  });
});
