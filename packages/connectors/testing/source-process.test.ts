import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Fluvio } from "../../fluvio/src/client/fluvio.ts";
import { useTestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import { type ConnectorConfig, encodeConfig } from "../../fluvio/src/connector/file/config.ts";
import { connectorSupervisor } from "../../fluvio/src/connector/supervise/supervisor.ts";
import type { ConnectorHost } from "../../fluvio/src/server/index.ts";
import { signalProcess } from "./managed.ts";

/** A source as the cluster runs it: a process of its own under the supervisor, which is killed. */
const cluster = useTestCluster();
let fluvio: Fluvio;
let folder: string;
let supervisor: ConnectorHost;

beforeEach(async () => {
  fluvio = await cluster.connect();
  folder = await mkdtemp(join(tmpdir(), "fluvio-source-process-"));
  supervisor = connectorSupervisor({
    endpoint: () => cluster.address,
    logDirectory: join(folder, "log"),
    stateDirectory: join(folder, "state"),
    limits: { restartDelayMs: 5, restartDelayMaxMs: 50 },
    random: () => 0,
  });
});
afterEach(async () => {
  await supervisor[Symbol.asyncDispose]();
  await fluvio.close();
  await rm(folder, { recursive: true, force: true });
});

function config(name: string, topic: string, parameters: ConnectorConfig["parameters"]): Uint8Array {
  const rest = { version: "latest", parameters, secrets: {}, transforms: [] };
  return encodeConfig({ name, type: "file", direction: "source", topic, ...rest });
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `line ${from + n}`);
const fileOf = (of: readonly string[]) => of.map((line) => `${line}\n`).join("");

test("a source whose process is killed loses nothing, keeps the order, and goes on from its last position", async () => {
  const path = join(folder, "in.log");
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await writeFile(path, fileOf(lines(0, 200)));
  supervisor.apply("in", config("in", topic, { path, start: "beginning" }));
  const seen: string[] = [];
  await using consumer = await fluvio.consumer({ topic, offset: "beginning" });
  const values = consumer[Symbol.asyncIterator]();
  const until = async (last: string) => {
    while (seen.at(-1) !== last) {
      const next = await values.next();
      if (next.done === true) throw new Error("the topic ended");
      seen.push(Buffer.from(next.value.value).toString());
    }
  };
  await until("line 199");
  for (const from of [200, 400, 600]) {
    // it is killed while it reads on
    signalProcess(supervisor, "in", "SIGKILL");
    await appendFile(path, fileOf(lines(from, from + 200)));
    await until(`line ${from + 199}`);
  }
  expect([...new Set(seen)]).toEqual(lines(0, 800));
  await supervisor.remove("in");

  // told to stop it keeps where it is: nothing is read again
  const before = seen.length;
  await appendFile(path, fileOf(lines(800, 810)));
  supervisor.apply("in", config("in", topic, { path, start: "beginning" }));
  await until("line 809");
  expect(seen.slice(before)).toEqual(lines(800, 810));
}, 120_000);
