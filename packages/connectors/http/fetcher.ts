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

/** A client for one endpoint; the connection stays open between requests. */
export function httpFetcher(options: FetcherOptions): HttpFetcher {
  const agent = new Agent({
    connections: 1,
    connect: { timeout: options["connect-timeout"] },
    headersTimeout: options.timeout,
    bodyTimeout: options.timeout,
  });
  const dispatcher = agent.compose(
    interceptors.redirect({ maxRedirections: REDIRECTS_MAX }),
    interceptors.decompress({ skipErrorResponses: false }),
  );
  return {
    fetch: async (signal) => {
      const { statusCode, headers, body } = await request(options.endpoint, {
        dispatcher,
        method: options.method,
        headers: requestHeaders(options),
        body: options.body ?? null,
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]),
      });
      return { statusCode, headers: plainHeaders(headers), body: await readBody(body, options["max-response-size"]) };
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
