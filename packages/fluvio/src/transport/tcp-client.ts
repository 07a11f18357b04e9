import { isIP, connect as netConnect, type Socket } from "node:net";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import { type FluvioError, flvError } from "../protocol/index.ts";
import { openConnection } from "./client-connection.ts";
import type { Connection, ConnectOptions, TlsOptions } from "./types.ts";

const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
/** The protocol has no ping: a peer that vanished without a word is noticed by the system's probes. */
export const KEEP_ALIVE_MS = 30_000;

/** What the operating system calls these failures; tools match on the number. */
const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Connection refused (os error 111)",
  ECONNRESET: "Connection reset by peer (os error 104)",
  ETIMEDOUT: "Connection timed out (os error 110)",
  EHOSTUNREACH: "No route to host (os error 113)",
  ENETUNREACH: "Network is unreachable (os error 101)",
  ENOTFOUND: "failed to lookup address information: Name or service not known",
  EAI_AGAIN: "failed to lookup address information: Temporary failure in name resolution",
};

/**
 * Connects over TCP, with `tls` encrypted, and performs the ApiVersions handshake.
 * @throws FLV_CONNECT | FLV_TLS | FLV_TIMEOUT | FLV_DECODE (the peer speaks something else)
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const deadline = AbortSignal.timeout(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  try {
    const socket = await openSocket(options, signal);
    return await openConnection(socket, { ...options, signal });
  } catch (error) {
    if (error === deadline.reason) throw timedOut(options);
    throw error;
  }
}

function openSocket(options: ConnectOptions, signal: AbortSignal): Promise<Socket> {
  const { host, port } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const encrypted = options.tls !== undefined && options.tls.policy !== "disabled";
    const socket = encrypted
      ? tlsConnect({ host, port, ...tlsSettings(options) })
      : netConnect({ host, port, noDelay: true });
    const settle = () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
    };
    const fail = (error: unknown) => {
      settle();
      // an error after the failure that was reported has nobody to go to
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    const onError = (cause: NodeJS.ErrnoException) => fail(connectError(options, cause, encrypted));
    const onClose = () => fail(connectError(options, new Error("connection closed by the peer"), encrypted));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once(encrypted ? "secureConnect" : "connect", () => {
      settle();
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      resolve(socket);
    });
  });
}

function tlsSettings(options: ConnectOptions): ConnectionOptions {
  const tls = options.tls as Exclude<TlsOptions, { policy: "disabled" }>;
  if (tls.policy === "anonymous") {
    return { rejectUnauthorized: false, ...(isIP(options.host) === 0 ? { servername: options.host } : {}) };
  }
  return {
    ca: tls.caCert,
    cert: tls.cert,
    key: tls.key,
    servername: options.serverName ?? tls.domain,
    rejectUnauthorized: true,
  };
}

function connectError(options: ConnectOptions, cause: NodeJS.ErrnoException, encrypted: boolean): FluvioError {
  const { host, port } = options;
  const words = cause.code === undefined ? undefined : SOCKET_ERRORS[cause.code];
  if (words === undefined && encrypted) {
    return flvError("FLV_TLS", `TLS handshake with ${host}:${port} failed: ${cause.message}`, {
      cause,
      details: { host, port },
      hint: "check domain, certificates and TLS policy of the profile: `fluvio profile list`",
    });
  }
  return flvError("FLV_CONNECT", `Socket io ${words ?? cause.message}, can't connect to ${host}:${port}`, {
    cause,
    details: { host, port },
    hint: "start a cluster with `fluvio cluster start`, or choose another one with `fluvio profile switch`",
    retriable: true,
  });
}

function timedOut(options: ConnectOptions): FluvioError {
  const { host, port } = options;
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
  return flvError(
    "FLV_CONNECT",
    `Socket io Connection timed out (os error 110), can't connect to ${host}:${port} within ${timeoutMs} ms`,
    {
      details: { host, port, timeoutMs },
      hint: "check address and port, and that no firewall is in the way",
      retriable: true,
    },
  );
}
