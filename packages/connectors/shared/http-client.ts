import type { Readable } from "node:stream";
import { Agent, request } from "undici";
import { loadTls, type TlsOptions } from "./tls.ts";

type Header = readonly [name: string, value: string];

/** An answer whose body is still to come: read it to its end, or destroy it. */
export interface HttpAnswer {
  readonly statusCode: number;
  /** Lower-case names; a header that came several times has a list. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Readable;
  /** Reads the rest of an ordinary body, so that the connection can be used again; of a long one it is closed. */
  discard(): Promise<void>;
}

interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly Header[];
  readonly body?: Uint8Array | string | undefined;
  readonly signal: AbortSignal;
  /** Longest silence within the answer, milliseconds, in place of the time for the whole; 0: none. */
  readonly idleTimeoutMs?: number;
}

export interface HttpClientOptions {
  readonly "connect-timeout": number;
  /** Longest time for one request, answer included. */
  readonly timeout: number;
  readonly tls?: TlsOptions | undefined;
}

export interface HttpClient {
  /** One request, redirects not followed. @throws network errors, timeouts */
  request(asked: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

const DISCARD_SIZE_BYTES_MAX = 64 * 1024;

/** A client of one system; its connection stays open between requests. @throws when a file of `tls` cannot be read */
export async function httpClient(options: HttpClientOptions): Promise<HttpClient> {
  const agent = new Agent({
    connections: 1,
    connect: { timeout: options["connect-timeout"], ...(await loadTls(options.tls)) },
    headersTimeout: options.timeout,
  });
  return {
    request: async ({ url, method, headers, body, signal, idleTimeoutMs }) => {
      const { user, bare } = withoutUser(url);
      const {
        statusCode,
        headers: answered,
        body: answer,
      } = await request(bare, {
        dispatcher: agent,
        method: method as "GET",
        headers: [...user.filter(([name]) => !has(headers, name)), ...headers].flat(),
        body: body ?? null,
        bodyTimeout: idleTimeoutMs ?? options.timeout,
        signal: idleTimeoutMs === undefined ? AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]) : signal,
      });
      const present = Object.entries(answered).filter(
        (pair): pair is [string, string | string[]] => pair[1] !== undefined,
      );
      return {
        statusCode,
        headers: Object.fromEntries(present),
        body: answer,
        discard: () => answer.dump({ limit: DISCARD_SIZE_BYTES_MAX }),
      };
    },
    close: () => agent.destroy(),
  };
}

/** Whether a header is among those given, whatever its case. */
export function has(headers: readonly Header[], name: string): boolean {
  return headers.some(([one]) => one.toLowerCase() === name);
}

/** The header's text; the first when it came several times. */
export function headerText(headers: HttpAnswer["headers"], name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** User and password of a URL become a header, as browsers do it. */
function withoutUser(url: URL): { readonly user: readonly Header[]; readonly bare: URL } {
  if (url.username === "" && url.password === "") return { user: [], bare: url };
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { user: [["authorization", `Basic ${Buffer.from(pair).toString("base64")}`]], bare };
}

/** The whole of a body. @throws when it is larger */
export async function readBody(body: AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > sizeBytesMax) {
      throw new Error(`the answer is larger than max-response-size (${sizeBytesMax} bytes)`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
