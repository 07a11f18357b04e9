import { STATUS_CODES } from "node:http";
import { tryLater } from "fluvio/connector";
import { WebSocket } from "ws";
import { type AuthOptions, authorizer } from "../shared/auth.ts";
import { has, httpClient } from "../shared/http-client.ts";
import { pauseAsked } from "../shared/retry-after.ts";

type Header = readonly [name: string, value: string];

export interface SocketOptions {
  readonly endpoint: URL;
  readonly headers: readonly Header[];
  readonly auth: AuthOptions;
  readonly "user-agent": string;
  readonly subprotocols: readonly string[];
  readonly "connect-timeout": number;
  /** Time from one sign of life that is asked for to the next. */
  readonly "ping-interval": number;
  /** How long it may take. */
  readonly "ping-timeout": number;
  readonly "max-message-size": number;
}

type Heard = (data: Buffer, isBinary: boolean) => void;

/** Why a connection ended. */
export class SocketLost extends Error {
  /** Of the close frame (RFC 6455, §7.4); 1006 when there was none. */
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** A WebSocket that stands. */
export interface OpenSocket {
  readonly socket: WebSocket;
  /** Resolves when it is lost; never rejects. */
  readonly lost: Promise<SocketLost>;
  /** Asks for a sign of life. What was sent before has reached the other side when it comes. @throws when it is lost, or late */
  ping(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

const ABNORMAL = 1006;
const NO_STATUS = 1005;
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Connects.
 * @param heard called with each message, from the first on; the bytes are the callee's
 * @throws what kept the connection from standing
 */
export async function openSocket(
  options: SocketOptions,
  signal: AbortSignal,
  heard: Heard = () => {},
): Promise<OpenSocket> {
  const secret = await authHeaders(options, signal);
  const agent: readonly Header[] = has(options.headers, "user-agent") ? [] : [["user-agent", options["user-agent"]]];
  const socket = new WebSocket(options.endpoint, [...options.subprotocols], {
    headers: Object.fromEntries([...agent, ...options.headers, ...secret]),
    handshakeTimeout: options["connect-timeout"],
    maxPayload: options["max-message-size"],
  });
  // Also after the connection stands: the close that follows is what counts.
  let problem: Error | undefined;
  socket.on("error", (error) => {
    problem ??= error;
  });
  socket.on("message", (data, isBinary) => heard(data as Buffer, isBinary));
  const lost = new Promise<SocketLost>((resolve) => {
    socket.once("close", (code, reason) => resolve(lostBy(code, reason.toString(), problem)));
  });
  const end = () => socket.terminate();
  signal.addEventListener("abort", end, { once: true });
  try {
    await Promise.race([
      new Promise<void>((resolve, reject) => {
        socket.once("open", resolve);
        socket.once("unexpected-response", (request, response) => {
          request.destroy();
          const status = `${response.statusCode} ${STATUS_CODES[response.statusCode ?? 0] ?? ""}`.trim();
          reject(tryLater(`it answered ${status}`, pauseAsked(response.headers["retry-after"])));
        });
      }),
      lost.then((reason) => Promise.reject(reason)),
    ]);
  } catch (error) {
    socket.terminate();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
  const open = standing(socket, lost, options["ping-timeout"]);
  keepAlive(open, options);
  return open;
}

async function authHeaders(options: SocketOptions, signal: AbortSignal): Promise<readonly Header[]> {
  const client = httpClient({ "connect-timeout": options["connect-timeout"], timeout: options["connect-timeout"] });
  try {
    return await authorizer(options.auth, client).headers(signal);
  } finally {
    await client.close();
  }
}

function lostBy(code: number, reason: string, problem: Error | undefined): SocketLost {
  if (problem !== undefined) return new SocketLost(code, problem.message === "" ? String(problem) : problem.message);
  if (code === ABNORMAL) return new SocketLost(code, "the connection broke off");
  const number = code === NO_STATUS ? "" : ` (${code}${reason === "" ? "" : `: ${reason}`})`;
  return new SocketLost(code, `the other side closed the connection${number}`);
}

function standing(socket: WebSocket, lost: Promise<SocketLost>, pingTimeoutMs: number): OpenSocket {
  let pings = 0;
  return {
    socket,
    lost,
    ping: async (timeoutMs = pingTimeoutMs) => {
      const name = `${++pings}`;
      let onPong: (data: Buffer) => void = () => {};
      let timer: NodeJS.Timeout | undefined;
      try {
        await Promise.race([
          new Promise<void>((resolve, reject) => {
            onPong = (data) => {
              if (data.toString() === name) resolve();
            };
            socket.on("pong", onPong);
            timer = setTimeout(() => reject(new Error(`no answer for ${timeoutMs} ms`)), timeoutMs);
            socket.ping(name, undefined, (error?: Error | null) => {
              if (error) reject(error);
            });
          }),
          lost.then((reason) => Promise.reject(reason)),
        ]);
      } finally {
        clearTimeout(timer);
        socket.off("pong", onPong);
      }
    },
    close: async () => {
      socket.resume();
      socket.close(1000);
      const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      await lost;
      clearTimeout(timer);
    },
  };
}

/** Ends a connection on which nothing is heard any more. Nothing can be heard while it is held back. */
function keepAlive(open: OpenSocket, options: SocketOptions): void {
  const { socket, lost } = open;
  let isHeard = false;
  socket.on("message", () => {
    isHeard = true;
  });
  const timer = setInterval(() => {
    if (isHeard || socket.isPaused) {
      isHeard = false;
      return;
    }
    open.ping().catch((error: Error) => {
      if (isHeard || socket.isPaused || socket.readyState !== WebSocket.OPEN) return;
      socket.emit("error", error);
      socket.terminate();
    });
  }, options["ping-interval"]);
  timer.unref();
  lost.then(
    () => clearInterval(timer),
    () => {},
  );
}
