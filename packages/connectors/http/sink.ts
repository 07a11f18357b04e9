import { defineSink, field, recordsRefused, type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import { z } from "zod";
import { authField } from "../shared/auth.ts";
import { batchBody, batchField } from "../shared/batch-body.ts";
import { type HttpPoster, httpPoster, type PosterReply } from "../shared/poster.ts";
import { reasonOf } from "../shared/reason.ts";
import { pauseAsked } from "../shared/retry-after.ts";
import { tellSlow } from "../shared/slow.ts";
import { optionalTemplate } from "../shared/template.ts";
import { tlsField } from "../shared/tls.ts";
import { urlTemplate } from "../shared/url-template.ts";

const named = z.object({
  endpoint: urlTemplate({ doc: "URL that records are sent to; parts of a record are put in: `/items/{{key}}`" }),
  method: field.oneOf(["POST", "PUT", "PATCH", "DELETE", "GET"], {
    doc: "HTTP method; DELETE and GET have a body only when `body` is given",
    default: "POST",
  }),
  headers: field.pairs({ doc: "request headers, `Name: value`", aliases: ["header"] }),
  auth: authField,
  tls: tlsField,
  body: optionalTemplate({
    doc: 'body of a request, with parts of the record: `{"id":{{json key}}}`; default: the value',
  }),
  "content-type": field.optionalText({
    doc: "value of the Content-Type header; by default `text/html`, of batches `application/x-ndjson` or `application/json`",
  }),
  "user-agent": field.text({ doc: "value of the User-Agent header", default: "fluvio/http-sink 0.2.2" }),
  batch: batchField("sends many records in one request; without it each value is a request"),
  compression: field.oneOf(["none", "gzip"], { doc: "compresses bodies", default: "none" }),
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

const config = named.superRefine((given, context) => {
  if (given.batch === undefined) return;
  const complain = (message: string) => context.addIssue({ code: "custom", path: ["batch"], message });
  if (given.endpoint.hasPlaces) complain("cannot be had with an endpoint that has parts of one record");
  if (!hasBody(given)) complain(`cannot be had with ${given.method} without \`body\``);
}) as typeof named;
type HttpSinkConfig = z.output<typeof named>;

/** Content types of the bodies, where the file names none; that of a single value is the original's. */
const CONTENT_TYPES = {
  ndjson: "application/x-ndjson",
  "json-array": "application/json",
  single: "text/html",
} as const;

/** Sends the records of a topic to a URL. */
export const connector = defineSink({
  name: "http",
  version: "0.4.0",
  summary: "Sends the records of a topic to a URL",
  config,
  run: async ({ config: own, deliver, trouble }) => {
    const { batch } = own;
    const poster = await httpPoster(own);
    try {
      await deliver((group, signal) => tellSlow(trouble, own.endpoint.shown, post(poster, own, group, signal)), {
        recordsMax: batch?.size ?? 1,
        ...(batch === undefined ? {} : { sizeBytesMax: batch["size-bytes"], lingerMs: batch.linger }),
      });
    } finally {
      await poster.close();
    }
  },
});

function hasBody({ method, body }: HttpSinkConfig): boolean {
  return body !== undefined || (method !== "DELETE" && method !== "GET");
}

async function post(poster: HttpPoster, own: HttpSinkConfig, group: SinkGroup, signal: AbortSignal): Promise<void> {
  const [first] = group.records;
  if (first === undefined) return;
  const { endpoint, batch } = own;
  const filled = endpoint.fill(first);
  if ("missing" in filled) throw recordsRefused(`the record has ${filled.missing}, which the endpoint asks for`);
  const valueIn = (record: SinkRecord) => bodyOf(own, record, group);
  const body = batch === undefined ? valueIn(first) : batchBody(group, batch.format, valueIn);
  if (body === undefined && hasBody(own)) return;
  const contentType = own["content-type"] ?? CONTENT_TYPES[batch?.format ?? "single"];
  let reply: PosterReply;
  try {
    reply = await poster.post(filled.url, contentType, body, signal);
  } catch (cause) {
    throw tryLater(`${endpoint.shown} gave no answer: ${reasonOf(cause)}`);
  }
  accepted(reply, endpoint.shown);
}

/** `undefined`: none is sent, or the record is refused. */
function bodyOf(own: HttpSinkConfig, record: SinkRecord, group: SinkGroup): Uint8Array | undefined {
  if (own.body === undefined) return hasBody(own) ? record.value : undefined;
  const filled = own.body.fill(record);
  if ("text" in filled) return Buffer.from(filled.text);
  group.refuse(record, `the record has ${filled.missing}, which \`body\` asks for`);
  return undefined;
}

/** Answers of 4xx that say nothing about the record: who asks, a slow request, an early one, too many. */
const PASSING = [401, 407, 408, 425, 429];

/** @throws what a status other than one of success means */
function accepted({ statusCode, header, excerpt }: PosterReply, shown: string): void {
  if (statusCode >= 200 && statusCode < 300) return;
  const said = excerpt === "" ? "" : `: ${excerpt}`;
  const sentence = `${shown} answered ${statusCode}${said}`;
  if (statusCode >= 500 || PASSING.includes(statusCode)) throw tryLater(sentence, pauseAsked(header("retry-after")));
  // Following it would turn a POST into a GET, and lose the record.
  const location = header("location");
  if (statusCode < 400 && location !== undefined) {
    throw recordsRefused(`${sentence}; redirects are not followed: set the endpoint to ${location}`);
  }
  throw recordsRefused(sentence);
}
