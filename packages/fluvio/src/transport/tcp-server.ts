import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { flvError } from "../protocol/index.ts";
import { ConnectionSet } from "./server-connection.ts";
import { KEEP_ALIVE_MS } from "./tcp-client.ts";
import type { FrameServer, ServeOptions } from "./types.ts";

const TLS_HANDSHAKE_MS_MAX = 10_000;
const BACKLOG = 511;

/**
 * Accepts TCP connections, with `tls` encrypted ones.
 * @throws FLV_PORT_IN_USE | FLV_ARGUMENT (host or port not usable) | FLV_TLS (certificate or key not usable)
 */
export async function serve(options: ServeOptions): Promise<FrameServer> {
  const connections = new ConnectionSet(options);
  const accept = (socket: Socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    connections.add(socket, `${socket.remoteAddress}:${socket.remotePort}`);
  };
  const server = options.tls === undefined ? createServer(accept) : createEncrypted(options.tls, accept);
  const port = await listen(server, options);
  let closing: Promise<void> | undefined;
  const close = (drainMs = 0): Promise<void> => {
    closing ??= (async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      await connections.close(drainMs);
      await stopped;
    })();
    return closing;
  };
  return {
    port,
    get connectionCount() {
      return connections.size;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function createEncrypted(tls: NonNullable<ServeOptions["tls"]>, accept: (socket: Socket) => void): Server {
  try {
    return createTlsServer(
      {
        cert: tls.cert,
        key: tls.key,
        ...(tls.caCert === undefined ? {} : { ca: tls.caCert }),
        requestCert: tls.requireClientCert === true,
        rejectUnauthorized: tls.requireClientCert === true,
        handshakeTimeout: TLS_HANDSHAKE_MS_MAX,
      },
      accept,
    );
  } catch (cause) {
    throw flvError("FLV_TLS", `server certificate or key cannot be used: ${(cause as Error).message}`, {
      cause,
      hint: "give PEM files of a certificate and its private key",
    });
  }
}

function listen(server: Server, options: ServeOptions): Promise<number> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EADDRINUSE") {
        reject(
          flvError("FLV_PORT_IN_USE", `port ${port} on ${host} is in use`, {
            cause,
            details: { host, port },
            hint: `stop the process that listens there (see it with: lsof -i :${port}), or choose another port`,
          }),
        );
      } else {
        reject(
          flvError("FLV_ARGUMENT", `cannot listen on ${host}:${port}: ${cause.message}`, {
            cause,
            details: { host, port },
            hint: "choose an address of this machine and a port that you may open",
          }),
        );
      }
    });
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
