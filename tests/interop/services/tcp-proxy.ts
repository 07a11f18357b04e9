import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Stands between a connector and a system, to cut connections where a test wants it. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What a client must send for its connection to be cut, once the system has it and before it can answer. */
  #trap: { readonly text: string; sprung(): void } | undefined;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const target = connect({ port: targetPort, host: "127.0.0.1" });
      for (const socket of [client, target]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          target.destroy();
        });
      }
      target.pipe(client);
      let before = "";
      client.on("data", (chunk: Buffer) => {
        const trap = this.#trap;
        // the text may come in two pieces
        const sent = before + chunk.toString("latin1");
        if (trap === undefined || !sent.includes(trap.text)) {
          before = trap === undefined ? "" : sent.slice(-trap.text.length);
          target.write(chunk);
          return;
        }
        this.#trap = undefined;
        client.destroy();
        target.unpipe(client);
        target.end(chunk);
        trap.sprung();
      });
    });
  }

  static async to(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections stay, nothing comes through. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  /** Resolves when a client has sent the text: the system gets it, the client never hears of it. */
  cutAfter(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#trap = { text, sprung: resolve };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
