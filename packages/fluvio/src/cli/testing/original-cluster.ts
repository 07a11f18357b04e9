import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";

const LENGTH_BYTES = 4;
/** APIs of our own; a cluster of the original closes the connection at them. */
const EXTENSION_KEY_MIN = 30_000;

/** Stands before a cluster and hangs up at requests that a cluster of the original does not know. */
export class OriginalCluster implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param scPort of the cluster behind */
  static async start(scPort: number): Promise<OriginalCluster> {
    const server = createServer();
    const original = new OriginalCluster(server);
    server.on("connection", (client) => original.#join(client, tcpConnect(scPort, "127.0.0.1")));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return original;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  #join(client: Socket, behind: Socket): void {
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    behind.pipe(client);
    let waiting = Buffer.alloc(0);
    client.on("data", (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= LENGTH_BYTES + 2 && waiting.length >= LENGTH_BYTES + waiting.readInt32BE(0)) {
        if (waiting.readInt16BE(LENGTH_BYTES) >= EXTENSION_KEY_MIN) {
          client.destroy();
          return;
        }
        const frameBytes = LENGTH_BYTES + waiting.readInt32BE(0);
        behind.write(waiting.subarray(0, frameBytes));
        waiting = waiting.subarray(frameBytes);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }
}
