import { Agent, request } from "undici";

/** What the target said. */
export interface PosterReply {
  readonly statusCode: number;
  /** Text of the `Retry-After` header. */
  readonly retryAfter: string | undefined;
  /** Text of the `Location` header. */
  readonly location: string | undefined;
  /** The beginning of the body, when the status is not one of success. */
  readonly excerpt: string;
}

export interface PosterOptions {
  readonly endpoint: URL;
  readonly method: "POST" | "PUT" | "PATCH";
  readonly headers: readonly (readonly [string, string])[];
  readonly "content-type": string;
  readonly "user-agent": string;
  readonly "connect-timeout": number;
  readonly timeout: number;
}

export interface HttpPoster {
  /** One request, with its whole answer. @throws network errors, timeouts */
  post(body: Uint8Array, signal: AbortSignal): Promise<PosterReply>;
  close(): Promise<void>;
}

const EXCERPT_CHARS_MAX = 200;
/** More of an answer is not read: the connection is closed instead. */
const ANSWER_SIZE_BYTES_MAX = 64 * 1024;

/** A client for one endpoint; the connection stays open between requests. */
export function httpPoster(options: PosterOptions): HttpPoster {
  const agent = new Agent({
    connections: 1,
    connect: { timeout: options["connect-timeout"] },
    headersTimeout: options.timeout,
    bodyTimeout: options.timeout,
  });
  const headers = requestHeaders(options);
  return {
    post: async (body, signal) => {
      const {
        statusCode,
        headers: answered,
        body: answer,
      } = await request(options.endpoint, {
        dispatcher: agent,
        method: options.method,
        headers,
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeout)]),
      });
      let excerpt = "";
      if (statusCode < 300) await answer.dump({ limit: ANSWER_SIZE_BYTES_MAX });
      else excerpt = await beginning(answer);
      return {
        statusCode,
        retryAfter: headerText(answered["retry-after"]),
        location: headerText(answered.location),
        excerpt,
      };
    },
    close: () => agent.destroy(),
  };
}

function requestHeaders(options: PosterOptions): string[] {
  const given = options.headers.map(([name]) => name.toLowerCase());
  const own: [string, string][] = [];
  if (!given.includes("user-agent")) own.push(["user-agent", options["user-agent"]]);
  if (!given.includes("content-type")) own.push(["content-type", options["content-type"]]);
  return [...own, ...options.headers].flat();
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** The first characters, for the log; the rest of an ordinary answer is read, so that the connection can be used again. */
async function beginning(answer: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of answer) {
    if (sizeBytes < EXCERPT_CHARS_MAX * 4) chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > ANSWER_SIZE_BYTES_MAX) break;
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks)).replaceAll(/\s+/g, " ").trim();
  return text.length <= EXCERPT_CHARS_MAX ? text : `${text.slice(0, EXCERPT_CHARS_MAX)}…`;
}
