import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { Agent, interceptors, request } from "undici";

/** One complete answer. */
export interface FetchedResponse {
  readonly statusCode: number;
  /** Lower-case names; a header that came several times has a list. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array;
}

export interface FetcherOptions {
  readonly endpoint: URL;
  readonly method: "GET" | "POST" | "PUT" | "HEAD" | "DELETE";
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
  readonly "user-agent": string;
  readonly "connect-timeout": number;
  readonly timeout: number;
  readonly "max-response-size": number;
}

export interface HttpFetcher {
  /** One request, redirects followed, body decompressed and complete. @throws network errors, timeouts, an answer too large */
  fetch(signal: AbortSignal): Promise<FetchedResponse>;
  close(): Promise<void>;
}

const REDIRECTS_MAX = 10;
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** A client for one endpoint; the connection stays open between requests. */
export function httpFetcher(options: FetcherOptions): HttpFetcher {
  const agent = new Agent({
    connections: 1,
    connect: { timeout: options["connect-timeout"] },
    headersTimeout: options.timeout,
    bodyTimeout: options.timeout,
  });
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: REDIRECTS_MAX }));
  return {
    fetch: async (signal) => {
      const { statusCode, headers, body } = await request(options.endpoint, {
        dispatcher,
        method: options.method,
        headers: requestHeaders(options),
        body: options.body ?? null,
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]),
      });
      const decoded = options.method === "HEAD" ? body : decompressed(body, headers["content-encoding"]);
      return {
        statusCode,
        headers: plainHeaders(headers),
        body: await readBody(decoded, options["max-response-size"]),
      };
    },
    close: () => agent.destroy(),
  };
}

function requestHeaders(options: FetcherOptions): string[] {
  const given = options.headers.map(([name]) => name.toLowerCase());
  const own: [string, string][] = [];
  if (!given.includes("user-agent")) own.push(["user-agent", options["user-agent"]]);
  if (!given.includes("accept-encoding")) own.push(["accept-encoding", "gzip, deflate, br"]);
  return [...own, ...options.headers].flat();
}

function plainHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): FetchedResponse["headers"] {
  return Object.fromEntries(
    Object.entries(headers).filter((pair): pair is [string, string | string[]] => pair[1] !== undefined),
  );
}

/** The body without the encodings that we ask for; one with another is left as it is. */
function decompressed(body: Readable, encoding: string | string[] | undefined): AsyncIterable<Uint8Array> {
  const decoder = DECODERS[String(encoding ?? "").toLowerCase()]?.();
  if (decoder === undefined) return body;
  // A body that breaks off ends the decoder with the body's error; the reader of the decoder gets it.
  pipeline(body, decoder, () => {});
  return decoder;
}

async function readBody(body: AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<Uint8Array> {
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
