import { afterEach, describe, expect, it } from "vitest";
import {
  type Api,
  api,
  apiVersionsApi,
  encode,
  FluvioError,
  isFluvioError,
  NO_ERROR,
  Reader,
  schema,
} from "../../protocol/index.ts";
import type {
  Connection,
  ConnectOptions,
  FrameServer,
  RequestHeader,
  ServeOptions,
  ServerConnection,
  Transport,
} from "../types.ts";

/** Sends back what it gets. */
const echoApi = api({
  name: "Echo",
  key: 500,
  minVersion: 1,
  maxVersion: 3,
  request: schema.struct({ text: schema.string, payload: schema.bytes }),
  response: schema.struct({ text: schema.string, payload: schema.bytes }),
});
/** Counts up to `count`, one reply each. */
const countApi = api({
  name: "Count",
  key: 501,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: schema.struct({ count: schema.u32 }),
  response: schema.struct({ number: schema.u32 }),
});
const hangApi = { ...echoApi, name: "Hang", key: 502, fallbackVersion: 1 };
const failApi = { ...echoApi, name: "Fail", key: 503, fallbackVersion: 1 };

function reply<Req, ReqIn, Res, ResIn>(
  of: Api<Req, ReqIn, Res, ResIn>,
  header: RequestHeader,
  body: ResIn,
): readonly Uint8Array[] {
  const id = new Uint8Array(4);
  new DataView(id.buffer).setInt32(0, header.correlationId);
  return [id, encode(of.response, body, header.apiVersion)];
}

/** What the test server does with each request. */
async function handle(header: RequestHeader, body: Uint8Array, connection: ServerConnection): Promise<void> {
  const reader = new Reader(body);
  switch (header.apiKey) {
    case apiVersionsApi.key: {
      const apiKeys = [{ apiKey: echoApi.key, minVersion: 0, maxVersion: 2 }];
      return connection.send(reply(apiVersionsApi, header, { errorCode: NO_ERROR, apiKeys, platformVersion: "1.2.3" }));
    }
    case echoApi.key: {
      const request = echoApi.request.read(reader, header.apiVersion);
      return connection.send(
        reply(echoApi, header, { text: `${header.apiVersion} ${request.text}`, payload: request.payload }),
      );
    }
    case countApi.key: {
      const { count } = countApi.request.read(reader, header.apiVersion);
      for (let number = 1; number <= count; number++) await connection.send(reply(countApi, header, { number }));
      return;
    }
    case hangApi.key:
      return;
    default:
      throw new Error("refused");
  }
}

