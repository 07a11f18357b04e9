import { field } from "fluvio/connector";
import { z } from "zod";
import { authField } from "../shared/auth.ts";
import { tlsField } from "../shared/tls.ts";
import { jsonPath, paginationField } from "./pages.ts";

const named = z.object({
  endpoint: field.url(["http", "https", "ws", "wss"], {
    doc: "URL that is requested; with `ws` or `wss` each message of the WebSocket is a record",
  }),
  interval: field.duration({ doc: "time from one request to the next", default: "10s", minMs: 1 }),
  method: field.oneOf(["GET", "POST", "PUT", "HEAD", "DELETE"], { doc: "HTTP method", default: "GET" }),
  headers: field.pairs({ doc: "request headers, `Name: value`", aliases: ["header"] }),
  body: field.optionalText({ doc: "request body" }),
  auth: authField,
  tls: tlsField,
  "user-agent": field.text({ doc: "value of the User-Agent header", default: "fluvio/http-source 0.1.0" }),
  output_parts: field.oneOf(["body", "full"], {
    doc: "`full` puts status and headers into the record too",
    default: "body",
  }),
  output_type: field.oneOf(["text", "json"], { doc: "form of the record", default: "text" }),
  records: jsonPath({ doc: "where in a JSON answer an array is of which each element is a record: `$`, `data.items`" }),
  pagination: paginationField,
  "only-changes": field.flag({
    doc: "an answer that is the same as the last makes no record (ETag, Last-Modified, or the body itself)",
    default: "false",
  }),
  stream: field.flag({
    doc: "the answer is read continuously: a record for each `delimiter`, or each event of a `text/event-stream`",
    default: "false",
  }),
  delimiter: field.parsed("a text", delimiter, {
    doc: "what ends a record of a stream; `\\n`, `\\r`, `\\t`, `\\0` are written so",
    kind: "text",
    default: "\\n",
  }),
  "idle-timeout": field.duration({ doc: "longest silence of a stream, `0` for none", default: "5m" }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "10s", minMs: 1 }),
  timeout: field.duration({
    doc: "longest time for one request, answer included; of a stream for the beginning of the answer",
    default: "30s",
    minMs: 1,
  }),
  retries: field.integer({
    doc: "how often a request is repeated after a 5xx or 429 answer or a network error; streams are opened until they are",
    default: "5",
    min: 0,
    max: 100,
  }),
  "retry-delay": field.duration({ doc: "first pause before a repetition; it doubles", default: "500ms", minMs: 1 }),
  "retry-delay-max": field.duration({ doc: "longest pause before a repetition", default: "30s", minMs: 1 }),
  "max-response-size": field.byteSize({
    doc: "larger answers, and larger records of a stream, are refused",
    default: "1MB",
  }),
});

/** Options of the http source. */
export const httpSourceConfig = named.superRefine((given, context) => {
  const complain = (key: keyof typeof given, message: string) =>
    context.addIssue({ code: "custom", path: [key], message });
  if (given["only-changes"] && given.pagination !== undefined)
    complain("only-changes", "cannot be had with `pagination`");
  if (!given.stream && !given.endpoint.protocol.startsWith("ws")) return;
  if (given.pagination !== undefined) complain("pagination", "is not for streams");
  if (given.records !== undefined) complain("records", "is not for streams");
  if (given["only-changes"]) complain("only-changes", "is not for streams");
}) as typeof named;

export type HttpSourceConfig = z.output<typeof named>;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0", "\\": "\\" };

function delimiter(text: string): string | undefined {
  const meant = text.replaceAll(/\\([nrt0\\])/g, (_, letter: string) => ESCAPES[letter] ?? "");
  return meant === "" ? undefined : meant;
}
