import type { ParameterValue } from "fluvio/connector";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { connector as http } from "../http/source.ts";
import { SourceRun } from "../testing/run-source.ts";
import { connector } from "./source.ts";
import { WsServer } from "./testing/ws-server.ts";

let server: WsServer;
let run: SourceRun | undefined;
beforeEach(async () => {
  server = new WsServer();
  await server.listen();
});
afterEach(async () => {
  await run?.stop();
  await server.close();
});

function start(parameters: Readonly<Record<string, ParameterValue>> = {}): SourceRun {
  run = new SourceRun(connector, {
    endpoint: server.url,
    retry_delay: "1ms",
    retry_delay_max: "10ms",
    ...parameters,
  });
  return run;
}
const collected = async (count: number): Promise<string[]> => {
  await run?.until(() => (run?.records.length ?? 0) >= count);
  return run?.records ?? [];
};

describe("messages", () => {
  test("are records in order, also those that come with the connection", async () => {
    server.onConnection = (socket) => {
      for (let i = 0; i < 500; i++) socket.send(`${i}`);
    };
    start();
    expect(await collected(500)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  test("come after what the server is asked for", async () => {
    server.onMessage = (message, socket) => socket.send(`got ${message}`);
    start({ subscribe: ['{"op":"subscribe","args":["a","b"]}', "second"] });
    expect(await collected(2)).toEqual(['got {"op":"subscribe","args":["a","b"]}', "got second"]);
  });

  test("are bytes, or JSON", async () => {
    server.onConnection = (socket) => {
      socket.send('say "é"');
      socket.send(Buffer.from("binary text"));
      socket.send(Uint8Array.of(0xff, 0));
    };
    start({ output_type: "json" });
    expect(await collected(3)).toEqual(['{"body":"say \\"é\\""}', '{"body":"binary text"}', '{"bodyBase64":"/wA="}']);
  });

  test("are asked for by headers, protocols and who asks", async () => {
    start({ headers: ["X-One: 1"], subprotocols: "v2,v1", auth: { token: "abc" } });
    await server.until(() => server.requests.length > 0);
    expect(server.requests[0]?.headers).toMatchObject({
      "x-one": "1",
      authorization: "Bearer abc",
      "sec-websocket-protocol": "v2,v1",
      "user-agent": "fluvio/websocket 0.1.0",
    });
  });

  test("come through the http source too when its endpoint is a WebSocket", async () => {
    server.onConnection = (socket) => socket.send("a");
    server.onMessage = (message, socket) => socket.send(message);
    run = new SourceRun(http, { endpoint: server.url, body: "hello", output_type: "json" });
    expect(await collected(2)).toEqual(['{"body":"a"}', '{"body":"hello"}']);
  });

  test("are taken no faster than the topic takes them", async () => {
    const message = "x".repeat(64 * 1024);
    let client: WebSocket | undefined;
    let sent = 0;
    server.onConnection = (socket) => {
      client = socket;
      const more = (): void => socket.send(message, () => (++sent < 500 ? more() : undefined));
      more();
    };
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let taken = 0;
    run = new SourceRun(connector, { endpoint: server.url, "ping-interval": "20ms", "ping-timeout": "2s" }, undefined, {
      send: async () => {
        if (++taken === 3) await held;
      },
    });
    for (let before = -1; before !== sent || taken < 3; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(taken).toBe(3);
    expect(sent).toBeLessThan(300);
    expect(client?.readyState).toBe(1);
    release();
    while (taken < 500) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(run.troubles).toEqual([]);
  });
});

describe("a connection", () => {
  test("that cannot be had is tried again, and the state says why", async () => {
    await server.close();
    start();
    await run?.until(() => run?.troubles.length === 1);
    expect(run?.troubles[0]).toMatch(/^cannot receive from ws:.*\/feed, trying again: .*ECONNREFUSED/);
    server.onConnection = (socket) => socket.send("a");
    await server.listen();
    expect(await collected(1)).toEqual(["a"]);
    await run?.until(() => run?.troubles.at(-1) === "");
  });

  test("that is refused says with which status", async () => {
    server.refusal = 401;
    start();
    await run?.until(() => run?.troubles.length === 1);
    expect(run?.troubles[0]).toContain("it answered 401");
  });

  test.each([
    ["cut", (socket: WebSocket) => socket.terminate(), "the connection broke off"],
    ["closed", (socket: WebSocket) => socket.close(4001, "bye"), "the other side closed the connection (4001: bye)"],
  ])("that is %s is opened again, with its subscription", async (_, end, reason) => {
    server.onMessage = (message, socket) => {
      socket.send(`${message} ${server.requests.length}`, () => {
        if (server.requests.length === 1) end(socket);
      });
    };
    start({ subscribe: "news" });
    expect(await collected(2)).toEqual(["news 1", "news 2"]);
    expect(run?.troubles).toEqual([expect.stringContaining(reason), ""]);
  });

  test("on which nothing is heard any more is opened again", async () => {
    await server.close();
    server.autoPong = false;
    server.onConnection = (socket) => socket.send(`${server.requests.length}`);
    await server.listen();
    start({ "ping-interval": "20ms", "ping-timeout": "30ms" });
    expect(await collected(2)).toEqual(["1", "2"]);
    expect(run?.troubles[0]).toMatch(/nothing was heard for \d+ ms/);
  });

  test("stays while it is answered", async () => {
    let pings = 0;
    server.onConnection = (socket) => {
      socket.on("ping", () => {
        if (++pings === 3) socket.send("still here");
      });
    };
    start({ "ping-interval": "10ms" });
    expect(await collected(1)).toEqual(["still here"]);
    expect(server.requests).toHaveLength(1);
  });

  test("does not outlive a message that is too large", async () => {
    server.onConnection = (socket) => socket.send(server.requests.length === 1 ? "x".repeat(5000) : "small");
    start({ "max-message-size": "1KB" });
    expect(await collected(1)).toEqual(["small"]);
    expect(run?.troubles[0]).toContain("Max payload size exceeded");
  });

  test("is closed when the source is stopped", async () => {
    let code = 0;
    server.onConnection = (socket) => socket.once("close", (given) => (code = given)).send("a");
    start();
    await collected(1);
    await run?.stop();
    while (code === 0) await new Promise(setImmediate);
    expect(code).toBe(1000);
  });
});
