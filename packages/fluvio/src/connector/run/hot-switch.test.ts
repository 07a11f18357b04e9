import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { type Consumer, type ConsumerRecord, Fluvio } from "../../client/index.ts";
import { type Cluster, startCluster } from "../../server/index.ts";
import { type ConnectorConfig, encodeConfig } from "../file/config.ts";
import { connectorSupervisor } from "../supervise/supervisor.ts";

/** Stored SmartModules change under managed connectors of a real cluster. */
const WAIT = { timeout: 20_000, interval: 10 };
let folder: string;
let cluster: Cluster;
let fluvio: Fluvio;
let server: Server;
let answer: string;
let posted: string[];
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-hot-switch-"));
  let announce: (endpoint: string) => void = () => {};
  const endpoint = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const connectorHost = connectorSupervisor({
    endpoint: () => endpoint,
    logDirectory: join(folder, "log"),
    stateDirectory: join(folder, "connectors"),
  });
  cluster = await startCluster({
    dataDir: join(folder, "data"),
    scPort: 0,
    spuBasePort: 0,
    flush: "os",
    connectorHost,
  });
  announce(`127.0.0.1:${cluster.scPort}`);
  fluvio = await Fluvio.connect({ address: `127.0.0.1:${cluster.scPort}` });
  posted = [];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (request.method === "POST") posted.push(body);
    response.end(answer);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await fluvio.close();
  await cluster.close(0);
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function create(config: Pick<ConnectorConfig, "name" | "type" | "topic" | "parameters">): Promise<void> {
  const full = { version: "latest", secrets: {}, transforms: [], ...config };
  await fluvio.admin().createConnector(config.name, encodeConfig(full));
}

async function follow(topic: string): Promise<{ consumer: Consumer; next: () => Promise<string> }> {
  const consumer = await fluvio.consumer({ topic, offset: "beginning" });
  const records = consumer[Symbol.asyncIterator]();
  const next = async () => new TextDecoder().decode(((await records.next()).value as ConsumerRecord).value);
  return { consumer, next };
}

const processOf = async (name: string): Promise<number | undefined> =>
  (await fluvio.admin().listConnectors()).find((one) => one.name === name)?.status.processId;

test("a source goes on with the new code between two batches, and its aggregate with its sum", async () => {
  const admin = fluvio.admin();
  await admin.createSmartModule("sum", await buildAs("aggregate"));
  answer = "1";
  const parameters = { endpoint: url, interval: "5ms", aggregate: "sum", "aggregate-initial-value": "100" };
  await create({ name: "summing", type: "http-source", topic: "sums", parameters });
  const { consumer, next } = await follow("sums");
  expect(await next()).toBe("101");
  const before = await processOf("summing");

  // The same module from another compilation: other bytes, one meaning.
  await admin.createSmartModule("sum", await buildAs("aggregate", 2));
  expect(await admin.switchSmartModule("sum")).toMatchObject({ connectors: 1, failures: [] });
  let last = 101;
  for (let count = 0; count < 50; count++) {
    const value = Number(await next());
    expect(value).toBe(last + 1);
    last = value;
  }

  // Code that cannot run here: it says so, and the old one goes on.
  await admin.createSmartModule("sum", await buildAs("init"));
  const refused = await admin.switchSmartModule("sum");
  expect(refused.connectors).toBe(0);
  expect(refused.failures).toEqual([
    expect.stringMatching(/^Connector summing goes on as before: .*Missing param needle/),
  ]);
  expect(Number(await next())).toBe(last + 1);

  await admin.createSmartModule("sum", await buildAs("map"));
  answer = "word";
  expect(await admin.switchSmartModule("sum")).toMatchObject({ connectors: 1, failures: [] });
  await vi.waitFor(async () => expect(await next()).toMatch(/^WORD@/), WAIT);
  expect(await processOf("summing")).toBe(before);
  expect(await admin.switchSmartModule("sum")).toMatchObject({ connectors: 1 });
  await consumer.close();
  // what ran in the connector's process is in the counters of the cluster
  await vi.waitFor(async () => {
    const [counted] = (await admin.smartModuleStats(["sum"])).modules;
    expect(counted).toMatchObject({ chains: 1, failures: 0 });
    expect(counted?.recordsIn).toBeGreaterThan(52);
    expect(counted?.timeMs).toBeGreaterThan(0);
  }, WAIT);
  await admin.deleteConnector("summing");
});

test("a sink's module is switched by the cluster, in its stream", async () => {
  const admin = fluvio.admin();
  await admin.createSmartModule("pick", await buildAs("filter"));
  await admin.createTopic("picked");
  await create({ name: "posting", type: "http-sink", topic: "picked", parameters: { endpoint: url, filter: "pick" } });
  await vi.waitFor(async () => {
    const found = (await admin.listConnectors()).find((one) => one.name === "posting");
    expect(found?.status.resolution).toBe("running");
  }, WAIT);
  await using producer = await fluvio.topicProducer("picked");
  await vi.waitFor(async () => {
    await (await producer.send(undefined, "apple")).wait();
    expect(posted).toContain("apple");
  }, WAIT);
  await admin.createSmartModule("pick", await buildAs("map"));
  expect(await admin.switchSmartModule("pick")).toMatchObject({ streams: 1, connectors: 0, failures: [] });
  await producer.send(undefined, "plum");
  await vi.waitFor(() => expect(posted.at(-1)).toMatch(/^PLUM@/), WAIT);
  await admin.deleteConnector("posting");
});
