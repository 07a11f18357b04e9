import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { type WebSocket, WebSocketServer } from "ws";
import { freePort } from "../../../../tests/free-port.ts";
import { late } from "../../testing/late.ts";

interface Message {
  readonly text: string;
  readonly isBinary: boolean;
}

/** A real WebSocket server that keeps what it gets and does as it is told. */
export class WsServer {
  readonly #tls: ServerOptions | undefined;
  #http: Server | undefined;
  #port = 0;
  #waiting: (() => void)[] = [];
  readonly #sockets = new Set<WebSocket>();
  readonly requests: IncomingMessage[] = [];
  readonly messages: Message[] = [];
  onConnection: (socket: WebSocket) => void = () => {};
  onMessage: (message: string, socket: WebSocket) => void = () => {};
  /** Status of opening requests in place of a connection. */
  refusal: number | undefined;
  autoPong = true;

  /** @param tls of a server that speaks `wss` */
  constructor(tls?: ServerOptions) {
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls === undefined ? "ws" : "wss"}://127.0.0.1:${this.#port}/feed`;
  }

  get texts(): string[] {
    return this.messages.map(({ text }) => text);
  }

  /** Again after {@link close}: at the same address. */
  async listen(): Promise<void> {
    // one that nobody is given while it is closed
    if (this.#port === 0) this.#port = await freePort();
    const http = this.#tls === undefined ? createServer() : createTlsServer(this.#tls);
    this.#http = http;
    const server = new WebSocketServer({ noServer: true, autoPong: this.autoPong });
    http.on("upgrade", (request, socket, head) => {
      this.requests.push(request);
      this.#wake();
      if (this.refusal !== undefined) {
        // who is refused may hang up before it has read all of it
        socket.on("error", () => {});
        socket.end(`HTTP/1.1 ${this.refusal} No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      server.handleUpgrade(request, socket, head, (client) => this.#connected(client));
    });
    await new Promise<void>((listening) => http.listen(this.#port, "127.0.0.1", listening));
  }

  #connected(socket: WebSocket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("message", (data: Buffer, isBinary) => {
      this.messages.push({ text: data.toString(isBinary ? "hex" : "utf8"), isBinary });
      this.onMessage(data.toString(), socket);
      this.#wake();
    });
    this.onConnection(socket);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Looked at after every request and message. */
  async until(holds: () => boolean): Promise<void> {
    const tooLate = late(() => `only ${JSON.stringify(this.messages)}`);
    while (!holds()) await Promise.race([tooLate, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
  }

  /** Breaks every connection off. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async close(): Promise<void> {
    const http = this.#http;
    this.#http = undefined;
    if (http === undefined) return;
    this.cut();
    http.closeAllConnections();
    await new Promise((closed) => http.close(closed));
  }
}