/** What every transport must do; run by each of them. */
export function transportConformance(
  name: string,
  transport: Transport,
  tls: { server?: ServeOptions["tls"]; client?: ConnectOptions["tls"] } = {},
): void {
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  });

  async function start(options: Partial<ServeOptions> = {}): Promise<FrameServer> {
    const server = await transport.serve({
      host: "127.0.0.1",
      port: 0,
      handle,
      ...(tls.server === undefined ? {} : { tls: tls.server }),
      ...options,
    });
    opened.push(server);
    return server;
  }
  async function open(server: FrameServer, options: Partial<ConnectOptions> = {}): Promise<Connection> {
    const connection = await transport.connect({
      host: "127.0.0.1",
      port: server.port,
      ...(tls.client === undefined ? {} : { tls: tls.client }),
      ...options,
    });
    opened.push(connection);
    return connection;
  }
  const text = (n: number) => ({ text: `t${n}`, payload: new Uint8Array(n) });

  describe(name, () => {
    it("performs the handshake and picks the highest common version", async () => {
      const connection = await open(await start());
      expect(connection.platformVersion).toBe("1.2.3");
      expect(connection.versionOf(echoApi)).toBe(2);
      expect(connection.versionOf(countApi)).toBe(0);
      expect((await connection.request(echoApi, text(0))).text).toBe("2 t0");
      const foreign = { ...echoApi, key: 999 };
      expect(() => connection.versionOf(foreign)).toThrow(/Echo is not understood/);
      await expect(connection.request(foreign, text(0))).rejects.toMatchObject({ code: "FLV_VERSION_INCOMPATIBLE" });
      expect(connection.isOpen).toBe(true);
    });

    it("carries many requests of all sizes at once", async () => {
      const connection = await open(await start());
      const sizes = [0, 1, 2047, 2048, 4096, 4097, 65_536, 1_000_000];
      const replies = await Promise.all(
        Array.from({ length: 200 }, (_, i) => {
          const size = sizes[i % sizes.length] as number;
          return connection.request(echoApi, { text: `${i}`, payload: new Uint8Array(size).fill(i) });
        }),
      );
      for (const [i, answer] of replies.entries()) {
        expect(answer.text).toBe(`2 ${i}`);
        expect(answer.payload.length).toBe(sizes[i % sizes.length]);
        expect(answer.payload.every((byte) => byte === i % 256)).toBe(true);
      }
    });

    it("interleaves streams with requests and keeps the order of each", async () => {
      const connection = await open(await start());
      const read = async (count: number) => {
        const numbers: number[] = [];
        for await (const { number } of connection.stream(countApi, { count })) {
          numbers.push(number);
          if (number === count) break;
        }
        return numbers;
      };
      const [first, second, answer] = await Promise.all([read(1000), read(500), connection.request(echoApi, text(3))]);
      expect(first).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
      expect(second).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
      expect(answer.text).toBe("2 t3");
    });

    it("ends one wait by its signal and leaves the connection usable", async () => {
      const connection = await open(await start());
      const abort = new AbortController();
      const request = connection.request(hangApi, text(0), { signal: abort.signal });
      const stream = connection.stream(hangApi, text(0), { signal: abort.signal });
      const next = stream.next();
      abort.abort(new Error("enough"));
      await expect(request).rejects.toThrow("enough");
      await expect(next).rejects.toThrow("enough");
      expect((await stream.next()).done).toBe(true);
      await expect(connection.request(echoApi, text(0), { signal: abort.signal })).rejects.toThrow("enough");
      expect((await connection.request(echoApi, text(7))).text).toBe("2 t7");
    });

    it("closes the connection after a reply that does not come in time", async () => {
      const connection = await open(await start());
      const waiting = connection.request(hangApi, text(1));
      await expect(connection.request(hangApi, text(0), { timeoutMs: 20 })).rejects.toMatchObject({
        code: "FLV_TIMEOUT",
      });
      await expect(waiting).rejects.toMatchObject({ code: "FLV_TIMEOUT" });
      expect(await connection.closed).toMatchObject({ code: "FLV_TIMEOUT" });
      await expect(connection.request(echoApi, text(0))).rejects.toSatisfy(isFluvioError);
    });

    it("fails every wait when the server goes away", async () => {
      const server = await start();
      const connection = await open(server);
      const stream = connection.stream(hangApi, text(0));
      const waits = [connection.request(hangApi, text(1)), stream.next()];
      const failed = Promise.all(
        waits.map((wait) =>
          wait.then(
            () => undefined,
            (error: unknown) => error,
          ),
        ),
      );
      await server.close();
      for (const error of await failed) expect(error).toMatchObject({ code: "FLV_CONNECTION_CLOSED", retriable: true });
      expect(connection.isOpen).toBe(false);
      await expect(
        transport.connect({
          host: "127.0.0.1",
          port: server.port,
          ...(tls.client === undefined ? {} : { tls: tls.client }),
        }),
      ).rejects.toSatisfy(
        (error) =>
          error instanceof FluvioError &&
          error.code === "FLV_CONNECT" &&
          error.message.startsWith("Socket io Connection refused (os error 111), can't connect to 127.0.0.1:"),
      );
    });

    it("ends only the connection whose call fails or whose frame is too large", async () => {
      const errors: unknown[] = [];
      const server = await start({ maxFrameBytes: 10_000, onError: (error) => errors.push(error) });
      const [healthy, bad, large] = await Promise.all([open(server), open(server), open(server)]);
      expect(server.connectionCount).toBe(3);
      await expect(bad.request(failApi, text(0))).rejects.toMatchObject({ code: "FLV_CONNECTION_CLOSED" });
      await expect(large.request(echoApi, text(20_000))).rejects.toMatchObject({ code: "FLV_CONNECTION_CLOSED" });
      expect((await healthy.request(echoApi, text(5))).text).toBe("2 t5");
      expect(errors.map((error) => (error as Error).message)).toEqual(
        expect.arrayContaining(["refused", expect.stringContaining("is larger than 10000")]),
      );
    });

    it("refuses a reply that is larger than the client's limit", async () => {
      const connection = await open(await start(), { maxFrameBytes: 1000 });
      await expect(connection.request(echoApi, text(2000))).rejects.toMatchObject({ code: "FLV_FRAME_TOO_LARGE" });
    });

    it("does not read further while unfinished calls hold too many bytes", async () => {
      const waiting: (() => void)[] = [];
      const calls: number[] = [];
      let called = () => {};
      const server = await start({
        maxUnfinishedBytes: 100_000,
        handle: async (header, body, connection) => {
          if (header.apiKey === echoApi.key) {
            calls.push(body.length);
            called();
            await new Promise<void>((resolve) => waiting.push(resolve));
          }
          await handle(header, body, connection);
        },
      });
      const connection = await open(server);
      const requests = Array.from({ length: 40 }, () => connection.request(echoApi, text(50_000)));
      let answered = 0;
      while (answered < 40) {
        while (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            called = resolve;
          });
        }
        // what one read of the socket held may come on top of the bound
        expect(waiting.length).toBeLessThanOrEqual(5);
        waiting.shift()?.();
        answered++;
      }
      expect(await Promise.all(requests)).toHaveLength(40);
    });

    it("bounds what a peer that does not read its replies makes the server keep", async () => {
      let sent = 0;
      let blocked = () => {};
      const isBlocked = new Promise<void>((resolve) => {
        blocked = resolve;
      });
      const server = await start({
        handle: async (header, body, connection) => {
          if (header.apiKey !== countApi.key) return handle(header, body, connection);
          const payload = new Uint8Array(100_000);
          for (let i = 0; i < 2000; i++) {
            const room = connection.send([...reply(countApi, header, { number: i }), payload]);
            sent++;
            const late = await Promise.race([room, new Promise((resolve) => setImmediate(resolve, "late"))]);
            if (late === "late") {
              blocked();
              expect(connection.isFlushed).toBe(false);
              await room;
              expect(connection.isFlushed).toBe(true);
            } else await room;
          }
        },
      });
      const connection = await open(server);
      const stream = connection.stream(countApi, { count: 0 });
      await isBlocked;
      expect(sent).toBeLessThan(1000);
      for (let i = 0; i < 2000; i++) expect((await stream.next()).value?.number).toBe(i);
      expect(sent).toBe(2000);
    });

    it("lets calls in flight finish when it is closed with time to drain", async () => {
      let finish = () => {};
      let called = () => {};
      const isCalled = new Promise<void>((resolve) => {
        called = resolve;
      });
      const server = await start({
        handle: async (header, body, connection) => {
          if (header.apiKey === echoApi.key) {
            called();
            await new Promise<void>((resolve) => {
              finish = resolve;
            });
          }
          await handle(header, body, connection);
        },
      });
      const connection = await open(server);
      const request = connection.request(echoApi, text(9));
      await isCalled;
      const closed = server.close(10_000);
      finish();
      expect((await request).text).toBe("2 t9");
      await closed;
      expect(server.connectionCount).toBe(0);
    });

    it("tells the server's calls when their connection is gone", async () => {
      let gone: AbortSignal | undefined;
      const server = await start({
        handle: (header, body, connection) => {
          gone = connection.signal;
          return handle(header, body, connection);
        },
      });
      const connection = await open(server);
      const aborted = new Promise((resolve) => gone?.addEventListener("abort", resolve));
      connection.close();
      await aborted;
      expect(gone?.aborted).toBe(true);
    });

    it("says which port is taken", async () => {
      const server = await start();
      await expect(start({ port: server.port })).rejects.toMatchObject({ code: "FLV_PORT_IN_USE" });
    });
  });
}
