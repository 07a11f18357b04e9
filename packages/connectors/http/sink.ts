import { defineSink, field, recordsRefused, type SinkGroup, tryLater } from "fluvio/connector";
import { z } from "zod";
import { batchBody, CONTENT_TYPES } from "./body.ts";
import { type HttpPoster, httpPoster, type PosterReply } from "./poster.ts";

const config = z.object({
  endpoint: field.httpUrl({ doc: "URL that records are sent to" }),
  method: field.oneOf(["POST", "PUT", "PATCH"], { doc: "HTTP method", default: "POST" }),
  headers: field.pairs({ doc: "request headers, `Name: value`", aliases: ["header"] }),
  "content-type": field.optionalText({
    doc: "value of the Content-Type header; by default `text/html`, of batches `application/x-ndjson` or `application/json`",
  }),
  "user-agent": field.text({ doc: "value of the User-Agent header", default: "fluvio/http-sink 0.2.2" }),
  batch: field.map(
    {
      size: field.integer({ doc: "records in one request at most", default: "100", min: 1, max: 100_000 }),
      "size-bytes": field.byteSize({ doc: "keys and values in one request at most", default: "1MB" }),
      linger: field.duration({ doc: "how long a request waits for more records", default: "100ms" }),
      format: field.oneOf(["ndjson", "json-array"], {
        doc: "a line for each value, or one JSON array",
        default: "ndjson",
      }),
    },
    { doc: "sends many records in one request; without it each value is a request" },
  ),
  timeout: field.duration({
    doc: "longest time for one request, answer included",
    default: "30s",
    minMs: 1,
    aliases: ["http_request_timeout"],
  }),
  "connect-timeout": field.duration({
    doc: "longest wait for a connection",
    default: "15s",
    minMs: 1,
    aliases: ["http_connect_timeout"],
  }),
});
type HttpSinkConfig = z.output<typeof config>;

/** Sends the records of a topic to a URL. */
export const connector = defineSink({
  name: "http",
  version: "0.4.0",
  summary: "Sends the records of a topic to a URL",
  config,
  run: async ({ config: own, deliver }) => {
    const { batch } = own;
    const contentType = own["content-type"] ?? CONTENT_TYPES[batch?.format ?? "single"];
    const poster = httpPoster({ ...own, "content-type": contentType });
    try {
      await deliver((group, signal) => post(poster, own, group, signal), {
        recordsMax: batch?.size ?? 1,
        ...(batch === undefined ? {} : { sizeBytesMax: batch["size-bytes"], lingerMs: batch.linger }),
      });
    } finally {
      await poster.close();
    }
  },
});

async function post(poster: HttpPoster, own: HttpSinkConfig, group: SinkGroup, signal: AbortSignal): Promise<void> {
  const body = own.batch === undefined ? group.records[0]?.value : batchBody(group, own.batch.format);
  if (body === undefined) return;
  let reply: PosterReply;
  try {
    reply = await poster.post(body, signal);
  } catch (cause) {
    throw tryLater(`${shown(own.endpoint)} gave no answer: ${reason(cause)}`);
  }
  accepted(reply, own.endpoint);
}

const REQUEST_TIMEOUT = 408;
const TOO_EARLY = 425;
const TOO_MANY_REQUESTS = 429;

/** @throws what a status other than one of success means */
function accepted({ statusCode, retryAfter, location, excerpt }: PosterReply, endpoint: URL): void {
  if (statusCode >= 200 && statusCode < 300) return;
  const said = excerpt === "" ? "" : `: ${excerpt}`;
  const sentence = `${shown(endpoint)} answered ${statusCode}${said}`;
  const isPassing =
    statusCode >= 500 || statusCode === REQUEST_TIMEOUT || statusCode === TOO_EARLY || statusCode === TOO_MANY_REQUESTS;
  if (isPassing) throw tryLater(sentence, pauseAsked(retryAfter));
  // Following it would turn a POST into a GET, and lose the record.
  if (statusCode < 400 && location !== undefined) {
    throw recordsRefused(`${sentence}; redirects are not followed: set the endpoint to ${location}`);
  }
  throw recordsRefused(sentence);
}

/** `Retry-After` is a number of seconds or a date. */
function pauseAsked(retryAfter: string | undefined): { readonly afterMs?: number } {
  if (retryAfter === undefined) return {};
  const afterMs = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return afterMs > 0 ? { afterMs } : {};
}

/** The URL without what may be secret: user, password, query. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  return `${code}${error.message}`;
}
