import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "../testing/certificates.ts";
import { type RunningConnector, useConnectors } from "../testing/connectors.ts";
import { connector } from "./sink.ts";
import { WsServer } from "./testing/ws-server.ts";

const connectors = useConnectors();
let server: WsServer;
beforeEach(async () => {
  server = new WsServer();
  await server.listen();
});
afterEach(() => server.close());

const start = (topic: string, parameters: Readonly<Record<string, ParameterValue>> = {}) => {
  const config = connectors.config("websocket-sink", topic, { endpoint: server.url, ...parameters });
  return connectors.start(connector, config);
};
const delivered = (sink: RunningConnector, records: number) =>
  vi.waitFor(() => expect(sink.counters.records).toBe(records), { timeout: 30_000, interval: 10 });
const numbers = Array.from({ length: 250 }, (_, index) => `${index}`);

describe("records", () => {
  test("are messages, in order", async () => {
    const sink = start(await connectors.topicWith(numbers));
    await server.until(() => server.messages.length === numbers.length);
    expect(server.texts).toEqual(numbers);
    await delivered(sink, numbers.length);
    await sink.stop();
  });

  test("are text, and binary where they are not UTF-8", async () => {
    const topic = await connectors.topicWith(["é"]);
    await using producer = await connectors.fluvio.topicProducer(topic);
    await producer.send(undefined, Uint8Array.of(0xff, 0x01));
    await producer.flush();
    start(topic);
    await server.until(() => server.messages.length === 2);
    expect(server.messages).toEqual([
      { text: "é", isBinary: false },
      { text: "ff01", isBinary: true },
    ]);
    const strict = start(topic, { "message-type": "text", "on-error": "skip" });
    await strict.until(() => strict.lines.some(({ message }) => message.startsWith("record skipped")));
  });

  test("go over TLS, with certificates of both sides and who asks", async () => {
    const tls = { cert: SERVER_CERT, key: SERVER_KEY, ca: CA_CERT, requestCert: true, rejectUnauthorized: true };
    const secured = new WsServer(tls);
    await secured.listen();
    try {
      const topic = await connectors.topicWith(["a", "b"]);
      const parameters = {
        endpoint: secured.url,
        auth: { username: "ann", password: "secret" },
        headers: ["X-One: 1"],
      };
      const sink = start(topic, { ...parameters, tls: { ca: CA_CERT, cert: CLIENT_CERT, key: CLIENT_KEY } });
      await delivered(sink, 2);
      expect(secured.texts).toEqual(["a", "b"]);
      const authorization = `Basic ${Buffer.from("ann:secret").toString("base64")}`;
      expect(secured.requests[0]?.headers).toMatchObject({ authorization, "x-one": "1" });
      await sink.stop();
    } finally {
      await secured.close();
    }
  });

  test("are one message when that is asked for", async () => {
    start(await connectors.topicWith(["1", "2", "3"]), { batch: { format: "json-array", size: "2", linger: "1ms" } });
    await server.until(() => server.messages.length === 2);
    expect(server.texts).toEqual(["[1,2]", "[3]"]);
  });
});

describe("a server", () => {
  test("that is down is waited for, and the state says so, also with nothing to send", async () => {
    await server.close();
    const topic = await connectors.topicWith([]);
    const sink = start(topic);
    await sink.until(() => sink.troubles.some((reason) => reason.includes("ECONNREFUSED")));
    await connectors.produce(topic, ["a"]);
    await server.listen();
    await server.until(() => server.messages.length === 1);
    await sink.until(() => sink.troubles.at(-1) === "");
  });

  test("that breaks off loses nothing: what it did not confirm comes again", async () => {
    let cuts = 0;
    server.onMessage = (message, socket) => {
      if (message === `${100 * cuts + 50}` && cuts < 2) {
        cuts++;
        socket.terminate();
      }
    };
    start(await connectors.topicWith(numbers));
    await server.until(() => server.texts.includes("249"));
    expect([...new Set(server.texts)]).toEqual(numbers);
    expect(cuts).toBe(2);
  });

  test("that takes messages and never answers is not believed", async () => {
    await server.close();
    server.autoPong = false;
    await server.listen();
    const topic = await connectors.topicWith(["a"]);
    const sink = start(topic, { "ping-timeout": "50ms" });
    await sink.until(() => sink.troubles.some((reason) => reason.includes("no answer for 50 ms")));
    expect(sink.counters.records).toBe(0);
    await sink.stop();
    const trusting = start(topic, { confirm: "sent" });
    await delivered(trusting, 1);
  });

  test.each(["skip", "dead-letter", "stop"])("that never takes a record: on-error %s", async (onError) => {
    server.onMessage = (message, socket) => {
      if (message === "bad") socket.close(1007, "what is that");
    };
    const config = connectors.config("websocket-sink", await connectors.topicWith(["a", "bad", "c"]), {
      endpoint: server.url,
      "on-error": onError,
    });
    const sink = connectors.start(connector, config);
    if (onError === "stop") await expect(sink.done).rejects.toThrow(/Record 1 of .*1007: what is that/);
    else await delivered(sink, 2);
    expect([...new Set(server.texts)].sort()).toEqual(["a", "bad", "c"]);
    if (onError !== "dead-letter") return;
    const [letter] = await connectors.records(`${config.name}-dead-letter`, 1);
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ offset: 1, value: "bad" });
  });
});
