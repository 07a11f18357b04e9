import { STATUS_CODES } from "node:http";
import { tryLater } from "fluvio/connector";
import { WebSocket } from "ws";
import { type AuthOptions, authorizer } from "../shared/auth.ts";
import { has, httpClient } from "../shared/http-client.ts";
import { pauseAsked } from "../shared/retry-after.ts";
import { shownEndpoint } from "../shared/shown.ts";
import { loadTls, type TlsOptions } from "../shared/tls.ts";

type Header = readonly [name: string, value: string];

export interface SocketOptions {
  readonly endpoint: URL;
  readonly headers: readonly Header[];
  readonly auth: AuthOptions;
  readonly tls: TlsOptions | undefined;
  readonly "user-agent": string;
  readonly subprotocols: readonly string[];
  readonly "connect-timeout": number;
  /** Time from one sign of life that is asked for to the next. */
  readonly "ping-interval": number;
  /** How long there may be none before the connection is given up. */
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
 * @param trouble told when nothing is heard for a while, and when something is again
 * @throws what kept the connection from standing
 */
export async function openSocket(
  options: SocketOptions,
  signal: AbortSignal,
  heard: Heard = () => {},
  trouble: (reason: string) => void = () => {},
): Promise<OpenSocket> {
  const secret = await authHeaders(options, signal);
  const agent: readonly Header[] = has(options.headers, "user-agent") ? [] : [["user-agent", options["user-agent"]]];
  const socket = new WebSocket(options.endpoint, [...options.subprotocols], {
    headers: Object.fromEntries([...agent, ...options.headers, ...secret]),
    handshakeTimeout: options["connect-timeout"],
    maxPayload: options["max-message-size"],
    ...(await loadTls(options.tls)),
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
  keepAlive(open, options, trouble);
  return open;
}

async function authHeaders(options: SocketOptions, signal: AbortSignal): Promise<readonly Header[]> {
  const timeout = options["connect-timeout"];
  const client = await httpClient({ "connect-timeout": timeout, timeout, tls: options.tls });
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

/** Silence that is told by the state, milliseconds beyond the time from one ping to the next. */
const SILENCE_MS = 1500;

/** Tells and then ends a connection on which nothing is heard any more. Nothing can be heard while it is held back. */
function keepAlive({ socket, lost }: OpenSocket, options: SocketOptions, trouble: (reason: string) => void): void {
  const { "ping-interval": intervalMs, "ping-timeout": timeoutMs } = options;
  let heardAtMs = performance.now();
  let isTold = false;
  const heard = () => {
    heardAtMs = performance.now();
    if (isTold) trouble("");
    isTold = false;
  };
  for (const sign of ["message", "ping", "pong"]) socket.on(sign, heard);
  const periodMs = Math.min(intervalMs, timeoutMs);
  let lookedAtMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    // While this process itself stood still it heard nothing either.
    const stoodStillMs = Math.max(nowMs - lookedAtMs - periodMs, 0);
    lookedAtMs = nowMs;
    heardAtMs = socket.isPaused ? nowMs : Math.min(heardAtMs + stoodStillMs, nowMs);
    const silentMs = Math.round(nowMs - heardAtMs);
    if (silentMs >= intervalMs + timeoutMs) {
      socket.emit("error", new Error(`nothing was heard for ${silentMs} ms`));
      socket.terminate();
      return;
    }
    if (silentMs >= intervalMs + SILENCE_MS) {
      isTold = true;
      trouble(`nothing is heard from ${shownEndpoint(options.endpoint)}`);
    }
    if (silentMs >= intervalMs / 2 && socket.readyState === WebSocket.OPEN) socket.ping();
  };
  const timer = setInterval(look, periodMs);
  timer.unref();
  const stop = () => clearInterval(timer);
  lost.then(stop, stop);
}
