import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { freePort } from "../../../../tests/free-port.ts";
import { late } from "../../testing/late.ts";

/** One request as the target saw it. */
export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly bytes: Buffer;
}
export type Answer = (response: ServerResponse, body: string, request: IncomingMessage) => void;

export const ok: Answer = (response) => response.end();
export const status =
  (code: number, text = "", headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(text);

/** A real HTTP server that keeps what it takes and answers as it is told. */
export class Target {
  #server: Server | undefined;
  #port = 0;
  readonly seen: Seen[] = [];
  /** Bodies that were answered with success, in order. */
  readonly taken: string[] = [];
  /** Decides by the body. */
  answer: (body: string) => Answer = () => ok;
  #waiting: (() => void)[] = [];

  get url(): string {
    return `http://127.0.0.1:${this.#port}/in`;
  }

  /** Again after {@link close}: at the same address. */
  async listen(): Promise<void> {
    // one that nobody is given while it is closed
    if (this.#port === 0) this.#port = await freePort();
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((listening) => server.listen(this.#port, "127.0.0.1", listening));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const bytes = Buffer.concat(chunks);
    const body = bytes.toString();
    this.seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body, bytes });
    response.once("finish", () => {
      if (response.statusCode < 300) this.taken.push(body);
      this.#wake();
    });
    this.answer(body)(response, body, request);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves when the condition holds; it is looked at after every request. */
  async until(holds: () => boolean): Promise<void> {
    const tooLate = late(() => `the target took ${JSON.stringify(this.taken)}`);
    while (!holds()) await Promise.race([tooLate, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}
