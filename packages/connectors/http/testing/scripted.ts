import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach } from "vitest";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server for each test, which answers as it is told. */
export interface Scripted {
  readonly url: string;
  /** Requests so far. */
  readonly seen: readonly IncomingMessage[];
  answer: Answer;
  readonly server: Server;
}

export function useServer(): Scripted {
  const state: { server?: Server; url: string; seen: IncomingMessage[]; answer: Answer } = {
    url: "",
    seen: [],
    answer: (_, response) => response.end("hello"),
  };
  beforeEach(async () => {
    state.seen = [];
    const server = createServer((request, response) => {
      state.seen.push(request);
      state.answer(request, response);
    });
    state.server = server;
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    state.server?.closeAllConnections();
    await new Promise((closed) => state.server?.close(closed));
  });
  return {
    get url() {
      return state.url;
    },
    get seen() {
      return state.seen;
    },
    get server() {
      return state.server as Server;
    },
    get answer() {
      return state.answer;
    },
    set answer(answer) {
      state.answer = answer;
    },
  };
}
