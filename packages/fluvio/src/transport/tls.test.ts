import { describe, expect, it } from "vitest";
import { connect } from "./tcp-client.ts";
import { serve } from "./tcp-server.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "./testing/certificates.ts";
import { transportConformance } from "./testing/conformance.ts";
import type { TlsOptions } from "./types.ts";

const server = { cert: SERVER_CERT, key: SERVER_KEY, caCert: CA_CERT, requireClientCert: true };
const verified: TlsOptions = {
  policy: "verified",
  domain: "fluvio.local",
  caCert: CA_CERT,
  cert: CLIENT_CERT,
  key: CLIENT_KEY,
};

transportConformance("TLS transport", { serve, connect }, { server, client: verified });

describe("TLS", () => {
  /** A server that hangs up at the first frame: getting as far as the handshake of the protocol shows that TLS is up. */
  const withServer = async (tls: typeof server, use: (port: number) => Promise<void>) => {
    const listening = await serve({ host: "127.0.0.1", port: 0, tls, handle: (_, __, peer) => peer.close() });
    try {
      await use(listening.port);
    } finally {
      await listening.close();
    }
  };
  const TLS_IS_UP = { code: "FLV_CONNECTION_CLOSED" };

  it("accepts the name of an SPU below the domain and refuses another", async () => {
    await withServer(server, async (port) => {
      const attempt = (serverName: string) => connect({ host: "127.0.0.1", port, tls: verified, serverName });
      await expect(attempt("custom-spu-5001.fluvio.local")).rejects.toMatchObject(TLS_IS_UP);
      await expect(attempt("elsewhere.example")).rejects.toMatchObject({
        code: "FLV_TLS",
        message: expect.stringContaining("TLS handshake with 127.0.0.1:"),
      });
    });
  });

  it("refuses a server that the CA did not sign, unless anonymous", async () => {
    await withServer({ ...server, requireClientCert: false }, async (port) => {
      const otherCa: TlsOptions = { ...verified, caCert: CLIENT_CERT };
      await expect(connect({ host: "127.0.0.1", port, tls: otherCa })).rejects.toMatchObject({ code: "FLV_TLS" });
      const anonymous = connect({ host: "127.0.0.1", port, tls: { policy: "anonymous" } });
      await expect(anonymous).rejects.toMatchObject(TLS_IS_UP);
    });
  });

  it("closes a connection without client certificate where one is required", async () => {
    await withServer(server, async (port) => {
      await expect(connect({ host: "127.0.0.1", port, tls: { policy: "anonymous" } })).rejects.toMatchObject({
        code: expect.stringMatching(/^FLV_(TLS|CONNECTION_CLOSED)$/),
      });
    });
  });

  it("refuses a key that is none", async () => {
    await expect(
      serve({ host: "127.0.0.1", port: 0, tls: { cert: "x", key: "y" }, handle: () => {} }),
    ).rejects.toMatchObject({ code: "FLV_TLS" });
  });
});
