import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Fluvio } from "../../fluvio/src/client/fluvio.ts";
import { useTestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import { type ConnectorConfig, encodeConfig } from "../../fluvio/src/connector/file/config.ts";
import { connectorSupervisor } from "../../fluvio/src/connector/supervise/supervisor.ts";
import type { ConnectorHost, ConnectorStatus } from "../../fluvio/src/server/index.ts";
import { signalProcess } from "../testing/managed.ts";
import { ok, status, Target } from "./testing/target.ts";

/** The sink as the cluster runs it: a process of its own under the supervisor. */
const cluster = useTestCluster();
const WAIT = { timeout: 30_000, interval: 10 };
let fluvio: Fluvio;
let folder: string;
let target: Target;
let supervisor: ConnectorHost;
let heard: ConnectorStatus[];

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-sink-process-"));
  target = new Target();
  await target.listen();
  heard = [];
  supervisor = connectorSupervisor({
    endpoint: () => cluster.address,
    logDirectory: join(folder, "log"),
    stateDirectory: join(folder, "state"),
    limits: { restartDelayMs: 5, restartDelayMaxMs: 50 },
    random: () => 0,
  });
  supervisor.onStatus((_, now) => heard.push(now));
});
afterEach(async () => {
  await supervisor[Symbol.asyncDispose]();
  await target.close();
  await rm(folder, { recursive: true, force: true });
});

function config(name: string, topic: string, parameters: ConnectorConfig["parameters"] = {}): Uint8Array {
  return encodeConfig({
    name,
    type: "http",
    direction: "sink",
    topic,
    version: "latest",
    parameters: { endpoint: target.url, retry: { "initial-delay": "5ms", "max-delay": "50ms" }, ...parameters },
    secrets: {},
    consumer: { offset: { start: "beginning" } },
    transforms: [],
  });
}

async function topicWith(values: readonly string[]): Promise<string> {
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await produce(topic, values);
  return topic;
}

async function produce(topic: string, values: readonly string[]): Promise<void> {
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll(values.map((value) => ({ value })));
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const distinct = () => [...new Set(target.taken)];
/** Of a test in which several processes start, one after the other. */
const LONG = { timeout: 120_000 };

describe("a sink whose process is killed", LONG, () => {
  test("loses nothing, keeps the order, and repeats at most what was in hand", async () => {
    const values = numbers(0, 120);
    supervisor.apply("out", config("out", await topicWith(values)));
    for (const count of [20, 60]) {
      await target.until(() => distinct().length >= count);
      signalProcess(supervisor, "out", "SIGKILL");
    }
    await target.until(() => distinct().length === values.length);
    expect(distinct()).toEqual(values);
    expect(supervisor.status("out")?.restarts).toBe(2);
  });

  test("in the middle of a write, sends that record again", async () => {
    const topic = await topicWith(["a", "b"]);
    supervisor.apply("killed", config("killed", topic));
    target.answer = (body) =>
      body === "b" && target.seen.filter((one) => one.body === "b").length === 1
        ? () => void signalProcess(supervisor, "killed", "SIGKILL")
        : ok;
    await target.until(() => target.taken.includes("b"));
    expect(distinct()).toEqual(["a", "b"]);
    expect(target.seen.filter((one) => one.body === "b").length).toBe(2);
  });
});

async function log(name: string): Promise<string> {
  let content = "";
  const signal = new AbortController().signal;
  for await (const chunk of supervisor.readLog(name, { fromByte: 0, follow: false, signal })) {
    content += Buffer.from(chunk).toString();
  }
  return content;
}

describe("a sink that is told to stop", LONG, () => {
  test("finishes the write in hand and keeps the position behind it", async () => {
    let release = (): void => {};
    target.answer = (body) =>
      body === "a"
        ? (response) => {
            release = () => response.end();
          }
        : ok;
    supervisor.apply("drained", config("drained", await topicWith(["a", "b"])));
    await target.until(() => target.seen.length === 1);
    signalProcess(supervisor, "drained", "SIGTERM");
    await vi.waitFor(async () => expect(await log("drained")).toContain("Stop signal received"), WAIT);
    release();
    // The supervisor, which did not ask for the end, starts another process.
    await target.until(() => target.taken.includes("b"));
    expect(supervisor.status("drained")?.restarts).toBe(1);
    expect(target.seen.map(({ body }) => body)).toEqual(["a", "b"]);
  });
});

describe("the status of a sink", LONG, () => {
  test("tells what is in its way while it waits for the target", async () => {
    target.answer = () => status(503, "closed for today");
    supervisor.apply("waiting", config("waiting", await topicWith(["a"])));
    await vi.waitFor(
      () => expect(heard.at(-1)).toMatchObject({ resolution: "running", reason: expect.stringContaining("503") }),
      WAIT,
    );
    target.answer = () => ok;
    await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ resolution: "running", reason: "" }), WAIT);
  });

  test("is failed, with the record, when `on-error: stop` ended it, and it stays so", async () => {
    target.answer = () => status(400, "never");
    supervisor.apply("halted", config("halted", await topicWith(["a"]), { on_error: "stop" }));
    await vi.waitFor(
      () =>
        expect(heard.at(-1)).toMatchObject({
          resolution: "failed",
          reason: expect.stringMatching(/Record 0 of .* cannot be written/),
          restarts: 0,
        }),
      WAIT,
    );
    expect(supervisor.status("halted")?.processId).toBeUndefined();
    expect(target.seen).toHaveLength(1);
  });
});

test("a sink goes on by itself when the cluster was restarted under it", LONG, async () => {
  const topic = await topicWith(["a"]);
  supervisor.apply("lasting", config("lasting", topic));
  await target.until(() => target.taken.length === 1);
  const before = supervisor.status("lasting")?.processId;
  await cluster.start(await cluster.stop());
  await produce(topic, ["b"]);
  await target.until(() => distinct().includes("b"));
  expect(distinct()).toEqual(["a", "b"]);
  expect(supervisor.status("lasting")).toMatchObject({ processId: before, restarts: 0 });
});

test("a sink whose topic is deleted under it makes it again and goes on", LONG, async () => {
  const topic = await topicWith(["a"]);
  supervisor.apply("refilled", config("refilled", topic));
  await target.until(() => target.taken.length === 1);
  await fluvio.admin().deleteTopic(topic);
  await vi.waitFor(async () => expect(await fluvio.admin().findTopic(topic)).toBeDefined(), WAIT);
  await produce(topic, ["b"]);
  await target.until(() => target.taken.includes("b"));
  expect(distinct()).toEqual(["a", "b"]);
});
