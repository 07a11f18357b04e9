import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type AuthOptions, authorizer } from "./auth.ts";
import { type HttpAnswer, has, headerText, httpClient } from "./http-client.ts";
import type { TlsOptions } from "./tls.ts";

/** What the target said. */
export interface PosterReply {
  readonly statusCode: number;
  /** Text of a header; the first when it came several times. */
  header(name: string): string | undefined;
  /** The beginning of the body; of an answer with a status of success it is empty. */
  readonly excerpt: string;
}

type Header = readonly [name: string, value: string];

export interface PosterOptions {
  readonly method: string;
  readonly headers: readonly Header[];
  readonly auth: AuthOptions;
  readonly "user-agent": string;
  readonly "connect-timeout": number;
  readonly timeout: number;
  readonly tls?: TlsOptions | undefined;
  readonly compression: "none" | "gzip";
}

export interface HttpPoster {
  /** One request, with its whole answer. @throws network errors, timeouts */
  post(url: URL, contentType: string, body: Uint8Array | undefined, signal: AbortSignal): Promise<PosterReply>;
  close(): Promise<void>;
}

const EXCERPT_CHARS_MAX = 200;
/** More of an answer is not read: the connection is closed instead. */
const ANSWER_SIZE_BYTES_MAX = 64 * 1024;
const UNAUTHORIZED = 401;
const compressed = promisify(gzip);

/** A client of one target; the connection stays open between requests. */
export async function httpPoster(options: PosterOptions): Promise<HttpPoster> {
  const { method, compression } = options;
  const client = await httpClient(options);
  const auth = authorizer(options.auth, client);
  return {
    post: async (url, contentType, given, signal) => {
      const isCompressed = compression === "gzip" && given !== undefined;
      const body = isCompressed ? await compressed(given) : given;
      const own = requestHeaders(options, given === undefined ? undefined : contentType, isCompressed);
      const ask = async () => {
        const headers = [...own, ...(await auth.headers(signal))];
        return await client.request({ url, method, headers, body, signal });
      };
      let answer = await ask();
      if (answer.statusCode === UNAUTHORIZED && auth.renew()) {
        await answer.discard();
        answer = await ask();
      }
      return await replyOf(answer);
    },
    close: () => client.close(),
  };
}

async function replyOf(answer: HttpAnswer): Promise<PosterReply> {
  const { statusCode, headers } = answer;
  let excerpt = "";
  if (statusCode < 300) await answer.discard();
  else excerpt = await beginning(answer.body);
  return { statusCode, header: (name) => headerText(headers, name), excerpt };
}

function requestHeaders(options: PosterOptions, contentType: string | undefined, isCompressed: boolean): Header[] {
  const own: Header[] = [];
  if (!has(options.headers, "user-agent")) own.push(["user-agent", options["user-agent"]]);
  if (contentType !== undefined && !has(options.headers, "content-type")) own.push(["content-type", contentType]);
  if (isCompressed) own.push(["content-encoding", "gzip"]);
  return [...own, ...options.headers];
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
