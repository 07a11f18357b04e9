import { readFile } from "node:fs/promises";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connector as httpSink } from "../../../packages/connectors/http/sink.ts";
import { connector as httpSource } from "../../../packages/connectors/http/source.ts";
import { type RunningConnector, useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { LivedTime } from "../../../packages/connectors/testing/lived-time.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";
import { connector as socketSink } from "../../../packages/connectors/websocket/sink.ts";
import { connector as socketSource } from "../../../packages/connectors/websocket/source.ts";
import { freePort } from "../../free-port.ts";
import { type Certificates, makeCertificates } from "../services/certificates.ts";
import { startWeb, type Web } from "../services/web.ts";

/** Connectors that speak HTTP and WebSocket: servers that are killed and frozen, TLS, processes that are killed. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 20 };
const TRUTH_MS = 5000;
let web: Web;
let certificates: Certificates;

beforeAll(async () => {
  web = await startWeb(connectors.folder);
  certificates = await makeCertificates(connectors.folder);
});
afterAll(() => web.service[Symbol.asyncDispose]());

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const distinct = (list: readonly string[]) => [...new Set(list)];
const quick = { "retry-delay": "10ms", "retry-delay-max": "100ms" };

/** Resolves when the state says (or does not say any more) that something is in the way; not later than it must. */
async function tells(connector: RunningConnector, isInTheWay: boolean): Promise<void> {
  using lived = new LivedTime();
  await connector.until(() => ((connector.troubles.at(-1) ?? "") !== "") === isInTheWay);
  expect(lived.ms).toBeLessThan(TRUTH_MS);
}

describe.each([
  ["http", httpSource, "http", { interval: "50ms", timeout: "1h", retries: "100", ...quick }],
  ["websocket", socketSource, "ws", quick],
] as const)("the %s source", (name, source, scheme, parameters) => {
  test("tells of a server that is killed or frozen, and goes on when it is back", async () => {
    const topic = await connectors.topicWith([]);
    const endpoint = `${scheme}://127.0.0.1:${web.port}/`;
    const running = connectors.start(source, connectors.config(`${name}-source`, topic, { ...parameters, endpoint }));
    await connectors.records(topic, 3);
    await web.service.kill();
    await tells(running, true);
    await web.service.start();
    await tells(running, false);
    const { length } = await connectors.stored(topic);
    await connectors.records(topic, length + 3);
    web.service.freeze();
    await tells(running, true);
    web.service.thaw();
    await tells(running, false);
    await connectors.records(topic, (await connectors.stored(topic)).length + 3);
    await running.stop();
  });
});

describe.each([
  ["http", httpSink, "http", { timeout: "1h" }],
  ["websocket", socketSink, "ws", {}],
] as const)("the %s sink", (name, sink, scheme, parameters) => {
  test("loses nothing to a server that is killed or frozen, and tells of it", async () => {
    const topic = await connectors.topicWith(numbers(0, 100).map((value) => `${name} ${value}`));
    const taken = async () => distinct((await web.lines()).filter((line) => line.startsWith(name)));
    const config = { ...parameters, endpoint: `${scheme}://127.0.0.1:${web.port}/` };
    const running = connectors.start(sink, connectors.config(`${name}-sink`, topic, config));
    await vi.waitFor(async () => expect(await taken()).toHaveLength(100), WAIT);
    await web.service.kill();
    await connectors.produce(
      topic,
      numbers(100, 200).map((value) => `${name} ${value}`),
    );
    await tells(running, true);
    await web.service.start();
    await tells(running, false);
    await vi.waitFor(async () => expect(await taken()).toHaveLength(200), WAIT);
    web.service.freeze();
    await connectors.produce(
      topic,
      numbers(200, 300).map((value) => `${name} ${value}`),
    );
    await tells(running, true);
    web.service.thaw();
    await tells(running, false);
    await vi.waitFor(async () => expect(await taken()).toHaveLength(300), WAIT);
    expect(await taken()).toEqual(numbers(0, 300).map((value) => `${name} ${value}`));
    await running.stop();
  });
});

test("an authority of one's own is trusted when it is named, and only then", async () => {
  const { serverCert, serverKey, ca } = certificates;
  const server = createServer({ cert: await readFile(serverCert), key: await readFile(serverKey) }, (_, response) =>
    response.end("over TLS"),
  );
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const topic = await connectors.topicWith([]);
  const distrustful = connectors.start(httpSource, connectors.config("http-source", topic, { endpoint, ...quick }));
  await distrustful.until(() => distrustful.troubles.some((reason) => /certificate|SIGNATURE/i.test(reason)));
  await distrustful.stop();
  connectors.start(httpSource, connectors.config("http-source", topic, { endpoint, interval: "1h", tls: { ca } }));
  expect(await connectors.records(topic, 1)).toMatchObject([{ value: "over TLS" }]);
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

/** @returns the status, or `undefined` when there was no answer */
async function post(port: number, body: string): Promise<number | undefined> {
  const ca = await readFile(certificates.ca);
  return new Promise((resolve) => {
    const asked = request({ port, host: "127.0.0.1", path: "/in", method: "POST", ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("error", () => resolve(undefined));
    asked.end(body);
  });
}

test("a managed webhook over TLS: what it answered with 200 outlives its process", async () => {
  const port = await freePort();
  const topic = await connectors.topicWith([]);
  const tls = { cert: certificates.serverCert, key: certificates.serverKey };
  const config = connectors.config("webhook-source", topic, { port: `${port}`, host: "127.0.0.1", path: "/in", tls });
  managed.apply(config);
  await vi.waitFor(async () => expect(await post(port, "first")).toBe(200), WAIT);
  const stored: string[] = ["first"];
  const sending = { isOver: false };
  const senders = Array.from({ length: 4 }, async (_, sender) => {
    for (let turn = 0; !sending.isOver; turn++) {
      const body = `${sender}-${turn}`;
      if ((await post(port, body)) === 200) stored.push(body);
    }
  });
  for (const count of [50, 100]) {
    await vi.waitFor(() => expect(stored.length).toBeGreaterThan(count), WAIT);
    await managed.kill(config.name);
  }
  await vi.waitFor(() => expect(stored.length).toBeGreaterThan(150), WAIT);
  sending.isOver = true;
  await Promise.all(senders);
  const values = new Set((await connectors.stored(topic)).map(({ value }) => value));
  expect(stored.filter((body) => !values.has(body))).toEqual([]);
});

test("a managed http source goes on after its process was killed, in order", async () => {
  const topic = await connectors.topicWith([]);
  const config = connectors.config("http-source", topic, {
    endpoint: `http://127.0.0.1:${web.port}/`,
    interval: "20ms",
  });
  managed.apply(config);
  await connectors.records(topic, 20);
  await managed.kill(config.name);
  const { length } = await connectors.stored(topic);
  await connectors.records(topic, length + 20);
  const values = (await connectors.stored(topic)).map(({ value }) => Number(value));
  expect(values).toEqual([...values].sort((one, other) => one - other));
});
