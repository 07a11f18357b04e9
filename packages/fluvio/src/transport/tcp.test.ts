import { connect as connectSocket } from "node:net";
import { describe, expect, it } from "vitest";
import { connect } from "./tcp-client.ts";
import { serve } from "./tcp-server.ts";
import { transportConformance } from "./testing/conformance.ts";

transportConformance("TCP transport", { serve, connect });

describe("TCP server", () => {
  it("closes a connection that speaks something else, and goes on", async () => {
    const errors: unknown[] = [];
    const server = await serve({
      host: "127.0.0.1",
      port: 0,
      handle: () => {},
      onError: (error) => errors.push(error),
    });
    const socket = connectSocket(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    await server.close();
    expect(errors).toEqual([expect.objectContaining({ code: "FLV_FRAME_TOO_LARGE" })]);
  });

  it("reports a connection that ends in the middle of a frame", async () => {
    let report = (_error: unknown) => {};
    const reported = new Promise((resolve) => {
      report = resolve;
    });
    const server = await serve({ host: "127.0.0.1", port: 0, handle: () => {}, onError: (error) => report(error) });
    const socket = connectSocket(server.port, "127.0.0.1");
    socket.end(Uint8Array.of(0, 0, 0, 9, 1));
    expect(await reported).toMatchObject({ message: "connection closed in the middle of a frame" });
    await server.close();
  });
});

describe("TCP client", () => {
  it("gives up a handshake that is not answered", async () => {
    const server = await serve({ host: "127.0.0.1", port: 0, handle: () => {} });
    await expect(connect({ host: "127.0.0.1", port: server.port, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: "FLV_CONNECT",
      message: expect.stringContaining("within 50 ms"),
    });
    await expect(
      connect({ host: "127.0.0.1", port: server.port, signal: AbortSignal.abort(new Error("no more")) }),
    ).rejects.toThrow("no more");
    await server.close();
  });

  it("names a host that does not exist", async () => {
    await expect(connect({ host: "no-such-host.invalid", port: 1 })).rejects.toMatchObject({
      code: "FLV_CONNECT",
      message: expect.stringMatching(/^Socket io failed to lookup address .*no-such-host\.invalid:1$/),
      hint: expect.stringContaining("fluvio cluster start"),
    });
  });
});
