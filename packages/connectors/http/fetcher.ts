import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { type AuthOptions, type Authorizer, authorizer } from "../shared/auth.ts";
import { type HttpAnswer, type HttpClient, has, headerText, httpClient, readBody } from "../shared/http-client.ts";

import type { TlsOptions } from "../shared/tls.ts";

/** One complete answer. */
export interface FetchedResponse extends Omit<HttpAnswer, "body" | "discard"> {
  /** Where it came from, redirects followed. */
  readonly url: URL;
  readonly body: Uint8Array;
}

/** An answer whose body, decompressed, is still to come. */
export interface OpenedResponse extends HttpAnswer {
  readonly url: URL;
}

export interface FetcherOptions {
  readonly method: "GET" | "POST" | "PUT" | "HEAD" | "DELETE";
  readonly headers: readonly Header[];
  readonly body: string | undefined;
  readonly auth: AuthOptions;
  readonly "user-agent": string;
  readonly "connect-timeout": number;
  readonly timeout: number;
  readonly tls: TlsOptions | undefined;
  readonly "max-response-size": number;
}

export type Header = readonly [name: string, value: string];

/** What differs from one request to the next. */
interface Asked {
  readonly url: URL;
  /** Besides those of every request. */
  readonly headers?: readonly Header[];
  /** Longest silence within the answer, in place of the time for the whole. */
  readonly idleTimeoutMs?: number;
}

/** Requests of one connector; the connection stays open between them. */
export interface HttpFetcher {
  /** One request, redirects followed, body complete. @throws network errors, timeouts, an answer too large */
  fetch(asked: Asked, signal: AbortSignal): Promise<FetchedResponse>;
  /** One request whose body is to be read piece by piece. @throws network errors, timeouts */
  open(asked: Asked, signal: AbortSignal): Promise<OpenedResponse>;
  close(): Promise<void>;
}

const REDIRECTS_MAX = 10;
const REDIRECTS = [301, 302, 303, 307, 308];
const UNAUTHORIZED = 401;
/** Not given to another server, whoever named it. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** What every request goes through. */
interface Sender {
  readonly options: FetcherOptions;
  readonly client: HttpClient;
  readonly auth: Authorizer;
}

export async function httpFetcher(options: FetcherOptions): Promise<HttpFetcher> {
  const client = await httpClient(options);
  const sender: Sender = { options, client, auth: authorizer(options.auth, client) };
  const open = (asked: Asked, signal: AbortSignal) => openAuthorized(sender, asked, signal);
  return {
    open,
    fetch: async (asked, signal) => {
      const { statusCode, headers, url, body } = await open(asked, signal);
      return { statusCode, headers, url, body: await readBody(body, options["max-response-size"]) };
    },
    close: () => client.close(),
  };
}

async function openAuthorized(sender: Sender, asked: Asked, signal: AbortSignal): Promise<OpenedResponse> {
  const first = await openRedirected(sender, asked, signal);
  if (first.statusCode !== UNAUTHORIZED || !sender.auth.renew()) return first;
  await first.discard();
  return await openRedirected(sender, asked, signal);
}

async function openRedirected(sender: Sender, asked: Asked, signal: AbortSignal): Promise<OpenedResponse> {
  const { options, client, auth } = sender;
  const own = [...requestHeaders(options), ...(asked.headers ?? [])];
  const secret = await auth.headers(signal);
  const { idleTimeoutMs } = asked;
  let { url } = asked;
  let method: string = options.method;
  for (let redirects = 0; ; redirects++) {
    const isOwnServer = url.origin === asked.url.origin;
    const headers = isOwnServer
      ? [...own, ...secret]
      : own.filter(([name]) => !CREDENTIALS.includes(name.toLowerCase()));
    const body = method === options.method ? options.body : undefined;
    const times = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
    const answer = await client.request({ url, method, headers, body, signal, ...times });
    const location = headerText(answer.headers, "location");
    if (!REDIRECTS.includes(answer.statusCode) || location === undefined) {
      return { ...answer, url, body: method === "HEAD" ? answer.body : decompressed(answer) };
    }
    await answer.discard();
    if (redirects >= REDIRECTS_MAX) throw new Error(`more than ${REDIRECTS_MAX} redirects`);
    url = new URL(location, url);
    const becomesGet = answer.statusCode === 303 ? method !== "HEAD" : answer.statusCode < 303 && method === "POST";
    if (becomesGet) method = "GET";
  }
}

function requestHeaders(options: FetcherOptions): Header[] {
  const own: Header[] = [];
  if (!has(options.headers, "user-agent")) own.push(["user-agent", options["user-agent"]]);
  if (!has(options.headers, "accept-encoding")) own.push(["accept-encoding", "gzip, deflate, br"]);
  return [...own, ...options.headers];
}

/** The body without the encodings that we ask for; one with another is left as it is. */
function decompressed({ headers, body }: HttpAnswer): Readable {
  const decoder = DECODERS[String(headers["content-encoding"] ?? "").toLowerCase()]?.();
  if (decoder === undefined) return body;
  // A body that breaks off ends the decoder with the body's error; the reader of the decoder gets it.
  pipeline(body, decoder, () => {});
  return decoder;
}
