import { readFile } from "node:fs/promises";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  wsconnect,
} from "@nats-io/transport-node";
import { field } from "fluvio/connector";
import { WebSocket } from "ws";
import type { Connection } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { loadTls, type TlsOptions, tlsFields } from "../shared/tls.ts";

/** What a source and a sink need to reach NATS. */
export const connectionFields = {
  url: field.parsed(
    "one or more URLs of servers, `nats://host:4222`, `tls://…`, or all `ws://…` or `wss://…`",
    parseServers,
    {
      doc: "servers, with commas between them: `nats://host:4222`, `tls://host:4222` or a bare host; `ws://host` or `wss://host` over WebSocket; may hold user and password, or a token",
      aliases: ["servers", "nats-url"],
      secret: "NATS_URL",
      isSecret: false,
      kind: "list of URLs",
    },
  ),
  user: field.optionalText({ doc: "user name, where the URL has none" }),
  password: field.optionalText({ doc: "password, where the URL has none", isSecret: true }),
  token: field.optionalText({ doc: "token, where the URL has none", isSecret: true }),
  nkey: field.optionalText({
    doc: "seed of an NKey, `SU…`, or the file that holds it",
    isSecret: true,
    absolute: (given, resolve) => (isSeed(given) ? given : resolve(given)),
  }),
  credentials: field.optionalText({
    doc: "credentials with JWT and seed: their text, or a `.creds` file",
    isSecret: true,
    absolute: (given, resolve) => (isCredentials(given) ? given : resolve(given)),
    aliases: ["creds"],
  }),
  timeout: field.duration({
    doc: "longest wait for the connection and for each answer of the server",
    default: "5s",
    minMs: 1,
  }),
  ...tlsFields,
};

export interface ServerOptions extends TlsOptions {
  readonly url: readonly URL[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly nkey: string | undefined;
  readonly credentials: string | undefined;
  readonly timeout: number;
}

const SCHEMES = ["nats:", "tls:"];
const WEB_SCHEMES = ["ws:", "wss:"];

/** A connection is made by TCP or by WebSocket: one list has servers of one of them. */
function parseServers(text: string): readonly URL[] | undefined {
  const urls = text.split(",").map((one) => new URL(one.includes("://") ? one.trim() : `nats://${one.trim()}`));
  const isOneOf = (schemes: readonly string[]) => urls.every(({ protocol }) => schemes.includes(protocol));
  const hasHosts = urls.every(({ host }) => host !== "");
  return hasHosts && (isOneOf(SCHEMES) || isOneOf(WEB_SCHEMES)) ? urls : undefined;
}

/** For messages. */
export function shownServers(servers: readonly URL[]): string {
  return servers.map((one) => `${one.protocol}//${one.host}`).join(",");
}

/** A server that does not answer is noticed after two of these. */
const PING_INTERVAL_MS = 2000;

/**
 * Connects once; nothing connects again by itself.
 * @throws why no server can be reached, or what it says against us
 */
export async function connectServers(options: ServerOptions, name: string): Promise<Connection<NatsConnection>> {
  const client = await open(options, {
    name,
    timeout: options.timeout,
    reconnect: false,
    maxReconnectAttempts: 0,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 1,
    noAsyncTraces: true,
    ...(await authentication(options)),
  });
  let problem: Error | undefined;
  void (async () => {
    for await (const status of client.status()) {
      if (status.type === "error") problem = status.error;
      if (status.type === "staleConnection") problem = new Error("the server does not answer");
    }
  })();
  const lost = client.closed().then((error) => {
    const why = error ?? problem;
    return new Error(why instanceof Error ? reasonOf(why) : "the connection was closed", { cause: why });
  });
  return { client, lost, close: () => client.close() };
}

async function open(options: ServerOptions, common: ConnectionOptions): Promise<NatsConnection> {
  const { url: servers } = options;
  const tls = await loadTls(options);
  if (servers.some(({ protocol }) => WEB_SCHEMES.includes(protocol))) return await openWeb(options, tls, common);
  const isSecure = servers.some(({ protocol }) => protocol === "tls:") || Object.keys(tls).length > 0;
  return await connect({ ...common, servers: servers.map(({ host }) => host), ...(isSecure ? { tls } : {}) });
}

async function openWeb(
  { url: servers, timeout }: ServerOptions,
  tls: Awaited<ReturnType<typeof loadTls>>,
  common: ConnectionOptions,
): Promise<NatsConnection> {
  let problem: Error | undefined;
  try {
    return await wsconnect({
      ...common,
      servers: servers.map(({ protocol, host, pathname }) => `${protocol}//${host}${pathname}`),
      // Node has a WebSocket of its own from 22 on, and that takes no certificates.
      wsFactory: async (url) => {
        const socket = new WebSocket(url, { ...tls, handshakeTimeout: timeout });
        socket.on("error", (error) => {
          problem = error;
        });
        return { socket: socket as unknown as globalThis.WebSocket, encrypted: url.startsWith("wss:") };
      },
    });
  } catch (error) {
    // The driver says no more than that the connection was refused.
    throw problem ?? error;
  }
}

function isSeed(given: string): boolean {
  return /^S[A-Z][A-Z2-7]{56}$/.test(given.trim());
}

function isCredentials(given: string): boolean {
  return given.includes("-----BEGIN");
}

async function authentication(options: ServerOptions): Promise<ConnectionOptions> {
  const encoder = new TextEncoder();
  if (options.credentials !== undefined) {
    const text = await contentOf("credentials", options.credentials, isCredentials(options.credentials));
    return { authenticator: credsAuthenticator(encoder.encode(text)) };
  }
  if (options.nkey !== undefined) {
    const seed = await contentOf("nkey", options.nkey, isSeed(options.nkey));
    return { authenticator: nkeyAuthenticator(encoder.encode(seed.trim())) };
  }
  const inUrl = options.url.find((one) => one.username !== "");
  const first = inUrl === undefined ? undefined : decodeURIComponent(inUrl.username);
  const second = inUrl === undefined || inUrl.password === "" ? undefined : decodeURIComponent(inUrl.password);
  const token = options.token ?? (second === undefined ? first : undefined);
  if (token !== undefined && options.user === undefined) return { token };
  const user = options.user ?? first;
  const pass = options.password ?? second;
  return user === undefined ? {} : { user, ...(pass === undefined ? {} : { pass }) };
}

async function contentOf(name: string, given: string, isContent: boolean): Promise<string> {
  if (isContent) return given;
  try {
    return await readFile(given, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    // What was given may be a secret that is written wrongly: it is not shown.
    throw new Error(`\`${name}\` is neither what it should be nor a file that can be read (${code})`);
  }
}
