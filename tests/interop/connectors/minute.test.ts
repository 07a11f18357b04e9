import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Target } from "../../../packages/connectors/http/testing/target.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";

/** Systems that are away for a minute, with the pauses that connectors have unless their file says more. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const MINUTE_MS = 60_000;
/** The longest pause is half a minute. */
const BACK = { timeout: 45_000, interval: 100 };
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);

/** A stream of events: each number once, behind the id that the client has seen last. */
class Events {
  #server: Server | undefined;
  #port = 0;
  /** Numbers below it have happened. */
  end = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const last = Number(request.headers["last-event-id"] ?? -1);
      for (const n of numbers(last + 1, this.end)) response.write(`id: ${n}\ndata: ${n}\n\n`);
    });
    this.#server = server;
    await new Promise<void>((listening) => server.listen(this.#port, "127.0.0.1", listening));
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((closed) => this.#server?.close(closed));
  }
}

const target = new Target();
const events = new Events();
beforeAll(async () => {
  await target.listen();
  await events.listen();
});
afterAll(async () => {
  await target.close();
  await events.close();
});

test("away for a minute: the states say so all the time, and every record arrives in order", async () => {
  const topic = await connectors.topicWith(numbers(0, 20));
  const sink = { ...connectors.config("http-sink", topic), parameters: { endpoint: target.url } };
  const brought = await connectors.topicWith([]);
  const source = connectors.config("http-source", brought, { endpoint: events.url, stream: "true" });
  const both = [sink, source];
  events.end = 20;
  for (const config of both) managed.apply(config);
  const arrived = async () => (await connectors.stored(brought)).map(({ value }) => value);
  await vi.waitFor(() => expect(target.taken).toHaveLength(20), BACK);
  await vi.waitFor(async () => expect(await arrived()).toHaveLength(20), BACK);

  await target.close();
  await events.close();
  const lostMs = performance.now();
  await connectors.produce(topic, numbers(20, 40));
  events.end = 40;
  const reasons = () => both.map(({ name }) => managed.status(name)?.reason ?? "");
  const areTold = () => reasons().every((reason) => reason.includes("ECONNREFUSED"));
  await vi.waitFor(() => expect(areTold(), reasons().join()).toBe(true), BACK);
  const told = new Set<boolean>();
  await vi.waitFor(
    () => {
      told.add(areTold());
      expect(performance.now() - lostMs).toBeGreaterThan(MINUTE_MS);
    },
    { timeout: MINUTE_MS + BACK.timeout, interval: 500 },
  );
  expect([...told]).toEqual([true]);

  await connectors.produce(topic, numbers(40, 60));
  events.end = 60;
  await target.listen();
  await events.listen();
  await vi.waitFor(() => expect(target.taken).toEqual(numbers(0, 60)), BACK);
  await vi.waitFor(async () => expect(await arrived()).toEqual(numbers(0, 60)), BACK);
  await vi.waitFor(() => expect(reasons()).toEqual(["", ""]), BACK);
  for (const { name } of both) expect(managed.status(name)).toMatchObject({ resolution: "running", restarts: 0 });
}, 150_000);
