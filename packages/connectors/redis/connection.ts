import { field } from "fluvio/connector";
import { Redis } from "ioredis";
import type { Connection } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { loadTls, type TlsOptions, tlsFields } from "../shared/tls.ts";

/** What a source and a sink need to reach Redis. */
export const connectionFields = {
  url: field.url(["redis", "rediss"], {
    doc: "server, `redis://host:6379/0` or `rediss://…` for TLS; may hold user, password and number of the database",
    aliases: ["redis-url"],
    secret: "REDIS_URL",
    isSecret: false,
    bareScheme: "redis",
  }),
  username: field.optionalText({ doc: "user name, where the URL has none" }),
  password: field.optionalText({ doc: "password, where the URL has none", isSecret: true }),
  timeout: field.duration({
    doc: "longest wait for the connection and for each answer of the server",
    default: "30s",
    minMs: 1,
  }),
  ...tlsFields,
};

export interface RedisOptions extends TlsOptions {
  readonly url: URL;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly timeout: number;
}

const PORT = 6379;
/** A lost connection must be noticed though nothing is read: by the system's own probes. */
const KEEPALIVE_MS = 5000;

/**
 * Connects once; nothing connects again by itself, and no command is sent twice.
 * @throws why the server cannot be reached, or what it says against us
 */
export async function connectRedis(options: RedisOptions, name: string): Promise<Connection<Redis>> {
  const { url, timeout } = options;
  const client = new Redis({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? PORT : Number(url.port),
    db: Number(url.pathname.slice(1) || "0"),
    ...credentials(options),
    ...(url.protocol === "rediss:" ? { tls: await loadTls(options) } : {}),
    connectionName: name,
    connectTimeout: Math.min(timeout, CONNECT_TIMEOUT_MS_MAX),
    commandTimeout: timeout,
    keepAlive: KEEPALIVE_MS,
    lazyConnect: true,
    protocol: 2,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
  });
  let problem: Error | undefined;
  client.on("error", (error) => {
    problem ??= error;
  });
  const lost = new Promise<Error>((resolve) => {
    client.once("end", () => {
      resolve(problem === undefined ? new Error("the connection was closed") : problem);
    });
  });
  const giveUp = setTimeout(() => client.disconnect(), CONNECT_TIMEOUT_MS_MAX);
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw new Error(reasonOf(problem ?? error), { cause: error });
  } finally {
    clearTimeout(giveUp);
  }
  return { client, lost, ping: () => client.ping(), close: async () => client.disconnect() };
}

/** A server that is to be reached answers sooner; one that is still loading its data is asked again. */
const CONNECT_TIMEOUT_MS_MAX = 4000;

function credentials({ url, username, password }: RedisOptions): { username?: string; password?: string } {
  const user = url.username === "" ? username : decodeURIComponent(url.username);
  const secret = url.password === "" ? password : decodeURIComponent(url.password);
  return { ...(user === undefined ? {} : { username: user }), ...(secret === undefined ? {} : { password: secret }) };
}

/** Server, port and database, for messages. */
export function shownRedis({ url }: { readonly url: URL }): string {
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
