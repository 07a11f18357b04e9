import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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

  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((listening) => server.listen(this.#port, "127.0.0.1", listening));
    this.#port = (server.address() as AddressInfo).port;
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
  async until(holds: () => boolean, deadlineMs = 15_000): Promise<void> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const late = new Promise<never>((_, reject) => {
      const tell = () => reject(new Error(`the target took ${JSON.stringify(this.taken)}`));
      deadline.addEventListener("abort", tell, { once: true });
    });
    late.catch(() => {});
    while (!holds()) await Promise.race([late, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}
