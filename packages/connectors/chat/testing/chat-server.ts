import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { freePort } from "../../../../tests/free-port.ts";
import { late } from "../../testing/late.ts";

interface Taken {
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

export type Contract = (body: Readonly<Record<string, unknown>>, response: ServerResponse, server: ChatServer) => void;

/**
 * Stands for a chat service, which tests cannot reach: it enforces what the service documents about its webhooks (what a
 * message is, how long it may be, how many may come) and answers as documented. It is not the service.
 */
export class ChatServer {
  #server: Server | undefined;
  #port = 0;
  readonly #contract: Contract;
  readonly taken: Taken[] = [];
  /** Statuses of all answers. */
  readonly statuses: number[] = [];
  /** Requests that are answered with this in place of the contract's answer. */
  readonly failures: ((response: ServerResponse) => void)[] = [];
  #waiting: (() => void)[] = [];

  constructor(contract: Contract) {
    this.#contract = contract;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/services/T0/B0/hunter2`;
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
      // who asked is gone
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Taken["body"];
    const failure = this.failures.shift();
    if (failure !== undefined) failure(response);
    else if (request.headers["content-type"] !== "application/json") response.writeHead(400).end("invalid_payload");
    else this.#contract(body, response, this);
    this.statuses.push(response.statusCode);
    if (response.statusCode < 300) this.taken.push({ url: request.url ?? "", body, atMs: performance.now() });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Looked at after every request. */
  async until(holds: () => boolean): Promise<void> {
    const tooLate = late(() => `only ${JSON.stringify([this.taken, this.statuses])}`);
    while (!holds()) await Promise.race([tooLate, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise((closed) => (server === undefined ? closed(undefined) : server.close(closed)));
  }
}

/**
 * Slack's incoming webhooks: JSON with a `text` that is not empty, "ok" as the answer, one message per interval (a second,
 * here less), else 429 with `Retry-After` in whole seconds.
 */
export function slack(intervalMs: number): Contract {
  return (body, response, { taken }) => {
    const { text } = body;
    const sinceMs = performance.now() - (taken.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < intervalMs) response.writeHead(429, { "retry-after": "1" }).end("rate_limited");
    else if (typeof text !== "string") response.writeHead(400).end("invalid_payload");
    else if (text === "") response.writeHead(400).end("no_text");
    else if (text.length > 40_000) response.writeHead(400).end("msg_too_long");
    else response.end("ok");
  };
}

/**
 * Discord's webhooks: `content` of 1 to 2000 characters, the message as the answer with `?wait=true`, a bucket of messages
 * per time whose state is in the headers, and 429 with `retry_after` in seconds.
 */
export function discord(limit: number, windowMs: number): Contract {
  let left = limit;
  let resetAtMs = 0;
  return ({ content }, response) => {
    const now = performance.now();
    if (now >= resetAtMs) {
      left = limit;
      resetAtMs = now + windowMs;
    }
    const resetAfterS = ((resetAtMs - now) / 1000).toFixed(3);
    if (left === 0) {
      const message = { message: "You are being rate limited.", retry_after: Number(resetAfterS), global: false };
      response.writeHead(429, { "x-ratelimit-scope": "user" }).end(JSON.stringify(message));
      return;
    }
    left--;
    response.setHeader("x-ratelimit-remaining", String(left)).setHeader("x-ratelimit-reset-after", resetAfterS);
    const length = typeof content === "string" ? content.length : 0;
    if (length === 0) response.writeHead(400).end('{"message": "Cannot send an empty message", "code": 50006}');
    else if (length > 2000) response.writeHead(400).end('{"content": ["Must be 2000 or fewer in length."]}');
    else response.end('{"id": "1"}');
  };
}
